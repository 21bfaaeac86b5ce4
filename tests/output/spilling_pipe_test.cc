// A pipe with a spill queue: whatever its reader does, the stream is the one of a fast reader, but
// for what is counted as lost.
#include "output/spilling_pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "output/pcapng_pipe.h"
#include "output/shared_sink.h"
#include "series_fixture.h"
#include "storage/pcapng/blocks.h"
#include "storage/spill/spill_queue.h"
#include "support/fake_clock.h"
#include "support/memory_spill_files.h"

namespace weir::output {
namespace {

const storage::pcapng::SectionIdentity kIdentity{
    .hardware = "", .os = "", .application = "weir test"};
constexpr auto kSlow = static_cast<std::size_t>(LostReason::SlowReader);

struct Ends {
  UniqueFd read;
  UniqueFd write;
};

Ends make_pipe() {
  std::array<int, 2> fds{};
  EXPECT_EQ(pipe2(fds.data(), O_CLOEXEC), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Reads until the end, or until so many bytes have come; waits for them.
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

// Packets of many sizes, gaps, sections, interfaces and blocks that travel along.
void offer_drawn(Sink& sink, std::uint64_t seed, int batches) {
  Prng random(seed);
  InterfaceTable interfaces;
  interfaces.add({.name = "one"});
  std::int64_t time = 0;
  for (int i = 0; i < batches; ++i) {
    EXPECT_TRUE(sink.reserve());
    TestBatch batch;
    if (random.chance(1, 12)) {
      interfaces.add({.name = "if" + std::to_string(i)});
      if (random.chance(1, 3)) {
        batch.add_section(option_bytes(1, "section"), interfaces.count() - 1);
      }
    }
    const std::uint64_t count = random.below(120) + 1;
    for (std::uint64_t k = 0; k < count; ++k) {
      const std::uint64_t bytes = random.chance(1, 80) ? random.below(kPacketBytesMax) : 900;
      if (random.chance(1, 60)) batch.add_gap(random.below(9) + 1);
      Packet& packet =
          batch.add(std::string(bytes, static_cast<char>(i)), ++time, interfaces.count() - 1);
      packet.has_time = !random.chance(1, 50);
      if (random.chance(1, 200)) {
        const std::uint64_t words = random.chance(1, 20) ? random.below(1'500'000) : 100;
        batch.add_side_block(10, std::vector<std::uint8_t>(words * 4));
      }
    }
    sink.write({batch.batch(), interfaces, *TestBatch::all(), kSession});
    if (random.chance(1, 3)) {
      EXPECT_TRUE(sink.flush());
    }
  }
}

std::vector<std::uint8_t> stream_of_a_fast_reader(std::uint64_t seed, int batches) {
  Ends ends = make_pipe();
  std::vector<std::uint8_t> received;
  std::thread reader([&] { received = read_up_to(ends.read.get()); });
  auto sink = PcapngPipe::open(std::move(ends.write), {.path = "-", .identity = kIdentity}).value();
  offer_drawn(*sink, seed, batches);
  EXPECT_TRUE(sink->close());
  reader.join();
  return received;
}

class SpillingPipeTest : public testing::Test {
 protected:
  SpillingPipeTest() {
    signal(SIGPIPE, SIG_IGN);  // as weir does
    interfaces_.add({.name = "one"});
  }
  std::unique_ptr<SpillingPipe> open(UniqueFd fd, FullPolicy policy = FullPolicy::Drop,
                                     std::uint64_t bytes_max = 256 << 20) {
    auto queue =
        storage::spill::SpillQueue::create({.directory = "queue", .bytes_max = bytes_max}, clock_,
                                           std::make_unique<test::MemorySpillFiles>(spill_))
            .value();
    return SpillingPipe::open(std::move(fd), std::move(queue),
                              {.path = "-", .identity = kIdentity, .full_policy = policy})
        .value();
  }
  // Packets whose time is their number.
  bool write(Sink& sink, std::uint64_t count, std::uint64_t bytes = 1500) {
    const bool ready = sink.reserve().ok();
    TestBatch batch;
    for (; count > 0; --count)
      batch.add(std::string(bytes, 'x'), static_cast<std::int64_t>(next_++));
    sink.write({batch.batch(), interfaces_, *TestBatch::all(), kSession});
    expect_law(sink.statistics());
    return ready;
  }
  // The stream says of each packet how many are missing before it.
  static void expect_all_told(const test::WalkedFile& file, const SinkStatistics& statistics) {
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
    ASSERT_EQ(told + after_the_last, statistics.lost[kSlow].value());
  }

  test::MemorySpill spill_;
  test::FakeClock clock_;
  InterfaceTable interfaces_;
  std::uint64_t next_ = 0;
};

TEST_F(SpillingPipeTest, AReaderThatKeepsUpGetsPacketsDirectly) {
  Ends ends = make_pipe();
  auto sink = open(std::move(ends.write));
  std::vector<std::uint8_t> received;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(write(*sink, 20));
    EXPECT_TRUE(sink->flush());
    ASSERT_EQ(sink->statistics().pending.value(), 0U);
    const auto piece =
        read_up_to(ends.read.get(), sink->statistics().written_bytes.value() - received.size());
    received.insert(received.end(), piece.begin(), piece.end());
    EXPECT_EQ(sink->spill()->state, "writing");
  }
  EXPECT_TRUE(sink->close());
  EXPECT_EQ(sink->spill()->state, "closed");
  EXPECT_EQ(sink->spill()->packets, 0U);
  EXPECT_EQ(sink->statistics().written.value(), 2000U);
  expect_all_told(test::walk_pcapng(received), sink->statistics());
}

TEST_F(SpillingPipeTest, AReaderThatSleepsHoldsNobodyUpAndLosesNothing) {
  Ends ends = make_pipe();
  auto sink = open(std::move(ends.write));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(write(*sink, 200));  // 30 MB
  EXPECT_EQ(total_lost(sink->statistics()), 0U);
  EXPECT_GT(sink->statistics().pending.value(), 19'000U);
  EXPECT_EQ(sink->spill()->state, "spilling");
  EXPECT_GT(sink->spill()->packets, 10'000U);
  EXPECT_GT(sink->spill()->bytes, 16U << 20);
  std::vector<std::uint8_t> received;
  std::thread reader([&] { received = read_up_to(ends.read.get()); });
  EXPECT_TRUE(sink->close()) << "waits for the reader";
  reader.join();
  EXPECT_EQ(sink->statistics().written.value(), 20'000U);
  EXPECT_EQ(sink->statistics().pending.value(), 0U);
  EXPECT_EQ(sink->statistics().written_bytes.value(), received.size());
  expect_all_told(test::walk_pcapng(received), sink->statistics());
  EXPECT_TRUE(spill_.files.empty());
  EXPECT_FALSE(sink->take_warning().has_value());
}

// Nobody calls the sink any more, and the reader still gets all.
TEST_F(SpillingPipeTest, OnAQuietLineTheReaderGetsTheRestWhenItComesBack) {
  Ends ends = make_pipe();
  auto sink = open(std::move(ends.write));
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(write(*sink, 200));
  EXPECT_TRUE(sink->flush());
  // The counters are those of now, without a call of the worker.
  ASSERT_EQ(fcntl(ends.read.get(), F_SETFL, O_NONBLOCK), 0);
  while (sink->counts().pending != 0) {
    (void)read_up_to(ends.read.get());
    std::this_thread::yield();
  }
  EXPECT_EQ(sink->counts().written, 12'000U);
  while (sink->spill()->state != "writing") std::this_thread::yield();
  EXPECT_EQ(sink->spill()->bytes, 0U);
  // And directly again.
  EXPECT_TRUE(write(*sink, 1));
  EXPECT_TRUE(sink->flush());
  EXPECT_EQ(sink->statistics().written.value(), 12'001U);
  EXPECT_TRUE(sink->close());
}

TEST_F(SpillingPipeTest, TheStreamIsByteForByteThatOfAFastReader) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    constexpr int kBatches = 80;
    const auto expected = stream_of_a_fast_reader(seed, kBatches);
    spill_ = {};
    Ends ends = make_pipe();
    std::vector<std::uint8_t> received;
    std::thread reader([&] {
      Prng random(seed + 100);
      for (;;) {
        const auto piece = read_up_to(ends.read.get(), random.below(20'000) + 1);
        if (piece.empty()) return;
        received.insert(received.end(), piece.begin(), piece.end());
      }
    });
    auto sink = open(std::move(ends.write), seed % 2 == 0 ? FullPolicy::Block : FullPolicy::Drop);
    offer_drawn(*sink, seed, kBatches);
    EXPECT_TRUE(sink->close());
    reader.join();
    EXPECT_EQ(total_lost(sink->statistics()), 0U);
    EXPECT_TRUE(received == expected);
    EXPECT_EQ(sink->statistics().written_bytes.value(), expected.size());
    EXPECT_TRUE(spill_.files.empty());
  }
}

TEST_F(SpillingPipeTest, WhatASleepingReaderGetsLaterIsByteForByteTheSame) {
  for (std::uint64_t seed = 11; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    constexpr int kBatches = 80;
    const auto expected = stream_of_a_fast_reader(seed, kBatches);
    spill_ = {};
    Ends ends = make_pipe();
    auto sink = open(std::move(ends.write));
    offer_drawn(*sink, seed, kBatches);
    EXPECT_GT(sink->spill()->packets, 0U);
    std::vector<std::uint8_t> received;
    std::thread reader([&] { received = read_up_to(ends.read.get()); });
    EXPECT_TRUE(sink->close());
    reader.join();
    EXPECT_TRUE(received == expected);
  }
}

TEST_F(SpillingPipeTest, AFullQueueDropsAndTellsWhatIsMissing) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    spill_ = {};
    next_ = 0;
    Ends ends = make_pipe();
    ASSERT_EQ(fcntl(ends.read.get(), F_SETFL, O_NONBLOCK), 0);
    auto sink = open(std::move(ends.write), FullPolicy::Drop, storage::spill::kSpillBytesMin);
    std::vector<std::uint8_t> received;
    const auto read_some = [&](std::uint64_t bytes) {
      const auto piece = read_up_to(ends.read.get(), random.below(bytes));
      received.insert(received.end(), piece.begin(), piece.end());
    };
    const std::uint64_t speed = seed == 1 ? 1000 : 1 + random.below(150'000);
    for (int i = 0; i < 300; ++i) {
      EXPECT_TRUE(write(*sink, random.below(250), random.below(1500)));
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
    if (seed == 1) {
      EXPECT_GT(statistics.lost[kSlow].value(), 0U);
    }
    expect_all_told(test::walk_pcapng(received), statistics);
    EXPECT_LE(spill_.bytes_max, storage::spill::kSpillBytesMin);
  }
}

TEST_F(SpillingPipeTest, AFullQueueWaitsForTheReaderWhereNothingMayBeLost) {
  Ends ends = make_pipe();
  auto sink = open(std::move(ends.write), FullPolicy::Block, storage::spill::kSpillBytesMin);
  std::thread worker([&] {
    for (int i = 0; i < 150; ++i) EXPECT_TRUE(write(*sink, 200));  // 45 MB
    EXPECT_TRUE(sink->close());
  });
  // Only reading lets the worker go on once everything is full.
  while (sink->spill()->state != "blocked") std::this_thread::yield();
  const auto received = read_up_to(ends.read.get());
  worker.join();
  EXPECT_EQ(total_lost(sink->statistics()), 0U);
  expect_all_told(test::walk_pcapng(received), sink->statistics());
}

TEST_F(SpillingPipeTest, CancelEndsAWaitAndCountsWhatIsInTheQueueAsLost) {
  Ends ends = make_pipe();
  auto sink = open(std::move(ends.write));
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(write(*sink, 200));
  std::thread closer([&] {
    const auto closed = sink->close();
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().code, ErrorCode::Closed);
  });
  sink->cancel();
  closer.join();
  const auto& statistics = sink->statistics();
  expect_law(statistics);
  EXPECT_EQ(statistics.pending.value(), 0U);
  EXPECT_EQ(statistics.written.value() +
                statistics.lost[static_cast<std::size_t>(LostReason::Closed)].value(),
            12'000U);
  EXPECT_LT(statistics.written.value(), 100U);
  const auto file = test::walk_pcapng(read_up_to(ends.read.get()));
  EXPECT_EQ(file.packets.size(), statistics.written.value());
  EXPECT_TRUE(spill_.files.empty());
}

// Before there is a thread, while the worker waits for room, within close(), at any time.
TEST_F(SpillingPipeTest, CancelAtAnyMomentEndsAllWaitsForAReaderThatNeverReads) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    spill_ = {};
    next_ = 0;
    Ends ends = make_pipe();
    const FullPolicy policy = random.chance(1, 2) ? FullPolicy::Block : FullPolicy::Drop;
    auto sink = open(std::move(ends.write), policy, storage::spill::kSpillBytesMin);
    const int batches = static_cast<int>(random.below(90));  // about 45 fill everything
    const bool flushes = random.chance(1, 2);
    const std::uint64_t moment = random.below(static_cast<std::uint64_t>(batches) + 2);
    std::atomic<std::uint64_t> done{0};
    bool closed = true;
    std::thread worker([&] {
      for (int i = 0; i < batches; ++i) {
        (void)write(*sink, 200);
        if (flushes) (void)sink->flush();
        ++done;
      }
      ++done;
      closed = sink->close().ok();
    });
    const auto is_blocked = [&] {
      return policy == FullPolicy::Block && sink->spill()->state == "blocked";
    };
    while (done < moment && !is_blocked()) std::this_thread::yield();
    sink->cancel();
    worker.join();
    const auto& statistics = sink->statistics();
    expect_law(statistics);
    EXPECT_EQ(statistics.pending.value(), 0U);
    EXPECT_EQ(statistics.offered.value(), static_cast<std::uint64_t>(batches) * 200);
    EXPECT_EQ(closed, total_lost(statistics) == statistics.lost[kSlow].value())
        << "an error, unless the kernel has taken all";
    EXPECT_EQ(test::walk_pcapng(read_up_to(ends.read.get())).packets.size(),
              statistics.written.value());
    EXPECT_TRUE(spill_.files.empty());
  }
}

TEST_F(SpillingPipeTest, AReaderThatGoesAwayEndsTheSink) {
  Ends ends = make_pipe();
  auto sink = open(std::move(ends.write));
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(write(*sink, 200));
  (void)read_up_to(ends.read.get(), 1'000'000);
  ends.read.reset();
  while (sink->spill()->state != "failed") std::this_thread::yield();
  const auto reserved = sink->reserve();
  ASSERT_FALSE(reserved);
  EXPECT_EQ(reserved.error().code, ErrorCode::Closed);
  EXPECT_EQ(sink->statistics().pending.value(), 0U);
  EXPECT_FALSE(write(*sink, 5));
  EXPECT_FALSE(sink->close());
  const auto& statistics = sink->statistics();
  EXPECT_EQ(statistics.offered.value(), 12'005U);
  EXPECT_EQ(statistics.written.value() +
                statistics.lost[static_cast<std::size_t>(LostReason::Closed)].value(),
            12'005U);
  EXPECT_GT(statistics.written.value(), 600U);
  EXPECT_TRUE(spill_.files.empty());
}

TEST_F(SpillingPipeTest, ADiskThatIsFullLosesNothingOfTheQueueAndIsTold) {
  spill_.plan[1] = {.no_space_at = 5 << 20};
  Ends ends = make_pipe();
  auto sink = open(std::move(ends.write));
  for (int i = 0; i < 300; ++i) EXPECT_TRUE(write(*sink, 200));  // 90 MB
  const auto& statistics = sink->statistics();
  EXPECT_GT(statistics.lost[kSlow].value(), 0U);
  EXPECT_EQ(sink->spill()->state, "blocked");
  const auto warning = sink->take_warning();
  ASSERT_TRUE(warning.has_value());
  EXPECT_EQ(warning->code, ErrorCode::NoSpace);
  std::vector<std::uint8_t> received;
  std::thread reader([&] { received = read_up_to(ends.read.get()); });
  while (sink->counts().pending != 0) EXPECT_TRUE(sink->flush());
  EXPECT_TRUE(write(*sink, 1));
  EXPECT_TRUE(sink->close());
  reader.join();
  EXPECT_EQ(statistics.written.value() + statistics.lost[kSlow].value(), 60'001U);
  expect_all_told(test::walk_pcapng(received), statistics);
}

TEST_F(SpillingPipeTest, WhatCannotBeReadBackIsLostAndTheRestGoesOn) {
  spill_.read_error_after = 5;
  Ends ends = make_pipe();
  auto sink = open(std::move(ends.write));
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(write(*sink, 200));
  std::vector<std::uint8_t> received;
  std::thread reader([&] { received = read_up_to(ends.read.get()); });
  EXPECT_TRUE(sink->close());
  reader.join();
  const auto& statistics = sink->statistics();
  const std::uint64_t lost =
      statistics.lost[static_cast<std::size_t>(LostReason::WriteError)].value();
  EXPECT_GT(lost, 500U);
  EXPECT_LT(lost, 700U);
  EXPECT_EQ(statistics.written.value() + lost, 40'000U);
  EXPECT_EQ(statistics.written_bytes.value(), received.size());
  const auto file = test::walk_pcapng(received);
  ASSERT_EQ(file.error, "");
  ASSERT_EQ(file.packets.size(), statistics.written.value());
  std::uint64_t last = 0;
  for (const auto& packet : file.packets) {
    EXPECT_GE(packet.time, last);
    last = packet.time;
  }
  EXPECT_EQ(last, 39'999U);
  EXPECT_TRUE(sink->take_warning().has_value());
}

TEST_F(SpillingPipeTest, SeveralWorkersShareIt) {
  constexpr std::uint32_t kWorkers = 3;
  Ends ends = make_pipe();
  auto queue = storage::spill::SpillQueue::create({.directory = "queue"}, clock_,
                                                  std::make_unique<test::MemorySpillFiles>(spill_))
                   .value();
  auto inner = SpillingPipe::open(std::move(ends.write), std::move(queue),
                                  {.path = "-", .identity = kIdentity, .credits_max = kWorkers})
                   .value();
  SharedSink sink(std::move(inner), kWorkers);
  std::vector<std::thread> workers;
  for (std::uint32_t worker = 0; worker < kWorkers; ++worker) {
    workers.emplace_back([&] {
      InterfaceTable interfaces;
      interfaces.add({.name = "one"});
      for (int i = 0; i < 60; ++i) {
        EXPECT_TRUE(sink.reserve());
        TestBatch batch;
        for (int k = 0; k < 100; ++k) batch.add(std::string(1200, 'x'), i);
        sink.write({batch.batch(), interfaces, *TestBatch::all(), kSession});
      }
      EXPECT_TRUE(sink.close());
    });
  }
  while (sink.spill()->packets == 0) std::this_thread::yield();
  const auto received = read_up_to(ends.read.get());
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(sink.counts().written, 18'000U);
  EXPECT_EQ(test::walk_pcapng(received).packets.size(), 18'000U);
}

}  // namespace
}  // namespace weir::output
