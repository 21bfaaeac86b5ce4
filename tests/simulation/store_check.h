// What is left of a store, against what was promised of it: recovered by the real recovery, checked
// by the real verification, read packet by packet and by its index.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/prng.h"
#include "output/recover_segment.h"
#include "simulation/store_traffic.h"
#include "storage/segment/segment_file.h"
#include "support/sim_disk.h"

namespace weir::test {

struct LanePromise {
  const LaneTraffic* traffic = nullptr;
  // Of the offered packets, those that have to be there: from, up to.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> kept;
  std::uint64_t at_least = 0;  // in all
  // So many and no more are there; nothing: there may be more that were offered.
  std::optional<std::uint64_t> exactly;
};

struct StorePromise {
  std::vector<LanePromise> lanes;
  // A segment may have lost its head, or what was before its tail.
  bool heads_may_be_torn = false;
  bool middles_may_be_lost = false;
};

class StoreCheck {
 public:
  struct Found {
    std::uint64_t packets = 0;
    std::uint64_t segments = 0;
    std::uint64_t sealed_by_recovery = 0;
    std::uint64_t damaged = 0;
    std::uint64_t keys = 0;  // that were looked up
  };

  // `directory` is there, and empty; it is left with the store in it.
  StoreCheck(std::string directory, const Clock& clock, std::uint64_t seed)
      : directory_(std::move(directory)), clock_(clock), random_(seed) {}

  // What is wrong; empty: nothing.
  std::string check(const SimDisk::Image& image, const StorePromise& promise);
  [[nodiscard]] const Found& found() const noexcept { return found_; }

 private:
  std::string put(const SimDisk::Image& image) const;
  std::string recover(output::RecoveryReport& report);
  std::string interrupt_recovery(const SimDisk::Image& image);
  [[nodiscard]] std::vector<std::uint8_t> interrupted(const std::string& name, std::uint64_t end);
  std::string check_again(const output::RecoveryReport& report) const;
  std::string verify(const std::string& name) const;
  std::string check_lane(std::size_t lane, const LanePromise& promise,
                         const std::vector<bool>& kept) const;

  const std::string directory_;
  const Clock& clock_;
  Prng random_;
  Found found_;
};

}  // namespace weir::test
