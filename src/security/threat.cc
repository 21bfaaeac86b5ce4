#include "security/threat.h"

#include <algorithm>

namespace weir::security {
namespace {

using telemetry::SecurityMetrics;

// A counter that has gone back began anew.
std::uint64_t grown(std::uint64_t before, std::uint64_t now) {
  return now >= before ? now - before : now;
}

SecurityMetrics difference(const SecurityMetrics& before, const SecurityMetrics& now) {
  return {.received = grown(before.received, now.received),
          .malformed = grown(before.malformed, now.malformed),
          .refused_sources = grown(before.refused_sources, now.refused_sources),
          .refused_requests = grown(before.refused_requests, now.refused_requests),
          .policy_refusals = grown(before.policy_refusals, now.policy_refusals)};
}

void add(SecurityMetrics& to, const SecurityMetrics& from) {
  to.received += from.received;
  to.malformed += from.malformed;
  to.refused_sources += from.refused_sources;
  to.refused_requests += from.refused_requests;
  to.policy_refusals += from.policy_refusals;
}

// The level that `value` asks for. Those up to `now` end later than they begin.
std::size_t asked_by(std::uint64_t value, const ThreatSteps& steps, std::size_t now) {
  constexpr std::uint64_t kFifths = 5;
  std::size_t level = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i] == 0) continue;
    const std::uint64_t fifths = i < now ? kThreatEndFifths : kFifths;
    if (value * kFifths >= steps[i] * fifths) level = i + 1;
  }
  return level;
}

}  // namespace

std::optional<ThreatLevel> parse_threat_level(std::string_view name) noexcept {
  for (const auto& row : kThreatStates) {
    if (row.name == name) return row.state;
  }
  return std::nullopt;
}

void ThreatGauge::begin_at(ThreatLevel level, const state::Cause& cause) noexcept {
  (void)machine_.handle(static_cast<ThreatSign>(level), cause);
}

void ThreatGauge::on_security(const SecurityMetrics& totals, MonotonicTime now) noexcept {
  add_to_window(totals, now);
  std::string why;
  const ThreatLevel level = wanted(why);
  follow(level, why, now);
}

void ThreatGauge::add_to_window(const SecurityMetrics& totals, MonotonicTime now) noexcept {
  const Duration length = limits_.window / kParts;
  if (!part_begin_) part_begin_ = now;
  const std::int64_t passed =
      length.count() > 0 ? (now - *part_begin_).count() / length.count() : 0;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(passed, kParts); ++i) {
    part_ = (part_ + 1) % kParts;
    parts_[part_] = {};
  }
  if (passed > 0) part_begin_ = *part_begin_ + length * passed;
  // Of the first totals nobody knows when they came.
  if (last_) add(parts_[part_], difference(*last_, totals));
  last_ = totals;
  recent_ = {};
  for (const SecurityMetrics& part : parts_) add(recent_, part);
}

ThreatLevel ThreatGauge::wanted(std::string& why) const {
  const auto now = static_cast<std::size_t>(level());
  std::size_t level = 0;
  const auto look = [&](std::uint64_t value, const ThreatSteps& steps, const char* what) {
    const std::size_t asked = asked_by(value, steps, now);
    if (asked <= level) return;
    level = asked;
    why = std::to_string(value) + what;
  };
  if (recent_.received >= kMalformedPacketsMin) {
    look(recent_.malformed * 100 / recent_.received, limits_.malformed,
         "% of the packets are malformed");
  }
  look(recent_.refused_sources, limits_.refused_sources, " packets of refused sources");
  look(recent_.refused_requests, limits_.refused_requests, " refused requests of the API");
  look(recent_.policy_refusals, limits_.policy_refusals, " refused policies");
  if (level == 0) why = "quiet";
  return static_cast<ThreatLevel>(level);
}

void ThreatGauge::follow(ThreatLevel wanted, const std::string& why, MonotonicTime now) noexcept {
  const ThreatLevel level = machine_.state();
  if (wanted >= level) {
    quieter_since_.reset();
    if (wanted > level) {
      (void)machine_.handle(static_cast<ThreatSign>(wanted), {.who = "monitor", .why = why});
    }
    return;
  }
  if (!quieter_since_) {
    quieter_since_ = now;
    quieter_ = wanted;
  }
  quieter_ = std::max(quieter_, wanted);
  if (now - *quieter_since_ < limits_.recovery) return;
  (void)machine_.handle(static_cast<ThreatSign>(quieter_), {.who = "monitor", .why = why});
  quieter_since_.reset();
}

}  // namespace weir::security
