#include "state/ladder_walk.h"

#include <algorithm>

namespace weir::state {

bool LadderWalk::advance(const Seen& seen, const LadderPace& pace, MonotonicTime now) noexcept {
  const std::uint32_t before = step_;
  step_ = std::min(step_, seen.steps);
  if (seen.level >= PressureLevel::High) {
    go_down(seen, pace, now);
  } else if (seen.level == PressureLevel::Normal) {
    go_back(pace, now);
  } else {
    normal_.reset();
  }
  critical_ = seen.level == PressureLevel::Critical;
  return step_ != before;
}

void LadderWalk::go_down(const Seen& seen, const LadderPace& pace, MonotonicTime now) noexcept {
  normal_.reset();
  const bool critical = seen.level == PressureLevel::Critical;
  const bool became_critical = critical && !critical_;
  if (stepped_ && !became_critical && now - *stepped_ < pace.step_interval) return;
  if (stepped_ && seen.fill < seen.enough) return;
  if (stepped_ && !became_critical && seen.fill <= fill_then_ - kFalls) {
    stepped_ = now;
    fill_then_ = seen.fill;
    return;
  }
  note_mistake(pace, now);
  step_ = std::min(step_ + (critical ? pace.critical_steps : 1), seen.steps);
  stepped_ = now;
  fill_then_ = seen.fill;
}

void LadderWalk::note_mistake(const LadderPace& pace, MonotonicTime now) noexcept {
  if (!recovered_) return;
  if (now - *recovered_ < kPatienceMax * pace.recover_after) {
    mistake_ = step_;
    patience_ = std::min(patience_ * 4, kPatienceMax);
  }
  recovered_.reset();
}

void LadderWalk::go_back(const LadderPace& pace, MonotonicTime now) noexcept {
  stepped_.reset();
  if (!normal_) normal_ = now;
  if (step_ == 0) {
    // What was learnt of a load that is long gone is forgotten.
    if (!recovered_ || now - *recovered_ < kPatienceMax * pace.recover_after) return;
    recovered_.reset();
    mistake_.reset();
    patience_ = 1;
    return;
  }
  const bool was_mistake = mistake_ && step_ - 1 <= *mistake_;
  if (now - *normal_ < (was_mistake ? patience_ : 1) * pace.recover_after) return;
  if (mistake_ && step_ <= *mistake_) {
    patience_ = std::max(patience_ / 2, 1u);
    if (patience_ == 1) mistake_.reset();
  }
  --step_;
  recovered_ = now;
  normal_ = now;
}

}  // namespace weir::state
