#include "storage/segment/chunk_builder.h"

#include <string>

#include <gtest/gtest.h>

#include "storage/segment/records.h"

namespace weir::storage::segment {
namespace {

// Packets whose bytes stay as long as the test.
Packet packet_of(const std::string& frame, std::int64_t time = 1'000) {
  Packet packet;
  packet.data = reinterpret_cast<const std::uint8_t*>(frame.data());
  packet.time = {time};
  packet.captured_bytes = static_cast<std::uint32_t>(frame.size());
  packet.wire_bytes = packet.captured_bytes + 10;
  return packet;
}

class Chunks : public testing::Test {
 protected:
  // The unit of a chunk, complete.
  static Bytes sealed(ChunkBuilder::Finished& chunk) {
    seal_chunk(chunk, {.unit_bytes = chunk.unit_bytes, .ordinal = 1, .file_offset = 4096}, 3, 20);
    return {chunk.block.data(), chunk.unit_bytes};
  }

  std::unique_ptr<buffer::BlockPool> pool_ = buffer::BlockPool::create(3, kBlockBytes).value();
};

TEST_F(Chunks, AChunkTellsOfItsPackets) {
  ChunkBuilder builder(65'536);
  EXPECT_FALSE(builder.begun());
  builder.begin(pool_->try_acquire());
  EXPECT_TRUE(builder.begun());
  EXPECT_TRUE(builder.empty());
  const std::string frame(50, 'x');
  builder.add(packet_of(frame, 2'000), 0, 0);
  builder.add_lost(4);
  builder.add(packet_of(frame, 1'500), 0, 0);
  EXPECT_FALSE(builder.empty());
  auto chunk = builder.finish();
  EXPECT_FALSE(builder.begun());
  const Bytes unit = sealed(chunk);
  EXPECT_EQ(unit.size(), 4096u);
  const auto header = unit_at(unit);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->block.kind, Kind::Chunk);
  EXPECT_EQ(header->unit.crc, unit_crc(unit, 0));
  const auto facts = chunk_at(unit);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->number, 3u);
  EXPECT_EQ(facts->packets_before, 20u);
  EXPECT_EQ(facts->packets, 2u);
  EXPECT_EQ(facts->times, (TimeSpan{.first = {1'500}, .last = {2'000}}));
  EXPECT_EQ(facts->wire_bytes, 120u);
  EXPECT_EQ(facts->lost, 4u);
  EXPECT_EQ(facts->records_bytes, 2u * 84);
  EXPECT_EQ(facts->stored_bytes, facts->records_bytes);
  EXPECT_EQ(facts->codec, Codec::None);
}

TEST_F(Chunks, NothingOfTheLastChunkIsInTheNext) {
  ChunkBuilder builder(65'536);
  const std::string frame(50, 'x');
  builder.begin(pool_->try_acquire());
  builder.add(packet_of(frame), 0, 0);
  builder.add_lost(4);
  builder.abandon();
  EXPECT_EQ(pool_->free_count(), 3u);
  builder.begin(pool_->try_acquire());
  auto chunk = builder.finish();
  EXPECT_EQ(chunk_at(sealed(chunk))->packets, 0u);
  EXPECT_EQ(chunk.facts.lost, 0u);
  EXPECT_TRUE(chunk.facts.times.empty());
}

TEST_F(Chunks, APacketWithoutATimeHasThatOfItsRecord) {
  ChunkBuilder builder(65'536);
  const std::string frame(50, 'x');
  Packet packet = packet_of(frame, 0);
  packet.has_time = false;
  packet.wire_bytes = packet.captured_bytes;
  builder.begin(pool_->try_acquire());
  builder.add(packet, 0, 0);
  EXPECT_TRUE(builder.facts().times.empty()) << "a Simple Packet Block has none";
  builder.add(packet, 1, 0);
  EXPECT_EQ(builder.facts().times, (TimeSpan{.first = {0}, .last = {0}})) << "an Enhanced one does";
  builder.abandon();
}

TEST_F(Chunks, RecordsFillAChunkUpToItsBytesAndNoFurther) {
  ChunkBuilder builder(4096);
  builder.begin(pool_->try_acquire());
  // Header and the room of a padding are kept.
  EXPECT_TRUE(builder.has_room(4096 - 128 - 20));
  EXPECT_TRUE(builder.has_room(300'000)) << "the first of a chunk may be any";
  const std::string frame(2'000, 'x');
  builder.add(packet_of(frame), 0, 0);
  const std::uint32_t left = 4096 - 128 - 20 - 2'032;
  EXPECT_TRUE(builder.has_room(left));
  EXPECT_FALSE(builder.has_room(left + 4));
  builder.add_record(std::vector<std::uint8_t>(left, 0));
  auto chunk = builder.finish();
  EXPECT_EQ(sealed(chunk).size(), 4096u);
}

TEST_F(Chunks, BytesThatLeaveNoRoomForAPaddingMakeTheUnitLonger) {
  ChunkBuilder builder(8192);
  builder.begin(pool_->try_acquire());
  builder.add_record(std::vector<std::uint8_t>(4096 - 128 - 16, 0));
  auto chunk = builder.finish();
  EXPECT_EQ(sealed(chunk).size(), 8192u);
  EXPECT_EQ(chunk.facts.packets, 0u);
}

TEST_F(Chunks, ACompressedChunkDecompressesToWhatItWas) {
  ChunkBuilder builder(65'536);
  builder.begin(pool_->try_acquire());
  const std::string frame(1'000, 'x');
  for (int i = 0; i < 30; ++i) builder.add(packet_of(frame), 0, 0);
  auto plain = builder.finish();
  const std::vector<std::uint8_t> records(
      plain.block.data() + kChunkHeaderBytes,
      plain.block.data() + kChunkHeaderBytes + plain.facts.records_bytes);
  ChunkCompressor compressor(1);
  auto chunk = compressor.compress(std::move(plain), pool_->try_acquire());
  EXPECT_EQ(pool_->free_count(), 2u) << "one block is enough";
  const Bytes unit = sealed(chunk);
  EXPECT_EQ(unit.size(), 4096u);
  EXPECT_EQ(chunk.facts.codec, Codec::Zstd);
  EXPECT_EQ(chunk.facts.records_bytes, records.size());
  const auto header = unit_at(unit);
  ASSERT_TRUE(header);
  ChunkDecoder decoder;
  std::vector<std::uint8_t> buffer;
  const auto decoded = decoder.records({header->block, header->unit, unit}, buffer);
  ASSERT_TRUE(decoded.ok()) << decoded.error().context;
  EXPECT_TRUE(std::equal(decoded->begin(), decoded->end(), records.begin(), records.end()));
}

TEST_F(Chunks, AChunkThatTakesAsManyBlocksOfTheDiskCompressedStaysAsItIs) {
  ChunkBuilder builder(65'536);
  builder.begin(pool_->try_acquire());
  const std::string frame(1'000, 'x');
  builder.add(packet_of(frame), 0, 0);
  ChunkCompressor compressor(1);
  auto chunk = compressor.compress(builder.finish(), pool_->try_acquire());
  EXPECT_EQ(chunk.facts.codec, Codec::None);
  EXPECT_EQ(chunk.unit_bytes, 4096u);
  EXPECT_EQ(pool_->free_count(), 2u);
}

}  // namespace
}  // namespace weir::storage::segment
