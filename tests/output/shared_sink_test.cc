// One sink, several threads: every packet once, close by the last, cancel past those who wait.
#include "output/shared_sink.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <tuple>

#include <gtest/gtest.h>

#include "output/open_pcapng.h"
#include "output/pcapng_file.h"
#include "output/pcapng_pipe.h"
#include "series_fixture.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace weir::output {
namespace {

using OfferedList = std::vector<Offered>;

bool earlier(const Offered& a, const Offered& b) {
  return std::tie(a.time, a.data) < std::tie(b.time, b.data);
}

// What one worker does with its share of the sink.
OfferedList work(Sink& sink, std::uint64_t seed, int batches) {
  Prng random(seed);
  InterfaceTable interfaces;
  interfaces.add({.name = "one"});
  OfferedList offered;
  for (int i = 0; i < batches; ++i) {
    EXPECT_TRUE(sink.reserve());
    TestBatch batch;
    Verdicts verdicts{};
    draw_batch(random, 300, batch, verdicts, offered);
    sink.write({batch.batch(), interfaces, verdicts, kSession});
    if (random.chance(1, 4)) {
      EXPECT_TRUE(sink.flush());
      EXPECT_FALSE(sink.mode().empty());
    }
  }
  EXPECT_TRUE(sink.close());
  return offered;
}

TEST(SharedSink, HoldsEveryPacketOfEveryWorkerOnce) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    const test::TempDir dir;
    const std::string path = dir.file("out.pcapng");
    constexpr std::uint32_t kWorkers = 4;
    SharedSink sink(open_pcapng({.path = path, .credits_max = kWorkers}).value(), kWorkers);
    std::array<OfferedList, kWorkers> shares;
    std::vector<std::thread> workers;
    for (std::uint32_t i = 0; i < kWorkers; ++i)
      workers.emplace_back([&, i] { shares[i] = work(sink, seed * 10 + i, 12); });
    for (auto& worker : workers) worker.join();

    OfferedList all;
    for (const auto& share : shares) all.insert(all.end(), share.begin(), share.end());
    EXPECT_EQ(sink.statistics().written.value(), all.size());
    expect_law(sink.statistics());
    auto file = test::walk_pcapng_file(path);
    ASSERT_EQ(file.error, "");
    OfferedList stored;
    for (auto& packet : file.packets) stored.push_back({std::move(packet.data), packet.time});
    std::sort(all.begin(), all.end(), earlier);
    std::sort(stored.begin(), stored.end(), earlier);
    ASSERT_EQ(stored.size(), all.size());
    EXPECT_TRUE(
        std::equal(all.begin(), all.end(), stored.begin(),
                   [](const auto& a, const auto& b) { return !earlier(a, b) && !earlier(b, a); }));
  }
}

// Users that take their turns in an order drawn from the seed, on a series of files some of which
// cannot be opened or fill up: the ledger at every step, and every packet once.
TEST(SharedSink, KeepsTheLedgerInAnyOrderOfTurns) {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    FakeFiles files;
    if (random.chance(1, 4)) files.files_max = 1 + random.below(5);
    test::FakeClock clock;
    const auto users = static_cast<std::uint32_t>(1 + random.below(4));
    auto rotation =
        std::make_unique<Rotation>("out",
                                   RotationOptions{.size_bytes = 500 + random.below(30'000),
                                                   .interval = std::chrono::seconds(10)},
                                   clock, std::make_unique<FakeFileStore>(files, seed));
    auto device = rotation->open_first().value();
    SharedSink sink(std::make_unique<PcapngFile>(PcapngFile::Parts{
                        .pool = buffer::BlockPool::create(
                                    users + 1, PcapngFile::kBlockBytes + PcapngFile::kSlackBytes)
                                    .value(),
                        .device = std::move(device),
                        .identity = {},
                        .credits_max = users,
                        .rotation = std::move(rotation)}),
                    users);
    InterfaceTable interfaces;
    interfaces.add({});
    OfferedList all;
    std::vector<bool> has_credit(users);
    for (std::uint64_t step = 0; step < 40; ++step) {
      const std::size_t user = random.below(users);
      clock.advance(std::chrono::milliseconds(random.below(1500)));
      if (!has_credit[user]) {
        (void)sink.reserve();
        has_credit[user] = true;
      } else if (random.chance(1, 4)) {
        (void)sink.flush();
      } else {
        TestBatch batch;
        auto verdicts = TestBatch::all();
        for (std::uint64_t n = random.below(20); n > 0; --n) {
          all.push_back({std::string(random.below(400), 'x'),
                         static_cast<std::uint64_t>(clock.wall().ns) - random.below(1000) + n});
          batch.add(all.back().data, static_cast<std::int64_t>(all.back().time));
        }
        sink.write({batch.batch(), interfaces, *verdicts, kSession});
        has_credit[user] = false;
      }
      expect_law(sink.statistics());
      ASSERT_EQ(sink.statistics().offered.value(), all.size());
    }
    bool ok = true;
    for (std::uint32_t user = 0; user < users; ++user) ok = sink.close().ok();
    expect_law(sink.statistics());
    ASSERT_EQ(sink.statistics().pending.value(), 0U);
    ASSERT_EQ(total_lost(sink.statistics()), all.size() - sink.statistics().written.value());
    ASSERT_TRUE(ok ? total_lost(sink.statistics()) == 0 : files.paths.size() == files.files_max);
    test::WalkedFile stored;
    for (auto& file : files.walk()) {
      ASSERT_EQ(file.error, "");
      stored.packets.insert(stored.packets.end(), file.packets.begin(), file.packets.end());
    }
    expect_prefix(stored, all, sink.statistics().written.value());
  }
}

TEST(SharedSink, OnlyTheLastOfItsUsersCloses) {
  test::FakeFile file;
  auto pool =
      buffer::BlockPool::create(4, PcapngFile::kBlockBytes + PcapngFile::kSlackBytes).value();
  SharedSink sink(std::make_unique<PcapngFile>(
                      PcapngFile::Parts{.pool = std::move(pool),
                                        .device = std::make_unique<test::FakeBlockDevice>(file, 1),
                                        .identity = {},
                                        .credits_max = 3}),
                  3);
  EXPECT_TRUE(sink.close());
  EXPECT_TRUE(sink.close());
  EXPECT_FALSE(file.closed);
  InterfaceTable interfaces;
  interfaces.add({});
  TestBatch batch;
  batch.add("the last user's", 1);
  ASSERT_TRUE(sink.reserve());
  sink.write({batch.batch(), interfaces, *TestBatch::all(), kSession});
  EXPECT_TRUE(sink.close());
  EXPECT_TRUE(file.closed);
  EXPECT_EQ(test::walk_pcapng(file.content).packets.size(), 1U);
}

TEST(SharedSink, CancelEndsTheWaitOfAllUsersOfASlowPipe) {
  signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> fds{};
  ASSERT_EQ(pipe2(fds.data(), O_CLOEXEC), 0);
  const UniqueFd read_end(fds[0]);
  constexpr std::uint32_t kWorkers = 3;
  SharedSink sink(
      PcapngPipe::open(UniqueFd(fds[1]), {.path = "-", .credits_max = kWorkers}).value(), kWorkers);
  std::atomic<std::uint64_t> offered{0};
  std::atomic<int> closed_with_error{0};
  std::vector<std::thread> workers;
  for (std::uint32_t i = 0; i < kWorkers; ++i) {
    workers.emplace_back([&, i] {
      Prng random(i + 1);
      InterfaceTable interfaces;
      interfaces.add({});
      OfferedList mine;
      for (int n = 0; n < 60; ++n) {  // far more than a pipe holds
        (void)sink.reserve();
        TestBatch batch;
        Verdicts verdicts{};
        draw_batch(random, 1500, batch, verdicts, mine);
        sink.write({batch.batch(), interfaces, verdicts, kSession});
      }
      offered += mine.size();
      if (!sink.close()) ++closed_with_error;
    });
  }
  sink.cancel();
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(closed_with_error, 1) << "told once, to the last user";
  EXPECT_EQ(sink.statistics().offered.value(), offered);
  EXPECT_EQ(sink.statistics().pending.value(), 0U);
  EXPECT_GT(total_lost(sink.statistics()), 0U);
  expect_law(sink.statistics());
}

// A pipe whose reader sleeps.
class WaitingPipe final : public Sink {
 public:
  Result<void> reserve() override {
    waits_.test_and_set();
    waits_.notify_all();
    cancelled_.wait(false);
    return ok();
  }
  void write(const Offer&) override {}
  Result<void> flush() override { return ok(); }
  Result<void> close() override { return ok(); }
  void cancel() noexcept override {
    cancelled_.test_and_set();
    cancelled_.notify_all();
  }
  [[nodiscard]] const SinkStatistics& statistics() const noexcept override { return statistics_; }
  [[nodiscard]] std::string_view kind() const noexcept override { return "pcapng"; }
  [[nodiscard]] std::string_view path() const noexcept override { return "/fifo"; }
  [[nodiscard]] std::string_view mode() const noexcept override { return "pipe"; }
  void until_it_waits() const { waits_.wait(false); }

 private:
  SinkStatistics statistics_;
  std::atomic_flag waits_;
  std::atomic_flag cancelled_;
};

TEST(SharedSink, WhoLooksAtAPipeDoesNotWaitBehindItsReader) {
  auto inner = std::make_unique<WaitingPipe>();
  const WaitingPipe& pipe = *inner;
  SharedSink sink(std::move(inner), 1);
  std::thread worker([&] { EXPECT_TRUE(sink.reserve()); });
  pipe.until_it_waits();
  EXPECT_EQ(sink.mode(), "pipe");
  EXPECT_EQ(sink.place_mode(0), "pipe");
  EXPECT_EQ(sink.file(), "/fifo");
  EXPECT_EQ(sink.place(0).path, "/fifo");
  EXPECT_EQ(sink.take_warning(), std::nullopt);
  EXPECT_EQ(sink.counts().offered, 0U);
  sink.cancel();
  worker.join();
}

}  // namespace
}  // namespace weir::output
