// From signals of how much of something is taken to levels, and from levels to directives: who has
// to do with how much less. The spec's arrows "signal pressure" and "signal backpressure" end here,
// "adjust ingestion" and "apply backpressure" begin here.
//
// What can become short is a resource, at a place: the processor, one disk, one pipe. Each place
// has a level with hysteresis (pressure.h) and a ladder (ladder_walk.h). The ladder has a number of
// rungs for every rank of those that can be relieved for the place: the lowest rank takes all its
// rungs before the next one takes its first.
//
// A level rises with the signal. It falls when the signal has been lower for a step interval, so
// that what trembles is no news. Every move of a level is journalled.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "state/journaler.h"
#include "state/ladder_walk.h"
#include "state/pressure.h"

namespace weir::state {

enum class Resource : std::uint8_t { Cpu, Output, Memory, kCount };
inline constexpr std::size_t kResources = static_cast<std::size_t>(Resource::kCount);
std::string_view name_of(Resource resource) noexcept;  // "cpu"

// The rungs that the rank takes of so many steps; rank 0 goes first.
[[nodiscard]] constexpr std::uint32_t rung_of(std::uint32_t step, std::uint32_t rungs,
                                              std::uint32_t rank) noexcept {
  const std::uint64_t before = std::uint64_t{rank} * rungs;
  if (step <= before) return 0;
  return static_cast<std::uint32_t>(step - before < rungs ? step - before : rungs);
}

// A level or a step has changed. Borrowed for the call.
struct Directive {
  Resource resource{};
  std::string_view place;
  PressureLevel before{};  // as `level` where only the step has changed
  PressureLevel level{};
  double fill = 0;
  std::uint32_t step = 0;   // of `steps`: rung_of() says what that is for each rank
  std::uint32_t steps = 0;  // those of all ranks
  std::uint32_t rungs = 0;
  std::string_view why;
};

// Whoever can do with less, or makes others do so.
class DirectiveReceiver {
 public:
  virtual ~DirectiveReceiver() = default;
  // By the thread that signals.
  virtual void direct(const Directive& directive) noexcept = 0;
};

struct PressureOptions {
  PressureLimits limits = {.begin = {0.6, 0.8, 0.95}};  // of a fill from 0 to 1
  LadderPace pace;
  std::array<std::uint32_t, kResources> rungs{};  // of a rank's ladder; 0: levels are told only
};

// One thread. Knows the time by `now` only.
class PressureController {
 public:
  // Both borrowed.
  PressureController(Journaler& journaler, DirectiveReceiver& receiver,
                     const PressureOptions& options)
      : journaler_(journaler), receiver_(receiver), options_(options) {}

  // From the next signals on.
  void set_options(const PressureOptions& options);
  [[nodiscard]] const PressureOptions& options() const noexcept { return options_; }

  struct Signal {
    Resource resource{};
    std::string_view place;   // empty: all of the resource
    double fill = 0;          // 0 to 1
    std::uint32_t ranks = 0;  // of those that can be relieved for it
    std::string_view why;     // in words
  };
  // Now and then for every place, also when nothing has changed: time passes.
  void signal(const Signal& signal, MonotonicTime now);
  // Places that had no signal since the last call are gone: their level becomes normal, and they
  // are forgotten.
  void forget_silent();

  struct PlaceStatus {
    Resource resource{};
    std::string place;
    PressureLevel level{};
    MonotonicTime since{};  // of the level
    double fill = 0;
    std::uint32_t step = 0;
    std::uint32_t steps = 0;
  };
  [[nodiscard]] std::vector<PlaceStatus> status() const;
  [[nodiscard]] std::uint32_t step(Resource resource, std::string_view place) const;

 private:
  // The highest of the last one to two intervals.
  class Peak {
   public:
    double take(double fill, Duration interval, MonotonicTime now) noexcept;

   private:
    MonotonicTime begun_{};
    double before_ = 0;
    double now_ = 0;
  };
  struct Place {
    Place(Journaler& journaler, const std::string& machine, const PressureLimits& limits,
          MonotonicTime now)
        : recorder(journaler, machine), gauge(limits, &recorder), since(now) {}
    MoveRecorder recorder;
    PressureGauge gauge;
    Peak peak;
    LadderWalk walk;
    MonotonicTime since;
    double fill = 0;
    std::uint32_t steps = 0;
    bool heard = true;
  };
  using Key = std::pair<Resource, std::string>;

  Place& place_of(const Signal& signal, MonotonicTime now);

  Journaler& journaler_;
  DirectiveReceiver& receiver_;
  PressureOptions options_;
  std::map<Key, std::unique_ptr<Place>> places_;
};

}  // namespace weir::state
