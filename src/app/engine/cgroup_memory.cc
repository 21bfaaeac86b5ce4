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
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    for (const std::string_view key : {"inactive_file ", "active_file "}) {
      if (line.starts_with(key)) sum += number_in(line.substr(key.size())).value_or(0);
    }
  }
  return sum;
}

UniqueFd open_file(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

// Of version 2: "0::/system.slice/weir.service".
std::string path_in(const std::string& self) {
  std::ifstream file(self);
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  return "";
}

}  // namespace

CgroupMemory::CgroupMemory(const Paths& paths) {
  std::string path = path_in(paths.self);
  if (path == "/") path.clear();
  // The root of all has no limit, but that of a container has.
  for (;;) {
    const std::string directory = paths.root + path + "/memory.";
    Level level{.current = open_file(directory + "current"),
                .max = open_file(directory + "max"),
                .stat = open_file(directory + "stat")};
    if (level.current && level.max) levels_.push_back(std::move(level));
    if (path.empty()) return;
    path.resize(path.rfind('/'));
  }
}

std::optional<double> CgroupMemory::fill_of(const Level& level) {
  const auto max = number_of(level.max);  // "max": no limit
  const auto current = number_of(level.current);
  if (!max || !current) return std::nullopt;
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
