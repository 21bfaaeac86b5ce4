// What was lost before a capture could receive it, as the interface's own counters tell: the row
// `upstream` of --stats-json, beside the ledger.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "interface/rtnetlink.h"

namespace weir::interface {

struct UpstreamLoss {
  // "nic": dropped, missed and overflowed as the interface counts; or a counter of the driver's, on
  // AWS "bw_in_allowance_exceeded" and its like (what the instance type does not allow for).
  std::string name;
  std::uint64_t count = 0;  // packets, since open()
  bool exact = false;       // every one is a packet that the capture would have received
};

struct DriverCounter {
  std::string name;
  std::uint64_t value = 0;
};
// The driver's own counters (`ethtool -S`); none where it has none. No right is needed.
std::vector<DriverCounter> read_driver_counters(const std::string& interface);

// Of one interface. Used by one thread, in whose network namespace the interface is when it is
// opened. Opened once the capture is: before somebody looks at all packets, those that nobody wants
// count as dropped too.
class NicStatistics {
 public:
  static Result<NicStatistics> open(int interface_index);

  // Asks the interface anew. Once it is gone, the values of the last time.
  const std::vector<UpstreamLoss>& read();

 private:
  // The sum of what a counter grew by; counters start anew with their driver.
  struct Growth {
    std::uint64_t last = 0;
    std::uint64_t total = 0;
    void see(std::uint64_t value) noexcept {
      total += value >= last ? value - last : value;
      last = value;
    }
  };

  explicit NicStatistics(RtnetlinkSocket questions, int interface_index)
      : questions_(std::move(questions)), index_(interface_index) {}
  void see(const LinkFacts& facts);
  void see(std::string_view name, std::uint64_t value, bool exact);

  RtnetlinkSocket questions_;
  int index_;
  bool exact_ = false;
  std::vector<Growth> growth_;  // of losses_, in their order
  std::vector<UpstreamLoss> losses_;
};

}  // namespace weir::interface
