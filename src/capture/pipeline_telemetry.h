// How long the stages of a pipeline take, and how large its batches are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "telemetry/counter.h"
#include "telemetry/histogram.h"
#include "telemetry/metric_names.h"

namespace weir::capture {

enum class Stage : std::uint8_t { Headers, Filter, Deep, Output, kCount };
inline constexpr std::size_t kStages = static_cast<std::size_t>(Stage::kCount);
inline constexpr std::array<std::string_view, kStages> kStageNames = {"headers", "filter", "deep",
                                                                      "output"};

// Written by the worker, read by any thread.
struct PipelineTelemetry {
  telemetry::Counter batches;
  telemetry::Histogram batch_packets{telemetry::bounds_of(telemetry::Metric::WorkerBatchPackets)};
  // Nanoseconds a batch, of one batch in kStageSampling.
  std::array<telemetry::Histogram, kStages> stages = {
      telemetry::Histogram(telemetry::bounds_of(telemetry::Metric::WorkerStageSeconds)),
      telemetry::Histogram(telemetry::bounds_of(telemetry::Metric::WorkerStageSeconds)),
      telemetry::Histogram(telemetry::bounds_of(telemetry::Metric::WorkerStageSeconds)),
      telemetry::Histogram(telemetry::bounds_of(telemetry::Metric::WorkerStageSeconds))};
};

// Reading the clock five times costs a batch of few packets more than it should: one batch in so
// many is timed.
inline constexpr std::uint64_t kStageSampling = 16;

// Times the stages of one batch, if that is a batch to be timed.
class StageTimer {
 public:
  // `clock` null: nothing is timed.
  StageTimer(PipelineTelemetry& telemetry, const Clock* clock) noexcept
      : telemetry_(telemetry),
        clock_(telemetry.batches.value() % kStageSampling == 0 ? clock : nullptr) {
    if (clock_ != nullptr) begun_ = clock_->monotonic();
  }
  void end(Stage stage) noexcept {
    if (clock_ == nullptr) return;
    const MonotonicTime now = clock_->monotonic();
    const Duration took = now - begun_;
    telemetry_.stages[static_cast<std::size_t>(stage)].observe(
        static_cast<std::uint64_t>(took.count()));
    begun_ = now;
  }

 private:
  PipelineTelemetry& telemetry_;
  const Clock* clock_;
  MonotonicTime begun_{};
};

}  // namespace weir::capture
