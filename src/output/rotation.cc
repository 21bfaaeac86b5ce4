#include "output/rotation.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string_view>

#include "base/assert.h"

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
  using std::chrono::floor;
  const std::chrono::sys_time<Duration> time{Duration(begin.ns)};
  const auto day = floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(floor<std::chrono::seconds>(time - day));
  std::array<char, 64> text;
  const int length = std::snprintf(
      text.data(), text.size(), "_%05llu_%04d%02u%02uT%02d%02d%02dZ.pcapng",
      static_cast<unsigned long long>(number), static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return std::string(stem(path)) + std::string(text.data(), static_cast<std::size_t>(length));
}

Rotation::Rotation(std::string path, const RotationOptions& options, const Clock& clock,
                   std::unique_ptr<FileStore> store)
    : path_(std::move(path)), options_(options), clock_(clock), store_(std::move(store)) {
  WEIR_ASSERT(options.interval.count() >= 0);
}

StreamLimit Rotation::limit() const noexcept {
  return {.bytes = options_.size_bytes == 0 ? StreamLimit::kNoBytes : options_.size_bytes,
          .time = interval_end_};
}

bool Rotation::due() const noexcept {
  if (options_.interval.count() == 0) return false;
  return clock_.monotonic() >= deadline_ || clock_.wall() - interval_end_ >= kGrace;
}

// The interval that holds `time`. An interval that reaches beyond the range of time has no end.
void Rotation::enter_interval(Timestamp time) noexcept {
  const std::int64_t length = options_.interval.count();
  std::int64_t into = time.ns % length;
  if (into < 0) into += length;
  if (__builtin_sub_overflow(time.ns, into, &interval_begin_.ns)) interval_begin_ = time;
  if (__builtin_add_overflow(interval_begin_.ns, length, &interval_end_.ns))
    interval_end_ = StreamLimit::kNoTime;
  std::int64_t left = 0;
  if (__builtin_sub_overflow(interval_end_.ns, clock_.wall().ns, &left)) left = length;
  deadline_ = clock_.monotonic() + Duration(std::clamp<std::int64_t>(left, 0, length)) + kGrace;
}

Result<std::unique_ptr<storage::BlockDevice>> Rotation::open_first() {
  const Timestamp now = clock_.wall();
  if (options_.interval.count() != 0) enter_interval(now);
  auto device = open(now);
  while (!device && device.error().code == ErrorCode::Exists && options_.number_on &&
         skipped_ < kSkippedMax) {
    ++skipped_;
    device = open(now);
  }
  return device;
}

Result<std::unique_ptr<storage::BlockDevice>> Rotation::open_next(const Packet* packet) {
  if (packet != nullptr && ended_by(*packet)) {
    enter_interval(packet->time);
  } else if (due()) {
    enter_interval(clock_.wall());
  } else {
    return open(clock_.wall());  // for its size: the interval goes on
  }
  return open(interval_begin_);
}

Result<std::unique_ptr<storage::BlockDevice>> Rotation::open(Timestamp begin) {
  std::string path = rotated_path(path_, skipped_ + files() + 1, begin);
  WEIR_TRY(auto device, store_->create(path));
  files_.add(1);
  file_ = path;
  if (options_.files_max != 0) {
    kept_.push_back(std::move(path));
    while (kept_.size() > options_.files_max) {
      store_->remove(std::move(kept_.front()));
      kept_.pop_front();
    }
  }
  return device;
}

}  // namespace weir::output
