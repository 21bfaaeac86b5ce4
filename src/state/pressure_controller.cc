#include "state/pressure_controller.h"

#include <algorithm>

namespace weir::state {
namespace {

constexpr std::array<std::string_view, kResources> kNames = {"cpu", "output", "memory"};
constexpr std::string_view kWho = "pressure";

std::string machine_of(Resource resource, std::string_view place) {
  std::string machine = "pressure " + std::string(name_of(resource));
  if (!place.empty()) machine.append(" ").append(place);
  return machine;
}

}  // namespace

std::string_view name_of(Resource resource) noexcept {
  return kNames[static_cast<std::size_t>(resource)];
}

double PressureController::Peak::take(double fill, Duration interval, MonotonicTime now) noexcept {
  if (now - begun_ >= interval) {
    // What was seen two intervals ago or more counts no longer.
    before_ = now - begun_ < 2 * interval ? now_ : fill;
    now_ = fill;
    begun_ = now;
  }
  now_ = std::max(now_, fill);
  return std::max(before_, now_);
}

void PressureController::set_options(const PressureOptions& options) {
  options_ = options;
  for (const auto& [key, place] : places_) place->gauge.set_limits(options.limits);
}

PressureController::Place& PressureController::place_of(const Signal& signal, MonotonicTime now) {
  const Key key(signal.resource, std::string(signal.place));
  auto found = places_.find(key);
  if (found == places_.end()) {
    found = places_
                .emplace(key, std::make_unique<Place>(journaler_,
                                                      machine_of(signal.resource, signal.place),
                                                      options_.limits, now))
                .first;
  }
  return *found->second;
}

void PressureController::signal(const Signal& signal, MonotonicTime now) {
  Place& place = place_of(signal, now);
  const std::uint32_t rungs = options_.rungs[static_cast<std::size_t>(signal.resource)];
  const PressureLevel before = place.gauge.level();
  place.heard = true;
  place.fill = signal.fill;
  place.steps = rungs * signal.ranks;
  const double peak = place.peak.take(signal.fill, options_.pace.step_interval, now);
  const bool moved = place.gauge.signal(peak, {.who = kWho, .why = signal.why});
  if (moved) place.since = now;
  const double high = options_.limits.begin[static_cast<std::size_t>(PressureLevel::High) - 1];
  const bool stepped = place.walk.advance(
      {.level = place.gauge.level(), .fill = signal.fill, .enough = high, .steps = place.steps},
      options_.pace, now);
  if (!moved && !stepped) return;
  receiver_.direct({.resource = signal.resource,
                    .place = signal.place,
                    .before = before,
                    .level = place.gauge.level(),
                    .fill = signal.fill,
                    .step = place.walk.step(),
                    .steps = place.steps,
                    .rungs = rungs,
                    .why = signal.why});
}

void PressureController::forget_silent() {
  constexpr std::string_view kWhy = "nobody uses it any more";
  for (auto at = places_.begin(); at != places_.end();) {
    Place& place = *at->second;
    if (place.heard) {
      place.heard = false;
      ++at;
      continue;
    }
    const PressureLevel before = place.gauge.level();
    const bool moved = place.gauge.signal(0, {.who = kWho, .why = kWhy});
    if (moved || place.walk.step() != 0) {
      receiver_.direct({.resource = at->first.first,
                        .place = at->first.second,
                        .before = before,
                        .level = place.gauge.level(),
                        .why = kWhy});
    }
    at = places_.erase(at);
  }
}

std::vector<PressureController::PlaceStatus> PressureController::status() const {
  std::vector<PlaceStatus> rows;
  for (const auto& [key, place] : places_) {
    rows.push_back({.resource = key.first,
                    .place = key.second,
                    .level = place->gauge.level(),
                    .since = place->since,
                    .fill = place->fill,
                    .step = place->walk.step(),
                    .steps = place->steps});
  }
  return rows;
}

std::uint32_t PressureController::step(Resource resource, std::string_view place) const {
  const auto found = places_.find(Key(resource, std::string(place)));
  return found == places_.end() ? 0 : found->second->walk.step();
}

}  // namespace weir::state
