// What happens to an engine in a simulation, drawn from a seed: its configuration, the traffic,
// what its disk, its memory, its threads and its clock do, and how each of its lives ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "control/engine_control.h"
#include "simulation/engine_disk.h"
#include "simulation/sim_network.h"

namespace weir::test {

struct SessionPlan {
  std::string name;
  bool store = false;
  bool pcapng = false;
  bool logs = false;
  std::string durability = "segment";
  std::string compression = "none";
  std::uint32_t chunk_bytes = 16384;
  std::string filter;
  std::uint32_t priority = 100;
};

struct InterfacePlan {
  std::string name;
  std::uint32_t workers = 1;
};

// A thread gets no turn for a while.
struct Freeze {
  std::string thread;
  MonotonicTime at{};
  Duration length{};
};
struct ClockJump {
  MonotonicTime at{};
  Duration by{};
};
// From a moment on, until the next one.
struct MemoryPhase {
  MonotonicTime from{};
  double fill = 0;
};

struct ScriptedCommand {
  MonotonicTime at{};
  control::Command command;
};

enum class LifeEnd : std::uint8_t { Drain, KillProcess, KillPower };

struct LifePlan {
  // Versions of the policy grow from one to the next.
  [[nodiscard]] std::uint64_t first_policy() const noexcept {
    return 1 + number * std::uint64_t{1000};
  }
  // By which packets know their lane and life.
  static constexpr std::uint32_t kLanesMax = 16;
  [[nodiscard]] std::uint32_t first_lane() const noexcept { return number * kLanesMax; }

  std::uint32_t number = 0;
  std::uint64_t seed = 1;
  Timestamp begun{};
  std::vector<LaneTrafficPlan> lanes;
  std::vector<DiskPhase> disk;
  std::vector<MemoryPhase> memory;
  std::vector<Freeze> freezes;
  std::vector<ClockJump> jumps;
  std::uint32_t switches = 0;           // SimThreads::Options
  Duration between_commands{};          // on average; 0: nobody steers it
  std::vector<ScriptedCommand> script;  // what is asked besides, in order
  MonotonicTime calm_from{};            // little traffic, and no faults
  MonotonicTime end{};
  std::uint64_t end_turn =
      0;  // of a kill that does not wait for `end`: SimThreads::turns(); 0: it does
  LifeEnd how = LifeEnd::Drain;
};

struct EnginePlan {
  std::uint64_t seed = 1;
  std::vector<InterfacePlan> interfaces;
  std::vector<SessionPlan> sessions;
  bool policy = false;  // there is a signed one, and its author changes it
  Duration step_interval = std::chrono::milliseconds(20);
  Duration recover_after = std::chrono::milliseconds(100);
  std::vector<LifePlan> lives;

  [[nodiscard]] std::uint32_t lanes() const noexcept;
};

[[nodiscard]] EnginePlan draw_plan(std::uint64_t seed);
// One life of which the course is worth looking at: "burst" (more packets than the processor can
// do), "slow-disk", "stalled-disk". Nothing: there is none of that name.
[[nodiscard]] std::optional<EnginePlan> scenario(std::string_view name);
// The configuration file; all that the engine keeps lies below `directory`.
[[nodiscard]] std::string config_text(const EnginePlan& plan, const std::string& directory);
// For people.
[[nodiscard]] std::string text_of(const EnginePlan& plan);
[[nodiscard]] std::string session_text(const SessionPlan& session, const std::string& directory);
[[nodiscard]] std::string store_of(const SessionPlan& session, const std::string& directory);

}  // namespace weir::test
