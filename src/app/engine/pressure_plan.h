// From what a running engine measures to signals of pressure, and from the steps of ladders to what
// each session does with less of. Values in, values out: the watcher (pressure_watch.h) measures
// and acts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "capture/relief.h"
#include "control/config.h"
#include "state/pressure_controller.h"

namespace weir::app {

// An output that waits while it is full holds the worker up, and with it all that the worker reads:
// until the ring of the kernel is full too, nothing is lost.
enum class WhenFull : std::uint8_t { Loses, Waits };

struct OutputReading {
  std::string place;  // "pipe /run/x", "disk 259:1"
  double fill = 0;
  WhenFull when_full = WhenFull::Loses;
};

struct StoreReading {
  std::string place;  // "store /data"
  double wanted = 0;  // output::wanted_of()
  std::string why;
};

struct SessionReading {
  std::string name;
  std::uint32_t priority = 0;
  bool takes_packets = true;
  std::vector<bool> lanes;
  std::vector<OutputReading> outputs;
  std::vector<StoreReading> stores;
  std::optional<double> flows;  // of those that it may follow at a time
};

struct PressureReadings {
  std::vector<SessionReading> sessions;
  std::vector<double> rings;     // by lane
  std::vector<bool> behind;      // by lane, of RingsBehindDisks; empty: none
  std::optional<double> memory;  // of what the engine's cgroup may have
};

// When a disk gets on again, the rings behind it are still full of what came meanwhile, and the
// processor is not what is short. So a ring is behind its disk until it has come below where
// pressure begins; kPatience after the disk was last waited for, it is the processor's all the
// same. One thread.
class RingsBehindDisks {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(5);

  // Fills readings.behind.
  void look(PressureReadings& readings, const state::PressureLimits& limits, MonotonicTime now);

 private:
  std::vector<std::optional<MonotonicTime>> waited_;  // by lane; the last time
};

struct PlaceSignal {
  state::Resource resource{};
  std::string place;
  double fill = 0;
  std::string why;
  std::vector<std::size_t> sessions;  // that can be relieved for it
};

// Every place that there is, once. A ring that fills while a disk has no room for one of its
// sessions is a signal of that disk, not of the processor, and one that is behind a disk is none. A
// full table of flows ends flows early, which is counted: nobody is relieved for it.
std::vector<PlaceSignal> signals_of(const PressureReadings& readings,
                                    const state::PressureLimits& limits);

// How many different priorities the sessions of the signal have.
std::uint32_t ranks_of(const PlaceSignal& signal, const std::vector<SessionReading>& sessions);

// By state::Resource.
using Ladders = std::array<std::vector<capture::Relief>, state::kResources>;
Ladders ladders_of(const control::PressureConfig& config);
state::PressureOptions options_of(const control::PressureConfig& config, const Ladders& ladders);

// What each session is to do with less of, `steps[i]` being those taken for `signals[i]`: of
// several reliefs the strictest of everything.
std::vector<capture::Relief> reliefs_of(const std::vector<SessionReading>& sessions,
                                        const std::vector<PlaceSignal>& signals,
                                        std::span<const std::uint32_t> steps,
                                        const Ladders& ladders);

}  // namespace weir::app
