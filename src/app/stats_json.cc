#include <nlohmann/json.hpp>

#include "app/report.h"
#include "base/time.h"

namespace weir::app {
namespace {

using Json = nlohmann::ordered_json;

// reason → count, only the reasons that occurred, besides those always shown.
template <typename Reason, std::size_t N>
Json by_reason(const std::array<std::uint64_t, N>& counts, std::initializer_list<Reason> always) {
  Json out = Json::object();
  for (std::size_t i = 0; i < N; ++i) {
    const auto reason = static_cast<Reason>(i);
    const bool shown = std::find(always.begin(), always.end(), reason) != always.end();
    if (counts[i] != 0 || shown) out[std::string(name_of(reason))] = counts[i];
  }
  return out;
}

Json malformed_of(const capture::LedgerSnapshot& ledger) {
  auto counts = ledger.malformed;
  counts[static_cast<std::size_t>(MalformedReason::None)] = 0;
  return by_reason<MalformedReason>(counts, {});
}

// The fields that the whole, every session and every worker have in common.
void add_ledger(Json& out, const Report& report, const capture::LedgerSnapshot& ledger) {
  out["received"] = ledger.received;
  out["received_bytes"] = ledger.received_bytes;
  out["accepted"] = ledger.accepted;
  out["accepted_bytes"] = ledger.accepted_bytes;
  out["rejected"] = by_reason<RejectReason>(ledger.rejected, {RejectReason::Filter});
  out["dropped"] = by_reason<DropReason>(ledger.dropped, {DropReason::Kernel});
  out["in_flight"] = ledger.in_ring;
  out["truncated"] = ledger.truncated;
  out["malformed"] = malformed_of(ledger);
  const bool below = report.prefilter.place == interface::FilterPlace::Kernel;
  out["filter"] = {{"text", report.filter},
                   {"where", below ? "kernel" : "user"},
                   {"below_counted", report.prefilter.counted}};
}

void add_times(Json& out, const capture::TimeRange& times) {
  if (times.empty()) return;
  out["first_ts"] = epoch_seconds(times.first);
  out["last_ts"] = epoch_seconds(times.last);
}

// Records that were told, by log.
Json records_of(const AnalysisReport& analysis) {
  Json records = Json::object();
  for (const LogReport& log : analysis.logs) {
    if (log.offered != 0) records[log.name] = log.offered;
  }
  return records;
}

Json by_kind(const std::array<std::uint64_t, protocol::kFlowKinds>& counts) {
  return {{"tcp", counts[0]},
          {"udp", counts[1]},
          {"icmp", counts[2]},
          {"other", counts[3]},
          {"ip_tunnel", counts[4]}};
}

Json flows_of(const capture::FlowTotals& flows) {
  return {{"begun", by_kind(flows.begun)},
          {"open", by_kind(flows.open)},
          {"evicted", flows.evicted},
          {"details_refused", flows.details_refused},
          {"segments_refused", flows.segments_refused},
          {"fragments", flows.fragments},
          {"fragments_lost", flows.fragments_lost}};
}

void add_logs(Json& outputs, const AnalysisReport& analysis) {
  for (const LogReport& log : analysis.logs) {
    if (log.offered == 0) continue;
    outputs.push_back({{"kind", "log"},
                       {"path", log.path},
                       {"offered", log.offered},
                       {"written", log.written},
                       {"written_bytes", log.written_bytes},
                       {"lost", by_reason<LostReason>(log.lost, {})},
                       {"pending", log.pending}});
  }
}

Json outputs_of(const Report& report) {
  Json outputs = Json::array();
  for (const SinkReport& sink : report.outputs) {
    outputs.push_back({{"kind", sink.kind},
                       {"path", sink.path},
                       {"mode", sink.mode},
                       {"offered", sink.offered},
                       {"written", sink.written},
                       {"written_bytes", sink.written_bytes},
                       {"lost", by_reason<LostReason>(sink.lost, {})},
                       {"pending", sink.pending}});
    if (sink.spilled) outputs.back()["spilled"] = *sink.spilled;
  }
  add_logs(outputs, report.analysis);
  return outputs;
}

Json upstream_of(const Report& report) {
  Json upstream = Json::object();
  for (const UpstreamReport& row : report.upstream) {
    upstream[row.name] = {{"count", row.count}, {"exact", row.exact}};
  }
  return upstream;
}

void add_whole(Json& out, const Report& report) {
  add_ledger(out, report, report.ledger);
  out["records"] = records_of(report.analysis);
  if (report.analysis.flows) out["flows"] = flows_of(*report.analysis.flows);
  out["outputs"] = outputs_of(report);
  out["upstream"] = upstream_of(report);
  add_times(out, report.times);
  out["elapsed_s"] = static_cast<double>(report.elapsed.count()) / 1e9;
}

// `read` and `capture` have one session, of which there is nothing to say that the whole does not.
Json sessions_of(const Report& report) {
  Json sessions = Json::array();
  if (report.sessions.empty()) {
    Json session = {{"name", "default"}};
    add_whole(session, report);
    sessions.push_back(std::move(session));
  }
  for (const SessionReport& one : report.sessions) {
    Report part{.filter = one.filter,
                .prefilter = report.prefilter,
                .ledger = one.ledger,
                .outputs = one.outputs,
                .analysis = one.analysis,
                .elapsed = report.elapsed};
    Json session = {{"name", one.name}};
    add_whole(session, part);
    sessions.push_back(std::move(session));
  }
  return sessions;
}

// Records, outputs and what was lost upstream belong to all workers together.
Json worker_row(const Report& report, const WorkerReport& worker, std::size_t index) {
  Json row = {{"worker", index}, {"queue", worker.queue}};
  if (!worker.interface.empty()) row["interface"] = worker.interface;
  if (worker.core >= 0) row["core"] = worker.core;
  add_ledger(row, report, worker.ledger);
  row["records"] = Json::object();
  row["outputs"] = Json::array();
  row["upstream"] = Json::object();
  add_times(row, worker.times);
  row["elapsed_s"] = static_cast<double>(report.elapsed.count()) / 1e9;
  return row;
}

}  // namespace

std::string stats_json(const Report& report) {
  Json out;
  out["schema"] = 1;
  out["version"] = WEIR_VERSION;
  out["command"] = report.command;
  out["source"] = report.source;
  out["capture_mode"] = report.capture_mode;
  if (!report.timestamps.empty()) out["timestamps"] = report.timestamps;
  add_whole(out, report);
  out["sessions"] = sessions_of(report);
  out["per_worker"] = Json::array();
  for (std::size_t i = 0; i < report.workers.size(); ++i) {
    out["per_worker"].push_back(worker_row(report, report.workers[i], i));
  }
  out["exit_reason"] = std::string(capture::name_of(report.reason));
  if (report.error) {
    out["error"] = report.error->context;
    out["error_code"] = std::string(name_of(report.error->code));
  }
  // File names and messages need not be UTF-8; JSON must be.
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace weir::app
