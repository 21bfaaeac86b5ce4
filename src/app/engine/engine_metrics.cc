// The metrics of the engine as a whole: its own row of the ledger, its interfaces and workers.
#include <algorithm>
#include <string>

#include "app/engine/engine_view.h"

namespace weir::app {
namespace {

using telemetry::Metric;

double seconds(Timestamp time) { return static_cast<double>(time.ns) / 1e9; }

template <typename Reason, std::size_t kCount>
void add_by_reason(telemetry::Collection& into, Metric metric,
                   const std::array<std::uint64_t, kCount>& counts) {
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] != 0) into.add(metric, {name_of(static_cast<Reason>(i))}, counts[i]);
  }
}

}  // namespace

void EngineView::collect(telemetry::Collection& into) const {
  into.add(Metric::BuildInfo, {WEIR_VERSION}, 1u);
  {
    const std::lock_guard lock(mutex_);
    into.add(Metric::EngineState, {state_}, 1u);
  }
  into.add(Metric::StartTime, {}, seconds(started_));
  into.add(Metric::ConfigGeneration, {}, parts_.config.generation());
  into.add(Metric::ConfigReloads, {"committed"}, reloads_.load());
  into.add(Metric::ConfigReloads, {"refused"}, reloads_refused_.load());
  into.add(Metric::JournalWritten, {}, parts_.journaler.written());
  into.add(Metric::JournalFailed, {}, parts_.journaler.failures());
  collect_capture(into);
  collect_interfaces(into);
  collect_rings(into);
  collect_workers(into);
}

void EngineView::collect_capture(telemetry::Collection& into) const {
  const capture::LedgerSnapshot ledger = parts_.orchestrator.ledger();
  into.add(Metric::CaptureReceivedPackets, {}, ledger.received);
  into.add(Metric::CaptureReceivedBytes, {}, ledger.received_bytes);
  into.add(Metric::CaptureAcceptedPackets, {}, ledger.accepted);
  into.add(Metric::CaptureAcceptedBytes, {}, ledger.accepted_bytes);
  into.add(Metric::CaptureInFlight, {}, ledger.in_ring);
  into.add(Metric::CaptureTruncated, {}, ledger.truncated);
  add_by_reason<RejectReason>(into, Metric::CaptureRejected, ledger.rejected);
  add_by_reason<DropReason>(into, Metric::CaptureDropped, ledger.dropped);
  for (std::size_t i = 1; i < ledger.malformed.size(); ++i) {
    const std::uint64_t packets = ledger.malformed[i];
    if (packets != 0) {
      into.add(Metric::CaptureMalformed, {name_of(static_cast<MalformedReason>(i))}, packets);
    }
  }
}

void EngineView::collect_rings(telemetry::Collection& into) const {
  const std::vector<std::string> names = parts_.intake.names();
  std::vector<std::uint32_t> fills(names.size());
  for (std::size_t i = 0; i < parts_.orchestrator.lane_count(); ++i) {
    const capture::Lane& lane = parts_.orchestrator.lane(i);
    std::uint32_t& fill = fills[lane.interface.index];
    fill = std::max(fill, lane.source->ring_fill_now());
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    into.add(Metric::InterfaceRingFill, {names[i], "afpacket"}, fills[i] / 1000.0);
  }
}

void EngineView::collect_interfaces(telemetry::Collection& into) const {
  for (const control::InterfaceStatus& row : interfaces()) {
    into.add(Metric::InterfaceUp, {row.name, row.mode}, row.state == "up" ? 1u : 0u);
    into.add(Metric::InterfaceWorkers, {row.name, row.mode}, row.workers);
    into.add(Metric::InterfaceReceivedPackets, {row.name, row.mode}, row.received);
    into.add(Metric::InterfaceReceivedBytes, {row.name, row.mode}, row.received_bytes);
    into.add(Metric::InterfaceInFlight, {row.name, row.mode}, row.in_flight);
    for (const auto& [reason, packets] : row.rejected) {
      into.add(Metric::InterfaceRejected, {row.name, row.mode, reason}, packets);
    }
    for (const auto& [reason, packets] : row.dropped) {
      into.add(Metric::InterfaceDropped, {row.name, row.mode, reason}, packets);
    }
  }
}

void EngineView::collect_workers(telemetry::Collection& into) const {
  const std::vector<std::string> names = parts_.intake.names();
  for (std::size_t i = 0; i < parts_.orchestrator.lane_count(); ++i) {
    const capture::Lane& lane = parts_.orchestrator.lane(i);
    const capture::PipelineTelemetry& telemetry = parts_.orchestrator.worker(i).telemetry();
    const std::string& name = names[lane.interface.index];
    const std::string queue = std::to_string(lane.queue);
    into.add(Metric::WorkerBatches, {name, queue}, telemetry.batches.value());
    into.add(Metric::WorkerBatchPackets, {name, queue}, telemetry.batch_packets.snapshot());
    for (std::size_t stage = 0; stage < telemetry.stages.size(); ++stage) {
      into.add(Metric::WorkerStageSeconds, {name, queue, capture::kStageNames[stage]},
               telemetry.stages[stage].snapshot());
    }
    into.add(Metric::WorkerGeneration, {name, queue}, parts_.orchestrator.lane_generation(i));
  }
}

}  // namespace weir::app
