// The twin of output::SegmentStore on a simulated disk, without threads: names, spares and syncs of
// the directory as there. What others do in the background happens here in tick(), sooner or later
// by the seed.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/prng.h"
#include "output/segment_supply.h"
#include "support/sim_disk.h"

namespace weir::test {

class SimSegmentSupply final : public output::SegmentSupply {
 public:
  struct Options {
    std::uint64_t seed = 1;
    std::uint32_t refuse_percent = 0;  // take() fails: ENOSPC
    std::uint32_t delay_percent = 0;   // a segment is not finished at once
  };
  // Given to be sealed, in the order of the lane.
  struct Given {
    std::uint64_t packets = 0;
    bool finished = false;  // and finish() had no error: what was promised of sealed ones holds
  };

  // Both are borrowed.
  SimSegmentSupply(SimDisk& disk, const Clock& clock, const Options& options)
      : disk_(disk), clock_(clock), options_(options), random_(options.seed) {}

  Result<std::uint32_t> add_lane(const output::SegmentFiles& files) override;
  Result<output::FreshSegment> take(std::uint32_t lane) override;
  void seal(std::uint32_t lane, std::unique_ptr<storage::segment::SegmentWriter> writer,
            const output::SealedSegment& segment) override;
  Result<void> give_up(std::unique_ptr<storage::segment::SegmentWriter> writer) override;
  Result<void> close_lane(std::uint32_t lane) override;

  // A step of the background.
  void tick();
  [[nodiscard]] const std::vector<Given>& given(std::uint32_t lane) const {
    return lanes_[lane].given;
  }
  // Segments that the lane has got.
  [[nodiscard]] std::uint64_t taken(std::uint32_t lane) const { return lanes_[lane].taken; }

 private:
  struct Lane {
    output::SegmentFiles files;
    std::unique_ptr<storage::BlockDevice> spare;
    std::vector<Given> given;
    std::uint64_t taken = 0;
    std::optional<Error> seal_error;
  };
  struct Ended {
    std::uint32_t lane = 0;
    std::size_t number = 0;  // in Lane::given
    std::unique_ptr<storage::segment::SegmentWriter> writer;
    std::uint64_t delay = 0;
  };
  Result<std::unique_ptr<storage::BlockDevice>> make_spare(std::uint32_t lane,
                                                           const output::SegmentFiles& files);
  void finish(Ended ended);

  SimDisk& disk_;
  const Clock& clock_;
  Options options_;
  Prng random_;
  std::vector<Lane> lanes_;
  std::deque<Ended> ended_;
  std::uint64_t next_sequence_ = 1;
};

}  // namespace weir::test
