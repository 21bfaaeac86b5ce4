// What a file says of packets that are not in it: at the next one that is, and at its end.
#include "output/loss.h"

#include <map>

#include <gtest/gtest.h>

#include "output/pcapng_file.h"
#include "series_fixture.h"
#include "support/fake_clock.h"

namespace weir::output {
namespace {

std::string text_of(const Loss& loss) {
  LossText text;
  return std::string(describe(loss, "before this one", text));
}

TEST(Loss, IsToldWithItsCauses) {
  EXPECT_EQ(text_of({.kernel = 1234}),
            "weir: 1234 packets lost before this one (kernel: ring full)");
  EXPECT_EQ(text_of({.slow_reader = 1}),
            "weir: 1 packet lost before this one (output: its reader was too slow)");
  EXPECT_EQ(text_of({.kernel = 1, .slow_reader = 2}),
            "weir: 3 packets lost before this one (kernel: ring full: 1, output: its reader was "
            "too slow: 2)");
  EXPECT_EQ(text_of({.pressure = 5}), "weir: 5 packets lost before this one (pressure)");
  EXPECT_EQ(text_of({.kernel = 1, .slow_reader = 2, .pressure = 3}),
            "weir: 6 packets lost before this one (kernel: ring full: 1, output: its reader was "
            "too slow: 2, pressure: 3)");
  // The longest that there is.
  constexpr std::uint64_t kHuge = ~std::uint64_t{0} / 4;
  LossText text;
  EXPECT_EQ(describe({.kernel = kHuge, .slow_reader = kHuge, .pressure = kHuge},
                     "after the last one", text)
                .size(),
            184u);
}

// A file in memory, with two interfaces.
struct Bench {
  explicit Bench(std::optional<SectionCounts> counts = std::nullopt)
      : sink(std::make_unique<PcapngFile>(PcapngFile::Parts{
            .pool = buffer::BlockPool::create(3, PcapngFile::kBlockBytes + PcapngFile::kSlackBytes)
                        .value(),
            .device = std::make_unique<test::FakeBlockDevice>(file, 1),
            .identity = {},
            .counts = std::move(counts)})) {
    interfaces.add({.name = "one"});
    interfaces.add({.name = "two"});
  }
  void write(TestBatch& batch, const Verdicts& verdicts) {
    ASSERT_TRUE(sink->reserve());
    sink->write({batch.batch(), interfaces, verdicts, kSession});
  }
  void write(TestBatch& batch, std::span<const PressureLoss> dropped) {
    ASSERT_TRUE(sink->reserve());
    sink->write({.batch = batch.batch(),
                 .interfaces = interfaces,
                 .verdicts = *TestBatch::all(),
                 .session = kSession,
                 .dropped = dropped});
  }
  void write(TestBatch& batch) { write(batch, *TestBatch::all()); }
  test::WalkedFile close() {
    EXPECT_TRUE(sink->close());
    test::WalkedFile walked = test::walk_pcapng(file.content);
    EXPECT_EQ(walked.error, "");
    return walked;
  }

  test::FakeFile file;
  InterfaceTable interfaces;
  std::unique_ptr<PcapngFile> sink;
};

TEST(Gap, StandsAtThePacketBehindIt) {
  Bench bench;
  TestBatch batch;
  batch.add("a", 1);
  batch.add_gap(7);
  batch.add("b", 2);
  batch.add("c", 3);
  bench.write(batch);
  const auto file = bench.close();
  ASSERT_EQ(file.packets.size(), 3U);
  EXPECT_TRUE(file.packets[0].options.empty());
  EXPECT_EQ(dropcount(file.packets[1]), 7U);
  EXPECT_EQ(comment(file.packets[1]), "weir: 7 packets lost before this one (kernel: ring full)");
  EXPECT_TRUE(file.packets[2].options.empty());
}

TEST(Gap, WaitsForTheNextPacketOfItsInterfaceThatIsStored) {
  Bench bench;
  TestBatch first;
  first.add_gap(5, 0);
  first.add("rejected", 1, 0);
  first.add("of the other interface", 2, 1);
  auto verdicts = TestBatch::all();
  verdicts->wanted[0] = 2;
  bench.write(first, *verdicts);
  TestBatch second;
  second.add("of the other interface too", 3, 1);
  second.add_gap(6, 0);
  second.add("stored", 4, 0);
  second.add("behind", 5, 0);
  bench.write(second);
  const auto file = bench.close();
  ASSERT_EQ(file.packets.size(), 4U);
  EXPECT_EQ(dropcount(file.packets[0]), 0U);
  EXPECT_EQ(dropcount(file.packets[1]), 0U);
  EXPECT_EQ(dropcount(file.packets[2]), 11U);
  EXPECT_EQ(dropcount(file.packets[3]), 0U);
}

TEST(Gap, OfASessionUnderPressureIsToldByTheNextPacketAfterItsBatch) {
  Bench bench;
  TestBatch first;
  first.add("a", 1, 0);
  bench.write(first, std::array{PressureLoss{{1}, 9}, PressureLoss{{0}, 4}});
  TestBatch empty;
  bench.write(empty, std::array{PressureLoss{{0}, 2}});
  TestBatch second;
  second.add_gap(3, 0);
  second.add("b", 2, 0);
  second.add("c", 3, 1);
  second.add("d", 4, 0);
  bench.write(second);
  const auto file = bench.close();
  ASSERT_EQ(file.packets.size(), 4U);
  EXPECT_EQ(dropcount(file.packets[0]), 0U);
  EXPECT_EQ(dropcount(file.packets[1]), 9U);
  EXPECT_EQ(comment(file.packets[1]),
            "weir: 9 packets lost before this one (kernel: ring full: 3, pressure: 6)");
  EXPECT_EQ(dropcount(file.packets[2]), 9U);
  EXPECT_EQ(comment(file.packets[2]), "weir: 9 packets lost before this one (pressure)");
  EXPECT_TRUE(file.packets[3].options.empty());
}

TEST(Gap, LeavesAPacketItsOwnOptions) {
  Bench bench;
  auto options = option_bytes(1, "why");
  const auto own = option_bytes(4, std::string("\3\0\0\0\0\0\0\0", 8));
  options.insert(options.end(), own.begin(), own.end());
  TestBatch batch;
  batch.add_gap(2);
  Packet& packet = batch.add("a", 1);
  packet.options = options.data();
  packet.options_bytes = static_cast<std::uint32_t>(options.size());
  bench.write(batch);
  const auto file = bench.close();
  const auto& found = file.packets.at(0).options;
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0], (test::WalkedOption{1, "why"}));
  EXPECT_EQ(dropcount(file.packets[0]), 5U) << "those that the packet told already, and ours";
  EXPECT_EQ(found[2].value, "weir: 2 packets lost before this one (kernel: ring full)");
}

TEST(Gap, IsToldByAPacketWithoutTimeToo) {
  Bench bench;
  TestBatch batch;
  batch.add_gap(2);
  batch.add("a", 0).has_time = false;
  batch.add("b", 0).has_time = false;
  bench.write(batch);
  const auto file = bench.close();
  EXPECT_EQ(file.packets.at(0).block_type, 6U);
  EXPECT_EQ(dropcount(file.packets[0]), 2U);
  EXPECT_EQ(file.packets.at(1).block_type, 3U);
}

// A model: gaps are added up by interface and taken by the next wanted packet of it.
TEST(Gap, NoneIsLostAndNoneIsToldTwice) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    Bench bench;
    std::map<std::uint32_t, std::uint64_t> open;
    std::vector<std::uint64_t> expected;
    const std::uint64_t batches = 1 + random.below(20);
    for (std::uint64_t i = 0; i < batches; ++i) {
      TestBatch batch;
      auto verdicts = TestBatch::all();
      const std::uint64_t count = random.below(30);
      const std::uint64_t gap_at = random.below(40);
      const auto gap_of = static_cast<std::uint32_t>(random.below(2));
      for (std::uint64_t k = 0; k < count; ++k) {
        if (k == gap_at) {
          const std::uint64_t packets = 1 + random.below(1000);
          batch.add_gap(packets, gap_of);
          open[gap_of] += packets;
        }
        const auto interface = static_cast<std::uint32_t>(random.below(2));
        batch.add(std::string(random.below(3) == 0 ? 90'000 : 60, 'x'), 1, interface);
        if (random.chance(1, 2)) {
          verdicts->wanted[k] = 2;
        } else {
          expected.push_back(std::exchange(open[interface], 0));
        }
        if (k == 4) break;  // within what a batch may hold
      }
      bench.write(batch, *verdicts);
    }
    const auto file = bench.close();
    ASSERT_EQ(file.packets.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_EQ(dropcount(file.packets[i]), expected[i]) << "packet " << i;
  }
}

// --- Interface Statistics Blocks

constexpr std::uint16_t kStart = 2, kEnd = 3, kReceived = 4, kUpstream = 5, kAccepted = 6,
                        kDropped = 7, kDelivered = 8;

TEST(InterfaceStatistics, StandAtTheEndForEveryInterface) {
  FakeCounts counts;
  counts.values = {{.received = 100, .upstream = 3, .accepted = 60, .dropped = 20, .delivered = 80},
                   {.received = 5}};
  test::FakeClock clock;
  const Timestamp begin = clock.wall();
  Bench bench(SectionCounts(counts, clock));
  TestBatch batch;
  batch.add("a", 1);
  bench.write(batch);
  clock.advance(std::chrono::seconds(10));
  const auto file = bench.close();
  EXPECT_EQ(file.others.size(), 2U);
  EXPECT_EQ(file.others.at(0).packets_before, 1U);
  const auto found = statistics_of(file);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].interface, 0U);
  EXPECT_EQ(found[0].values, (std::map<std::uint16_t, std::uint64_t>{
                                 {kStart, static_cast<std::uint64_t>(begin.ns)},
                                 {kEnd, static_cast<std::uint64_t>(clock.wall().ns)},
                                 {kReceived, 100},
                                 {kUpstream, 3},
                                 {kAccepted, 60},
                                 {kDropped, 20},
                                 {kDelivered, 80}}));
  EXPECT_EQ(found[1].interface, 1U);
  EXPECT_EQ(found[1].values.at(kReceived), 5U);
}

TEST(InterfaceStatistics, SayWhatTheSessionDroppedAfterTheLastPacket) {
  FakeCounts counts;
  counts.values.resize(2);
  test::FakeClock clock;
  Bench bench(SectionCounts(counts, clock));
  TestBatch batch;
  batch.add("a", 1, 0);
  bench.write(batch, std::array{PressureLoss{{0}, 12}});
  const auto found = statistics_of(bench.close());
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].comment, "weir: 12 packets lost after the last one (pressure)");
  EXPECT_EQ(found[1].comment, "");
}

TEST(InterfaceStatistics, AreLeftOutWithoutCounts) {
  Bench bench;
  TestBatch batch;
  batch.add("a", 1);
  bench.write(batch);
  EXPECT_TRUE(bench.close().others.empty());
}

TEST(InterfaceStatistics, AreLeftOutAfterAFailedWrite) {
  FakeCounts counts;
  test::FakeClock clock;
  test::FakeFile file;
  PcapngFile sink(PcapngFile::Parts{
      .pool =
          buffer::BlockPool::create(3, PcapngFile::kBlockBytes + PcapngFile::kSlackBytes).value(),
      .device = std::make_unique<test::FaultBlockDevice>(
          std::make_unique<test::FakeBlockDevice>(file, 1), test::FaultPlan{.no_space_at = 500}),
      .identity = {},
      .counts = SectionCounts(counts, clock)});
  InterfaceTable interfaces;
  interfaces.add({});
  for (int i = 0; i < 2; ++i) {
    TestBatch batch;
    batch.add(std::string(300, 'x'), 1);
    (void)sink.reserve();
    sink.write({batch.batch(), interfaces, *TestBatch::all(), kSession});
    (void)sink.flush();
  }
  EXPECT_FALSE(sink.close());
  const auto walked = test::walk_pcapng(file.content);
  EXPECT_EQ(walked.error, "");
  EXPECT_EQ(walked.packets.size(), 1U);
  EXPECT_TRUE(walked.others.empty());
}

}  // namespace
}  // namespace weir::output
