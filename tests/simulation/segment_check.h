// One recovered segment: its packets against those that were offered, its index against its
// packets.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "simulation/store_traffic.h"
#include "storage/segment/index_page.h"
#include "storage/segment/records.h"
#include "storage/segment/segment_file.h"

namespace weir::test {

class SegmentCheck {
 public:
  // All are borrowed. `found`: by the number of the packet; those of this segment are added.
  SegmentCheck(const storage::segment::SegmentFile& file, const LaneTraffic& traffic,
               std::vector<bool>& found)
      : file_(file), traffic_(traffic), found_(found) {}

  // `next`: no packet of the segment has a lower number; becomes that of the next segment. What is
  // wrong; empty: nothing.
  std::string check(std::uint64_t& next);
  [[nodiscard]] std::uint64_t keys() const noexcept { return keys_; }
  [[nodiscard]] std::uint64_t packets() const noexcept { return packets_; }

 private:
  // What one of its packets has to be found by.
  struct Expected {
    storage::segment::Column column{};
    storage::segment::IndexKey key;
    std::uint32_t chunk = 0;
  };

  std::string take_chunk(const storage::segment::Unit& unit, std::uint64_t& next);
  void expect_keys(std::uint32_t chunk);
  std::string check_page(Bytes unit);
  std::string check_filters();

  const storage::segment::SegmentFile& file_;
  const LaneTraffic& traffic_;
  std::vector<bool>& found_;
  std::uint64_t packets_ = 0;
  std::uint64_t keys_ = 0;
  storage::segment::ChunkDecoder decoder_;
  std::vector<std::uint8_t> records_;
  PacketBatch sample_;
  std::unique_ptr<HeadersArray> headers_ = std::make_unique<HeadersArray>();
  std::unique_ptr<KeysArray> sample_keys_ = std::make_unique<KeysArray>();
  std::vector<Expected> expected_;  // of chunks that no page has told of yet
  std::vector<Expected> in_filters_;
};

}  // namespace weir::test
