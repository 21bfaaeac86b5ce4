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

#include "output_fixture.h"
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
  std::unique_ptr<PcapngPipe> open(UniqueFd fd) {
    return PcapngPipe::open(std::move(fd), {.path = "-", .identity = kIdentity}).value();
  }
  // Offers one drawn batch.
  bool offer(Sink& sink, Prng& random) {
    const bool ready = sink.reserve().ok();
    TestBatch batch;
    Verdicts verdicts{};
    draw_batch(random, 1500, batch, verdicts, offered_);
    sink.write(batch.batch(), interfaces_, verdicts, kSession);
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
  sink->write(batch.batch(), interfaces_, *TestBatch::all(), kSession);
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
  sink->write(batch.batch(), interfaces_, *TestBatch::all(), kSession);
  ASSERT_TRUE(sink->close());
  reader.join();
  const auto file = test::walk_pcapng(received);
  ASSERT_EQ(file.error, "");
  EXPECT_EQ(file.packets.size(), 2U);
  EXPECT_EQ(sink->statistics().written.value(), 2U);
}

}  // namespace
}  // namespace weir::output
