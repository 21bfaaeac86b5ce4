// The packets of one lane on their way into a store: into chunks, chunks into segments, what they
// are found by into the index. (How a segment looks: docs/segment-format.md. Where it lies and who
// ends it: segment_supply.h.)
//
// Ledger: a packet is `written` when its chunk and all before it in the segment are acknowledged
// (storage::segment::Durability). After a failed write the segment is cut behind the last such
// chunk; what comes after counts as lost. The segments before it are whole.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "buffer/block_pool.h"
#include "output/index_facts.h"
#include "output/loss.h"
#include "output/section_counts.h"
#include "output/segment_supply.h"
#include "output/sink.h"
#include "output/store_interfaces.h"
#include "storage/segment/chunk_builder.h"
#include "storage/segment/index_builder.h"
#include "storage/segment/segment_assembler.h"

namespace weir::output {

struct StoreLaneOptions {
  std::string path = {};  // of the store, for people
  std::uint32_t chunk_bytes = storage::segment::kChunkBytesMax;
  std::uint64_t segment_bytes = storage::segment::kSegmentBytesMax;
  storage::segment::Durability durability = storage::segment::Durability::Segment;
  storage::segment::Codec codec = storage::segment::Codec::None;
  // A chunk that has waited so long for more packets is closed short.
  Duration chunk_age_max = std::chrono::seconds(1);
  // Null: no Interface Statistics Blocks. Borrowed; shared by the lanes of one thread
  // (striped_lane.h), each segment says what was counted since any of them ended one.
  SectionCounts* counts = nullptr;
};

class StoreLane final : public Sink {
 public:
  // One being filled, one that a compressor fills, the rest under way.
  static constexpr std::uint32_t kBlocks = 10;
  // What the device of a segment has to take at a time.
  static constexpr std::uint32_t kQueueDepth = kBlocks + 1;
  // Of a lane, bounded: blocks, and the index of a page.
  static constexpr std::uint64_t kMemoryBytes =
      std::uint64_t{kBlocks} * storage::segment::kBlockBytes +
      storage::segment::kIndexBuilderBytesMax + storage::segment::PageFilters::kBytesMax +
      storage::segment::kUnitBytesMax;

  // Clock and supply are borrowed. Errors: Resource, those of SegmentSupply::add_lane().
  static Result<std::unique_ptr<StoreLane>> make(StoreLaneOptions options, const Clock& clock,
                                                 SegmentSupply& supply);
  ~StoreLane() override;

  Result<void> reserve() override;
  void write(const Offer& offer) override;
  // Closes a chunk that has waited long enough.
  Result<void> flush() override;
  Result<void> close() override;
  void cancel() noexcept override {}  // a disk answers

  [[nodiscard]] bool wants_uids() const noexcept override { return true; }
  // Takes the file of the next segment when there is none that grows.
  [[nodiscard]] protocol::StoreRef store_ref() override;

  // For one that has several lanes and chooses (striped_lane.h).
  //
  // reserve(), when it does not have to wait. False: it would, or the lane has failed.
  bool try_reserve();
  // Chunks that have gone on their way.
  [[nodiscard]] std::uint64_t chunks_closed() const noexcept { return chunks_closed_; }
  // Of the devices that have something to do (storage/wait_fd.h); -1: none.
  [[nodiscard]] std::array<int, 2> wait_fds() const noexcept {
    return {segment_ != nullptr ? segment_fd_ : -1, ending_ != nullptr ? ending_fd_ : -1};
  }
  // Side blocks of batches that went to another lane, ahead of the next one that comes here. Uses
  // up no credit: waits where there is no room.
  void write_side_blocks(std::span<const SideBlock> blocks, const InterfaceTable& interfaces);
  // False: a segment has its own blocks of that kind.
  [[nodiscard]] static bool travels_along(const SideBlock& block) noexcept;
  // What the other lane has still to tell of lost packets is told by this one.
  void take_losses(StoreLane& other);
  // The first error; final.
  [[nodiscard]] const std::optional<Error>& failure() const noexcept { return error_; }

  [[nodiscard]] const SinkStatistics& statistics() const noexcept override { return statistics_; }
  [[nodiscard]] std::string_view kind() const noexcept override { return "store"; }
  [[nodiscard]] std::string_view path() const noexcept override { return options_.path; }
  [[nodiscard]] std::string_view mode() const noexcept override { return mode_; }
  [[nodiscard]] std::uint64_t files() const noexcept override { return files_.value(); }
  [[nodiscard]] double fill() const noexcept override {
    return has_failed() ? 0 : static_cast<double>(fill_.value()) / 1000;
  }
  // Any thread.
  [[nodiscard]] bool has_failed() const noexcept { return fill_.value() == kFailed; }

 private:
  using Writer = storage::segment::SegmentWriter;

  // A batch fills two chunks, and begins another: reserve() waits for as many blocks. One that
  // consists of many small chunks, or that ends a segment, makes write() wait for the disk.
  static constexpr std::uint32_t kBlocksForBatch = 3;
  static_assert(kBlocksForBatch < kBlocks);
  static constexpr std::uint64_t kFailed = 1001;  // of fill_

  StoreLane(StoreLaneOptions options, const Clock& clock, SegmentSupply& supply,
            std::unique_ptr<buffer::BlockPool> pool, std::uint32_t lane);

  void look_up(const Offer& offer) noexcept;
  // Packets of a batch up to `end`; false after a failure.
  bool add_packets(const Offer& offer, std::uint32_t begin, std::uint32_t end);
  bool add_packet(const Offer& offer, std::uint32_t index);
  bool add_side_block(const InterfaceTable& interfaces, const SideBlock& block);
  bool make_room(const InterfaceTable& interfaces, std::uint32_t bytes);
  bool take_next();
  bool next_segment(const InterfaceTable& interfaces);
  bool begin_segment(const InterfaceTable& interfaces);
  bool end_segment();
  bool close_chunk();
  bool wait_for_blocks(std::uint32_t count);
  void note(InterfaceId interface, const Loss& loss);
  [[nodiscard]] bool chunk_is_due() const noexcept;
  [[nodiscard]] bool has_room() const;
  void see(const InterfaceTable& interfaces);

  void poll();
  void seal_ended();
  [[nodiscard]] std::vector<std::uint8_t> take_statistics();
  void count() noexcept;
  void note_fill() noexcept;
  bool fail(Error error);
  bool settle_failure(const storage::segment::SegmentAssembler& failed);
  Result<void> state() const;

  const StoreLaneOptions options_;
  const std::uint32_t lane_;
  const Clock& clock_;
  SegmentSupply& supply_;
  // Destroyed last to first: writers wait for their blocks, then the memory goes.
  std::unique_ptr<buffer::BlockPool> pool_;
  std::unique_ptr<storage::segment::ChunkCompressor> compressor_;  // null: chunks stay as they are
  std::unique_ptr<storage::segment::LaneIndex> index_;
  IndexFacts facts_;
  std::array<std::uint64_t, kBatchPacketsMax> hashes_;  // of the packets of a batch

  std::optional<FreshSegment> next_;                             // taken, and not begun
  std::unique_ptr<storage::segment::SegmentAssembler> segment_;  // that grows
  std::unique_ptr<storage::segment::SegmentAssembler> ending_;   // complete, but for its writes
  int segment_fd_ = -1;
  int ending_fd_ = -1;
  StoreInterfaces interfaces_;
  storage::segment::ChunkBuilder chunk_;
  std::uint64_t chunks_begun_ = 0;
  std::uint64_t chunks_closed_ = 0;
  MonotonicTime chunk_begun_;

  std::vector<Loss> losses_;  // by table index
  std::uint32_t losses_open_ = 0;
  std::vector<std::uint8_t> scratch_;

  storage::segment::SegmentWriter::Progress earlier_;  // in segments that have been sealed
  std::string_view mode_ = "none";
  telemetry::Counter files_;
  telemetry::Counter fill_;     // gauge, in thousandths, or kFailed
  std::optional<Error> error_;  // the first; final
  bool closed_ = false;
  SinkStatistics statistics_;
};

}  // namespace weir::output
