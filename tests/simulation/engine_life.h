// One life of a simulated engine: from its start until it has drained or was killed. In a process
// of its own, which ends with it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "simulation/engine_plan.h"

namespace weir::test {

// What is left of a life besides its files: in memory that the process shares with the one that
// began it.
struct LifeRecord {
  static constexpr std::size_t kSessionsMax = 8;
  static constexpr std::size_t kTextMax = 4096;

  bool ended = false;                    // drained, or killed: neither is missing
  std::array<char, kTextMax> failure{};  // empty: all laws held
  std::uint64_t digest = 0;              // of the turns

  // Packets of each session that were acknowledged, as it was seen last; by EnginePlan::sessions.
  struct Written {
    std::uint64_t store = 0;
    std::uint64_t pcapng = 0;
    bool exact = false;  // it has drained, and was the same session from begin to end
  };
  std::array<Written, kSessionsMax> written{};

  struct Counts {
    std::uint64_t arrived = 0;
    std::uint64_t accepted = 0;
    std::uint64_t kernel_drops = 0;
    std::uint64_t pressure_drops = 0;
    std::uint64_t audits = 0;
    std::uint64_t level_moves = 0;
    std::uint64_t relief_moves = 0;
    std::uint64_t commands = 0;  // begun
    std::uint64_t commands_ended = 0;
    std::uint64_t commands_refused = 0;
    std::uint64_t session_faults = 0;
  } counts;

  void fail(const std::string& text) noexcept;
  [[nodiscard]] bool failed() const noexcept { return failure[0] != '\0'; }
};

// Of the world in which an engine lives: what the laws have to notice.
enum class Mistake : std::uint8_t {
  None,
  ForgetfulDisk,  // it does not keep what was synced
  LeakingRing,    // a packet in it is gone, and nobody counts it
  StuckPressure,  // memory stays short, although all was said to be over
};

class PolicyAuthor;

struct LifeOptions {
  bool verbose = false;  // what happens, on standard error; the engine's log too
  std::string course;    // a file for EngineCourse; empty: none
  Mistake mistake = Mistake::None;
  const PolicyAuthor* author = nullptr;  // borrowed; of the run
};

// Does not return when the engine is killed: then the process ends.
void live(const EnginePlan& plan, std::size_t life, const std::string& directory,
          const LifeOptions& options, LifeRecord& record);

}  // namespace weir::test
