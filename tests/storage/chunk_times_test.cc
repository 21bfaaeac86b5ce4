// The times of a chunk with packets that have none.
#include <string>

#include <gtest/gtest.h>

#include "storage/segment/chunk_builder.h"

namespace weir::storage::segment {
namespace {

constexpr std::uint32_t kSnaplen = 262'144;

ChunkBuilder::Finished chunk_of(buffer::BlockPool& pool, const Packet& packet,
                                std::uint32_t interface) {
  ChunkBuilder builder(kChunkBytesMax);
  builder.begin(pool.try_acquire());
  builder.add(packet, interface, kSnaplen);
  return builder.finish();
}

Packet packet_without_time(const std::string& frame) {
  return {.data = reinterpret_cast<const std::uint8_t*>(frame.data()),
          .captured_bytes = static_cast<std::uint32_t>(frame.size()),
          .wire_bytes = static_cast<std::uint32_t>(frame.size()),
          .has_time = false};
}

TEST(ChunkBuilder, HasNoTimesOfASimplePacket) {
  const auto pool = buffer::BlockPool::create(1, kBlockBytes).value();
  const auto chunk = chunk_of(*pool, packet_without_time("abcd"), 0);
  EXPECT_EQ(load_le32(chunk.block.data() + kChunkHeaderBytes), 3U);  // Simple Packet Block
  EXPECT_TRUE(chunk.facts.times.empty());
}

TEST(ChunkBuilder, HasTheTimeThatTheBlockOfAPacketWithoutOneStates) {
  const auto pool = buffer::BlockPool::create(1, kBlockBytes).value();
  const auto chunk = chunk_of(*pool, packet_without_time("abcd"), 1);
  EXPECT_EQ(load_le32(chunk.block.data() + kChunkHeaderBytes), 6U);  // Enhanced Packet Block
  EXPECT_EQ(chunk.facts.times.first, Timestamp{0});
  EXPECT_EQ(chunk.facts.times.last, Timestamp{0});
}

}  // namespace
}  // namespace weir::storage::segment
