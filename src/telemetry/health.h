// Health: are modules and workers well, and does the clock run evenly?
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/time.h"
#include "telemetry/counter.h"
#include "telemetry/registry.h"

namespace weir::telemetry {

// From well to worst.
enum class Health : std::uint8_t { Ok, Late, Stalled, Failing, kCount };
inline constexpr std::size_t kHealthCount = static_cast<std::size_t>(Health::kCount);
std::string_view name_of(Health health) noexcept;

// The pulse of a worker, written by it alone: a plain add a turn. A turn is a round of its loop,
// also one that found nothing to do: an idle worker that looks every 100 ms is well. One that goes
// round without getting on, because an output has no room, says since when it waits.
class Heartbeat {
 public:
  void turn() noexcept { turns_.add(1); }
  // Of a wait that has begun already, the begin stays.
  void begin_waiting(MonotonicTime now) noexcept {
    if (waiting_since_.load(std::memory_order_relaxed) == kNotWaiting)
      waiting_since_.store(now.ns, std::memory_order_relaxed);
  }
  void end_waiting() noexcept { waiting_since_.store(kNotWaiting, std::memory_order_relaxed); }

  // Any thread.
  [[nodiscard]] std::uint64_t turns() const noexcept { return turns_.value(); }
  [[nodiscard]] std::optional<MonotonicTime> waiting_since() const noexcept {
    const std::int64_t since = waiting_since_.load(std::memory_order_relaxed);
    if (since == kNotWaiting) return std::nullopt;
    return MonotonicTime{since};
  }

 private:
  static constexpr std::int64_t kNotWaiting = std::numeric_limits<std::int64_t>::min();
  Counter turns_;
  std::atomic<std::int64_t> waiting_since_{kNotWaiting};
};

// Without a turn, or waiting, for as long as that.
struct HealthLimits {
  Duration late = std::chrono::seconds(1);
  Duration stalled = std::chrono::seconds(5);
};

// What a module says of itself: empty, or why it fails.
struct HealthReport {
  std::string failing;
};
// Called by the thread that checks; does not wait.
class HealthProbe {
 public:
  virtual ~HealthProbe() = default;
  [[nodiscard]] virtual HealthReport report() const = 0;
};

struct HealthChange {
  std::string_view name;
  Health from{};
  Health to{};
  std::string_view reason;  // "no turn for 1.2 s"; empty when it is well again
  Timestamp time{};
};
// Called by the thread that checks, once for each change.
class HealthObserver {
 public:
  virtual ~HealthObserver() = default;
  virtual void on_health(const HealthChange& change) noexcept = 0;
  // The wall clock was set: by so much more than time has passed.
  virtual void on_clock_jump(Timestamp now, Duration by) noexcept = 0;
};

struct HealthStatus {
  std::string name;
  Health health{};
  std::string reason;
  Timestamp since{};
};

class HealthMonitor;

// Ends the watch when it goes; returns when what was watched is no longer looked at. Ends before
// its monitor does.
class [[nodiscard]] HealthWatch {
 public:
  HealthWatch() = default;
  HealthWatch(HealthWatch&& other) noexcept
      : monitor_(std::exchange(other.monitor_, nullptr)), id_(other.id_) {}
  HealthWatch& operator=(HealthWatch&& other) noexcept;
  ~HealthWatch() { release(); }
  void release() noexcept;

 private:
  friend class HealthMonitor;
  HealthWatch(HealthMonitor& monitor, std::uint64_t id) noexcept : monitor_(&monitor), id_(id) {}
  HealthMonitor* monitor_ = nullptr;
  std::uint64_t id_ = 0;
};

// One thread checks, about four times a second; any thread asks and watches. What gets worse is
// told at once, what gets better after two checks that agree. Observers and probes may ask
// status(), but neither begin nor end a watch.
class HealthMonitor final : public Collector {
 public:
  static constexpr Duration kJump = std::chrono::seconds(1);  // of the wall clock, to be told

  explicit HealthMonitor(const Clock& clock) : clock_(clock) {}
  HealthMonitor(const HealthMonitor&) = delete;
  HealthMonitor& operator=(const HealthMonitor&) = delete;

  // Names are unique ("capture", "worker eth0/0"): an assertion. What is watched outlives the
  // watch.
  HealthWatch watch(std::string name, const Heartbeat& worker, HealthLimits limits = {});
  HealthWatch watch(std::string name, const HealthProbe& module);
  void add_observer(HealthObserver& observer);
  void remove_observer(HealthObserver& observer);  // returns when it is no longer called

  void check();

  [[nodiscard]] std::vector<HealthStatus> status() const;  // in the order of watching
  [[nodiscard]] Health worst() const;

  void collect(Collection& into) const override;

 private:
  friend class HealthWatch;
  struct Finding {
    Health health = Health::Ok;
    std::string reason;
  };
  struct Watched {
    std::uint64_t id = 0;
    const Heartbeat* worker = nullptr;
    HealthLimits limits;
    const HealthProbe* module = nullptr;
    std::uint64_t turns = 0;       // at the last check
    MonotonicTime turned{};        // when a turn was last seen
    std::optional<Health> better;  // what the last check found, if that was better
    HealthStatus status;
    std::array<std::uint64_t, kHealthCount> changes{};  // to each
  };
  HealthWatch watch(Watched watched);
  void unwatch(std::uint64_t id) noexcept;
  void check_clock(Timestamp wall, MonotonicTime now);
  void check_one(Watched& watched, Timestamp wall, MonotonicTime now);
  static Finding examine(Watched& watched, MonotonicTime now);
  static Health settle(Watched& watched, Health found);

  const Clock& clock_;
  mutable std::mutex check_mutex_;  // held through a check: what is watched, observers
  std::vector<HealthObserver*> observers_;
  std::optional<Duration> offset_;  // wall against monotonic, at the last check
  std::uint64_t last_id_ = 0;
  mutable std::mutex mutex_;  // what status() reads; taken after check_mutex_
  std::list<Watched> watched_;
  Counter jumps_;
};

}  // namespace weir::telemetry
