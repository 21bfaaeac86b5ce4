// How much somebody seems to be after this engine or what it watches: a level that follows what the
// engine counts of attacks. It rises at once, and falls when all has been quieter for a while.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "state/machine.h"
#include "state/table.h"
#include "telemetry/security_metrics.h"

namespace weir::security {

enum class ThreatLevel : std::uint8_t { Normal, Elevated, High, Critical, kCount };
inline constexpr std::size_t kThreatLevels = static_cast<std::size_t>(ThreatLevel::kCount);
// What the metrics stand for; in the same order.
enum class ThreatSign : std::uint8_t { Quiet, Unrest, Attack, Siege, kCount };

inline constexpr std::array kThreatStates = {
    state::StateRow<ThreatLevel>{.state = ThreatLevel::Normal,
                                 .name = "normal",
                                 .meaning = "no more than happens by mistake",
                                 .kind = state::Kind::Resting,
                                 .otherwise = state::Policy::Ignore},
    state::StateRow<ThreatLevel>{.state = ThreatLevel::Elevated,
                                 .name = "elevated",
                                 .meaning = "more than that: somebody should look",
                                 .kind = state::Kind::Resting,
                                 .otherwise = state::Policy::Ignore},
    state::StateRow<ThreatLevel>{.state = ThreatLevel::High,
                                 .name = "high",
                                 .meaning = "hardly without intent",
                                 .kind = state::Kind::Resting,
                                 .otherwise = state::Policy::Ignore},
    state::StateRow<ThreatLevel>{.state = ThreatLevel::Critical,
                                 .name = "critical",
                                 .meaning = "what is captured is worth less than what it may cost",
                                 .kind = state::Kind::Resting,
                                 .otherwise = state::Policy::Ignore},
};

inline constexpr std::array<std::string_view, kThreatLevels> kThreatSigns = {"quiet", "unrest",
                                                                             "attack", "siege"};

using ThreatRow = state::Transition<ThreatLevel, ThreatSign>;
inline constexpr std::array kThreatRows = {
    ThreatRow{ThreatLevel::Normal, ThreatSign::Unrest, ThreatLevel::Elevated},
    ThreatRow{ThreatLevel::Normal, ThreatSign::Attack, ThreatLevel::High},
    ThreatRow{ThreatLevel::Normal, ThreatSign::Siege, ThreatLevel::Critical},
    ThreatRow{ThreatLevel::Elevated, ThreatSign::Quiet, ThreatLevel::Normal},
    ThreatRow{ThreatLevel::Elevated, ThreatSign::Attack, ThreatLevel::High},
    ThreatRow{ThreatLevel::Elevated, ThreatSign::Siege, ThreatLevel::Critical},
    ThreatRow{ThreatLevel::High, ThreatSign::Quiet, ThreatLevel::Normal},
    ThreatRow{ThreatLevel::High, ThreatSign::Unrest, ThreatLevel::Elevated},
    ThreatRow{ThreatLevel::High, ThreatSign::Siege, ThreatLevel::Critical},
    ThreatRow{ThreatLevel::Critical, ThreatSign::Quiet, ThreatLevel::Normal},
    ThreatRow{ThreatLevel::Critical, ThreatSign::Unrest, ThreatLevel::Elevated},
    ThreatRow{ThreatLevel::Critical, ThreatSign::Attack, ThreatLevel::High},
};

inline constexpr state::Table<ThreatLevel, ThreatSign> kThreatTable = {
    .name = "threat",
    .initial = ThreatLevel::Normal,
    .states = kThreatStates,
    .events = kThreatSigns,
    .rows = kThreatRows,
};
static_assert(check(kThreatTable) == state::Problem::None);

std::optional<ThreatLevel> parse_threat_level(std::string_view name) noexcept;

// Where Elevated, High and Critical begin, ascending; all 0: this metric says nothing.
using ThreatSteps = std::array<std::uint32_t, kThreatLevels - 1>;

struct ThreatLimits {
  ThreatSteps malformed = {10, 30, 60};              // percent of the packets of a window
  ThreatSteps refused_sources = {100, 1000, 10000};  // packets in a window
  ThreatSteps refused_requests = {20, 100, 500};     // requests of the API in a window
  ThreatSteps policy_refusals = {1, 3, 10};          // documents in a window
  Duration window = std::chrono::seconds(10);
  Duration recovery = std::chrono::seconds(60);  // quieter for so long before the level falls
  friend bool operator==(const ThreatLimits&, const ThreatLimits&) = default;
};

// So few packets are no share of anything.
inline constexpr std::uint64_t kMalformedPacketsMin = 100;
// A level ends below four fifths of its beginning.
inline constexpr std::uint32_t kThreatEndFifths = 4;

// One thread drives it, any may look at level().
class ThreatGauge final : public telemetry::SecurityObserver {
 public:
  // `observer` is borrowed, and may be null.
  explicit ThreatGauge(const ThreatLimits& limits, state::MachineObserver* observer = nullptr)
      : limits_(limits), machine_(observer) {}

  // Other limits from the next metrics on; the level stays until these say otherwise.
  void set_limits(const ThreatLimits& limits) noexcept { limits_ = limits; }
  // As it was when the engine ended; before the first metrics. It falls like any other.
  void begin_at(ThreatLevel level, const state::Cause& cause) noexcept;

  // SecurityObserver: several times in a window.
  void on_security(const telemetry::SecurityMetrics& totals, MonotonicTime now) noexcept override;

  [[nodiscard]] ThreatLevel level() const noexcept { return machine_.state(); }
  [[nodiscard]] std::string_view level_name() const noexcept { return machine_.state_name(); }
  // Of the last window.
  [[nodiscard]] const telemetry::SecurityMetrics& recent() const noexcept { return recent_; }

 private:
  // The window as so many parts, which are forgotten one by one.
  static constexpr std::size_t kParts = 10;

  void add_to_window(const telemetry::SecurityMetrics& totals, MonotonicTime now) noexcept;
  [[nodiscard]] ThreatLevel wanted(std::string& why) const;
  void follow(ThreatLevel wanted, const std::string& why, MonotonicTime now) noexcept;

  ThreatLimits limits_;
  state::Machine<kThreatTable> machine_;
  std::optional<telemetry::SecurityMetrics> last_;  // totals
  std::array<telemetry::SecurityMetrics, kParts> parts_{};
  std::size_t part_ = 0;
  std::optional<MonotonicTime> part_begin_;
  telemetry::SecurityMetrics recent_;
  // While less is wanted than there is:
  std::optional<MonotonicTime> quieter_since_;
  ThreatLevel quieter_ = ThreatLevel::Normal;  // the most that was wanted since
};

}  // namespace weir::security
