// Many streams of records, one sequence: the same whoever made them, and every record accounted
// for.
#include "output/record_merger.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"

namespace weir::output {
namespace {

using protocol::CaptureLossRecord;
using protocol::LogId;
using protocol::Record;
using protocol::RecordOrder;
using protocol::StatsRecord;
using protocol::WeirdRecord;

// A record of weird.log with a number to know it by.
Record weird(RecordOrder order, std::uint64_t number) {
  return {.order = order, .body = WeirdRecord{.number = number}};
}
std::uint64_t number_of(const Record& record) { return std::get<WeirdRecord>(record.body).number; }

// Keeps what it is given, and looks at the contract of RecordSink::reached().
class KeepingSink : public protocol::RecordSink {
 public:
  void take(const Record& record) override {
    EXPECT_GE(record.order, told) << "a record before what had been reached";
    records.push_back(record);
  }
  void reached(RecordOrder order) override {
    EXPECT_GT(order, told);
    told = order;
  }
  [[nodiscard]] std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> all;
    for (const Record& record : records) all.push_back(number_of(record));
    return all;
  }

  std::vector<Record> records;
  RecordOrder told;
};

std::uint64_t total(const RecordCounters& counters) {
  std::uint64_t sum = 0;
  for (const auto& counter : counters) sum += counter.value();
  return sum;
}

std::uint64_t count_of(const RecordCounters& counters, LogId log) {
  return counters[static_cast<std::size_t>(log)].value();
}

// After the end: every record that was offered is lost, summed or handed on, in its log.
void expect_law(RecordMerger& merger, std::size_t streams) {
  for (std::size_t log = 0; log < protocol::kLogCount; ++log) {
    std::uint64_t offered = 0;
    std::uint64_t lost = 0;
    for (std::size_t i = 0; i < streams; ++i) {
      offered += merger.stream(i).statistics().offered[log].value();
      lost += merger.stream(i).statistics().lost[log].value();
    }
    EXPECT_EQ(offered, lost + merger.statistics().handed_on[log].value() +
                           merger.statistics().summed[log].value());
  }
}

// Orders that grow, now by tick with a rank anywhere, now by rank.
std::vector<RecordOrder> draw_orders(Prng& random, std::size_t count) {
  std::vector<RecordOrder> orders;
  RecordOrder order{.tick = 1, .rank = random.below(1000)};
  for (std::size_t i = 0; i < count; ++i) {
    orders.push_back(order);
    if (random.chance(1, 3)) {
      order = {.tick = order.tick + 1 + random.below(3), .rank = random.below(1000)};
    } else {
      order.rank += 1 + random.below(5);
    }
  }
  return orders;
}

// A worker: takes those of the records that are its own, and tells now and then how far it is.
void produce(RecordStream& stream, const std::vector<RecordOrder>& orders,
             const std::vector<std::size_t>& owners, std::size_t self, std::uint64_t seed) {
  Prng random(seed);
  const std::uint64_t batch = 1 + random.below(60);
  for (std::size_t i = 0; i < orders.size(); ++i) {
    if (random.below(batch) == 0) stream.reached(orders[i]);
    if (owners[i] == self) stream.take(weird(orders[i], i));
  }
  stream.reached(kRecordsEnd);
}

TEST(RecordMerger, GivesTheSameSequenceWhoeverMadeTheRecords) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const std::vector<RecordOrder> orders = draw_orders(random, 300 + random.below(700));
    std::vector<std::uint64_t> expected(orders.size());
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = i;
    for (const std::size_t streams : {1U, 2U, 8U}) {
      SCOPED_TRACE(streams);
      std::vector<std::size_t> owners(orders.size());
      for (auto& owner : owners) owner = random.below(streams);
      KeepingSink sink;
      RecordMerger merger({.streams = streams, .slots = 2u << random.below(8)}, sink);
      merger.start();
      std::vector<std::thread> workers;
      for (std::size_t i = 0; i < streams; ++i) {
        workers.emplace_back(
            [&, i] { produce(merger.stream(i), orders, owners, i, seed * 100 + i); });
      }
      for (auto& worker : workers) worker.join();
      merger.join();
      ASSERT_EQ(sink.numbers(), expected);
      EXPECT_EQ(sink.told, kRecordsEnd);
      EXPECT_EQ(count_of(merger.statistics().handed_on, LogId::Weird), orders.size());
      expect_law(merger, streams);
    }
  }
}

TEST(RecordMerger, PutsEqualOrdersInTheOrderOfStreams) {
  KeepingSink sink;
  RecordMerger merger({.streams = 3, .slots = 4}, sink);
  const RecordOrder order{.tick = 5, .rank = 5};
  for (const std::size_t stream : {2U, 0U, 1U}) {
    merger.stream(stream).take(weird(order, stream * 10));
    merger.stream(stream).take(weird(order, stream * 10 + 1));
    merger.stream(stream).reached(kRecordsEnd);
  }
  merger.run();
  EXPECT_EQ(sink.numbers(), (std::vector<std::uint64_t>{0, 1, 10, 11, 20, 21}));
}

// Says to another thread how far it has been told that the merger is.
class SpeakingSink final : public KeepingSink {
 public:
  void reached(RecordOrder order) override {
    KeepingSink::reached(order);
    taken_.store(records.size());
    tick_.store(order.tick);
    tick_.notify_one();
  }
  // The number of records that had been taken then.
  std::size_t wait_for(std::uint64_t tick) {
    for (std::uint64_t now = tick_.load(); now < tick; now = tick_.load()) tick_.wait(now);
    return taken_.load();
  }

 private:
  std::atomic<std::uint64_t> tick_{0};
  std::atomic<std::size_t> taken_{0};
};

TEST(RecordMerger, WaitsForAStreamThatLags) {
  SpeakingSink sink;
  RecordMerger merger({.streams = 2, .slots = 8}, sink);
  merger.start();
  merger.stream(0).take(weird({.tick = 1}, 1));
  merger.stream(0).take(weird({.tick = 5}, 5));
  merger.stream(0).reached({.tick = 10});
  merger.stream(1).reached({.tick = 2});
  EXPECT_EQ(sink.wait_for(2), 1U);
  merger.stream(1).reached({.tick = 5});  // and may still bring a record of just this order
  EXPECT_EQ(sink.wait_for(5), 1U);
  merger.stream(1).take(weird({.tick = 5, .rank = 0}, 6));
  merger.stream(1).reached(kRecordsEnd);
  merger.stream(0).reached(kRecordsEnd);
  merger.join();
  EXPECT_EQ(sink.numbers(), (std::vector<std::uint64_t>{1, 5, 6}));
  EXPECT_EQ(merger.statistics().overtook.value(), 0U);
}

TEST(RecordMerger, BoundedGoesOnWithoutAStreamThatLags) {
  KeepingSink sink;
  RecordMerger merger({.streams = 2, .slots = 8, .ordering = Ordering::Bounded}, sink);
  merger.start();
  // Would wait for ever for the other stream, did the merger.
  for (std::uint64_t i = 0; i < 100; ++i) merger.stream(0).take(weird({.tick = 10 + i}, i));
  merger.stream(0).reached(kRecordsEnd);
  merger.stream(1).take(weird({.tick = 1}, 100));
  merger.stream(1).reached(kRecordsEnd);
  merger.join();
  std::vector<std::uint64_t> numbers = sink.numbers();
  ASSERT_EQ(numbers.size(), 101U);
  const auto late = std::find(numbers.begin(), numbers.end(), 100U);
  EXPECT_GE(late - numbers.begin(), 92) << "no more waited than the ring holds";
  numbers.erase(late);
  EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
  EXPECT_GE(merger.statistics().overtook.value(), 92U);
}

TEST(RecordMerger, DropLosesExactlyWhatFindsNoRoom) {
  KeepingSink sink;
  RecordMerger merger({.streams = 1, .slots = 4, .when_full = WhenFull::Drop}, sink);
  RecordStream& stream = merger.stream(0);
  for (std::uint64_t i = 0; i < 6; ++i) stream.take(weird({.tick = i}, i));
  for (std::uint64_t i = 6; i < 9; ++i)
    stream.take({.order = {.tick = i}, .body = protocol::TunnelRecord{}});
  EXPECT_EQ(count_of(stream.statistics().offered, LogId::Weird), 6U);
  EXPECT_EQ(count_of(stream.statistics().lost, LogId::Weird), 2U);
  EXPECT_EQ(count_of(stream.statistics().lost, LogId::Tunnel), 3U);
  stream.reached(kRecordsEnd);
  merger.run();
  EXPECT_EQ(sink.numbers(), (std::vector<std::uint64_t>{0, 1, 2, 3}));
  expect_law(merger, 1);
}

TEST(RecordMerger, DropWaitsWhenNoPacketWaits) {
  KeepingSink sink;
  RecordMerger merger(
      {.streams = 1, .slots = 4, .when_full = WhenFull::Drop, .ordering = Ordering::Bounded}, sink);
  merger.stream(0).packets_ended();
  merger.start();
  for (std::uint64_t i = 0; i < 10'000; ++i) merger.stream(0).take(weird({.tick = i}, i));
  merger.stream(0).reached(kRecordsEnd);
  merger.join();
  EXPECT_EQ(sink.records.size(), 10'000U);
  EXPECT_EQ(total(merger.stream(0).statistics().lost), 0U);
}

TEST(RecordMerger, KeepsTheLedgerWhereRecordsAreDroppedAndOvertaken) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const std::vector<RecordOrder> orders = draw_orders(random, 2000);
    const std::size_t streams = 1 + random.below(4);
    std::vector<std::size_t> owners(orders.size());
    for (auto& owner : owners) owner = random.below(streams);
    KeepingSink sink;
    RecordMerger merger({.streams = streams,
                         .slots = 2u << random.below(6),
                         .when_full = WhenFull::Drop,
                         .ordering = random.chance(1, 2) ? Ordering::Bounded : Ordering::Strict},
                        sink);
    merger.start();
    std::vector<std::thread> workers;
    for (std::size_t i = 0; i < streams; ++i) {
      workers.emplace_back(
          [&, i] { produce(merger.stream(i), orders, owners, i, seed * 100 + i); });
    }
    for (auto& worker : workers) worker.join();
    merger.join();
    expect_law(merger, streams);
    EXPECT_EQ(total(merger.statistics().handed_on), sink.records.size());
    // Of each stream, what came is in its order.
    std::vector<std::uint64_t> last(streams, 0);
    for (const std::uint64_t number : sink.numbers()) {
      EXPECT_GE(number, last[owners[number]]);
      last[owners[number]] = number + 1;
    }
  }
}

Record stats(RecordOrder order, std::int64_t delta, std::uint64_t packets) {
  return {.order = order,
          .body = StatsRecord{.time = {300},
                              .delta = Duration(delta),
                              .packets = packets,
                              .bytes = packets * 100,
                              .flows_begun = {packets, 1, 0, 0},
                              .flows_active = {0, packets, 0, 2},
                              .flows_evicted = 3}};
}

Record loss(RecordOrder order, std::int64_t delta, std::uint64_t gaps) {
  return {
      .order = order,
      .body = CaptureLossRecord{
          .time = {300}, .delta = Duration(delta), .gaps = gaps, .acknowledgements = gaps * 10}};
}

TEST(RecordMerger, SumsWhatStreamsTellOfOneInterval) {
  KeepingSink sink;
  RecordMerger merger({.streams = 3, .slots = 8}, sink);
  const RecordOrder first{.tick = 7, .rank = 9};
  merger.stream(0).take(stats(first, 50, 1));
  merger.stream(0).take(loss(first, 50, 2));
  merger.stream(1).take(stats(first, 80, 10));
  merger.stream(1).take(loss(first, 40, 20));
  merger.stream(2).take(stats(first, 60, 100));
  for (std::size_t i = 0; i < 3; ++i) merger.stream(i).reached(kRecordsEnd);
  merger.run();
  ASSERT_EQ(sink.records.size(), 2U);
  EXPECT_EQ(sink.records[0].order, first);
  const auto& sum = std::get<StatsRecord>(sink.records[0].body);
  EXPECT_EQ(sum.time.ns, 300);
  EXPECT_EQ(sum.delta.count(), 80);
  EXPECT_EQ(sum.packets, 111U);
  EXPECT_EQ(sum.bytes, 11'100U);
  EXPECT_EQ(sum.flows_begun, (std::array<std::uint64_t, 4>{111, 3, 0, 0}));
  EXPECT_EQ(sum.flows_active, (std::array<std::uint64_t, 4>{0, 111, 0, 6}));
  EXPECT_EQ(sum.flows_evicted, 9U);
  EXPECT_EQ(sink.records[1].order, first);
  const auto& lost = std::get<CaptureLossRecord>(sink.records[1].body);
  EXPECT_EQ(lost.delta.count(), 50);
  EXPECT_EQ(lost.gaps, 22U);
  EXPECT_EQ(lost.acknowledgements, 220U);
  EXPECT_EQ(count_of(merger.statistics().summed, LogId::Stats), 2U);
  EXPECT_EQ(count_of(merger.statistics().summed, LogId::CaptureLoss), 1U);
  expect_law(merger, 3);
}

TEST(RecordMerger, KeepsIntervalsApartAndSumsTheLastOnesToo) {
  KeepingSink sink;
  RecordMerger merger({.streams = 2, .slots = 8}, sink);
  for (std::size_t i = 0; i < 2; ++i) {
    merger.stream(i).take(stats({.tick = 7}, 1, 1));
    merger.stream(i).take(stats({.tick = 8}, 1, 2));
    merger.stream(i).take(stats(kRecordsEnd, 1, 3));
    merger.stream(i).take(loss(kRecordsEnd, 1, 4));
    merger.stream(i).reached(kRecordsEnd);
  }
  merger.run();
  ASSERT_EQ(sink.records.size(), 4U);
  EXPECT_EQ(std::get<StatsRecord>(sink.records[0].body).packets, 2U);
  EXPECT_EQ(std::get<StatsRecord>(sink.records[1].body).packets, 4U);
  EXPECT_EQ(std::get<StatsRecord>(sink.records[2].body).packets, 6U);
  EXPECT_EQ(std::get<CaptureLossRecord>(sink.records[3].body).gaps, 8U);
}

TEST(RecordMerger, WritesASumAsSoonAsNoStreamCanAddToIt) {
  SpeakingSink sink;
  RecordMerger merger({.streams = 2, .slots = 8}, sink);
  merger.start();
  merger.stream(0).take(stats({.tick = 7}, 1, 1));
  merger.stream(0).reached({.tick = 9});
  merger.stream(1).reached({.tick = 7});
  EXPECT_EQ(sink.wait_for(7), 0U);
  merger.stream(1).reached({.tick = 8});
  EXPECT_EQ(sink.wait_for(8), 1U);
}

TEST(RecordMerger, EndsWithoutARecord) {
  KeepingSink sink;
  RecordMerger merger({.streams = 2, .slots = 2}, sink);
  merger.start();
  merger.stream(0).reached(kRecordsEnd);
  merger.stream(1).reached(kRecordsEnd);
  merger.join();
  EXPECT_TRUE(sink.records.empty());
  EXPECT_EQ(sink.told, kRecordsEnd);
}

TEST(RecordMerger, EndsStreamsThatHaveNotEndedWhenItIsDestroyed) {
  KeepingSink sink;
  {
    RecordMerger merger({.streams = 2, .slots = 4}, sink);
    merger.start();
    merger.stream(0).take(weird({.tick = 1}, 1));
    merger.stream(1).reached(kRecordsEnd);
  }
  EXPECT_EQ(sink.numbers(), (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(sink.told, kRecordsEnd);
}

TEST(RecordMerger, TellsTheSinkHowFarItIsAlsoWhenItNeverRests) {
  struct CountingSink final : KeepingSink {
    void reached(RecordOrder order) override {
      KeepingSink::reached(order);
      ++calls;
    }
    int calls = 0;
  } sink;
  RecordMerger merger({.streams = 1, .slots = 8192}, sink);
  for (std::uint64_t i = 1; i <= 5000; ++i) merger.stream(0).take(weird({.tick = i}, i));
  merger.stream(0).reached(kRecordsEnd);
  merger.run();
  EXPECT_EQ(sink.calls, 5);  // 4 times 1024 records, and the end
}

TEST(RecordProgress, IsNeverReadBeyondWhatHasBeenReached) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const std::vector<RecordOrder> orders = draw_orders(random, 50'000);
    RecordProgress progress;
    std::atomic<std::size_t> begun{0};
    std::thread writer([&] {
      for (std::size_t i = 0; i < orders.size(); ++i) {
        begun.store(i);
        progress.advance_to(orders[i]);
      }
    });
    std::uint64_t wrong = 0;
    while (progress.reached() != orders.back()) {
      const RecordOrder read = progress.reached();
      if (read > orders[begun.load()]) ++wrong;
    }
    writer.join();
    EXPECT_EQ(wrong, 0U);
  }
}

}  // namespace
}  // namespace weir::output
