// A lane of the packet store over files in memory, and what is in them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/headers.h"
#include "output/segment_supply.h"
#include "output/store_lane.h"
#include "output_fixture.h"
#include "storage/segment/directory.h"
#include "storage/segment/segment_head.h"
#include "support/fake_block_device.h"
#include "support/fake_clock.h"
#include "support/fault_block_device.h"

namespace weir::output {

// What a segment holds.
struct SegmentContent {
  struct StoredPacket {
    std::string data;
    std::int64_t time = 0;
    std::uint32_t wire_bytes = 0;
    std::uint32_t interface = 0;
    bool has_time = false;
    std::string options;  // as they stand in the block
    std::size_t chunk = 0;
  };
  struct OtherBlock {
    std::uint32_t type = 0;
    std::string body;
    std::size_t packets_before = 0;
  };
  storage::segment::SegmentHead head;
  std::vector<storage::segment::ChunkFacts> chunks;
  std::vector<StoredPacket> packets;
  std::vector<OtherBlock> others;
  std::uint64_t end = 0;                                 // behind the last good unit
  std::optional<storage::segment::Directory> directory;  // when it is sealed
};
// Nothing wrong may be in it; a failure otherwise.
SegmentContent content_of(Bytes segment);

// Makes files in memory for the segments of lanes. What becomes of them stays when the lane is
// gone.
class MemorySupply final : public SegmentSupply {
 public:
  struct Segment {
    test::FakeFile file;
    std::uint64_t sequence = 0;
    std::optional<SealedSegment> sealed;
    bool given_up = false;
  };

  // The plan is for the segment of this number, from 0.
  explicit MemorySupply(const test::FaultPlan& plan = {}, std::size_t faulty = 0)
      : plan_(plan), faulty_(faulty) {}
  // The plan is for all segments.
  void plan_for_all() { faulty_ = kAll; }
  // From the segment of this number on there are no files.
  void refuse_from(std::size_t number) { refused_from_ = number; }

  Result<std::uint32_t> add_lane(const SegmentFiles& files) override;
  Result<FreshSegment> take(std::uint32_t lane) override;
  void seal(std::uint32_t lane, std::unique_ptr<storage::segment::SegmentWriter> writer,
            const SealedSegment& segment) override;
  Result<void> give_up(std::unique_ptr<storage::segment::SegmentWriter> writer) override;
  Result<void> close_lane(std::uint32_t lane) override;

  [[nodiscard]] const std::vector<std::unique_ptr<Segment>>& segments() const { return segments_; }
  [[nodiscard]] bool closed() const { return closed_; }
  // Of all of them, one after the other.
  [[nodiscard]] std::vector<SegmentContent> contents() const;

 private:
  static constexpr std::size_t kAll = SIZE_MAX;

  Segment& segment_of(const storage::segment::SegmentWriter& writer);

  test::FaultPlan plan_;
  std::size_t faulty_;
  std::size_t refused_from_ = SIZE_MAX;
  SegmentFiles files_;
  std::vector<std::unique_ptr<Segment>> segments_;
  bool closed_ = false;
  std::optional<Error> seal_error_;
};

// One lane, what it is offered and how it takes that.
class LaneBench {
 public:
  explicit LaneBench(StoreLaneOptions options = {}, const test::FaultPlan& plan = {},
                     std::size_t faulty = 0);

  // Of the batch, all; as a pipeline does, with a credit. Whether there was one.
  bool offer(TestBatch& batch);
  bool offer(TestBatch& batch, const Verdicts& verdicts, const protocol::FlowUids* uids = nullptr,
             std::span<const PressureLoss> dropped = {});
  // One packet in a batch of its own.
  bool offer(std::string frame, std::int64_t time = 1'000, std::uint32_t interface = 0);
  // Until everything that is on its way has come to where it is counted.
  void settle();
  [[nodiscard]] const SinkStatistics& statistics() const { return lane->statistics(); }

  test::FakeClock clock;
  MemorySupply supply;
  InterfaceTable interfaces;
  std::unique_ptr<StoreLane> lane;

 private:
  std::unique_ptr<HeadersArray> headers_ = std::make_unique<HeadersArray>();
  std::unique_ptr<KeysArray> keys_ = std::make_unique<KeysArray>();
};

// So long that each has a chunk of 4 KiB for itself.
std::string frame_for_a_chunk(std::uint32_t number);

}  // namespace weir::output
