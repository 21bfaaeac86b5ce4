// A session's part of packet stores: a lane for each of its workers, with a part in each directory.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "output/section_counts.h"
#include "output/segment_store.h"
#include "output/sink.h"
#include "output/store_lane.h"
#include "output/striped_lane.h"

namespace weir::output {

struct StoreOptions {
  std::uint32_t lanes = 1;
  std::uint64_t segment_bytes = storage::segment::kSegmentBytesMax;
  std::uint32_t chunk_bytes = storage::segment::kChunkBytesMax;
  storage::segment::Durability durability = storage::segment::Durability::Segment;
  storage::segment::Codec codec = storage::segment::Codec::None;
  // Behind the Interface Statistics Blocks; null: none are written. Borrowed, outlives the sink.
  const InterfaceCountsReader* counts = nullptr;
  storage::segment::RetentionBounds bounds = {};  // of each store
};

// Its own calls are those of its first lane; workers call lane().
class StoreSink final : public Sink, public StripeWatcher {
 public:
  // 1 to kStripesMax stores, each once. They and the clock are borrowed. Errors: Resource, and
  // those of files that cannot be made.
  static Result<std::unique_ptr<StoreSink>> open(std::span<SegmentStore* const> stores,
                                                 const StoreOptions& options, const Clock& clock);

  Sink& lane(std::size_t index) override { return *lanes_[index].striped; }

  Result<void> reserve() override { return first().reserve(); }
  void write(const Offer& offer) override { first().write(offer); }
  Result<void> flush() override { return first().flush(); }
  Result<void> close() override { return first().close(); }
  void cancel() noexcept override {}
  [[nodiscard]] bool wants_uids() const noexcept override { return true; }
  [[nodiscard]] protocol::StoreRef store_ref() override { return first().store_ref(); }
  // Also: a directory that takes no more, while others do.
  std::optional<Error> take_warning() override;

  [[nodiscard]] SinkCounts counts() const noexcept override;
  [[nodiscard]] const SinkStatistics& statistics() const noexcept override {
    return first().statistics();
  }
  [[nodiscard]] std::string_view kind() const noexcept override { return "store"; }
  // All of them, joined by ','.
  [[nodiscard]] std::string_view path() const noexcept override { return path_; }
  [[nodiscard]] std::string_view mode() const noexcept override { return first().mode(); }
  [[nodiscard]] std::uint64_t files() const noexcept override;
  // Of the fullest lane.
  [[nodiscard]] double fill() const noexcept override;
  // The directories.
  [[nodiscard]] std::size_t places() const noexcept override { return stores_.size(); }
  [[nodiscard]] SinkPlace place(std::size_t index) const override;
  [[nodiscard]] std::string_view place_mode(std::size_t index) const noexcept override {
    return first().stripe(index).mode();
  }

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
  // Destroyed last to first.
  struct Lane {
    std::unique_ptr<LaneCounts> counts;  // null: none are written
    std::unique_ptr<SectionCounts> section;
    std::unique_ptr<StripedLane> striped;
  };

  explicit StoreSink(std::span<SegmentStore* const> stores);
  static Result<Lane> make_lane(StoreSink& sink, std::uint32_t number, const StoreOptions& options,
                                const Clock& clock);
  void stripe_failed(std::size_t stripe, const Error& why) override;
  [[nodiscard]] StripedLane& first() const noexcept { return *lanes_.front().striped; }

  const std::vector<SegmentStore*> stores_;
  std::string path_;
  std::vector<Lane> lanes_;

  std::mutex mutex_;          // guards what follows
  std::vector<bool> failed_;  // stores that are told of
  std::deque<Error> warnings_;
};

}  // namespace weir::output
