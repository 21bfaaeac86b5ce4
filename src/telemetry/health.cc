#include "telemetry/health.h"

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace weir::telemetry {
namespace {

// "1.2 s"
std::string seconds(Duration time) {
  const auto tenths = time / std::chrono::milliseconds(100);
  return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + " s";
}

}  // namespace

std::string_view name_of(Health health) noexcept {
  constexpr std::array<std::string_view, kHealthCount> kNames = {"ok", "late", "stalled",
                                                                 "failing"};
  return kNames[static_cast<std::size_t>(health)];
}

HealthWatch& HealthWatch::operator=(HealthWatch&& other) noexcept {
  if (this != &other) {
    release();
    monitor_ = std::exchange(other.monitor_, nullptr);
    id_ = other.id_;
  }
  return *this;
}

void HealthWatch::release() noexcept {
  if (HealthMonitor* monitor = std::exchange(monitor_, nullptr)) monitor->unwatch(id_);
}

HealthWatch HealthMonitor::watch(std::string name, const Heartbeat& worker, HealthLimits limits) {
  WEIR_ASSERT(Duration::zero() < limits.late && limits.late <= limits.stalled);
  return watch({.worker = &worker, .limits = limits, .status = {.name = std::move(name)}});
}

HealthWatch HealthMonitor::watch(std::string name, const HealthProbe& module) {
  return watch({.module = &module, .status = {.name = std::move(name)}});
}

HealthWatch HealthMonitor::watch(Watched watched) {
  const std::scoped_lock lock(check_mutex_, mutex_);
  for (const Watched& other : watched_) WEIR_ASSERT(other.status.name != watched.status.name);
  watched.id = ++last_id_;
  watched.status.since = clock_.wall();
  watched.turned = clock_.monotonic();
  if (watched.worker != nullptr) watched.turns = watched.worker->turns();
  watched_.push_back(std::move(watched));
  return {*this, last_id_};
}

void HealthMonitor::unwatch(std::uint64_t id) noexcept {
  const std::scoped_lock lock(check_mutex_, mutex_);
  watched_.remove_if([id](const Watched& watched) { return watched.id == id; });
}

void HealthMonitor::add_observer(HealthObserver& observer) {
  const std::lock_guard lock(check_mutex_);
  observers_.push_back(&observer);
}

void HealthMonitor::remove_observer(HealthObserver& observer) {
  const std::lock_guard lock(check_mutex_);
  std::erase(observers_, &observer);
}

void HealthMonitor::check() {
  const std::lock_guard lock(check_mutex_);
  const Timestamp wall = clock_.wall();
  const MonotonicTime now = clock_.monotonic();
  check_clock(wall, now);
  for (Watched& watched : watched_) check_one(watched, wall, now);
}

void HealthMonitor::check_clock(Timestamp wall, MonotonicTime now) {
  const Duration offset(wall.ns - now.ns);
  const Duration by = offset - std::exchange(offset_, offset).value_or(offset);
  if (by <= kJump && by >= -kJump) return;
  jumps_.add(1);
  for (HealthObserver* observer : observers_) observer->on_clock_jump(wall, by);
}

// What the probe says now, whatever was before.
HealthMonitor::Finding HealthMonitor::examine(Watched& watched, MonotonicTime now) {
  if (watched.module != nullptr) {
    std::string why = watched.module->report().failing;
    return {.health = why.empty() ? Health::Ok : Health::Failing, .reason = std::move(why)};
  }
  if (const std::uint64_t turns = watched.worker->turns(); turns != watched.turns) {
    watched.turns = turns;
    watched.turned = now;
  }
  const Duration still = now - watched.turned;
  const Duration waiting = now - watched.worker->waiting_since().value_or(now);
  const Duration longest = std::max(still, waiting);
  if (longest < watched.limits.late) return {};
  return {.health = longest < watched.limits.stalled ? Health::Late : Health::Stalled,
          .reason =
              (waiting >= still ? "waits for an output for " : "no turn for ") + seconds(longest)};
}

// What gets worse is believed at once. Of what gets better, the worse of two findings in a row.
Health HealthMonitor::settle(Watched& watched, Health found) {
  const Health before = watched.status.health;
  if (found >= before) {
    watched.better.reset();
    return found;
  }
  if (const auto last = std::exchange(watched.better, found)) return std::max(*last, found);
  return before;
}

void HealthMonitor::check_one(Watched& watched, Timestamp wall, MonotonicTime now) {
  Finding finding = examine(watched, now);
  const Health before = watched.status.health;
  const Health after = settle(watched, finding.health);
  {
    const std::lock_guard lock(mutex_);
    if (after == finding.health) watched.status.reason = std::move(finding.reason);
    if (after == before) return;
    watched.status.health = after;
    watched.status.since = wall;
    ++watched.changes[static_cast<std::size_t>(after)];
  }
  for (HealthObserver* observer : observers_) {
    observer->on_health({.name = watched.status.name,
                         .from = before,
                         .to = after,
                         .reason = watched.status.reason,
                         .time = wall});
  }
}

std::vector<HealthStatus> HealthMonitor::status() const {
  const std::lock_guard lock(mutex_);
  std::vector<HealthStatus> all;
  for (const Watched& watched : watched_) all.push_back(watched.status);
  return all;
}

Health HealthMonitor::worst() const {
  const std::lock_guard lock(mutex_);
  Health worst = Health::Ok;
  for (const Watched& watched : watched_) worst = std::max(worst, watched.status.health);
  return worst;
}

void HealthMonitor::collect(Collection& into) const {
  const std::lock_guard lock(mutex_);
  for (const Watched& watched : watched_) {
    const HealthStatus& status = watched.status;
    for (std::size_t i = 0; i < kHealthCount; ++i) {
      const auto health = static_cast<Health>(i);
      into.add(Metric::HealthState, {status.name, name_of(health)}, status.health == health);
      into.add(Metric::HealthChanges, {status.name, name_of(health)}, watched.changes[i]);
    }
  }
  into.add(Metric::ClockJumps, {}, jumps_.value());
}

}  // namespace weir::telemetry
