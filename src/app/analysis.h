// The analysis of a session, from what the user asked for to its logs: who analyses the packets of
// each lane, who writes the records, what they counted.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "app/analysis_options.h"
#include "app/report.h"
#include "base/result.h"
#include "capture/flow_stage.h"
#include "output/record_logs.h"
#include "protocol/deep/community_id.h"

namespace weir::app {

class Analysis {
 public:
  // Errors: those of the directory. Memory that could not be reserved.
  static Result<std::unique_ptr<Analysis>> open(const AnalysisOptions& options);

  // Borrowed by the lane, for as long as its worker runs.
  [[nodiscard]] capture::DeepStage& stage(std::size_t lane) { return *stages_[lane]; }
  // After the workers have ended: everything to the files.
  Result<void> close();
  // Any thread.
  [[nodiscard]] AnalysisReport report() const;

 private:
  explicit Analysis(const AnalysisOptions& options) : community_id_(options.community_id_seed) {}

  protocol::CommunityIdHasher community_id_;
  std::unique_ptr<output::RecordLogs> logs_;
  std::vector<std::unique_ptr<capture::FlowStage>> stages_;  // one for each lane
};

}  // namespace weir::app
