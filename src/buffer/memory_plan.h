// How much memory the capture rings get: what was wished for, as far as the machine has it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace weir::buffer {

inline constexpr std::uint64_t kRingBytesDefault = std::uint64_t{64} << 20;  // for each worker
inline constexpr std::uint64_t kRingBytesMin = std::uint64_t{4} << 20;       // likewise
// All rings together take at most this part of the available memory: the kernel never swaps them,
// and page cache, output blocks and other programs need theirs.
inline constexpr std::uint64_t kRingsShare = 8;

// Where the two numbers stand. (Files that are not there, or hold no number, limit nothing.)
struct MemoryFiles {
  std::filesystem::path meminfo = "/proc/meminfo";
  std::filesystem::path own_cgroup = "/proc/self/cgroup";
  std::filesystem::path cgroup_root = "/sys/fs/cgroup";
};

struct AvailableMemory {
  std::uint64_t bytes = 0;  // the smallest of what follows; 0 = nothing is known
  std::string limited_by;   // "MemAvailable", or the cgroup's path: for people
};

// What can be taken without swapping (MemAvailable of proc(5)), or what a control group above this
// process still allows (version 2: memory.max less memory.current), whichever is less.
AvailableMemory available_memory(const MemoryFiles& files = {});

struct RingPlan {
  std::uint64_t ring_bytes = 0;  // for each worker
  // Why it is not what was wished for, for people; empty when it is.
  std::string reason;
};

// `worker_count` over all interfaces. A wish of 0 is the default. Never less than kRingBytesMin,
// unless less was wished for. Whole multiples of a mebibyte where it is not as wished.
RingPlan plan_rings(const AvailableMemory& available, std::uint32_t worker_count,
                    std::uint64_t wished_bytes);

}  // namespace weir::buffer
