// The spill queue: bytes come out as they went in, within bounds, whatever its disk does.
#include "storage/spill/spill_queue.h"

#include <deque>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "storage/pcapng/writer.h"
#include "storage/segment/segment_file.h"
#include "support/fake_clock.h"
#include "support/memory_range.h"
#include "support/memory_spill_files.h"
#include "support/temp_dir.h"

namespace weir::storage::spill {
namespace {

using Blocks = std::vector<std::uint8_t>;

Blocks description(const CaptureInterface& interface) {
  Blocks block;
  pcapng::append_interface_description(block, interface);
  return block;
}

void append_packet(Blocks& blocks, std::string frame, std::int64_t ns,
                   std::uint32_t interface = 0) {
  Packet packet;
  packet.data = reinterpret_cast<const std::uint8_t*>(frame.data());
  packet.captured_bytes = static_cast<std::uint32_t>(frame.size());
  packet.wire_bytes = packet.captured_bytes;
  packet.time = {ns};
  packet.has_time = true;
  const std::size_t begin = blocks.size();
  blocks.resize(begin + pcapng::enhanced_packet_bytes(packet.captured_bytes, 0));
  (void)pcapng::write_enhanced_packet(blocks.data() + begin, packet, interface);
}

// A megabyte and a little less, of a thousand packets.
Blocks some_packets(std::uint8_t fill) {
  Blocks blocks;
  for (int i = 0; i < 1000; ++i)
    append_packet(blocks, std::string(960, static_cast<char>(fill)), i);
  return blocks;
}

class SpillQueueTest : public testing::Test {
 protected:
  std::unique_ptr<SpillQueue> open(std::uint64_t bytes_max = 64 << 20, std::uint64_t seed = 1) {
    auto queue = SpillQueue::create({.directory = "queue", .bytes_max = bytes_max}, clock_,
                                    std::make_unique<test::MemorySpillFiles>(spill_, seed))
                     .value();
    queue->describe(description({.name = "one"}));
    return queue;
  }
  // All that is in it.
  static Blocks take_out(SpillQueue& queue) {
    Blocks all;
    while (!queue.empty()) {
      const auto piece = queue.front();
      if (piece) all.insert(all.end(), piece->begin(), piece->end());
      (void)queue.pop();
    }
    return all;
  }

  test::MemorySpill spill_;
  test::FakeClock clock_;
};

TEST_F(SpillQueueTest, GivesBackWhatWasPutInInOrder) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    spill_ = {};
    Prng random(seed);
    auto queue = open(16 << 20, seed);
    Blocks in;
    Blocks out;
    std::uint64_t packets = 0;
    for (int i = 0; i < 250; ++i) {
      if (random.chance(2, 3)) {
        Blocks blocks;
        for (std::uint64_t k = random.below(30) + 1; k > 0; --k) {
          const std::uint64_t bytes = random.chance(1, 10) ? random.below(250'000) : 1500;
          append_packet(blocks, std::string(bytes, static_cast<char>(i)), i);
        }
        const std::size_t taken = queue->put(blocks);
        in.insert(in.end(), blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(taken));
      } else if (random.chance(1, 3)) {
        const Blocks apart(random.below(100'000) + 1, static_cast<std::uint8_t>(i));
        if (queue->put_apart(apart)) in.insert(in.end(), apart.begin(), apart.end());
      } else if (!queue->empty()) {
        const Bytes piece = queue->front().value();
        out.insert(out.end(), piece.begin(), piece.end());
        packets += queue->pop();
      }
    }
    while (!queue->empty()) {
      const Bytes piece = queue->front().value();
      out.insert(out.end(), piece.begin(), piece.end());
      packets += queue->pop();
    }
    EXPECT_TRUE(out == in);
    EXPECT_EQ(queue->counts().packets, packets);
    EXPECT_GT(spill_.created.size(), 3U);
    EXPECT_LE(spill_.bytes_max, 16U << 20);
    EXPECT_FALSE(queue->take_warning().has_value());
    queue->rest();
    EXPECT_TRUE(spill_.files.empty());
    EXPECT_EQ(queue->counts().bytes, 0U);
  }
}

TEST_F(SpillQueueTest, AShortQueueStaysInMemory) {
  auto queue = open();
  Blocks blocks;
  append_packet(blocks, "one", 1);
  ASSERT_EQ(queue->put(blocks), blocks.size());
  EXPECT_EQ(queue->counts().bytes, 1U << 20);
  const Bytes piece = queue->front().value();
  EXPECT_EQ(Blocks(piece.begin(), piece.end()), blocks);
  EXPECT_EQ(queue->pop(), 1U);
  EXPECT_TRUE(queue->empty());
  EXPECT_TRUE(spill_.created.empty());
}

TEST_F(SpillQueueTest, ItsFilesAreSegmentsThatSayWhatIsInThem) {
  auto queue = open();
  Blocks in;
  for (std::uint8_t i = 0; i < 20; ++i) {
    const Blocks blocks = some_packets(i);
    ASSERT_EQ(queue->put(blocks), blocks.size());
    in.insert(in.end(), blocks.begin(), blocks.end());
  }
  ASSERT_EQ(spill_.created.size(), 3U);
  EXPECT_EQ(spill_.created[0], "queue/20231114T221320Z_0000000001_0.pcapng");
  Blocks out;
  std::uint64_t packets = 0;
  // The last one is still written to.
  for (const std::string& path : {spill_.created[0], spill_.created[1]}) {
    auto file = segment::SegmentFile::open(
                    std::make_unique<test::MemoryRange>(spill_.files.at(path).content), path)
                    .value();
    ASSERT_EQ(file.head().interfaces.size(), 1U);
    EXPECT_EQ(file.head().interfaces[0].name, "one");
    segment::UnitWalk walk = file.walk(segment::Depth::Bytes);
    ASSERT_TRUE(walk.next().has_value());  // the head
    std::uint64_t before = 0;
    while (const auto unit = walk.next()) {
      const auto facts = segment::chunk_at(unit->header_block()).value();
      EXPECT_EQ(facts.packets_before, before);
      EXPECT_EQ(facts.wire_bytes, facts.packets * 960ULL);
      before += facts.packets;
      segment::ChunkDecoder decoder;
      std::vector<std::uint8_t> buffer;
      const Bytes records = decoder.records(*unit, buffer).value();
      out.insert(out.end(), records.begin(), records.end());
    }
    EXPECT_EQ(walk.end().fault, segment::UnitFault::None);
    packets += before;
  }
  EXPECT_GT(packets, 14'000U);
  ASSERT_LT(out.size(), in.size());
  EXPECT_TRUE(std::equal(out.begin(), out.end(), in.begin()));
}

TEST_F(SpillQueueTest, ANewInterfaceBeginsANewSegmentWithAll) {
  auto queue = open();
  const Blocks first = some_packets(1);
  ASSERT_EQ(queue->put(first), first.size());
  ASSERT_EQ(queue->put(first), first.size());
  const Blocks second = description({.link_type = LinkType::Raw, .name = "two"});
  ASSERT_TRUE(queue->put_apart(second));
  queue->describe(second);
  Blocks packets;
  for (std::uint32_t i = 0; i < 3000; ++i) append_packet(packets, std::string(960, 'x'), i, i % 2);
  ASSERT_EQ(queue->put(packets), packets.size());
  ASSERT_EQ(spill_.created.size(), 2U);
  const auto file =
      segment::SegmentFile::open(
          std::make_unique<test::MemoryRange>(spill_.files.at(spill_.created[1]).content), "second")
          .value();
  ASSERT_EQ(file.head().interfaces.size(), 2U);
  EXPECT_EQ(file.head().interfaces[1].name, "two");
  Blocks in = first;
  in.insert(in.end(), first.begin(), first.end());
  in.insert(in.end(), second.begin(), second.end());
  in.insert(in.end(), packets.begin(), packets.end());
  EXPECT_TRUE(take_out(*queue) == in);
}

TEST_F(SpillQueueTest, AFileGoesWhenItsChunksHaveBeenTakenOut) {
  auto queue = open();
  for (std::uint8_t i = 0; i < 20; ++i) {
    const Blocks blocks = some_packets(i);
    ASSERT_EQ(queue->put(blocks), blocks.size());
  }
  ASSERT_EQ(spill_.files.size(), 3U);
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(queue->front());
    (void)queue->pop();
  }
  EXPECT_EQ(spill_.files.size(), 2U);
  EXPECT_FALSE(spill_.files.contains(spill_.created[0]));
}

TEST_F(SpillQueueTest, TakesNoMoreThanItsBoundAndAgainWhenSomethingIsGone) {
  auto queue = open(8 << 20);
  const Blocks blocks = some_packets(1);
  int puts = 0;
  while (queue->put(blocks) == blocks.size()) ++puts;
  EXPECT_GE(puts, 5);
  EXPECT_EQ(queue->put(blocks), 0U);
  EXPECT_FALSE(queue->put_apart(Blocks(2 << 20)));
  EXPECT_LE(spill_.bytes(), 8U << 20);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(queue->front());
    (void)queue->pop();
  }
  EXPECT_GT(queue->put(blocks), 0U);
  EXPECT_LE(spill_.bytes(), 8U << 20);
}

// Packets before the fault and behind it, in memory or in the file: all come out.
TEST_F(SpillQueueTest, ADiskThatFailsLosesNothing) {
  for (const int what : {0, 1, 2, 3}) {
    SCOPED_TRACE(what);
    spill_ = {};
    const bool full = what % 2 == 0;
    spill_.plan[1] =
        full ? test::FaultPlan{.no_space_at = 3 << 20} : test::FaultPlan{.io_error_at = 3 << 20};
    spill_.plan[1].short_percent = 20;
    spill_.plan[1].only_when_waited_for = what >= 2;
    auto queue = open(64 << 20, 7);
    Blocks in;
    for (std::uint8_t i = 0; i < 40; ++i) {
      const Blocks blocks = some_packets(i);
      const std::size_t taken = queue->put(blocks);
      in.insert(in.end(), blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(taken));
      if (taken < blocks.size()) break;
    }
    EXPECT_EQ(queue->put(some_packets(0)), 0U);
    EXPECT_FALSE(queue->put_apart(Blocks(10)));
    EXPECT_GT(in.size(), 9U << 20);
    EXPECT_LT(in.size(), 20U << 20);
    EXPECT_TRUE(take_out(*queue) == in);
    const auto warning = queue->take_warning();
    ASSERT_TRUE(warning.has_value());
    EXPECT_EQ(warning->code, full ? ErrorCode::NoSpace : ErrorCode::Io);
    EXPECT_EQ(warning->context.substr(0, 13), "spill queue: ");
    EXPECT_FALSE(queue->take_warning().has_value());
    // Then the next try is made.
    const Blocks blocks = some_packets(1);
    EXPECT_EQ(queue->put(blocks), blocks.size());
    EXPECT_TRUE(take_out(*queue) == blocks);
  }
}

TEST_F(SpillQueueTest, AFileThatCannotBeMadeLosesNothing) {
  spill_.refused = {0};
  auto queue = open();
  Blocks in;
  std::size_t taken = 0;
  for (std::uint8_t i = 0; i < 4; ++i) {
    const Blocks blocks = some_packets(i);
    taken = queue->put(blocks);
    in.insert(in.end(), blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(taken));
  }
  EXPECT_EQ(taken, 0U);
  EXPECT_TRUE(take_out(*queue) == in);
  EXPECT_EQ(queue->take_warning()->code, ErrorCode::NoSpace);
}

TEST_F(SpillQueueTest, AChunkThatWasDamagedIsAnErrorAndTheOthersAreNot) {
  for (const bool unreadable : {false, true}) {
    SCOPED_TRACE(unreadable);
    spill_ = {};
    auto queue = open(256 << 20);
    const Blocks blocks = some_packets(1);
    for (std::uint8_t i = 0; i < 24; ++i) ASSERT_EQ(queue->put(blocks), blocks.size());
    std::uint64_t damaged = 0;
    std::uint64_t lost = 0;
    std::uint64_t packets = 0;
    if (unreadable) {
      spill_.read_error_after = 5;
    } else {
      spill_.files.at(spill_.created[0]).content[4 << 20] ^= 1;
    }
    while (!queue->empty()) {
      const bool good = queue->front().ok();
      damaged += good ? 0 : 1;
      (good ? packets : lost) += queue->pop();
    }
    EXPECT_EQ(damaged, 1U);
    EXPECT_GT(lost, 1000U);
    EXPECT_EQ(packets + lost, 24'000U);
    const auto warning = queue->take_warning();
    ASSERT_TRUE(warning.has_value());
    EXPECT_NE(warning->context.find("(its packets are lost)"), std::string::npos);
  }
}

// --- directories

TEST(SpillDirectory, BelongsToOneQueue) {
  const test::TempDir dir;
  const test::FakeClock clock;
  auto queue = SpillQueue::open({.directory = dir.file("queue")}, clock);
  ASSERT_TRUE(queue);
  const auto second = SpillQueue::open({.directory = dir.file("queue")}, clock);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::Exists);
  queue->reset();
  EXPECT_TRUE(SpillQueue::open({.directory = dir.file("queue")}, clock));
}

TEST(SpillDirectory, FilesOfAnEarlierProcessAreLeftAndCount) {
  const test::TempDir dir;
  const test::FakeClock clock;
  const SpillOptions options{.directory = dir.path().string(), .bytes_max = kSpillBytesMin};
  const std::string old = dir.file("20231114T221320Z_0000000041_0.pcapng");
  std::ofstream(old) << "what was left";
  std::filesystem::resize_file(old, 3 << 20);
  auto queue = SpillQueue::open(options, clock).value();
  EXPECT_EQ(queue->leftovers().files, 1U);
  EXPECT_EQ(queue->leftovers().bytes, 3U << 20);
  EXPECT_EQ(text_of(queue->leftovers(), options.directory).value_or(""),
            "spill " + dir.path().string() +
                ": 1 file of an earlier run, 3145728 bytes, count against the size of the queue "
                "(weir read " +
                dir.path().string() +
                "/*.pcapng reads them; remove them when they are not needed)");
  queue->describe(description({.name = "one"}));
  const Blocks blocks = some_packets(1);
  std::size_t put = 0;
  while (const std::size_t taken = queue->put(blocks)) put += taken;
  EXPECT_GT(put, 2U << 20);
  EXPECT_LT(put, 5U << 20);
  EXPECT_TRUE(std::filesystem::exists(dir.file("20231114T221320Z_0000000042_0.pcapng")));
  queue.reset();
  EXPECT_TRUE(std::filesystem::exists(old));
  EXPECT_FALSE(std::filesystem::exists(dir.file("20231114T221320Z_0000000042_0.pcapng")));
}

TEST(SpillDirectory, SeveralQueuesOfOneProcessShareItAndNoOther) {
  const test::TempDir dir;
  const test::FakeClock clock;
  const SpillOptions options{.directory = dir.path().string()};
  std::ofstream(dir.file("20231114T221320Z_0000000041_0.pcapng")) << "what was left";
  auto directory = SpillDirectory::open(options.directory).value();
  auto first = SpillQueue::open(options, clock, *directory).value();
  auto second = SpillQueue::open(options, clock, *directory).value();
  EXPECT_TRUE(first->take_warning().has_value()) << "what was left";
  EXPECT_FALSE(second->take_warning().has_value()) << "told once";
  EXPECT_EQ(second->leftovers().files, 1U);
  first->describe(description({.name = "one"}));
  second->describe(description({.name = "two"}));
  Blocks in;
  for (std::uint8_t i = 0; i < 20; ++i) {
    const Blocks blocks = some_packets(i);
    ASSERT_EQ(second->put(blocks), blocks.size());
    in.insert(in.end(), blocks.begin(), blocks.end());
    ASSERT_EQ(first->put(some_packets(99)), blocks.size());
  }
  EXPECT_TRUE(std::filesystem::exists(dir.file("20231114T221320Z_0000000042_0.pcapng")));
  EXPECT_TRUE(std::filesystem::exists(dir.file("20231114T221320Z_0000000043_0.pcapng")));
  const auto other = SpillQueue::open(options, clock);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::Exists);
  first.reset();
  Blocks out;
  while (!second->empty()) {
    const Bytes piece = second->front().value();
    out.insert(out.end(), piece.begin(), piece.end());
    (void)second->pop();
  }
  EXPECT_TRUE(out == in);
}

TEST(SpillDirectory, IsNoPacketStore) {
  const test::TempDir dir;
  const test::FakeClock clock;
  std::ofstream(dir.file("weir-store.db")) << "";
  const auto queue = SpillQueue::open({.directory = dir.path().string()}, clock);
  ASSERT_FALSE(queue);
  EXPECT_EQ(queue.error().code, ErrorCode::Exists);
}

// On a real disk, as the machine has it.
TEST(SpillDirectory, GivesBackWhatIsOnARealDisk) {
  const test::TempDir dir;
  const test::FakeClock clock;
  auto queue =
      SpillQueue::open({.directory = dir.path().string(), .bytes_max = 64 << 20}, clock).value();
  queue->describe(description({.name = "one"}));
  Blocks in;
  for (std::uint8_t i = 0; i < 30; ++i) {
    const Blocks blocks = some_packets(i);
    ASSERT_EQ(queue->put(blocks), blocks.size());
    in.insert(in.end(), blocks.begin(), blocks.end());
  }
  Blocks out;
  while (!queue->empty()) {
    const Bytes piece = queue->front().value();
    out.insert(out.end(), piece.begin(), piece.end());
    (void)queue->pop();
  }
  EXPECT_TRUE(out == in);
}

}  // namespace
}  // namespace weir::storage::spill
