#include "capture/plan_compiler.h"

#include <utility>

namespace weir::capture {
namespace {

bool takes_part(const SessionPlan& session, std::size_t lane) {
  return session.lanes.empty() || session.lanes[lane];
}

}  // namespace

PlanCompiler::PlanCompiler(const CapturePlan& plan, std::span<const Lane> lanes)
    : plan_(plan), lanes_(lanes) {
  filters_.reserve(lanes.size());  // pointers into it stay good
}

SessionMask PlanCompiler::sessions_of(std::size_t lane) const noexcept {
  SessionMask sessions = 0;
  for (std::size_t i = 0; i < plan_.sessions.size(); ++i) {
    const SessionPlan& session = plan_.sessions[i];
    if (session.paused || !takes_part(session, lane)) continue;
    sessions |= SessionMask{1} << i;
  }
  return sessions;
}

Result<const PlanCompiler::Filters*> PlanCompiler::filters_of(SessionMask sessions) {
  for (const Filters& one : filters_) {
    if (one.sessions == sessions) return &one;
  }
  filter::SessionFilters filters;
  for (std::uint32_t i = 0; i < plan_.sessions.size(); ++i) {
    if ((sessions & (SessionMask{1} << i)) == 0) continue;
    WEIR_CHECK(filters.add(i, plan_.sessions[i].filter, plan_.sessions[i].scope));
  }
  for (const Lane& lane : lanes_) {
    const InterfaceTable& interfaces = lane.source->interfaces();
    for (std::uint32_t i = 0; i < interfaces.count(); ++i) {
      WEIR_CHECK(filters.prepare(interfaces.at({i}).link_type));
    }
  }
  std::string prefilter = filters.kernel_expression();
  filters_.push_back(
      {.sessions = sessions, .filters = std::move(filters), .prefilter = std::move(prefilter)});
  return &filters_.back();
}

Result<StagedPlan::Lane> PlanCompiler::compile(std::size_t lane) {
  WEIR_TRY(const Filters* filters, filters_of(sessions_of(lane)));
  StagedPlan::Lane staged{.plan = std::make_unique<LanePlan>(), .prefilter = filters->prefilter};
  staged.plan->lane = lane;
  staged.plan->generation = plan_.generation;
  staged.plan->ends_with_sessions = plan_.ends_with_sessions;
  staged.plan->filters = filters->filters.clone();
  staged.plan->sources = plan_.sources;
  const InterfaceTable& interfaces = lanes_[lane].source->interfaces();
  for (std::uint32_t i = 0; i < interfaces.count(); ++i) {
    staged.plan->sources.prepare(interfaces.at({i}).name);
  }
  for (std::size_t i = 0; i < plan_.sessions.size(); ++i) {
    const SessionPlan& session = plan_.sessions[i];
    if (!takes_part(session, lane)) continue;
    WEIR_TRY(LanePlan::View view, view_of(session, lane, SessionMask{1} << i));
    for (std::uint32_t type = 0; view.rules && type < interfaces.count(); ++type) {
      WEIR_CHECK(view.rules->prepare(interfaces.at({type}).link_type));
    }
    staged.plan->sessions.push_back(std::move(view));
  }
  return staged;
}

}  // namespace weir::capture
