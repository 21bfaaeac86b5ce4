// Memory that a process shares with those that it begins: what they have done is there when they
// are not any more.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <span>

#include "base/assert.h"

namespace weir::test {

template <typename T>
class SharedMemory {
 public:
  explicit SharedMemory(std::size_t count)
      : count_(count),
        memory_(::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    WEIR_ASSERT(memory_ != MAP_FAILED);
    for (T& each : all()) new (&each) T;
  }
  ~SharedMemory() { ::munmap(memory_, count_ * sizeof(T)); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  [[nodiscard]] std::span<T> all() const noexcept { return {static_cast<T*>(memory_), count_}; }

 private:
  std::size_t count_;
  void* memory_;
};

}  // namespace weir::test
