#include "app/engine/cgroup_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <string_view>
#include <utility>

namespace weir::app {
namespace {

// Where file pages begin to matter: less is far from any limit with them, too.
constexpr double kLookCloser = 0.5;
// Version 1 has no word for "no limit" but a number that no machine has.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc{}) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> number_of(const UniqueFd& file) {
  std::array<char, 32> text{};
  const ssize_t got = ::pread(file.get(), text.data(), text.size(), 0);
  if (got <= 0) return std::nullopt;
  return number_in({text.data(), static_cast<std::size_t>(got)});
}

// The kernel can drop them when it needs room.
std::uint64_t file_pages_of(const UniqueFd& stat) {
  std::array<char, 8192> buffer{};
  const ssize_t got = ::pread(stat.get(), buffer.data(), buffer.size(), 0);
  if (got <= 0) return 0;
  std::string_view text(buffer.data(), static_cast<std::size_t>(got));
  std::uint64_t sum = 0;
  std::uint64_t total = 0;  // of version 1, which has the level's own pages beside it
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    for (const std::string_view key : {"inactive_file ", "active_file "}) {
      if (line.starts_with(key)) sum += number_in(line.substr(key.size())).value_or(0);
    }
    for (const std::string_view key : {"total_inactive_file ", "total_active_file "}) {
      if (line.starts_with(key)) total += number_in(line.substr(key.size())).value_or(0);
    }
  }
  return std::max(sum, total);
}

UniqueFd open_file(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

struct OwnPaths {
  std::string version_2;                 // of "0::/system.slice/weir.service"
  std::optional<std::string> version_1;  // of "4:memory:/system.slice/weir.service"
};

// Empty for the root.
std::string path_of(std::string_view text) { return std::string(text == "/" ? "" : text); }

OwnPaths paths_in(const std::string& self) {
  OwnPaths paths;
  std::ifstream file(self);
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || !line.substr(second + 1).starts_with('/')) continue;
    const std::string path = path_of(std::string_view(line).substr(second + 1));
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (line.starts_with("0::")) paths.version_2 = path;
    if (controllers.find(",memory,") != std::string::npos) paths.version_1 = path;
  }
  return paths;
}

}  // namespace

CgroupMemory::CgroupMemory(const Paths& paths) {
  const OwnPaths own = paths_in(paths.self);
  if (own.version_1) {
    open_levels(paths.root + "/memory", *own.version_1,
                {.current = "memory.usage_in_bytes", .max = "memory.limit_in_bytes"});
  } else {
    open_levels(paths.root, own.version_2, {.current = "memory.current", .max = "memory.max"});
  }
}

void CgroupMemory::open_levels(const std::string& root, std::string path, const Names& names) {
  // The root of all has no limit, but that of a container has.
  for (;;) {
    const std::string directory = root + path + "/";
    Level level{.current = open_file(directory + names.current),
                .max = open_file(directory + names.max),
                .stat = open_file(directory + "memory.stat")};
    if (level.current && level.max) levels_.push_back(std::move(level));
    if (path.empty()) return;
    path.resize(path.rfind('/'));
  }
}

std::optional<double> CgroupMemory::fill_of(const Level& level) {
  const auto max = number_of(level.max);  // "max": no limit
  const auto current = number_of(level.current);
  if (!max || !current || *max >= kNoLimit) return std::nullopt;
  if (*max == 0) return 1;
  const auto share = [&](std::uint64_t bytes) {
    return std::min(1.0, static_cast<double>(bytes) / static_cast<double>(*max));
  };
  if (share(*current) < kLookCloser || !level.stat) return share(*current);
  return share(*current - std::min(*current, file_pages_of(level.stat)));
}

std::optional<double> CgroupMemory::fill() const {
  std::optional<double> most;
  for (const Level& level : levels_) {
    const auto fill = fill_of(level);
    if (fill && (!most || *fill > *most)) most = fill;
  }
  return most;
}

}  // namespace weir::app
