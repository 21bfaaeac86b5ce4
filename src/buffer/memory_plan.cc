#include "buffer/memory_plan.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>

#include "base/assert.h"

namespace weir::buffer {
namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;

std::optional<std::uint64_t> number_in(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{} || end == text.data()) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> mem_available(const std::filesystem::path& meminfo) {
  constexpr std::string_view kField = "MemAvailable:";
  std::ifstream file(meminfo);
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with(kField)) continue;
    const auto kibibytes = number_in(std::string_view(line).substr(kField.size()));
    if (kibibytes) return *kibibytes * 1024;
  }
  return std::nullopt;
}

// A file of one number; "max" is none.
std::optional<std::uint64_t> number_of_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return number_in(line);
}

// The line of version 2 is "0::/path".
std::optional<std::filesystem::path> own_cgroup(const std::filesystem::path& file) {
  constexpr std::string_view kVersion2 = "0::/";
  std::ifstream lines(file);
  std::string line;
  while (std::getline(lines, line)) {
    if (line.starts_with(kVersion2)) return std::filesystem::path(line.substr(kVersion2.size()));
  }
  return std::nullopt;
}

void limit(AvailableMemory& memory, std::uint64_t bytes, std::string by) {
  if (memory.bytes != 0 && memory.bytes <= bytes) return;
  memory = {.bytes = std::max<std::uint64_t>(bytes, 1), .limited_by = std::move(by)};
}

// "64 MiB"; what is no whole number of them in bytes.
std::string text_of(std::uint64_t bytes) {
  if (bytes % kMebibyte != 0) return std::to_string(bytes) + " bytes";
  return std::to_string(bytes / kMebibyte) + " MiB";
}

}  // namespace

AvailableMemory available_memory(const MemoryFiles& files) {
  AvailableMemory memory;
  if (const auto bytes = mem_available(files.meminfo)) limit(memory, *bytes, "MemAvailable");

  auto group = own_cgroup(files.own_cgroup);
  if (!group) return memory;
  // Every group above has its own limit.
  for (std::filesystem::path below = *group; !below.empty(); below = below.parent_path()) {
    const std::filesystem::path folder = files.cgroup_root / below;
    const auto most = number_of_file(folder / "memory.max");
    const auto used = number_of_file(folder / "memory.current");
    if (!most || !used) continue;
    limit(memory, *most - std::min(*most, *used), "memory.max of cgroup /" + below.string());
  }
  return memory;
}

RingPlan plan_rings(const AvailableMemory& available, std::uint32_t worker_count,
                    std::uint64_t wished_bytes) {
  WEIR_ASSERT(worker_count > 0);
  const std::uint64_t wished = wished_bytes == 0 ? kRingBytesDefault : wished_bytes;
  if (available.bytes == 0) return {.ring_bytes = wished, .reason = {}};
  const std::uint64_t share = available.bytes / kRingsShare / worker_count;
  if (wished <= std::max(share, kRingBytesMin)) return {.ring_bytes = wished, .reason = {}};

  const std::uint64_t planned = std::max(share / kMebibyte * kMebibyte, kRingBytesMin);
  std::string reason = text_of(planned) + " a worker instead of " + text_of(wished) + ": ";
  reason += planned > share ? "the smallest useful ring, although " : "";
  reason += std::to_string(worker_count) + (worker_count == 1 ? " ring" : " rings");
  reason += " may take an eighth of the " + text_of(available.bytes / kMebibyte * kMebibyte) +
            " that are available (" + available.limited_by + ")";
  return {.ring_bytes = planned, .reason = std::move(reason)};
}

}  // namespace weir::buffer
