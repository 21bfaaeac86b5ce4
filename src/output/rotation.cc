#include "output/rotation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <compare>
#include <cstdio>
#include <string_view>

#include "output/utc_stamp.h"

namespace weir::output {
namespace {

// Runs that begin in one second.
constexpr std::uint64_t kSkippedMax = 1000;

std::string_view stem(std::string_view path) noexcept {
  for (const std::string_view ending : {".pcapng", ".pcap"}) {
    if (path.size() > ending.size() && path.ends_with(ending) &&
        path[path.size() - ending.size() - 1] != '/')
      return path.substr(0, path.size() - ending.size());
  }
  return path;
}

}  // namespace

std::string rotated_path(const std::string& path, std::uint64_t number, Timestamp begin) {
  std::array<char, 32> text;
  const int length =
      std::snprintf(text.data(), text.size(), "_%05llu_", static_cast<unsigned long long>(number));
  return std::string(stem(path)) + std::string(text.data(), static_cast<std::size_t>(length)) +
         utc_stamp(begin) + ".pcapng";
}

std::vector<std::string> series_of(const std::string& path, const std::vector<std::string>& names) {
  const std::string_view whole = stem(path);
  const std::size_t slash = whole.rfind('/');  // npos + 1 is 0
  const std::string_view directory = whole.substr(0, slash + 1);
  const std::string begin = std::string(whole.substr(slash + 1)) + "_";
  constexpr std::string_view kEnding = ".pcapng";
  struct File {
    std::string_view stamp;
    std::uint64_t number;
    std::string_view name;
    auto operator<=>(const File&) const = default;
  };
  std::vector<File> files;
  for (const std::string& name : names) {
    if (!name.starts_with(begin) || !name.ends_with(kEnding)) continue;
    if (name.size() <= begin.size() + kEnding.size()) continue;
    const std::string_view inside =
        std::string_view(name).substr(begin.size(), name.size() - begin.size() - kEnding.size());
    const std::size_t bar = inside.find('_');
    if (bar == std::string_view::npos || !is_utc_stamp(inside.substr(bar + 1))) continue;
    std::uint64_t number = 0;
    const char* const end = inside.data() + bar;
    const auto [stop, status] = std::from_chars(inside.data(), end, number);
    if (status != std::errc{} || stop != end) continue;
    files.push_back({.stamp = inside.substr(bar + 1), .number = number, .name = name});
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> paths;
  for (const File& file : files) {
    paths.push_back(std::string(directory).append(file.name));
  }
  return paths;
}

Rotation::Rotation(std::string path, const RotationOptions& options, const Clock& clock,
                   std::unique_ptr<FileStore> store)
    : path_(std::move(path)),
      options_(options),
      clock_(clock),
      store_(std::move(store)),
      interval_(options.interval, clock) {}

StreamLimit Rotation::limit() const noexcept {
  return {.bytes = options_.size_bytes == 0 ? StreamLimit::kNoBytes : options_.size_bytes,
          .time = interval_.end()};
}

Result<std::unique_ptr<storage::BlockDevice>> Rotation::open_first() {
  const Timestamp now = clock_.wall();
  interval_.enter(now);
  if (options_.goes_on && options_.files_max != 0) {
    for (std::string& file : store_->earlier(path_)) kept_.push_back(std::move(file));
  }
  auto device = open(now);
  while (!device && device.error().code == ErrorCode::Exists && options_.goes_on &&
         skipped_ < kSkippedMax) {
    ++skipped_;
    device = open(now);
  }
  return device;
}

Result<std::unique_ptr<storage::BlockDevice>> Rotation::open_next(const Packet* packet) {
  if (packet != nullptr && packet->has_time && interval_.ended_by(packet->time)) {
    interval_.enter(packet->time);
  } else if (due()) {
    interval_.enter_now();
  } else {
    return open(clock_.wall());  // for its size: the interval goes on
  }
  return open(interval_.begin());
}

Result<std::unique_ptr<storage::BlockDevice>> Rotation::open(Timestamp begin) {
  std::string path = rotated_path(path_, skipped_ + files() + 1, begin);
  WEIR_TRY(auto device, store_->create(path));
  files_.add(1);
  file_ = path;
  if (options_.files_max == 0) return device;
  kept_.push_back(std::move(path));
  while (files() > 1 && kept_.size() > options_.files_max) {
    store_->remove(std::move(kept_.front()));
    kept_.pop_front();
  }
  return device;
}

}  // namespace weir::output
