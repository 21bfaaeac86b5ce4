// How short a resource is: its owner says how much of it is wanted, and the level follows, without
// going to and fro at a limit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "state/machine.h"
#include "state/table.h"

namespace weir::state {

enum class PressureLevel : std::uint8_t { Normal, Elevated, High, Critical, kCount };
inline constexpr std::size_t kPressureLevels = static_cast<std::size_t>(PressureLevel::kCount);
// What the owner's last word stands for; in the same order.
enum class PressureSignal : std::uint8_t { Enough, Short, Little, Nothing, kCount };

inline constexpr std::array kPressureStates = {
    StateRow<PressureLevel>{.state = PressureLevel::Normal,
                            .name = "normal",
                            .meaning = "there is enough",
                            .kind = Kind::Resting,
                            .otherwise = Policy::Ignore},
    StateRow<PressureLevel>{.state = PressureLevel::Elevated,
                            .name = "elevated",
                            .meaning = "it becomes short",
                            .kind = Kind::Resting,
                            .otherwise = Policy::Ignore},
    StateRow<PressureLevel>{.state = PressureLevel::High,
                            .name = "high",
                            .meaning = "there is little left",
                            .kind = Kind::Resting,
                            .otherwise = Policy::Ignore},
    StateRow<PressureLevel>{.state = PressureLevel::Critical,
                            .name = "critical",
                            .meaning = "what is wanted next may find none",
                            .kind = Kind::Resting,
                            .otherwise = Policy::Ignore},
};

inline constexpr std::array<std::string_view, kPressureLevels> kPressureEvents = {
    "enough", "short", "little", "nothing"};

using PressureRow = Transition<PressureLevel, PressureSignal>;
inline constexpr std::array kPressureRows = {
    PressureRow{PressureLevel::Normal, PressureSignal::Short, PressureLevel::Elevated},
    PressureRow{PressureLevel::Normal, PressureSignal::Little, PressureLevel::High},
    PressureRow{PressureLevel::Normal, PressureSignal::Nothing, PressureLevel::Critical},
    PressureRow{PressureLevel::Elevated, PressureSignal::Enough, PressureLevel::Normal},
    PressureRow{PressureLevel::Elevated, PressureSignal::Little, PressureLevel::High},
    PressureRow{PressureLevel::Elevated, PressureSignal::Nothing, PressureLevel::Critical},
    PressureRow{PressureLevel::High, PressureSignal::Enough, PressureLevel::Normal},
    PressureRow{PressureLevel::High, PressureSignal::Short, PressureLevel::Elevated},
    PressureRow{PressureLevel::High, PressureSignal::Nothing, PressureLevel::Critical},
    PressureRow{PressureLevel::Critical, PressureSignal::Enough, PressureLevel::Normal},
    PressureRow{PressureLevel::Critical, PressureSignal::Short, PressureLevel::Elevated},
    PressureRow{PressureLevel::Critical, PressureSignal::Little, PressureLevel::High},
};

inline constexpr Table<PressureLevel, PressureSignal> kPressureTable = {
    .name = "pressure",
    .initial = PressureLevel::Normal,
    .states = kPressureStates,
    .events = kPressureEvents,
    .rows = kPressureRows,
};
static_assert(check(kPressureTable) == Problem::None);

struct PressureLimits {
  // Where Elevated, High and Critical begin; ascending.
  std::array<double, kPressureLevels - 1> begin;
  // A level ends below so much of its beginning.
  double end_share = 0.8;
};

// One thread signals, any may look.
class PressureGauge {
 public:
  // `observer` is borrowed, and may be null.
  explicit PressureGauge(const PressureLimits& limits, MachineObserver* observer = nullptr) noexcept
      : limits_(limits), machine_(observer) {}

  // `wanted`: of what there is, as the limits measure it. True when the level has changed.
  bool signal(double wanted, const Cause& cause) noexcept {
    return static_cast<bool>(machine_.handle(signal_of(wanted), cause));
  }
  // From the next signal on.
  void set_limits(const PressureLimits& limits) noexcept { limits_ = limits; }
  [[nodiscard]] PressureLevel level() const noexcept { return machine_.state(); }
  [[nodiscard]] std::string_view level_name() const noexcept { return machine_.state_name(); }

 private:
  [[nodiscard]] PressureSignal signal_of(double wanted) const noexcept {
    const auto now = static_cast<std::size_t>(level());
    std::size_t level = 0;
    for (std::size_t i = 0; i < limits_.begin.size(); ++i) {
      const double limit = i < now ? limits_.begin[i] * limits_.end_share : limits_.begin[i];
      if (wanted >= limit) level = i + 1;
    }
    return static_cast<PressureSignal>(level);
  }

  PressureLimits limits_;
  Machine<kPressureTable> machine_;
};

}  // namespace weir::state
