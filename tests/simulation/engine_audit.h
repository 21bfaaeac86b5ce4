// What must hold of a running engine whenever one looks, seen from outside as an operator sees it,
// and compared with what the simulation knows.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "control/engine_control.h"
#include "simulation/engine_life.h"
#include "simulation/sim_network.h"
#include "simulation/sim_threads.h"

namespace weir::test {

class EngineAudit {
 public:
  // Heap that an engine may take, and each lane of a session; by how much it may grow while there
  // is little to do.
  static constexpr std::uint64_t kHeapBytes = std::uint64_t{128} << 20;
  static constexpr std::uint64_t kSessionLaneBytes = std::uint64_t{192} << 20;
  static constexpr std::uint64_t kGrowthBytesMax = std::uint64_t{16} << 20;

  // All borrowed.
  EngineAudit(const EnginePlan& plan, const SimNetwork& network, const SimThreads& threads,
              const LifeOptions& options, LifeRecord& record)
      : plan_(plan),
        network_(network),
        threads_(threads),
        verbose_(options.verbose),
        record_(record) {}

  // Any moment. What is wrong goes to the record.
  void look(const control::EngineControl& engine);
  // Traffic becomes little, and faults are over.
  void begin_calm(const control::EngineControl& engine);
  // When nothing is to be expected any more and the faults are long over.
  void look_at_calm(const control::EngineControl& engine);
  // When it has drained: counters are final.
  void look_at_end(const control::EngineControl& engine);
  // By the journal: each machine goes on where it was, and what follows from what comes after it.
  void look_at_journal(const control::EngineControl& engine);

 private:
  struct Seen {
    std::uint64_t received = 0;
    std::uint64_t accepted = 0;
    std::uint64_t accepted_when_paused = 0;
    std::uint64_t withheld_when_running = 0;
    std::uint64_t offered = 0;
    std::int64_t since = 0;
    std::uint64_t generation = 0;
    std::string state;
    bool changed = false;  // not the same session any more, or it has failed
  };

  static std::string open_sessions(const control::EngineControl& engine);
  [[nodiscard]] bool quiet() const noexcept;
  void look_at_interfaces(const std::vector<control::InterfaceStatus>& interfaces, bool exact);
  void look_at_session(const control::SessionStatus& session, bool exact);
  void note_written(const control::SessionStatus& session);
  void look_at_heap(std::size_t sessions);
  void look_at_pressure(const control::PressureStatus& pressure);
  void check(bool holds, const std::string& what);

  const EnginePlan& plan_;
  const SimNetwork& network_;
  const SimThreads& threads_;
  const bool verbose_;
  LifeRecord& record_;
  std::map<std::string, Seen> seen_;
  std::uint64_t commands_seen_ = 0;
  std::uint64_t heap_at_calm_ = 0;
  std::string open_at_calm_;
};

}  // namespace weir::test
