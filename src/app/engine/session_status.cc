// What a session table tells of its sessions: to the API, and as metrics.
#include <algorithm>

#include "app/engine/reason_counts.h"
#include "app/engine/session_table.h"
#include "control/pressure_ladder.h"

namespace weir::app {
namespace {

using telemetry::Metric;

// In the order of protocol::FlowKind; as in --stats-json.
constexpr std::array<std::string_view, protocol::kFlowKinds> kFlowKindNames = {
    "tcp", "udp", "icmp", "other", "ip_tunnel"};

std::vector<control::OutputStatus> outputs_of(const SessionParts& parts) {
  std::vector<control::OutputStatus> rows;
  if (parts.outputs != nullptr) {
    std::vector<SinkReport> reports;
    for (const output::Sink* sink : parts.outputs->outputs().sinks()) {
      add_reports(*sink, reports);
    }
    for (const SinkReport& report : reports) {
      rows.push_back({.kind = report.kind,
                      .path = parts.outputs->shown(report.path),
                      .offered = report.offered,
                      .written = report.written,
                      .written_bytes = report.written_bytes,
                      .pending = report.pending,
                      .spilled = report.spilled.value_or(0),
                      .lost = counts_of<LostReason>(report.lost)});
    }
  }
  if (parts.analysis != nullptr) {
    for (const LogReport& log : parts.analysis->report().logs) {
      if (log.offered == 0) continue;
      rows.push_back({.kind = "log",
                      .path = log.path,
                      .offered = log.offered,
                      .written = log.written,
                      .written_bytes = log.written_bytes,
                      .pending = log.pending,
                      .lost = counts_of<LostReason>(log.lost)});
    }
  }
  return rows;
}

std::vector<control::RuleStatus> rules_of(const capture::SessionRules* rules) {
  std::vector<control::RuleStatus> rows;
  if (rules == nullptr) return rows;
  const filter::RuleSet& set = rules->rules();
  for (std::size_t i = 0; i <= set.size(); ++i) {
    const capture::SessionRules::Row row = rules->row(i);
    const bool otherwise = i == set.size();
    rows.push_back(
        {.name = otherwise ? "otherwise" : std::string(set.name(i)),
         .action = std::string(filter::name_of(otherwise ? set.otherwise() : set.spec(i).action)),
         .packets = row.packets,
         .bytes = row.bytes});
  }
  return rows;
}

// Under the mutex of the table: parts do not go meanwhile.
control::SessionStatus status_of(const SessionEntry& entry,
                                 const std::vector<std::string>& interfaces) {
  const capture::LedgerSnapshot ledger = entry.account().ledger();
  return {.name = entry.config.name,
          .state = std::string(entry.machine().state_name()),
          .origin = std::string(name_of(entry.origin)),
          .interfaces = entry.config.interfaces.empty() ? interfaces : entry.config.interfaces,
          .filter = entry.config.filter,
          .inner = entry.config.scope == filter::Scope::Innermost,
          .snaplen = entry.config.snaplen,
          .priority = entry.config.priority,
          .relief = control::text_of(entry.account().relief()),
          .generation = entry.generation,
          .since = entry.since,
          .received = ledger.received,
          .received_bytes = ledger.received_bytes,
          .accepted = ledger.accepted,
          .accepted_bytes = ledger.accepted_bytes,
          .truncated = ledger.truncated,
          .rejected = counts_of<RejectReason>(ledger.rejected),
          .dropped = counts_of<DropReason>(ledger.dropped),
          .outputs = outputs_of(entry.parts),
          .rules = rules_of(entry.parts.rules.get()),
          .error = entry.error ? entry.error->context : ""};
}

void collect_outputs(telemetry::Collection& into, const control::SessionStatus& status) {
  for (const control::OutputStatus& row : status.outputs) {
    into.add(Metric::OutputOffered, {status.name, row.kind, row.path}, row.offered);
    into.add(Metric::OutputWritten, {status.name, row.kind, row.path}, row.written);
    into.add(Metric::OutputWrittenBytes, {status.name, row.kind, row.path}, row.written_bytes);
    into.add(Metric::OutputPending, {status.name, row.kind, row.path}, row.pending);
    for (const auto& [reason, packets] : row.lost) {
      into.add(Metric::OutputLost, {status.name, row.kind, row.path, reason}, packets);
    }
  }
}

void collect_session(telemetry::Collection& into, const control::SessionStatus& status) {
  into.add(Metric::SessionState, {status.name, status.state}, 1u);
  into.add(Metric::SessionReceivedPackets, {status.name}, status.received);
  into.add(Metric::SessionReceivedBytes, {status.name}, status.received_bytes);
  into.add(Metric::SessionAcceptedPackets, {status.name}, status.accepted);
  into.add(Metric::SessionAcceptedBytes, {status.name}, status.accepted_bytes);
  into.add(Metric::SessionTruncated, {status.name}, status.truncated);
  for (const auto& [reason, packets] : status.rejected) {
    into.add(Metric::SessionRejected, {status.name, reason}, packets);
  }
  for (const auto& [reason, packets] : status.dropped) {
    into.add(Metric::SessionDropped, {status.name, reason}, packets);
  }
  for (const control::RuleStatus& rule : status.rules) {
    into.add(Metric::RulePackets, {status.name, rule.name, rule.action}, rule.packets);
    into.add(Metric::RuleBytes, {status.name, rule.name, rule.action}, rule.bytes);
  }
  collect_outputs(into, status);
}

void collect_spill(telemetry::Collection& into, const std::string& session,
                   const OutputsPart& outputs) {
  for (const output::Sink* sink : outputs.outputs().sinks()) {
    const auto spill = sink->spill();
    if (!spill) continue;
    into.add(Metric::SpillBytes, {session, sink->path()}, spill->bytes);
    into.add(Metric::SpillPackets, {session, sink->path()}, spill->packets);
  }
}

void collect_relief(telemetry::Collection& into, const SessionEntry& entry) {
  const std::string& name = entry.config.name;
  const capture::Relief relief = entry.account().relief();
  into.add(Metric::SessionReliefCutoff, {name}, relief.cutoff_bytes);
  into.add(Metric::SessionReliefKeep, {name}, relief.keep_bytes);
  into.add(Metric::SessionReliefSample, {name},
           static_cast<double>(relief.sample) / capture::Relief::kAllFlows);
  into.add(Metric::SessionReliefShed, {name}, relief.shed ? 1u : 0u);
}

void collect_analysis(telemetry::Collection& into, const std::string& session,
                      const AnalysisReport& report) {
  for (const LogReport& log : report.logs) {
    if (log.offered == 0) continue;
    into.add(Metric::RecordsWritten, {session, log.name}, log.written);
    std::uint64_t lost = 0;
    for (const std::uint64_t count : log.lost) lost += count;
    into.add(Metric::RecordsLost, {session, log.name}, lost);
  }
  if (!report.flows) return;
  for (std::size_t i = 0; i < protocol::kFlowKinds; ++i) {
    const std::string_view kind = kFlowKindNames[i];
    into.add(Metric::FlowsBegun, {session, kind}, report.flows->begun[i]);
    into.add(Metric::FlowsOpen, {session, kind}, report.flows->open[i]);
  }
  into.add(Metric::FlowsEvicted, {session}, report.flows->evicted);
  into.add(Metric::Fragments, {session}, report.flows->fragments);
}

}  // namespace

std::vector<control::SessionStatus> SessionTable::status() const {
  const std::lock_guard lock(mutex_);
  std::vector<control::SessionStatus> rows;
  for (const auto& entry : entries_) rows.push_back(status_of(*entry, options_.interfaces));
  for (const auto& tail : tails_) rows.push_back(status_of(*tail, options_.interfaces));
  return rows;
}

std::optional<control::SessionStatus> SessionTable::status(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  for (const auto* list : {&entries_, &tails_}) {
    for (const auto& entry : *list) {
      if (entry->config.name == name) return status_of(*entry, options_.interfaces);
    }
  }
  return std::nullopt;
}

Result<std::vector<std::string>> SessionTable::stores_of(std::string_view session) const {
  const std::string name(session);
  const std::lock_guard lock(mutex_);
  const auto found =
      std::ranges::find_if(entries_, [&](const auto& entry) { return entry->config.name == name; });
  if (found == entries_.end()) {
    return Error{.code = ErrorCode::NotFound,
                 .context = "session " + name + ": there is no such session (weir ctl sessions)"};
  }
  if ((*found)->config.store.paths.empty()) {
    return Error{.code = ErrorCode::Usage,
                 .context = "session " + name +
                            ": it has no store (give it a [session.store], and ask for what comes "
                            "from then on)"};
  }
  return (*found)->config.store.paths;
}

std::size_t SessionTable::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::vector<SessionReport> SessionTable::reports() const {
  const std::lock_guard lock(mutex_);
  std::vector<SessionReport> rows;
  for (const auto& entry : entries_) {
    SessionReport row{.name = entry->config.name,
                      .filter = entry->config.filter,
                      .ledger = entry->account().ledger()};
    if (entry->parts.outputs != nullptr) {
      for (const output::Sink* sink : entry->parts.outputs->outputs().sinks()) {
        add_reports(*sink, row.outputs);
      }
      for (SinkReport& one : row.outputs) one.path = entry->parts.outputs->shown(one.path);
    }
    if (entry->parts.analysis != nullptr) row.analysis = entry->parts.analysis->report();
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> SessionTable::generation_packets() const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> packets;
  const std::vector<capture::GenerationCount> counts = orchestrator_.generation_counts();
  const std::lock_guard lock(mutex_);
  for (const capture::GenerationCount& count : counts) {
    // Plans that are no longer kept apart come as 0.
    const auto known = std::find_if(serials_.begin(), serials_.end(), [&](const auto& serial) {
      return serial.first == count.generation;
    });
    const std::uint64_t generation = known == serials_.end() ? 0 : known->second;
    if (!packets.empty() && packets.back().first == generation) {
      packets.back().second += count.packets;
    } else {
      packets.emplace_back(generation, count.packets);
    }
  }
  return packets;
}

void SessionTable::collect(telemetry::Collection& into) const {
  for (const control::SessionStatus& row : status()) collect_session(into, row);
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    collect_relief(into, *entry);
    if (entry->parts.outputs != nullptr) {
      collect_spill(into, entry->config.name, *entry->parts.outputs);
    }
    if (entry->parts.analysis == nullptr) continue;
    collect_analysis(into, entry->config.name, entry->parts.analysis->report());
  }
}

}  // namespace weir::app
