// Samples of all metrics, to be kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "telemetry/collection.h"
#include "telemetry/counter.h"
#include "telemetry/event.h"
#include "telemetry/registry.h"

namespace weir::telemetry {

struct Sample {
  std::string metric;  // a histogram gives two: NAME_count and NAME_sum
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
  friend bool operator==(const Sample&, const Sample&) = default;
};

// Keeps samples; storage implements it.
class SampleSink {
 public:
  virtual ~SampleSink() = default;
  virtual Result<void> store(Timestamp when, std::span<const Sample> samples) = 0;
};

// Appends the metrics as samples, `samples_max` at most; says how many series found no room.
std::size_t append_samples(const Collection& metrics, std::size_t samples_max,
                           std::vector<Sample>& samples);

// One thread samples; any thread collects. An outage of the sink is told as two events, one when it
// begins and one when it ends.
class Sampler final : public Collector {
 public:
  struct Options {
    std::size_t samples_max = 50'000;  // at a time; the rest is counted
  };
  Sampler(const Registry& registry, SampleSink& sink, EventHub& events)
      : Sampler(registry, sink, events, Options{}) {}
  Sampler(const Registry& registry, SampleSink& sink, EventHub& events, Options options);

  Result<void> sample(Timestamp now);

  void collect(Collection& into) const override;

 private:
  const Registry& registry_;
  SampleSink& sink_;
  EventHub& events_;
  const Options options_;
  std::vector<Sample> samples_;
  bool failing_ = false;
  Counter failures_;
  Counter left_out_;
};

}  // namespace weir::telemetry
