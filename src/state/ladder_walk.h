// How far down a ladder of measures against pressure to be: one step further while it lasts, back
// when it is over, and ever more slowly where that brought it back.
//
// Down: a step, and another after each interval in which that has not helped; at Critical several
// at once. Elevated holds. Back: a step when the level has been Normal for the time to
// recover. A step back is a mistake when pressure follows it; from then on it takes four times as
// long until that step is tried again, up to kPatienceMax times the time to recover, and half as
// long each time that it holds. Steps above the one that was a mistake are not delayed: only what
// has failed is tried less often.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "state/pressure.h"

namespace weir::state {

struct LadderPace {
  Duration step_interval = std::chrono::milliseconds(250);
  Duration recover_after = std::chrono::seconds(10);
  std::uint32_t critical_steps = 2;  // at a time
};

// One thread.
class LadderWalk {
 public:
  static constexpr std::uint32_t kPatienceMax = 32;
  // By so much the fill must have fallen in an interval to say that a step helps.
  static constexpr double kFalls = 0.02;

  struct Seen {
    PressureLevel level = PressureLevel::Normal;
    double fill = 0;          // now
    double enough = 0;        // below this there is no need for more, whatever the level still says
    std::uint32_t steps = 0;  // that there are; when they become fewer, the step is the last one
  };

  // True: the step has changed.
  bool advance(const Seen& seen, const LadderPace& pace, MonotonicTime now) noexcept;

  [[nodiscard]] std::uint32_t step() const noexcept { return step_; }
  // By how many times the time to recover is longer now, for steps that were a mistake.
  [[nodiscard]] std::uint32_t patience() const noexcept { return patience_; }

 private:
  void go_down(const Seen& seen, const LadderPace& pace, MonotonicTime now) noexcept;
  void go_back(const LadderPace& pace, MonotonicTime now) noexcept;
  void note_mistake(const LadderPace& pace, MonotonicTime now) noexcept;

  std::uint32_t step_ = 0;
  bool critical_ = false;
  std::optional<MonotonicTime> stepped_;  // down, or seen that a step helps; none while Normal
  double fill_then_ = 0;
  std::optional<MonotonicTime> normal_;     // since
  std::optional<MonotonicTime> recovered_;  // a step was taken back last
  std::optional<std::uint32_t> mistake_;    // the step at which pressure came back
  std::uint32_t patience_ = 1;
};

}  // namespace weir::state
