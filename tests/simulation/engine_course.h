// The course of a simulated engine over time, as rows of numbers: what arrives, what becomes of it,
// and how far pressure has gone.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

#include "control/engine_control.h"
#include "simulation/sim_network.h"
#include "simulation/sim_threads.h"

namespace weir::test {

class EngineCourse {
 public:
  // Packets of each row are those since the row before.
  static constexpr Duration kInterval = std::chrono::milliseconds(20);

  // Writes the file, with a line that names its columns. Threads are borrowed.
  EngineCourse(const std::string& path, const SimThreads& threads);

  // A row, when it is time for one.
  void look(const control::EngineControl& engine);

 private:
  std::ofstream file_;
  const SimThreads& threads_;
  const MonotonicTime begun_;
  MonotonicTime next_;
  std::uint64_t received_ = 0;
  std::uint64_t accepted_ = 0;
  std::uint64_t full_ring_ = 0;
  std::uint64_t under_pressure_ = 0;
};

}  // namespace weir::test
