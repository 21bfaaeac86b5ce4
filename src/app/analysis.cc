#include "app/analysis.h"

#include "capture/flow_dispatcher.h"
#include "capture/inline_flows.h"

namespace weir::app {
namespace {

// How long a record may wait before a reader of the file sees it.
constexpr Duration kFlushInterval = std::chrono::seconds(1);
// A log whose disk was full is tried again: live captures go on meanwhile.
constexpr Duration kRetryInterval = std::chrono::seconds(10);

// Rings towards the merger: with files a worker waits for room, live it must not.
constexpr std::uint32_t kSlotsOfFiles = 1024;
constexpr std::uint32_t kSlotsLive = 16384;

}  // namespace

Result<std::unique_ptr<Analysis>> Analysis::open_logs(const AnalysisOptions& options,
                                                      const Clock& clock, Duration retry) {
  std::unique_ptr<Analysis> analysis(new Analysis(options));
  WEIR_TRY(analysis->logs_,
           output::RecordLogs::open(options.logs_path, options.existing, &analysis->community_id_,
                                    {.clock = &clock,
                                     .interval = options.rotate_interval,
                                     .archived_max = options.archived_max,
                                     .retry = retry,
                                     .directory = options.logs_directory}));
  analysis->fresh_logs_ = std::make_unique<FreshLogs>(*analysis->logs_, clock);
  return analysis;
}

void Analysis::merge(const output::RecordMergerOptions& options) {
  streams_ = options.streams;
  merger_ = std::make_unique<output::RecordMerger>(options, *fresh_logs_);
}

Result<std::unique_ptr<Analysis>> Analysis::open_for_source(const AnalysisOptions& options,
                                                            const Clock& clock) {
  WEIR_TRY(auto analysis, open_logs(options, clock, Duration(0)));
  if (options.workers == 1) {
    WEIR_TRY(auto stage, capture::InlineFlows::make(options.flows, *analysis->fresh_logs_));
    analysis->stages_.push_back(std::move(stage));
    return analysis;
  }
  analysis->merge({.streams = options.workers + 1, .slots = kSlotsOfFiles});
  std::vector<protocol::RecordSink*> sinks;
  for (std::size_t i = 0; i < analysis->streams_; ++i) {
    sinks.push_back(&analysis->merger_->stream(i));
  }
  WEIR_TRY(auto stage, capture::FlowDispatcher::make(options.flows, sinks));
  analysis->stages_.push_back(std::move(stage));
  return analysis;
}

Result<std::unique_ptr<Analysis>> Analysis::open_for_lanes(const AnalysisOptions& options,
                                                           std::uint32_t lanes,
                                                           const Clock& clock) {
  WEIR_TRY(auto analysis, open_logs(options, clock, kRetryInterval));
  analysis->merge({.streams = lanes + 1,
                   .slots = kSlotsLive,
                   .when_full = output::WhenFull::Drop,
                   .ordering = output::Ordering::Bounded});
  capture::FlowAnalysisOptions each = options.flows;
  each.flows.flows_max /= lanes;
  WEIR_TRY(analysis->carriers_,
           capture::SharedCarriers::make(options.flows, lanes, analysis->merger_->stream(0)));
  for (std::uint32_t lane = 0; lane < lanes; ++lane) {
    WEIR_TRY(auto stage, capture::LaneFlows::make(each, *analysis->carriers_,
                                                  analysis->merger_->stream(lane + 1)));
    analysis->stages_.push_back(std::move(stage));
  }
  return analysis;
}

void Analysis::start() {
  logs_->start();
  if (merger_ != nullptr) merger_->start();
}

void Analysis::FreshLogs::reached(protocol::RecordOrder) {
  const MonotonicTime now = clock_.monotonic();
  if (now - flushed_ < kFlushInterval) return;
  flushed_ = now;
  logs_.tend();
}

Result<void> Analysis::close() {
  if (merger_ != nullptr) merger_->join();
  return logs_->close();
}

LogReport Analysis::report_of(protocol::LogId log) const {
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
  // What never reached the logs.
  for (std::size_t i = 0; i < streams_; ++i) {
    const std::uint64_t lost =
        merger_->stream(i).statistics().lost[static_cast<std::size_t>(log)].value();
    row.offered += lost;
    row.lost[static_cast<std::size_t>(LostReason::Overrun)] += lost;
  }
  return row;
}

AnalysisReport Analysis::report() const {
  AnalysisReport report;
  for (std::size_t i = 0; i < protocol::kLogCount; ++i) {
    report.logs.push_back(report_of(static_cast<protocol::LogId>(i)));
  }
  report.flows = flows();
  return report;
}

capture::FlowTotals Analysis::flows() const noexcept {
  capture::FlowTotals totals;
  for (const auto& stage : stages_) totals += stage->totals();
  if (carriers_ != nullptr) totals += carriers_->totals();
  return totals;
}

}  // namespace weir::app
