// The analysis of a session, from what the user asked for to its logs: who analyses the packets of
// each lane, who writes the records, what they counted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "app/analysis_options.h"
#include "app/report.h"
#include "base/clock.h"
#include "base/result.h"
#include "capture/flow_stage.h"
#include "capture/lane_flows.h"
#include "output/record_logs.h"
#include "output/record_merger.h"
#include "protocol/deep/community_id.h"

namespace weir::app {

class Analysis {
 public:
  // Neither starts what it made, but for the threads that share the flows of one source.
  //
  // Of one source that waits, file or pipe: on its own thread, or shared out among
  // `options.workers`. Errors: those of the directory; memory that could not be reserved.
  static Result<std::unique_ptr<Analysis>> open_for_source(const AnalysisOptions& options,
                                                           const Clock& clock);
  // Of a live capture: each lane on its own thread.
  static Result<std::unique_ptr<Analysis>> open_for_lanes(const AnalysisOptions& options,
                                                          std::uint32_t lanes, const Clock& clock);

  // From here on records reach the logs. Threads of its own, with the rights of this one: a live
  // capture gives them up before.
  void start();
  // Borrowed by the lane, for as long as its worker runs.
  [[nodiscard]] capture::DeepStage& stage(std::size_t lane) { return *stages_[lane]; }
  // After the workers have ended: everything to the files.
  Result<void> close();
  // Any thread.
  [[nodiscard]] AnalysisReport report() const;
  // Any thread.
  [[nodiscard]] capture::FlowTotals flows() const noexcept;
  // Trouble with the logs since it was asked. Any thread.
  std::optional<Error> take_warning() { return logs_->take_warning(); }

 private:
  // The logs, which others may be reading while they grow.
  class FreshLogs final : public protocol::RecordSink {
   public:
    FreshLogs(output::RecordLogs& logs, const Clock& clock) : logs_(logs), clock_(clock) {}
    void take(const protocol::Record& record) override { logs_.take(record); }
    void reached(protocol::RecordOrder order) override;

   private:
    output::RecordLogs& logs_;
    const Clock& clock_;
    MonotonicTime flushed_;
  };

  explicit Analysis(const AnalysisOptions& options) : community_id_(options.community_id_seed) {}
  static Result<std::unique_ptr<Analysis>> open_logs(const AnalysisOptions& options,
                                                     const Clock& clock, Duration retry);
  void merge(const output::RecordMergerOptions& options);
  [[nodiscard]] LogReport report_of(protocol::LogId log) const;

  // Each lends to the next.
  protocol::CommunityIdHasher community_id_;
  std::unique_ptr<output::RecordLogs> logs_;
  std::unique_ptr<FreshLogs> fresh_logs_;
  std::unique_ptr<output::RecordMerger> merger_;             // null: one thread does everything
  std::size_t streams_ = 0;                                  // of the merger
  std::unique_ptr<capture::SharedCarriers> carriers_;        // live
  std::vector<std::unique_ptr<capture::FlowStage>> stages_;  // one for each lane
};

}  // namespace weir::app
