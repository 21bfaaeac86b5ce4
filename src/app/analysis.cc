#include "app/analysis.h"

#include "capture/inline_flows.h"

namespace weir::app {

Result<std::unique_ptr<Analysis>> Analysis::open(const AnalysisOptions& options) {
  std::unique_ptr<Analysis> analysis(new Analysis(options));
  WEIR_TRY(analysis->logs_,
           output::RecordLogs::open(options.logs_path, options.existing, &analysis->community_id_));
  WEIR_TRY(auto stage, capture::InlineFlows::make(options.flows, *analysis->logs_));
  analysis->stages_.push_back(std::move(stage));
  return analysis;
}

Result<void> Analysis::close() { return logs_->close(); }

AnalysisReport Analysis::report() const {
  AnalysisReport report;
  for (std::size_t i = 0; i < protocol::kLogCount; ++i) {
    const auto log = static_cast<protocol::LogId>(i);
    const output::LogStatistics& statistics = logs_->statistics(log);
    const std::string name(name_of(log));
    LogReport row{.name = name,
                  .path = logs_->path() + "/" + name + ".log",
                  .offered = statistics.offered.value(),
                  .written = statistics.written.value(),
                  .written_bytes = statistics.written_bytes.value(),
                  .pending = statistics.pending.value()};
    for (std::size_t reason = 0; reason < row.lost.size(); ++reason) {
      row.lost[reason] = statistics.lost[reason].value();
    }
    report.logs.push_back(std::move(row));
  }
  capture::FlowTotals totals;
  for (const auto& stage : stages_) totals += stage->totals();
  report.flows = totals;
  return report;
}

}  // namespace weir::app
