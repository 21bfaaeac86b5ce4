#include "capture/lane_plan.h"

namespace weir::capture {

Result<LanePlan::View> view_of(const SessionPlan& session, std::size_t lane, SessionMask bit) {
  LanePlan::View view{.bit = bit,
                      .snaplen = session.snaplen,
                      .paused = session.paused,
                      .session = session.session,
                      .lane = &session.session->lane(lane),
                      .outputs = session.outputs,
                      .analysis = session.analysis};
  if (session.outputs != nullptr) view.outlets = &session.outputs->lane(lane);
  if (session.analysis != nullptr) view.stage = session.analysis->lane(lane);
  if (view.stage != nullptr && view.outlets != nullptr && view.outlets->want_uids()) {
    // No worker looks at them before it has this view.
    if (view.lane->uids == nullptr) view.lane->uids = std::make_unique<protocol::FlowUids>();
    view.uids = view.lane->uids.get();
  }
  if (session.rules != nullptr) {
    view.rules = session.rules->rules().clone();
    view.rule_counters = &session.rules->counters(lane);
  }
  // A worker needs it from one batch to the next, and does not allocate.
  if (!view.lane->cutoff) {
    WEIR_TRY(view.lane->cutoff, FlowCutoff::make());
  }
  return view;
}

}  // namespace weir::capture
