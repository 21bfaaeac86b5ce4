#include "capture/retrieval/read_pace.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

namespace weir::capture::retrieval {
namespace {

// sysfs computes it anew for every read from its beginning.
class BlockDeviceMeter final : public WriteMeter {
 public:
  explicit BlockDeviceMeter(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
  std::optional<WriteTimes> write_times() override {
    std::array<char, 512> text;
    const ssize_t got = ::pread(fd_.get(), text.data(), text.size(), 0);
    if (got <= 0) return std::nullopt;
    return parse_write_times(std::string(text.data(), static_cast<std::size_t>(got)));
  }

 private:
  UniqueFd fd_;
};

bool is_memory(const std::string& directory) {
  struct statfs facts = {};
  return ::statfs(directory.c_str(), &facts) == 0 &&
         (facts.f_type == TMPFS_MAGIC || facts.f_type == RAMFS_MAGIC);
}

}  // namespace

std::unique_ptr<WriteMeter> open_write_meter(dev_t device) {
  const std::string path = "/sys/dev/block/" + std::to_string(major(device)) + ":" +
                           std::to_string(minor(device)) + "/stat";
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return nullptr;
  auto meter = std::make_unique<BlockDeviceMeter>(std::move(fd));
  if (!meter->write_times()) return nullptr;
  return meter;
}

std::optional<WriteTimes> parse_write_times(const std::string& text) {
  // Reads, those merged, sectors, ms; likewise of writes; more.
  std::array<std::uint64_t, 8> numbers{};
  std::istringstream in(text);
  for (std::uint64_t& number : numbers) {
    if (!(in >> number)) return std::nullopt;
  }
  return WriteTimes{.writes = numbers[4], .milliseconds = numbers[7]};
}

void PaceLaw::observe(const WriteTimes& during) noexcept {
  constexpr std::uint64_t kSlackUs = 2000;
  constexpr std::uint64_t kMsMax = 1'000'000'000;
  bool calm = true;
  if (during.writes >= kWritesMin) {
    const std::uint64_t took_us = std::min(during.milliseconds, kMsMax) * 1000 / during.writes;
    const std::uint64_t usual_us = std::min(usual_us_.value_or(took_us), took_us);
    calm = took_us <= std::max(2 * usual_us, usual_us + kSlackUs);
    usual_us_ = rate_ == kFloor && !calm ? (7 * usual_us + took_us) / 8 : usual_us;
  }
  if (!calm) {
    rate_ = std::max(kFloor, rate_ / 2);
    searching_ = false;
  } else {
    rate_ = std::min(kCeiling, rate_ + (searching_ ? rate_ / 4 : kStep));
  }
}

ReadPace::ReadPace(std::unique_ptr<WriteMeter> meter, const Clock& clock)
    : meter_(std::move(meter)), clock_(clock), measured_(clock.monotonic()), filled_(measured_) {
  if (meter_) last_ = meter_->write_times();
  report_ = {.paced = true, .measured = meter_ != nullptr, .rate = rate(), .rate_least = rate()};
}

std::uint64_t ReadPace::rate() const noexcept {
  return meter_ ? law_.rate() : PaceLaw::kUnmeasured;
}

void ReadPace::measure(MonotonicTime now) {
  if (!meter_ || now - measured_ < kInterval) return;
  measured_ = now;
  const auto times = meter_->write_times();
  if (times && last_ && times->writes >= last_->writes &&
      times->milliseconds >= last_->milliseconds) {
    law_.observe({.writes = times->writes - last_->writes,
                  .milliseconds = times->milliseconds - last_->milliseconds});
  }
  if (times) last_ = times;
}

Duration ReadPace::take(std::uint64_t bytes) {
  using Seconds = std::chrono::duration<double>;
  const std::lock_guard lock(mutex_);
  const MonotonicTime now = clock_.monotonic();
  measure(now);
  const auto per_second = static_cast<double>(rate());
  const double earned = Seconds(now - filled_).count() * per_second;
  filled_ = now;
  const double credit = std::min(static_cast<double>(credit_) + earned, double{kBurst});
  credit_ = static_cast<std::int64_t>(credit) - static_cast<std::int64_t>(bytes);
  report_.bytes += bytes;
  report_.rate = rate();
  report_.rate_least = std::min(report_.rate_least, report_.rate);
  if (credit_ >= 0) return Duration(0);
  if (meter_ && !quiet_until_) {
    quiet_until_ = now + kInterval;
    measured_ = now;
    last_ = meter_->write_times();
  }
  auto wait =
      std::chrono::duration_cast<Duration>(Seconds(static_cast<double>(-credit_) / per_second));
  if (quiet_until_) wait = std::max(wait, Duration(*quiet_until_ - now));
  report_.waited += wait;
  return wait;
}

bool ReadPace::wait(std::uint64_t bytes) {
  const Duration duration = take(bytes);
  std::unique_lock lock(mutex_);
  if (duration.count() > 0) {
    cancelled_changed_.wait_for(lock, duration, [&] { return cancelled_; });
  }
  return !cancelled_;
}

void ReadPace::cancel() {
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
  }
  cancelled_changed_.notify_all();
}

PaceReport ReadPace::report() const {
  const std::lock_guard lock(mutex_);
  return report_;
}

void ReadPaces::add(const std::string& directory) {
  struct stat facts = {};
  if (::stat(directory.c_str(), &facts) != 0 || is_memory(directory) ||
      of(facts.st_dev) != nullptr) {
    return;
  }
  paces_.push_back({.device = facts.st_dev,
                    .pace = std::make_unique<ReadPace>(open_write_meter(facts.st_dev), clock_)});
}

ReadPace* ReadPaces::of(dev_t device) const noexcept {
  const auto found = std::ranges::find(paces_, device, &One::device);
  return found == paces_.end() ? nullptr : found->pace.get();
}

void ReadPaces::cancel() {
  for (const One& one : paces_) one.pace->cancel();
}

PaceReport ReadPaces::report() const {
  PaceReport all;
  for (const One& one : paces_) {
    const PaceReport report = one.pace->report();
    all = {
        .paced = true,
        .measured = report.measured && (all.measured || !all.paced),
        .bytes = all.bytes + report.bytes,
        .rate = all.paced ? std::min(all.rate, report.rate) : report.rate,
        .rate_least = all.paced ? std::min(all.rate_least, report.rate_least) : report.rate_least,
        .waited = all.waited + report.waited};
  }
  return all;
}

void yield_to_captures() noexcept {
  constexpr int kWhoThread = 1;  // IOPRIO_WHO_PROCESS
  constexpr int kLeastOfBestEffort = 2 << 13 | 7;
  constexpr int kNice = 10;
  (void)::syscall(SYS_ioprio_set, kWhoThread, 0, kLeastOfBestEffort);
  const sched_param none = {};
  (void)::sched_setscheduler(0, SCHED_BATCH, &none);
  // Linux: of the calling thread alone.
  (void)::setpriority(PRIO_PROCESS, 0, kNice);
}

}  // namespace weir::capture::retrieval
