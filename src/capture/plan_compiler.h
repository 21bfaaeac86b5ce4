// From what all workers do together to what one worker acts upon.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/orchestrator.h"

namespace weir::capture {

// For one plan; borrows it and the lanes. Lanes with the same sessions share the work.
class PlanCompiler {
 public:
  PlanCompiler(const CapturePlan& plan, std::span<const Lane> lanes);

  // For what the source of the lane has shown by now. Errors: BadFilter.
  Result<StagedPlan::Lane> compile(std::size_t lane);

 private:
  // The filters of some of the sessions.
  struct Filters {
    SessionMask sessions;
    filter::SessionFilters filters;
    std::string prefilter;
  };
  [[nodiscard]] SessionMask sessions_of(std::size_t lane) const noexcept;
  Result<const Filters*> filters_of(SessionMask sessions);

  const CapturePlan& plan_;
  std::span<const Lane> lanes_;
  std::vector<Filters> filters_;
};

}  // namespace weir::capture
