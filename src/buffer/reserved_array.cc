#include "buffer/reserved_array.h"

#include <sys/mman.h>

#include <cerrno>
#include <string>

namespace weir::buffer {

Result<ReservedRegion> ReservedRegion::reserve(std::size_t bytes) {
  if (bytes == 0) return ReservedRegion();
  void* const data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    return system_error(errno, "reserve " + std::to_string(bytes) + " bytes of address space");
  }
  return ReservedRegion(data, bytes);
}

ReservedRegion::~ReservedRegion() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

}  // namespace weir::buffer
