// A process is killed while it writes: what it had acknowledged is there for the next one.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include <gtest/gtest.h>

#include "base/unique_fd.h"
#include "stores.h"

namespace weir::storage {
namespace {

constexpr int kRounds = 20;

// A child that tells each number that `write` has acknowledged, and dies after so many of them at
// some later moment. The last number that it told.
template <typename Write>
std::uint64_t run_and_kill(std::uint64_t first, std::uint64_t acknowledgements, Write write) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    for (std::uint64_t number = first;; ++number) {
      if (!write(number)) ::_exit(1);
      if (::write(ends[1], &number, sizeof number) != sizeof number) ::_exit(2);
    }
  }
  const UniqueFd out(ends[0]);
  ::close(ends[1]);
  std::uint64_t told = 0;
  for (std::uint64_t i = 0; i < acknowledgements; ++i) {
    EXPECT_EQ(::read(out.get(), &told, sizeof told), ssize_t{sizeof told});
  }
  EXPECT_EQ(::kill(child, SIGKILL), 0);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "exit " << WEXITSTATUS(status);
  std::uint64_t later = 0;
  while (::read(out.get(), &later, sizeof later) == ssize_t{sizeof later}) told = later;
  return told;
}

TEST(StoreKill, AcknowledgedStateIsThere) {
  const test::TempDir dir;
  const test::FakeClock clock;
  const std::string path = dir.file("state.db");
  Prng random(20'261'121);
  std::uint64_t first = 1;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    std::unique_ptr<StateStore> store;
    const auto write = [&](std::uint64_t number) {
      if (!store) store = std::move(StateStore::open(path, {}, clock).value().store);
      const SessionRecord record{.name = "s" + std::to_string(number % 5),
                                 .origin = "api",
                                 .definition = generation(number, 2000).toml,
                                 .state = std::to_string(number),
                                 .changed = {1}};
      return store->append_generation(generation(number, 3000)) && store->put_session(record) &&
             store->record(transition(number));
    };
    const std::uint64_t told = run_and_kill(first, 1 + random.below(25), write);
    const auto after = open_state(path, clock);
    ASSERT_TRUE(after);
    const auto latest = after->latest_generation().value();
    ASSERT_TRUE(latest);
    ASSERT_GE(latest->number, told);
    ASSERT_LE(latest->number, told + 1);
    expect_same(*latest, generation(latest->number, 3000));
    std::uint64_t newest_session = 0;
    const auto records = after->sessions().value();
    for (const auto& record : records) {
      const std::uint64_t number = std::stoull(record.state);
      ASSERT_EQ(record.definition, generation(number, 2000).toml);
      ASSERT_GE(number + 5, std::min<std::uint64_t>(told + 1, 5));
      newest_session = std::max(newest_session, number);
    }
    ASSERT_GE(newest_session, told);
    ASSERT_GE(after->newest(0, 1).value().at(0).transition.generation, told);
    ASSERT_EQ(after->newest(0, 1'000'000).value().size(), after->newest(0, 1).value().at(0).id);
    first = latest->number + 1;
  }
}

TEST(StoreKill, AcknowledgedSamplesAndReportsAreThere) {
  const test::TempDir dir;
  const test::FakeClock clock;
  Prng random(42);
  std::uint64_t first = 1;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    std::unique_ptr<TelemetryStore> store;
    std::unique_ptr<ReportQueue> queue;
    const auto write = [&](std::uint64_t number) {
      if (!store) {
        store = std::move(TelemetryStore::open(dir.file("t.db"), {}, clock).value().store);
        queue = std::move(ReportQueue::open(dir.file("r.db"), {}, clock).value().queue);
      }
      const std::vector<StoredSample> samples = {
          {"count", "", static_cast<double>(number)},
          {"other", "a=\"b\"", static_cast<double>(number) / 3}};
      const Timestamp when = clock.wall() + std::chrono::seconds(number);
      return store->store(when, samples).ok() && queue->push(std::to_string(number)).ok();
    };
    const std::uint64_t told = run_and_kill(first, 1 + random.below(60), write);
    const auto after = open_samples(dir.file("t.db"), clock);
    ASSERT_TRUE(after);
    const auto found = after->query({.metric = "count", .since = {}, .until = {INT64_MAX}}).value();
    ASSERT_EQ(found.size(), 1U);
    const auto& points = found[0].points;
    ASSERT_GE(points.size(), told);
    for (std::size_t i = 0; i < points.size(); ++i) {
      ASSERT_EQ(points[i].second, static_cast<double>(i + 1));
    }
    auto opened = ReportQueue::open(dir.file("r.db"), {}, clock);
    ASSERT_TRUE(opened);
    const auto reports = opened->queue->front(100'000).value();
    ASSERT_GE(reports.size(), told);
    // The queue is behind the samples by at most the report that was being made.
    ASSERT_LE(points.size() - reports.size(), 1U);
    for (std::size_t i = reports.size(); i < points.size(); ++i) {
      ASSERT_TRUE(opened->queue->push(std::to_string(i + 1)));
    }
    first = points.size() + 1;
  }
}

}  // namespace
}  // namespace weir::storage
