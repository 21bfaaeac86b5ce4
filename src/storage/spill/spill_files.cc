#include "storage/spill/spill_files.h"

#include <unistd.h>

#include <cerrno>

namespace weir::storage::spill {

Result<std::unique_ptr<BlockDevice>> DiskSpillFiles::create(const std::string& path,
                                                            std::uint64_t bytes,
                                                            std::uint32_t queue_depth) {
  return open_block_device({.path = path,
                            .existing = Existing::Refuse,
                            .queue_depth = queue_depth,
                            .allocate_bytes = bytes});
}

Result<std::unique_ptr<segment::RangeReader>> DiskSpillFiles::open(const std::string& path) {
  WEIR_TRY(auto file, segment::FileReader::open(path));
  return std::unique_ptr<segment::RangeReader>(std::move(file));
}

Result<void> DiskSpillFiles::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return system_error(errno, "remove " + path);
  return ok();
}

}  // namespace weir::storage::spill
