// A session's part of a store: a lane for each of its workers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "output/segment_store.h"
#include "output/sink.h"
#include "output/store_lane.h"

namespace weir::output {

struct StoreOptions {
  std::uint32_t lanes = 1;
  std::uint64_t segment_bytes = storage::segment::kSegmentBytesMax;
  std::uint32_t chunk_bytes = storage::segment::kChunkBytesMax;
  storage::segment::Durability durability = storage::segment::Durability::Segment;
  storage::segment::Codec codec = storage::segment::Codec::None;
  // Behind the Interface Statistics Blocks; null: none are written. Borrowed, outlives the sink.
  const InterfaceCountsReader* counts = nullptr;
  storage::segment::RetentionBounds bounds = {};  // of the whole store
};

// Its own calls are those of its first lane; workers call lane().
class StoreSink final : public Sink {
 public:
  // Store and clock are borrowed. Errors: Resource, and those of files that cannot be made.
  static Result<std::unique_ptr<StoreSink>> open(SegmentStore& store, const StoreOptions& options,
                                                 const Clock& clock);

  Sink& lane(std::size_t index) override { return *lanes_[index]; }

  Result<void> reserve() override { return lanes_.front()->reserve(); }
  void write(const Offer& offer) override { lanes_.front()->write(offer); }
  Result<void> flush() override { return lanes_.front()->flush(); }
  Result<void> close() override { return lanes_.front()->close(); }
  void cancel() noexcept override {}
  [[nodiscard]] bool wants_uids() const noexcept override { return true; }
  std::optional<Error> take_warning() override {
    store_.tend();
    return std::nullopt;
  }

  [[nodiscard]] SinkCounts counts() const noexcept override;
  [[nodiscard]] const SinkStatistics& statistics() const noexcept override {
    return lanes_.front()->statistics();
  }
  [[nodiscard]] std::string_view kind() const noexcept override { return "store"; }
  [[nodiscard]] std::string_view path() const noexcept override { return store_.path(); }
  [[nodiscard]] std::string_view mode() const noexcept override { return lanes_.front()->mode(); }
  [[nodiscard]] std::uint64_t files() const noexcept override;

 private:
  // The counts of one lane, as those of the whole capture.
  class LaneCounts final : public InterfaceCountsReader {
   public:
    LaneCounts(const InterfaceCountsReader& reader, std::size_t lane) noexcept
        : reader_(reader), lane_(lane) {}
    [[nodiscard]] InterfaceCounts counts(InterfaceId interface) const override {
      return reader_.lane_counts(lane_, interface);
    }
    [[nodiscard]] InterfaceCounts lane_counts(std::size_t, InterfaceId interface) const override {
      return counts(interface);
    }

   private:
    const InterfaceCountsReader& reader_;
    std::size_t lane_;
  };

  explicit StoreSink(SegmentStore& store) noexcept : store_(store) {}

  SegmentStore& store_;
  std::vector<std::unique_ptr<LaneCounts>> counts_;
  std::vector<std::unique_ptr<StoreLane>> lanes_;
};

}  // namespace weir::output
