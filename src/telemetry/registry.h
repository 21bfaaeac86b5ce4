// Who counts what: the metrics of a running engine by name and labels.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "telemetry/collection.h"
#include "telemetry/counter.h"
#include "telemetry/histogram.h"
#include "telemetry/metric_names.h"

namespace weir::telemetry {

class Registry;

// Adds the series that change while the engine runs: of sessions, rules, outputs. Called by any
// thread that collects, several at a time; reads counters and never waits for packets. It may not
// call the registry.
class Collector {
 public:
  virtual ~Collector() = default;
  virtual void collect(Collection& into) const = 0;
};

// Takes out of the registry what was put in, when it goes; returns when nobody reads it any more.
// Not to be destroyed under a lock that a collector takes. Ends before its registry does.
class [[nodiscard]] Registration {
 public:
  Registration() = default;
  Registration(Registration&& other) noexcept
      : registry_(std::exchange(other.registry_, nullptr)), id_(other.id_) {}
  Registration& operator=(Registration&& other) noexcept;
  ~Registration() { release(); }
  void release() noexcept;

 private:
  friend class Registry;
  Registration(Registry& registry, std::uint64_t id) noexcept : registry_(&registry), id_(id) {}

  Registry* registry_ = nullptr;
  std::uint64_t id_ = 0;
};

// Any thread. Registering costs a lock and an allocation, counting nothing: the registry holds
// pointers to counters that their owners write.
class Registry {
 public:
  Registry() = default;
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // The counter outlives the registration. `labels`: values in the order of the table. Error:
  // Exists when there is such a series.
  [[nodiscard]] Result<Registration> add(Metric metric, LabelValues labels, const Counter& counter);
  [[nodiscard]] Result<Registration> add(Metric metric, LabelValues labels,
                                         const Histogram& histogram);
  [[nodiscard]] Registration add(const Collector& collector);

  // All series now, in the order of the table. What was registered alone comes before what a
  // collector says a second time; the latter is left out and counted.
  [[nodiscard]] Collection collect() const;

 private:
  friend class Registration;
  struct Entry {
    Metric metric{};
    std::set<std::string>::const_iterator key;  // its labels
    std::vector<std::string> labels;
    const Counter* counter = nullptr;
    const Histogram* histogram = nullptr;
  };
  Result<Registration> add(Entry entry, LabelValues labels);
  void remove(std::uint64_t id) noexcept;

  mutable std::shared_mutex mutex_;  // held shared while collecting
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Entry> series_;
  std::map<std::uint64_t, const Collector*> collectors_;
  std::set<std::string> keys_;
  mutable std::atomic<std::uint64_t> duplicates_{0};
};

}  // namespace weir::telemetry
