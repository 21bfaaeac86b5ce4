// How fast queries may read a disk that a capture is writing to: as fast as its writes do not take
// much longer for it.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/time.h"
#include "base/unique_fd.h"

namespace weir::capture::retrieval {

// Of a device, since it is there.
struct WriteTimes {
  std::uint64_t writes = 0;
  std::uint64_t milliseconds = 0;  // that they took, summed up
};

class WriteMeter {
 public:
  virtual ~WriteMeter() = default;
  // Nothing: it cannot be told just now.
  virtual std::optional<WriteTimes> write_times() = 0;
};

// Null: the device tells nothing of its writes (network file systems, overlays, btrfs).
std::unique_ptr<WriteMeter> open_write_meter(dev_t device);
// "…/stat" of a block device in sysfs.
std::optional<WriteTimes> parse_write_times(const std::string& text);

// The law. Every interval that has writes says how long one took on average. The lowest average so
// far is what is usual. Up to twice that, or 2 ms more, is calm: then the rate grows, by a quarter
// until it was too high for the first time, and by kStep from then on. Beyond that it is halved. At
// the floor the writes are not slow because of us: there, what is usual follows them.
class PaceLaw {
 public:
  static constexpr std::uint64_t kMiB = 1024 * 1024;
  static constexpr std::uint64_t kBegin = 128 * kMiB;  // bytes a second, all of them
  static constexpr std::uint64_t kFloor = 8 * kMiB;
  static constexpr std::uint64_t kCeiling = 8192 * kMiB;
  static constexpr std::uint64_t kStep = 16 * kMiB;
  static constexpr std::uint64_t kUnmeasured = 64 * kMiB;  // of a device that tells nothing
  static constexpr std::uint64_t kWritesMin = 4;           // fewer in an interval say nothing

  // What happened in an interval.
  void observe(const WriteTimes& during) noexcept;
  [[nodiscard]] std::uint64_t rate() const noexcept { return rate_; }

 private:
  std::uint64_t rate_ = kBegin;
  std::optional<std::uint64_t> usual_us_;  // of a write
  bool searching_ = true;                  // it was never too high
};

// What became of it.
struct PaceReport {
  bool paced = false;            // there was a capture
  bool measured = false;         // its device tells how long writes take
  std::uint64_t bytes = 0;       // read from the disk
  std::uint64_t rate = 0;        // allowed at the end, a second
  std::uint64_t rate_least = 0;  // at any time
  Duration waited{};             // of all threads together
};

// The reads of one device. The first kBurst bytes pass at once; then an interval goes by without a
// read, so that what is usual is seen. Any thread. `clock` is borrowed.
class ReadPace {
 public:
  // What an index look-up reads passes at once.
  static constexpr std::uint64_t kBurst = 32 * PaceLaw::kMiB;
  static constexpr Duration kInterval = std::chrono::milliseconds(100);

  // Without a meter the rate is kUnmeasured.
  ReadPace(std::unique_ptr<WriteMeter> meter, const Clock& clock);

  // How long to wait before this many bytes are read. They count as read.
  Duration take(std::uint64_t bytes);
  // Waits so long. False: cancel() was called.
  bool wait(std::uint64_t bytes);
  // Nobody waits any more.
  void cancel();
  [[nodiscard]] PaceReport report() const;

 private:
  void measure(MonotonicTime now);
  [[nodiscard]] std::uint64_t rate() const noexcept;

  mutable std::mutex mutex_;
  std::condition_variable cancelled_changed_;
  const std::unique_ptr<WriteMeter> meter_;
  const Clock& clock_;
  PaceLaw law_;
  std::optional<WriteTimes> last_;
  MonotonicTime measured_;
  std::optional<MonotonicTime> quiet_until_;  // since the burst is over
  MonotonicTime filled_;
  std::int64_t credit_ = kBurst;  // bytes; below 0: reads that wait
  PaceReport report_;
  bool cancelled_ = false;
};

// Of the devices of a query. Set up by one thread.
class ReadPaces {
 public:
  // A capture writes into the directory. Nothing is paced where there is no device (tmpfs).
  void add(const std::string& directory);
  // Null: no capture writes there.
  [[nodiscard]] ReadPace* of(dev_t device) const noexcept;
  [[nodiscard]] bool any() const noexcept { return !paces_.empty(); }
  void cancel();
  // The slowest rates, and the sums.
  [[nodiscard]] PaceReport report() const;

 private:
  struct One {
    dev_t device;
    std::unique_ptr<ReadPace> pace;
  };
  SystemClock clock_;
  std::vector<One> paces_;
};

// The calling thread, and those that it begins, leave processor and disk to others that want them.
void yield_to_captures() noexcept;

}  // namespace weir::capture::retrieval
