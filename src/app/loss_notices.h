// Says on standard error when packets are lost, at once and then not again and again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace weir::app {

// One counter of lost packets, as it stands.
struct LossCounter {
  std::string where;  // "eth0", "standard output"
  std::string cause;  // "kernel: its ring was full"
  std::uint64_t packets = 0;
};

// One thread. The first loss is told at the next look; what follows is summed up and told once an
// interval.
class LossNotices {
 public:
  static constexpr Duration kInterval = std::chrono::seconds(5);

  // Lines to print, each with its end; empty: nothing to say. `counters` are the same ones, in the
  // same order, at every look.
  std::string look(const std::vector<LossCounter>& counters, MonotonicTime now);

 private:
  struct Told {
    std::uint64_t packets = 0;
    MonotonicTime at;
  };
  std::vector<Told> told_;
};

}  // namespace weir::app
