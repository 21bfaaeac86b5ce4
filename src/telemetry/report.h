// Reports to somebody who watches from afar.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "telemetry/collection.h"
#include "telemetry/event.h"
#include "telemetry/registry.h"

namespace weir::telemetry {

struct Report {
  Timestamp time{};
  Collection metrics;
  std::vector<Event> events;        // since the last report that was taken
  std::uint64_t events_missed = 0;  // among them that were forgotten before
};

// Takes reports on: sends them, or keeps them until it can. An error: it has done neither. control
// implements it.
class ReportSink {
 public:
  virtual ~ReportSink() = default;
  virtual Result<void> send(const Report& report) = 0;
};

// One thread. Composes reports; what a sink did not take of the events comes with the next.
class Reporter {
 public:
  struct Options {
    std::size_t events_max = 1'000;  // in a report
  };
  Reporter(const Registry& registry, const EventHub& events, ReportSink& sink)
      : Reporter(registry, events, sink, Options{}) {}
  Reporter(const Registry& registry, const EventHub& events, ReportSink& sink, Options options)
      : registry_(registry), events_(events), sink_(sink), options_(options) {}

  Result<void> report(Timestamp now);

 private:
  const Registry& registry_;
  const EventHub& events_;
  ReportSink& sink_;
  const Options options_;
  std::uint64_t last_event_ = 0;
};

}  // namespace weir::telemetry
