#include "simulation/engine_course.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace weir::test {
namespace {

std::uint64_t packets_of(const control::Counts& counts, std::string_view reason) {
  for (const auto& [name, packets] : counts) {
    if (name == reason) return packets;
  }
  return 0;
}

std::size_t number_of(const std::string& level) {
  static constexpr std::array<std::string_view, 4> kLevels = {"normal", "elevated", "high",
                                                              "critical"};
  return static_cast<std::size_t>(std::find(kLevels.begin(), kLevels.end(), level) -
                                  kLevels.begin());
}

}  // namespace

EngineCourse::EngineCourse(const std::string& path, const SimThreads& threads)
    : file_(path), threads_(threads), begun_(threads.monotonic()), next_(begun_) {
  file_
      << "seconds,arrived,accepted,full_ring,under_pressure,fill_percent,level,step,steps,place\n";
}

void EngineCourse::look(const control::EngineControl& engine) {
  const MonotonicTime now = threads_.monotonic();
  if (now < next_) return;
  next_ = next_ + kInterval;
  const control::EngineStatus status = engine.status();
  const std::uint64_t full_ring = packets_of(status.dropped, "kernel");
  const std::uint64_t under_pressure = packets_of(status.dropped, "pressure");
  // Of the place that is worst.
  control::PressurePlace worst;
  for (const control::PressurePlace& place : engine.pressure().places) {
    const auto rank = [](const control::PressurePlace& one) {
      return std::pair(one.step, number_of(one.level) * 1000 + one.fill);
    };
    if (worst.resource.empty() || rank(place) > rank(worst)) worst = place;
  }
  file_ << static_cast<double>((now - begun_).count()) / 1e9 << ','
        << status.received - std::exchange(received_, status.received) << ','
        << status.accepted - std::exchange(accepted_, status.accepted) << ','
        << full_ring - std::exchange(full_ring_, full_ring) << ','
        << under_pressure - std::exchange(under_pressure_, under_pressure) << ',' << worst.fill
        << ',' << number_of(worst.level) << ',' << worst.step << ',' << worst.steps << ','
        << worst.resource << (worst.place.empty() ? "" : " ") << worst.place << '\n';
}

}  // namespace weir::test
