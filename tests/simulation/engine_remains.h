// What the lives of a simulated engine have left on the disk, against what they acknowledged: read
// as files, packet by packet.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "simulation/engine_life.h"

namespace weir::test {

class EngineRemains {
 public:
  // Borrowed; `records` by life.
  EngineRemains(const EnginePlan& plan, std::span<const LifeRecord> records,
                const std::string& directory);

  // What is wrong; empty: nothing.
  std::string check();
  // Packets in stores and files.
  [[nodiscard]] std::uint64_t found() const noexcept { return found_; }

 private:
  using ByLife = std::vector<std::uint64_t>;

  std::string check_store(const SessionPlan& session, ByLife& packets);
  std::string check_files(const SessionPlan& session, ByLife& packets);
  std::string take(Bytes frame, ByLife& packets);
  std::string compare(const std::string& what, std::uint64_t found, std::uint64_t written,
                      const LifePlan& life, const LifeRecord::Written& record,
                      bool survives_power) const;

  const EnginePlan& plan_;
  std::span<const LifeRecord> records_;
  const std::string& directory_;
  bool is_killed_ = false;  // in one of its lives, or loses its power
  bool loses_power_ = false;
  std::vector<LaneFrames> frames_;               // by life and lane
  std::map<std::uint32_t, std::uint64_t> next_;  // by lane: no packet that follows has less
  std::uint64_t found_ = 0;
};

}  // namespace weir::test
