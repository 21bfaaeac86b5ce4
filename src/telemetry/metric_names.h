// All metrics that weir has: one table, from which the exposition, docs/metrics.md and the stored
// samples take their names.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "telemetry/histogram.h"

namespace weir::telemetry {

enum class MetricType : std::uint8_t { Counter, Gauge, Histogram };
std::string_view name_of(MetricType type) noexcept;  // "counter", "gauge", "histogram"

// Stable: name, labels and meaning change only with a line in CHANGELOG.md.
enum class Stability : std::uint8_t { Stable, Experimental };
std::string_view name_of(Stability stability) noexcept;

// The rows of the table, in its order. Packets and bytes are the ledger's: bytes are bytes on the
// wire unless the help says otherwise.
enum class Metric : std::uint8_t {
  // engine
  BuildInfo,
  EngineState,
  StartTime,
  ConfigGeneration,
  ConfigReloads,
  Commands,
  // interface
  InterfaceUp,
  InterfaceWorkers,
  InterfaceReceivedPackets,
  InterfaceReceivedBytes,
  InterfaceRejected,
  InterfaceDropped,
  InterfaceInFlight,
  InterfaceRingFill,
  UpstreamLost,
  // capture: its own row of the ledger
  CaptureReceivedPackets,
  CaptureReceivedBytes,
  CaptureAcceptedPackets,
  CaptureAcceptedBytes,
  CaptureRejected,
  CaptureDropped,
  CaptureInFlight,
  CaptureMalformed,
  CaptureTruncated,
  // security
  SourceRefused,
  // worker
  WorkerBatches,
  WorkerBatchPackets,
  WorkerStageSeconds,
  WorkerGeneration,
  // session
  SessionState,
  SessionReceivedPackets,
  SessionReceivedBytes,
  SessionAcceptedPackets,
  SessionAcceptedBytes,
  SessionTruncated,
  SessionRejected,
  SessionDropped,
  RulePackets,
  RuleBytes,
  // pressure
  PressureLevel,
  PressureFill,
  PressureStep,
  SessionReliefCutoff,
  SessionReliefKeep,
  SessionReliefSample,
  SessionReliefShed,
  // output
  OutputOffered,
  OutputWritten,
  OutputWrittenBytes,
  OutputPending,
  OutputLost,
  OutputFiles,
  OutputWriteSeconds,
  SpillBytes,
  SpillPackets,
  // packet stores
  StoreSegments,
  StoreBytes,
  StoreFreeBytes,
  StoreMissingBytes,
  StoreExpiredSegments,
  StoreExpiredBytes,
  // analysis
  FlowsBegun,
  FlowsOpen,
  FlowsEvicted,
  Fragments,
  RecordsWritten,
  RecordsLost,
  // health
  HealthState,
  HealthChanges,
  ClockJumps,
  // storage
  JournalWritten,
  JournalFailed,
  SampleStoreBytes,
  SampleStoreSamples,
  SampleStoreFailures,
  SampleSeriesLeftOut,
  // control
  ReportsSent,
  ReportsFailed,
  ReportsBuffered,
  ReportsDropped,
  ApiRequests,
  ApiRequestSeconds,
  ApiListeners,
  ApiRefused,
  QueriesRunning,
  QueriesEnded,
  QueryPackets,
  QueryBytes,
  // security
  ThreatLevel,
  PolicyVersion,
  PolicyExpires,
  PolicyRefused,
  DestinationsRefused,
  // telemetry
  LogLines,
  LogSuppressed,
  LogLost,
  EventsPublished,
  EventsMissed,
  DuplicateSeries,
  kCount,
};
inline constexpr std::size_t kMetricCount = static_cast<std::size_t>(Metric::kCount);
inline constexpr std::size_t kLabelsMax = 4;  // of a metric

struct MetricInfo {
  Metric metric;
  std::string_view name;  // as Prometheus sees it, with the unit and `_total`
  MetricType type;
  std::string_view unit;  // "packets", "bytes", "seconds", "ratio"; empty: a number without one
  std::array<std::string_view, kLabelsMax> labels;  // the names; empty ones are none
  std::string_view help;
  Stability stability = Stability::Stable;
  const HistogramBounds* bounds = nullptr;  // of a histogram

  [[nodiscard]] constexpr std::size_t label_count() const noexcept {
    std::size_t count = 0;
    while (count < labels.size() && !labels[count].empty()) ++count;
    return count;
  }
};

std::span<const MetricInfo> metric_table() noexcept;
const MetricInfo& info_of(Metric metric) noexcept;
std::optional<Metric> find_metric(std::string_view name) noexcept;

// The bounds of a histogram: `Histogram stage(bounds_of(Metric::WorkerStageSeconds));`. Metrics in
// seconds are observed in nanoseconds.
const HistogramBounds& bounds_of(Metric metric) noexcept;

}  // namespace weir::telemetry
