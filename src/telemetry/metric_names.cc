#include "telemetry/metric_names.h"

#include <algorithm>

namespace weir::telemetry {
namespace {

constexpr std::uint64_t kMicro = 1'000;  // in nanoseconds
constexpr std::uint64_t kMilli = 1'000'000;
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint8_t kNano = 9;  // decimals of nanoseconds as seconds

constexpr HistogramBounds kBatchPackets({1, 2, 4, 8, 16, 32, 64, 128, 192, 256});
constexpr HistogramBounds kStageTime({250, 500, kMicro, 2 * kMicro, 5 * kMicro, 10 * kMicro,
                                      20 * kMicro, 50 * kMicro, 100 * kMicro, 200 * kMicro,
                                      500 * kMicro, kMilli, 2 * kMilli, 5 * kMilli, 10 * kMilli,
                                      100 * kMilli, kSecond},
                                     kNano);
constexpr HistogramBounds kWriteTime({10 * kMicro, 20 * kMicro, 50 * kMicro, 100 * kMicro,
                                      200 * kMicro, 500 * kMicro, kMilli, 2 * kMilli, 5 * kMilli,
                                      10 * kMilli, 20 * kMilli, 50 * kMilli, 100 * kMilli,
                                      200 * kMilli, 500 * kMilli, kSecond, 5 * kSecond},
                                     kNano);
constexpr HistogramBounds kRequestTime({100 * kMicro, 200 * kMicro, 500 * kMicro, kMilli,
                                        2 * kMilli, 5 * kMilli, 10 * kMilli, 20 * kMilli,
                                        50 * kMilli, 100 * kMilli, 200 * kMilli, 500 * kMilli,
                                        kSecond, 5 * kSecond, 10 * kSecond},
                                       kNano);

using Labels = std::array<std::string_view, kLabelsMax>;

constexpr MetricInfo counter(Metric metric, std::string_view name, std::string_view unit,
                             Labels labels, std::string_view help) {
  return {metric, name, MetricType::Counter, unit, labels, help};
}
constexpr MetricInfo gauge(Metric metric, std::string_view name, std::string_view unit,
                           Labels labels, std::string_view help) {
  return {metric, name, MetricType::Gauge, unit, labels, help};
}
constexpr MetricInfo histogram(Metric metric, std::string_view name, std::string_view unit,
                               Labels labels, std::string_view help, const HistogramBounds& bounds,
                               Stability stability = Stability::Stable) {
  return {metric, name, MetricType::Histogram, unit, labels, help, stability, &bounds};
}

constexpr MetricInfo kTable[] = {
    gauge(Metric::BuildInfo, "weir_build_info", "", {"version"}, "1, with the version of weir"),
    gauge(Metric::EngineState, "weir_engine_state", "", {"state"},
          "1 for the state that the engine is in, 0 for others"),
    gauge(Metric::StartTime, "weir_start_time_seconds", "seconds", {},
          "When the engine started, since 1970 (UTC)"),
    gauge(Metric::ConfigGeneration, "weir_config_generation", "", {},
          "Number of the configuration in force"),
    counter(Metric::ConfigReloads, "weir_config_reloads_total", "", {"result"},
            "Configurations that were to be put in force: committed, refused, rolled_back"),
    counter(Metric::Commands, "weir_commands_total", "", {"command", "result"},
            "Commands that operators gave, by how they ended"),

    gauge(Metric::InterfaceUp, "weir_interface_up", "", {"interface", "mode"},
          "1 while packets can arrive, 0 while the link is down or gone"),
    gauge(Metric::InterfaceWorkers, "weir_interface_workers", "", {"interface", "mode"},
          "Threads that read the interface"),
    counter(Metric::InterfaceReceivedPackets, "weir_interface_received_packets_total", "packets",
            {"interface", "mode"},
            "Packets that the source counts as received, also those that it dropped"),
    counter(Metric::InterfaceReceivedBytes, "weir_interface_received_bytes_total", "bytes",
            {"interface", "mode"},
            "Bytes of received packets as far as they are known: without those that the kernel "
            "dropped"),
    counter(Metric::InterfaceRejected, "weir_interface_rejected_packets_total", "packets",
            {"interface", "mode", "reason"}, "Received packets turned away by a decision"),
    counter(Metric::InterfaceDropped, "weir_interface_dropped_packets_total", "packets",
            {"interface", "mode", "reason"}, "Received packets that were lost"),
    gauge(Metric::InterfaceInFlight, "weir_interface_in_flight_packets", "packets",
          {"interface", "mode"}, "Received packets that are not decided yet"),
    gauge(Metric::InterfaceRingFill, "weir_interface_ring_fill_ratio", "ratio",
          {"interface", "mode"}, "How full the fullest receive ring is, 0 to 1"),
    counter(Metric::UpstreamLost, "weir_upstream_lost_packets_total", "packets",
            {"interface", "cause", "exact"},
            "Packets lost before they counted as received: card, driver, mirror; an estimate where "
            "exact is false"),

    counter(Metric::CaptureReceivedPackets, "weir_capture_received_packets_total", "packets", {},
            "Packets received on all interfaces"),
    counter(Metric::CaptureReceivedBytes, "weir_capture_received_bytes_total", "bytes", {},
            "Bytes received on all interfaces"),
    counter(Metric::CaptureAcceptedPackets, "weir_capture_accepted_packets_total", "packets", {},
            "Packets that at least one session keeps"),
    counter(Metric::CaptureAcceptedBytes, "weir_capture_accepted_bytes_total", "bytes", {},
            "Bytes of packets that at least one session keeps"),
    counter(Metric::CaptureRejected, "weir_capture_rejected_packets_total", "packets", {"reason"},
            "Packets turned away by a decision: no session wants them"),
    counter(Metric::CaptureDropped, "weir_capture_dropped_packets_total", "packets", {"reason"},
            "Packets that were lost"),
    gauge(Metric::CaptureInFlight, "weir_capture_in_flight_packets", "packets", {},
          "Received packets that are not decided yet; 0 after a drain"),
    counter(
        Metric::CaptureMalformed, "weir_capture_malformed_packets_total", "packets", {"reason"},
        "Packets whose headers could not be followed to the end; accepted or rejected like others"),
    counter(Metric::CaptureTruncated, "weir_capture_truncated_packets_total", "packets", {},
            "Packets of which less was captured than was on the wire"),

    counter(Metric::SourceRefused, "weir_source_refused_packets_total", "packets", {"kind"},
            "Packets from where none may come, by what was refused: blocked, interface, mac, "
            "address, vni, endpoint"),

    counter(Metric::WorkerBatches, "weir_worker_batches_total", "batches", {"interface", "queue"},
            "Batches that held a packet"),
    histogram(Metric::WorkerBatchPackets, "weir_worker_batch_packets", "packets",
              {"interface", "queue"}, "Packets in a batch", kBatchPackets),
    histogram(Metric::WorkerStageSeconds, "weir_worker_stage_seconds", "seconds",
              {"interface", "queue", "stage"},
              "Time that a batch spends in a stage of the pipeline", kStageTime,
              Stability::Experimental),
    gauge(Metric::WorkerGeneration, "weir_worker_generation", "", {"interface", "queue"},
          "Number of the configuration that the worker judges packets by"),

    gauge(Metric::SessionState, "weir_session_state", "", {"session", "state"},
          "1 for the state that the session is in, 0 for others"),
    counter(Metric::SessionReceivedPackets, "weir_session_received_packets_total", "packets",
            {"session"}, "Packets received on the session's interfaces while it ran"),
    counter(Metric::SessionReceivedBytes, "weir_session_received_bytes_total", "bytes", {"session"},
            "Bytes received on the session's interfaces while it ran"),
    counter(Metric::SessionAcceptedPackets, "weir_session_accepted_packets_total", "packets",
            {"session"}, "Packets that the session keeps"),
    counter(Metric::SessionAcceptedBytes, "weir_session_accepted_bytes_total", "bytes", {"session"},
            "Bytes of packets that the session keeps"),
    counter(Metric::SessionTruncated, "weir_session_truncated_packets_total", "packets",
            {"session"}, "Packets of which the session keeps less than was on the wire"),
    counter(Metric::SessionRejected, "weir_session_rejected_packets_total", "packets",
            {"session", "reason"}, "Packets that the session turned away by a decision"),
    counter(Metric::SessionDropped, "weir_session_dropped_packets_total", "packets",
            {"session", "reason"}, "Packets that the session wanted and lost"),
    counter(Metric::RulePackets, "weir_rule_packets_total", "packets",
            {"session", "rule", "action"}, "Packets that the rule decided"),
    counter(Metric::RuleBytes, "weir_rule_bytes_total", "bytes", {"session", "rule", "action"},
            "Bytes of packets that the rule decided"),

    gauge(
        Metric::PressureLevel, "weir_pressure_level", "level", {"resource", "place"},
        "How short the resource is: 0 normal, 1 elevated, 2 high, 3 critical; of outputs by pipe, "
        "disk and store, of memory by the engine's limit and a session's flows"),
    gauge(Metric::PressureFill, "weir_pressure_fill_ratio", "ratio", {"resource", "place"},
          "How much of it is taken, as measured last"),
    gauge(Metric::PressureStep, "weir_pressure_step", "step", {"resource", "place"},
          "How many steps of its ladder are taken, over all priorities"),
    gauge(Metric::SessionReliefCutoff, "weir_session_relief_cutoff_bytes", "bytes", {"session"},
          "Bytes of each flow that pressure leaves a session whole; 0: all"),
    gauge(Metric::SessionReliefKeep, "weir_session_relief_keep_bytes", "bytes", {"session"},
          "Bytes of each frame that pressure leaves a session; 0: all"),
    gauge(Metric::SessionReliefSample, "weir_session_relief_sample_ratio", "ratio", {"session"},
          "Share of the flows that pressure leaves a session"),
    gauge(Metric::SessionReliefShed, "weir_session_relief_shed", "", {"session"},
          "1 while pressure makes a session drop everything"),

    counter(Metric::OutputOffered, "weir_output_offered_packets_total", "packets",
            {"session", "kind", "path"}, "Packets handed to the output"),
    counter(Metric::OutputWritten, "weir_output_written_packets_total", "packets",
            {"session", "kind", "path"}, "Packets that the output has written"),
    counter(Metric::OutputWrittenBytes, "weir_output_written_bytes_total", "bytes",
            {"session", "kind", "path"}, "Bytes written to the file or pipe, with all framing"),
    gauge(Metric::OutputPending, "weir_output_pending_packets", "packets",
          {"session", "kind", "path"}, "Packets on their way through the output; 0 after a drain"),
    counter(Metric::OutputLost, "weir_output_lost_packets_total", "packets",
            {"session", "kind", "path", "reason"}, "Packets offered to the output and not written"),
    counter(Metric::OutputFiles, "weir_output_files_total", "files", {"session", "kind", "path"},
            "Files begun"),
    histogram(Metric::OutputWriteSeconds, "weir_output_write_seconds", "seconds",
              {"session", "kind", "path"},
              "Time from handing a block to the device until it has been written", kWriteTime,
              Stability::Experimental),

    gauge(Metric::SpillBytes, "weir_spill_bytes", "bytes", {"session", "path"},
          "Bytes of disk and memory that packets take which wait for the reader of the pipe"),
    counter(Metric::SpillPackets, "weir_spill_packets_total", "packets", {"session", "path"},
            "Packets that waited for the reader of the pipe in its spill queue"),

    gauge(Metric::StoreSegments, "weir_store_segments", "segments", {"store"},
          "Segments in the packet store"),
    gauge(Metric::StoreBytes, "weir_store_bytes", "bytes", {"store"},
          "Bytes of the disk that the packet store takes"),
    gauge(Metric::StoreFreeBytes, "weir_store_free_bytes", "bytes", {"store"},
          "Bytes that are free on its file system"),
    gauge(Metric::StoreMissingBytes, "weir_store_over_bounds_bytes", "bytes", {"store"},
          "Bytes more than its bounds allow, when nothing is left that may be deleted"),
    counter(Metric::StoreExpiredSegments, "weir_store_expired_segments_total", "segments",
            {"store", "reason"}, "Segments deleted by retention: age, size, free_space"),
    counter(Metric::StoreExpiredBytes, "weir_store_expired_bytes_total", "bytes",
            {"store", "reason"}, "Bytes of these segments"),

    counter(Metric::FlowsBegun, "weir_flows_begun_total", "flows", {"session", "kind"},
            "Flows begun, by protocol"),
    gauge(Metric::FlowsOpen, "weir_flows_open", "flows", {"session", "kind"},
          "Flows that have not ended"),
    counter(Metric::FlowsEvicted, "weir_flows_evicted_total", "flows", {"session"},
            "Flows ended early because a bound of memory was hit"),
    counter(Metric::Fragments, "weir_flow_fragments_total", "packets", {"session"},
            "IP fragments taken for reassembly"),
    counter(Metric::RecordsWritten, "weir_records_written_total", "records", {"session", "log"},
            "Records written to a log"),
    counter(Metric::RecordsLost, "weir_records_lost_total", "records", {"session", "log"},
            "Records made and not written"),

    gauge(Metric::HealthState, "weir_health_state", "", {"module", "state"},
          "1 for the health of the module or worker, 0 for others: ok, late, stalled, failing"),
    counter(Metric::HealthChanges, "weir_health_changes_total", "", {"module", "state"},
            "Changes of health to this state"),
    counter(Metric::ClockJumps, "weir_clock_jumps_total", "", {},
            "Times that the wall clock was set by more than a second"),

    counter(Metric::JournalWritten, "weir_journal_written_rows_total", "rows", {},
            "Transitions written to the journal"),
    counter(Metric::JournalFailed, "weir_journal_failed_rows_total", "rows", {},
            "Transitions that could not be written to the journal"),
    gauge(Metric::SampleStoreBytes, "weir_sample_store_bytes", "bytes", {},
          "Size of the store of samples on disk"),
    gauge(Metric::SampleStoreSamples, "weir_sample_store_samples", "samples", {},
          "Samples in the store"),
    counter(Metric::SampleStoreFailures, "weir_sample_store_failures_total", "", {},
            "Times that the samples of a moment could not be stored"),
    counter(Metric::SampleSeriesLeftOut, "weir_sample_series_left_out_total", "series", {},
            "Series left out of the samples of a moment because there are too many"),

    counter(Metric::ReportsSent, "weir_reports_sent_total", "reports", {},
            "Reports that their receiver took"),
    counter(Metric::ReportsFailed, "weir_reports_failed_total", "", {},
            "Attempts to send a report that failed"),
    gauge(Metric::ReportsBuffered, "weir_reports_buffered", "reports", {},
          "Reports that wait for their receiver"),
    counter(Metric::ReportsDropped, "weir_reports_dropped_total", "reports", {},
            "Reports dropped because the buffer was full"),
    counter(Metric::ApiRequests, "weir_api_requests_total", "requests", {"route", "code"},
            "Requests answered, by status"),
    histogram(Metric::ApiRequestSeconds, "weir_api_request_seconds", "seconds", {"route"},
              "Time to answer a request", kRequestTime),
    gauge(Metric::ApiListeners, "weir_api_listeners", "", {},
          "Listeners to events and tails of sessions"),
    counter(Metric::ApiRefused, "weir_api_refused_total", "", {},
            "Connections and listeners turned away because there were too many"),
    gauge(Metric::QueriesRunning, "weir_queries_running", "queries", {},
          "Queries of the API over stores that have not ended"),
    counter(Metric::QueriesEnded, "weir_queries_total", "queries", {"state"},
            "Queries that have ended: done, cancelled, client_gone, failed"),
    counter(Metric::QueryPackets, "weir_query_packets_total", "packets", {},
            "Packets in the answers of queries"),
    counter(Metric::QueryBytes, "weir_query_bytes_total", "bytes", {},
            "Bytes of these packets on the wire"),

    gauge(Metric::ThreatLevel, "weir_threat_level", "", {},
          "How high the threat is: 0 normal, 1 elevated, 2 high, 3 critical"),
    gauge(Metric::PolicyVersion, "weir_policy_version", "", {},
          "Version of the policy document in force; 0: there is none"),
    gauge(Metric::PolicyExpires, "weir_policy_expires_timestamp_seconds", "seconds", {},
          "When the policy document in force expires, since 1970 (UTC)"),
    counter(Metric::PolicyRefused, "weir_policy_refused_total", "", {"reason"},
            "Policy documents that were not put in force"),
    counter(Metric::DestinationsRefused, "weir_destinations_refused_total", "refusals", {},
            "Outputs, tails and queries that security did not let send packets where they would"),

    counter(Metric::LogLines, "weir_log_lines_total", "lines", {"level"},
            "Lines written to the log"),
    counter(Metric::LogSuppressed, "weir_log_suppressed_lines_total", "lines", {},
            "Lines not written because their place in the program said too many"),
    counter(Metric::LogLost, "weir_log_lost_lines_total", "lines", {},
            "Lines lost because the log's output was too slow or failed"),
    counter(Metric::EventsPublished, "weir_events_published_total", "events", {},
            "Events published"),
    counter(Metric::EventsMissed, "weir_events_missed_total", "events", {},
            "Events that a listener was too slow for, over all listeners"),
    counter(Metric::DuplicateSeries, "weir_duplicate_series_total", "series", {},
            "Series left out of the metrics because there was one with the same labels: a bug"),
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < std::size(kTable); ++i) {
    const MetricInfo& info = kTable[i];
    if (info.metric != static_cast<Metric>(i)) return false;
    if ((info.type == MetricType::Histogram) != (info.bounds != nullptr)) return false;
  }
  return true;
}
static_assert(std::size(kTable) == kMetricCount && in_order());

}  // namespace

std::string_view name_of(MetricType type) noexcept {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Histogram:
      return "histogram";
  }
  return {};
}

std::string_view name_of(Stability stability) noexcept {
  return stability == Stability::Stable ? "stable" : "experimental";
}

std::span<const MetricInfo> metric_table() noexcept { return kTable; }

const MetricInfo& info_of(Metric metric) noexcept {
  WEIR_ASSERT(metric < Metric::kCount);
  return kTable[static_cast<std::size_t>(metric)];
}

std::optional<Metric> find_metric(std::string_view name) noexcept {
  const auto* found = std::ranges::find(kTable, name, &MetricInfo::name);
  if (found == std::end(kTable)) return std::nullopt;
  return found->metric;
}

const HistogramBounds& bounds_of(Metric metric) noexcept {
  const MetricInfo& info = info_of(metric);
  WEIR_ASSERT(info.bounds != nullptr);
  return *info.bounds;
}

}  // namespace weir::telemetry
