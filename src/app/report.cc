#include "app/report.h"

#include "app/human.h"

namespace weir::app {
namespace {

template <typename Reason, std::size_t N>
std::string causes(const std::array<std::uint64_t, N>& counts) {
  std::string text;
  for (std::size_t i = 0; i < N; ++i) {
    if (counts[i] == 0) continue;
    text += (text.empty() ? "" : ", ") + std::string(name_of(static_cast<Reason>(i))) + " " +
            count_text(counts[i]);
  }
  return text.empty() ? "" : " (" + text + ")";
}

std::string summary_of(const AnalysisReport& analysis) {
  std::string text;
  for (const LogReport& log : analysis.logs) {
    if (log.offered == 0) continue;
    text += "weir: wrote " + count_text(log.written) + " records to " + log.path;
    if (const std::string lost = causes<LostReason>(log.lost); !lost.empty())
      text += ", lost" + lost;
    text += "\n";
  }
  if (!analysis.flows) return text;
  const capture::FlowTotals& flows = *analysis.flows;
  const auto note = [&text](std::uint64_t count, const char* what) {
    if (count != 0) text += "weir: " + count_text(count) + " " + what + "\n";
  };
  note(flows.evicted, "flows were ended early, there was no memory for more (--flow-memory)");
  note(flows.details_refused, "details of flows were left out, there was no memory for them");
  note(flows.segments_refused, "segments beyond a hole were left out of missed_bytes");
  note(flows.fragments_lost, "fragments did not become whole packets");
  return text;
}

}  // namespace

void add_reports(const output::Sink& sink, std::vector<SinkReport>& rows) {
  for (std::size_t i = 0; i < sink.places(); ++i) {
    const output::SinkPlace place = sink.place(i);
    rows.push_back({.kind = std::string(sink.kind()),
                    .path = std::string(place.path),
                    .files = place.files,
                    .offered = place.counts.offered,
                    .written = place.counts.written,
                    .written_bytes = place.counts.written_bytes,
                    .pending = place.counts.pending,
                    .lost = place.counts.lost});
  }
  if (const auto spill = sink.spill()) rows.back().spilled = spill->packets;
}

void add_final_reports(const output::Sink& sink, std::vector<SinkReport>& rows) {
  const std::size_t first = rows.size();
  add_reports(sink, rows);
  for (std::size_t i = 0; i < sink.places(); ++i) rows[first + i].mode = sink.place_mode(i);
}

std::string written_lines(const std::vector<SinkReport>& outputs) {
  std::string text;
  for (const SinkReport& sink : outputs) {
    text += "weir: wrote " + count_text(sink.written) + " packets, " +
            bytes_text(static_cast<double>(sink.written_bytes)) + " to " +
            (sink.path == "-" ? "standard output" : sink.path);
    if (sink.files > 1) text += " in " + count_text(sink.files) + " files";
    if (!sink.mode.empty()) text += " (" + sink.mode + ")";
    if (const std::string lost = causes<LostReason>(sink.lost); !lost.empty())
      text += ", lost" + lost;
    if (sink.spilled.value_or(0) != 0) {
      text += ", " + count_text(*sink.spilled) + " waited in the spill queue";
    }
    text += "\n";
  }
  return text;
}

std::string summary(const Report& report) {
  const capture::LedgerSnapshot& ledger = report.ledger;
  std::string text = "weir: received " + count_text(ledger.received) + ", accepted " +
                     count_text(ledger.accepted) + ", rejected " +
                     count_text(ledger.rejected_total()) + causes<RejectReason>(ledger.rejected) +
                     ", dropped " + count_text(ledger.dropped_total()) +
                     causes<DropReason>(ledger.dropped);
  if (ledger.in_ring != 0) text += ", in flight " + count_text(ledger.in_ring);
  text += "\n";
  for (const UpstreamReport& row : report.upstream) {
    if (row.count == 0) continue;
    text += "weir: lost before the capture saw them: " + std::string(row.exact ? "" : "about ") +
            count_text(row.count) + " (" + row.name + ")\n";
  }
  auto malformed = ledger.malformed;
  malformed[static_cast<std::size_t>(MalformedReason::None)] = 0;
  if (const std::string reasons = causes<MalformedReason>(malformed); !reasons.empty()) {
    text += "weir: headers that could not be followed" + reasons + "\n";
  }
  return text + written_lines(report.outputs) + summary_of(report.analysis);
}

}  // namespace weir::app
