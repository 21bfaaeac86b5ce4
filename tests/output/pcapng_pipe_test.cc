// The pipe sink against real pipes: what arrives, what a reader that leaves or sleeps does to the
// ledger.
#include "output/pcapng_pipe.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include <gtest/gtest.h>

#include "output/open_pcapng.h"
#include "series_fixture.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace weir::output {
namespace {

const storage::pcapng::SectionIdentity kIdentity{
    .hardware = "", .os = "", .application = "weir test"};

struct Ends {
  UniqueFd read;
  UniqueFd write;
};

Ends make_pipe(int flags = 0) {
  std::array<int, 2> fds{};
  EXPECT_EQ(pipe2(fds.data(), O_CLOEXEC | flags), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Reads until the end, or until so many bytes have come.
std::vector<std::uint8_t> read_up_to(int fd, std::size_t limit = SIZE_MAX) {
  std::vector<std::uint8_t> all;
  std::array<std::uint8_t, 65536> buffer;
  while (all.size() < limit) {
    const ssize_t got = ::read(fd, buffer.data(), std::min(buffer.size(), limit - all.size()));
    if (got <= 0) break;
    all.insert(all.end(), buffer.begin(), buffer.begin() + got);
  }
  return all;
}

class PcapngPipeTest : public testing::Test {
 protected:
  PcapngPipeTest() {
    signal(SIGPIPE, SIG_IGN);  // as weir does
    interfaces_.add({.name = "one"});
  }
  std::unique_ptr<PcapngPipe> open_to_drop(UniqueFd fd,
                                           std::optional<SectionCounts> counts = std::nullopt) {
    return PcapngPipe::open(std::move(fd), {.path = "-",
                                            .identity = kIdentity,
                                            .full_policy = FullPolicy::Drop,
                                            .counts = std::move(counts)})
        .value();
  }
  std::unique_ptr<PcapngPipe> open(UniqueFd fd) {
    return PcapngPipe::open(std::move(fd), {.path = "-", .identity = kIdentity}).value();
  }
  // Offers one drawn batch.
  bool offer(Sink& sink, Prng& random) {
    const bool ready = sink.reserve().ok();
    TestBatch batch;
    Verdicts verdicts{};
    draw_batch(random, 1500, batch, verdicts, offered_);
    sink.write({batch.batch(), interfaces_, verdicts, kSession});
    expect_law(sink.statistics());
    return ready;
  }

  InterfaceTable interfaces_;
  std::vector<Offered> offered_;
};

TEST_F(PcapngPipeTest, HandsOnEverythingToAReader) {
  for (const int flags : {0, O_NONBLOCK}) {
    SCOPED_TRACE(flags);
    offered_.clear();
    Ends ends = make_pipe();
    if (flags != 0) {
      ASSERT_EQ(fcntl(ends.write.get(), F_SETFL, flags), 0);
    }
    std::vector<std::uint8_t> received;
    std::thread reader([&] { received = read_up_to(ends.read.get()); });
    auto sink = open(std::move(ends.write));
    Prng random(1);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(offer(*sink, random));
    EXPECT_TRUE(sink->close());
    reader.join();
    EXPECT_EQ(sink->statistics().written.value(), offered_.size());
    EXPECT_EQ(sink->statistics().written_bytes.value(), received.size());
    EXPECT_EQ(sink->statistics().pending.value(), 0U);
    expect_prefix(test::walk_pcapng(received), offered_, offered_.size());
  }
}

TEST_F(PcapngPipeTest, HandsOnEverythingToASocket) {
  std::array<int, 2> fds{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  UniqueFd read_end(fds[0]);
  std::vector<std::uint8_t> received;
  std::thread reader([&] { received = read_up_to(read_end.get()); });
  auto sink = open(UniqueFd(fds[1]));
  Prng random(2);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(offer(*sink, random));
  EXPECT_TRUE(sink->close());
  reader.join();
  expect_prefix(test::walk_pcapng(received), offered_, offered_.size());
}

TEST_F(PcapngPipeTest, FlushMakesAPacketVisibleAtOnce) {
  Ends ends = make_pipe();
  auto sink = open(std::move(ends.write));
  ASSERT_TRUE(sink->flush());
  EXPECT_GT(sink->statistics().written_bytes.value(), 0U)
      << "readers learn early that it is a pcapng stream";
  TestBatch batch;
  batch.add("now", 5);
  ASSERT_TRUE(sink->reserve());
  sink->write({batch.batch(), interfaces_, *TestBatch::all(), kSession});
  EXPECT_EQ(sink->statistics().pending.value(), 1U);
  ASSERT_TRUE(sink->flush());
  EXPECT_EQ(sink->statistics().pending.value(), 0U);
  const auto file =
      test::walk_pcapng(read_up_to(ends.read.get(), sink->statistics().written_bytes.value()));
  ASSERT_EQ(file.error, "");
  ASSERT_EQ(file.packets.size(), 1U);
  EXPECT_EQ(file.packets[0].data, "now");
}

TEST_F(PcapngPipeTest, AReaderThatLeavesInTheMiddleOfARecordGetsOnlyWholePacketsCounted) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    offered_.clear();
    Ends ends = make_pipe();
    Prng random(seed);
    const std::size_t taken = 1 + random.below(400'000);
    std::thread reader([&] {
      (void)read_up_to(ends.read.get(), taken);
      ends.read.reset();
    });
    auto sink = open(std::move(ends.write));
    for (int i = 0; i < 30; ++i) (void)offer(*sink, random);
    const auto closed = sink->close();
    reader.join();
    const auto& statistics = sink->statistics();
    expect_law(statistics);
    ASSERT_EQ(statistics.pending.value(), 0U);
    if (closed) continue;  // everything fitted
    ASSERT_EQ(closed.error().code, ErrorCode::Closed) << closed.error().context;
    ASSERT_EQ(statistics.lost[static_cast<std::size_t>(LostReason::Closed)].value(),
              offered_.size() - statistics.written.value());
    // The bytes that the kernel took end with those packets, or in the record behind them.
    ASSERT_LE(statistics.written.value(), offered_.size());
  }
}

TEST_F(PcapngPipeTest, CancelEndsTheWaitForAReaderThatSleeps) {
  Ends ends = make_pipe();
  auto sink = open(std::move(ends.write));
  Prng random(3);
  std::thread canceller([&] { sink->cancel(); });  // before or during the wait: both must end it
  for (int i = 0; i < 100; ++i) (void)offer(*sink, random);
  const auto closed = sink->close();
  canceller.join();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, ErrorCode::Closed);
  const auto& statistics = sink->statistics();
  EXPECT_EQ(statistics.pending.value(), 0U);
  EXPECT_GT(total_lost(statistics), 0U);
  const auto received = read_up_to(ends.read.get());
  ASSERT_GE(received.size(), statistics.written_bytes.value());
  expect_prefix(test::walk_pcapng(std::span(received).first(statistics.written_bytes.value())),
                offered_, statistics.written.value());
}

TEST_F(PcapngPipeTest, AFullDeviceIsReportedAsFull) {
  auto sink = open(UniqueFd(::open("/dev/full", O_WRONLY | O_CLOEXEC)));
  Prng random(4);
  (void)offer(*sink, random);
  const auto closed = sink->close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, ErrorCode::NoSpace);
  EXPECT_EQ(sink->statistics().written.value(), 0U);
  EXPECT_EQ(sink->statistics().lost[static_cast<std::size_t>(LostReason::NoSpace)].value(),
            offered_.size());
}

TEST_F(PcapngPipeTest, BatchesLargerThanTheBufferGetThrough) {
  Ends ends = make_pipe();
  std::vector<std::uint8_t> received;
  std::thread reader([&] { received = read_up_to(ends.read.get()); });
  auto sink = open(std::move(ends.write));
  CaptureInterface large{.name = "large"};
  for (int i = 0; i < 30; ++i) {
    const auto comment = option_bytes(1, std::string(65'000, 'c'));
    large.options.insert(large.options.end(), comment.begin(), comment.end());
  }
  interfaces_.add(large);
  TestBatch batch;
  batch.add(std::string(kPacketBytesMax, 'x'), 1, 1);
  batch.add(std::string(kPacketBytesMax, 'y'), 2, 0);
  sink->write({batch.batch(), interfaces_, *TestBatch::all(), kSession});
  ASSERT_TRUE(sink->close());
  reader.join();
  const auto file = test::walk_pcapng(received);
  ASSERT_EQ(file.error, "");
  EXPECT_EQ(file.packets.size(), 2U);
  EXPECT_EQ(sink->statistics().written.value(), 2U);
}

// --- FullPolicy::Drop

// Packets whose time is their number from 0 on; the stream says of each how many are missing before
// it.
void expect_all_accounted_for(const test::WalkedFile& file, const SinkStatistics& statistics) {
  ASSERT_EQ(file.error, "");
  ASSERT_EQ(file.packets.size(), statistics.written.value());
  std::uint64_t next = 0;
  std::uint64_t told = 0;
  for (const auto& packet : file.packets) {
    ASSERT_EQ(packet.time, next + dropcount(packet));
    told += dropcount(packet);
    next = packet.time + 1;
  }
  const std::uint64_t after_the_last = statistics.offered.value() - next;
  ASSERT_EQ(told + after_the_last,
            statistics.lost[static_cast<std::size_t>(LostReason::SlowReader)].value());
}

class NumberedPackets {
 public:
  void write(Sink& sink, const InterfaceTable& interfaces, std::uint64_t count,
             std::uint64_t bytes) {
    EXPECT_TRUE(sink.reserve());
    TestBatch batch;
    for (; count > 0; --count)
      batch.add(std::string(bytes, 'x'), static_cast<std::int64_t>(next_++));
    sink.write({batch.batch(), interfaces, *TestBatch::all(), kSession});
    expect_law(sink.statistics());
  }

 private:
  std::uint64_t next_ = 0;
};

TEST_F(PcapngPipeTest, DropNeverWaitsForAReaderThatSleepsAndTellsWhatItMissed) {
  std::array<int, 2> sockets{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()), 0);
  Ends pipe_ends = make_pipe();
  Ends socket_ends{UniqueFd(sockets[0]), UniqueFd(sockets[1])};
  for (Ends* const ends : {&pipe_ends, &socket_ends}) {
    auto sink = open_to_drop(std::move(ends->write));
    NumberedPackets packets;
    for (int i = 0; i < 50; ++i) packets.write(*sink, interfaces_, 200, 1500);  // 15 MB
    EXPECT_TRUE(sink->flush());
    const auto& statistics = sink->statistics();
    const std::uint64_t lost =
        statistics.lost[static_cast<std::size_t>(LostReason::SlowReader)].value();
    EXPECT_GT(statistics.pending.value(), PcapngPipe::kDropBytes / 1600);
    EXPECT_GT(lost, 50U * 200 / 2);
    std::vector<std::uint8_t> received;
    std::thread reader([&] { received = read_up_to(ends->read.get()); });
    while (statistics.pending.value() != 0) EXPECT_TRUE(sink->flush());
    packets.write(*sink, interfaces_, 3, 60);
    EXPECT_TRUE(sink->close());
    reader.join();
    const auto file = test::walk_pcapng(received);
    expect_all_accounted_for(file, statistics);
    ASSERT_GE(file.packets.size(), 3U);
    const auto& first_after = file.packets[file.packets.size() - 3];
    EXPECT_EQ(dropcount(first_after), lost);
    EXPECT_EQ(comment(first_after), "weir: " + std::to_string(lost) +
                                        " packets lost before this one (output: its reader was "
                                        "too slow)");
  }
}

TEST_F(PcapngPipeTest, WithoutAReaderNothingWaits) {
  Ends ends = make_pipe();
  auto sink = open_to_drop(std::move(ends.write));
  NumberedPackets packets;
  while (sink->fill() < 0.5) packets.write(*sink, interfaces_, 200, 1500);
  ends.read.reset();
  EXPECT_FALSE(sink->flush()) << "nobody reads";
  EXPECT_EQ(sink->fill(), 0) << "nobody does with less for what has failed";
  EXPECT_FALSE(sink->close());
}

TEST_F(PcapngPipeTest, ItsFillIsWhatWaitsForTheReader) {
  Ends ends = make_pipe();
  auto sink = open_to_drop(std::move(ends.write));
  EXPECT_EQ(sink->fill(), 0);
  NumberedPackets packets;
  const auto& lost = sink->statistics().lost[static_cast<std::size_t>(LostReason::SlowReader)];
  double before = 0;
  while (lost.value() == 0) {
    EXPECT_GE(sink->fill(), before);
    before = sink->fill();
    packets.write(*sink, interfaces_, 200, 1500);
  }
  EXPECT_GT(before, 0.9);
  EXPECT_EQ(sink->fill(), 1);
  std::thread reader([&] { (void)read_up_to(ends.read.get()); });
  while (sink->statistics().pending.value() != 0) EXPECT_TRUE(sink->flush());
  EXPECT_EQ(sink->fill(), 0);
  EXPECT_TRUE(sink->close());
  reader.join();
}

TEST_F(PcapngPipeTest, DropKeepsTheLedgerForAReaderOfAnySpeed) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    Ends ends = make_pipe();
    ASSERT_EQ(fcntl(ends.read.get(), F_SETFL, O_NONBLOCK), 0);
    auto sink = open_to_drop(std::move(ends.write));
    NumberedPackets packets;
    std::vector<std::uint8_t> received;
    const auto read_some = [&](std::uint64_t bytes) {
      const std::size_t limit = random.below(bytes);
      const auto piece = read_up_to(ends.read.get(), limit);
      received.insert(received.end(), piece.begin(), piece.end());
    };
    const std::uint64_t speed = 1 + random.below(400'000);
    for (int i = 0; i < 100; ++i) {
      const std::uint64_t bytes = random.chance(1, 20) ? 200'000 : random.below(1500);
      packets.write(*sink, interfaces_, random.below(bytes > 1500 ? 3 : 200), bytes);
      read_some(speed);
    }
    const auto& statistics = sink->statistics();
    while (statistics.pending.value() != 0) {
      EXPECT_TRUE(sink->flush());
      expect_law(statistics);
      read_some(1'000'000);
    }
    EXPECT_TRUE(sink->close());
    while (received.size() < statistics.written_bytes.value()) read_some(1'000'000);
    expect_all_accounted_for(test::walk_pcapng(received), statistics);
  }
}

TEST_F(PcapngPipeTest, DropTellsAtTheEndWhatItMissedAfterTheLastPacket) {
  FakeCounts counts;
  const test::FakeClock clock;
  Ends ends = make_pipe();
  auto sink = open_to_drop(std::move(ends.write), SectionCounts(counts, clock));
  NumberedPackets packets;
  for (int i = 0; i < 20; ++i) packets.write(*sink, interfaces_, 200, 1500);
  const std::uint64_t lost = total_lost(sink->statistics());
  ASSERT_GT(lost, 0U);
  std::vector<std::uint8_t> received;
  std::thread reader([&] { received = read_up_to(ends.read.get()); });
  EXPECT_TRUE(sink->close()) << "waits for the reader";
  reader.join();
  const auto file = test::walk_pcapng(received);
  expect_all_accounted_for(file, sink->statistics());
  const auto statistics = statistics_of(file);
  ASSERT_EQ(statistics.size(), 1U);
  EXPECT_EQ(statistics[0].comment, "weir: " + std::to_string(lost) +
                                       " packets lost after the last one (output: its reader was "
                                       "too slow)");
}

TEST_F(PcapngPipeTest, CancelEndsTheCloseOfAPipeThatDrops) {
  Ends ends = make_pipe();
  auto sink = open_to_drop(std::move(ends.write));
  NumberedPackets packets;
  for (int i = 0; i < 20; ++i) packets.write(*sink, interfaces_, 200, 1500);
  std::thread canceller([&] { sink->cancel(); });
  const auto closed = sink->close();
  canceller.join();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, ErrorCode::Closed);
  EXPECT_EQ(sink->statistics().pending.value(), 0U);
  EXPECT_GT(sink->statistics().lost[static_cast<std::size_t>(LostReason::Closed)].value(), 0U);
  expect_law(sink->statistics());
}

TEST_F(PcapngPipeTest, AFileBesideAPipeThatDropsGetsEverything) {
  const test::TempDir dir;
  auto file = open_pcapng({.path = dir.file("all.pcapng")}).value();
  Ends ends = make_pipe();
  auto pipe = open_to_drop(std::move(ends.write));
  NumberedPackets to_pipe;
  NumberedPackets to_file;
  for (int i = 0; i < 30; ++i) {
    to_pipe.write(*pipe, interfaces_, 200, 1500);
    to_file.write(*file, interfaces_, 200, 1500);
  }
  EXPECT_TRUE(file->close());
  EXPECT_EQ(file->statistics().written.value(), 30U * 200);
  EXPECT_LT(pipe->statistics().pending.value(), 30U * 200);
  pipe->cancel();
  EXPECT_FALSE(pipe->close());
}

TEST_F(PcapngPipeTest, ABlockingPipeTakesTheBatchesOfAllItsCreditsWithoutWaiting) {
  constexpr std::uint32_t kCredits = 5;
  Ends ends = make_pipe();
  auto sink = PcapngPipe::open(std::move(ends.write),
                               {.path = "-", .identity = kIdentity, .credits_max = kCredits})
                  .value();
  for (std::uint32_t i = 0; i < kCredits; ++i) ASSERT_TRUE(sink->reserve());
  // Nobody reads: a write() that waited would never come back.
  for (std::uint32_t i = 0; i < kCredits; ++i) {
    TestBatch batch;
    for (int k = 0; k < 2; ++k) batch.add(std::string(kPacketBytesMax, 'x'), 1);
    for (std::size_t k = 2; k < kBatchPacketsMax; ++k) batch.add("", 1);
    sink->write({batch.batch(), interfaces_, *TestBatch::all(), kSession});
  }
  std::vector<std::uint8_t> received;
  std::thread reader([&] { received = read_up_to(ends.read.get()); });
  EXPECT_TRUE(sink->close());
  reader.join();
  EXPECT_EQ(test::walk_pcapng(received).packets.size(), kCredits * kBatchPacketsMax);
}

}  // namespace
}  // namespace weir::output
