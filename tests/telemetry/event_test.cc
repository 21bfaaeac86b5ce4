#include "telemetry/event.h"

#include <future>
#include <set>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/fake_clock.h"

namespace weir::telemetry {
namespace {

constexpr Duration kLong = std::chrono::seconds(60);

class EventHubTest : public testing::Test {
 protected:
  static void publish(EventHub& hub, int count) {
    for (int i = 0; i < count; ++i)
      hub.publish({.kind = EventKind::ConfigCommitted, .module = "control", .text = "done"});
  }
  static std::vector<std::uint64_t> ids(const EventBatch& batch) {
    std::vector<std::uint64_t> all;
    for (const Event& event : batch.events) all.push_back(event.id);
    return all;
  }
  using Ids = std::vector<std::uint64_t>;

  test::FakeClock clock_{Timestamp{1'795'644'000'123'000'000}};
};

TEST_F(EventHubTest, KindsHaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const EventKindInfo& info : event_kind_table()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_EQ(name_of(info.kind), info.name);
    EXPECT_FALSE(info.meaning.empty());
  }
}

TEST_F(EventHubTest, GivesEachEventAnIdAndTheTime) {
  EventHub hub(clock_);
  EXPECT_EQ(hub.last_id(), 0u);
  EXPECT_EQ(hub.publish({.kind = EventKind::SessionState,
                         .module = "capture",
                         .text = "session all runs",
                         .fields = {{"session", "all"}}}),
            1u);
  EXPECT_EQ(hub.publish({.kind = EventKind::PacketsLost, .severity = Severity::Error}), 2u);
  const EventBatch batch = hub.read_after(0, 10);
  ASSERT_EQ(ids(batch), (Ids{1, 2}));
  EXPECT_EQ(batch.missed, 0u);
  EXPECT_EQ(batch.last_id, 2u);
  EXPECT_EQ(batch.events[0].time, clock_.wall());
  EXPECT_EQ(batch.events[0].severity, Severity::Info) << "as the table has it";
  EXPECT_EQ(batch.events[1].severity, Severity::Error);
  EXPECT_EQ(event_json(batch.events[0]),
            R"({"id":1,"time":"2026-11-25T22:00:00.123Z","module":"capture",)"
            R"("kind":"session_state","severity":"info","text":"session all runs",)"
            R"("fields":{"session":"all"}})");
}

TEST_F(EventHubTest, ReadsOnFromTheLastId) {
  EventHub hub(clock_);
  publish(hub, 5);
  EventBatch batch = hub.read_after(0, 2);
  EXPECT_EQ(ids(batch), (Ids{1, 2}));
  batch = hub.read_after(batch.last_id, 10);
  EXPECT_EQ(ids(batch), (Ids{3, 4, 5}));
  batch = hub.read_after(batch.last_id, 10);
  EXPECT_TRUE(batch.events.empty());
  EXPECT_EQ(batch.last_id, 5u);
}

TEST_F(EventHubTest, SaysHowManyWereForgotten) {
  EventHub hub(clock_, 3);
  publish(hub, 10);
  struct Row {
    std::uint64_t after;
    std::uint64_t missed;
    Ids ids;
  };
  for (const Row& row : {Row{2, 5, {8, 9, 10}}, Row{7, 0, {8, 9, 10}}, Row{8, 0, {9, 10}},
                         Row{10, 0, {}}, Row{0, 7, {8, 9, 10}}}) {
    const EventBatch batch = hub.read_after(row.after, 10);
    EXPECT_EQ(batch.missed, row.missed) << row.after;
    EXPECT_EQ(ids(batch), row.ids) << row.after;
  }
  EXPECT_EQ(hub.read_after(2, 0).last_id, 7u) << "missed once, also when nothing is read";

  Collection all;
  hub.collect(all);
  EXPECT_EQ(all[0].value.whole(), 10u);
  EXPECT_EQ(all[1].value.whole(), 10u) << "who begins with 0 was not too slow";
}

TEST_F(EventHubTest, TakesAnIdOfAnotherLifeForABegin) {
  EventHub hub(clock_);
  publish(hub, 2);
  EXPECT_EQ(ids(hub.read_after(500, 10)), (Ids{1, 2}));
  EXPECT_EQ(hub.wait_after(500, Duration::zero()), EventWait::Arrived);
}

TEST_F(EventHubTest, WaitsUntilThereIsOne) {
  EventHub hub(clock_);
  EXPECT_EQ(hub.wait_after(0, Duration::zero()), EventWait::TimedOut);
  publish(hub, 1);
  EXPECT_EQ(hub.wait_after(0, kLong), EventWait::Arrived);
  EXPECT_EQ(hub.wait_after(1, Duration::zero()), EventWait::TimedOut);
  auto waiter = std::async(std::launch::async, [&] { return hub.wait_after(1, kLong); });
  publish(hub, 1);
  EXPECT_EQ(waiter.get(), EventWait::Arrived);
}

TEST_F(EventHubTest, WakesAllWaitersWhenItStops) {
  EventHub hub(clock_);
  auto one = std::async(std::launch::async, [&] { return hub.wait_after(0, kLong); });
  auto two = std::async(std::launch::async, [&] { return hub.wait_after(0, kLong); });
  hub.stop();
  EXPECT_EQ(one.get(), EventWait::Stopped);
  EXPECT_EQ(two.get(), EventWait::Stopped);
  publish(hub, 1);
  EXPECT_EQ(hub.wait_after(0, kLong), EventWait::Stopped);
  EXPECT_EQ(ids(hub.read_after(0, 10)), Ids{1}) << "what is told at the end can be read";
}

class Recorder final : public EventObserver {
 public:
  void on_event(const Event& event) noexcept override { seen.push_back(event.id); }
  std::vector<std::uint64_t> seen;
};

TEST_F(EventHubTest, TellsObserversInOrderOfIds) {
  EventHub hub(clock_);
  Recorder recorder;
  hub.add_observer(recorder);
  {
    std::thread other([&] { publish(hub, 200); });
    publish(hub, 200);
    other.join();
  }
  hub.remove_observer(recorder);
  publish(hub, 1);
  ASSERT_EQ(recorder.seen.size(), 400u);
  for (std::size_t i = 0; i < recorder.seen.size(); ++i) ASSERT_EQ(recorder.seen[i], i + 1);
}

TEST_F(EventHubTest, BoundsAndCleansWhatItIsTold) {
  EventHub hub(clock_);
  const std::string big(std::size_t{1} << 20, 'x');
  std::vector<EventField> fields(40, {big, big});
  fields[0] = {"path", "a\xff\nb\xc2\x85"};
  hub.publish({.kind = EventKind::OutputFailed, .module = big, .text = big, .fields = fields});
  const Event event = hub.read_after(0, 1).events.at(0);
  EXPECT_EQ(event.text.size(), kEventTextMax + 3);
  EXPECT_EQ(event.fields.size(), kEventFieldsMax);
  EXPECT_EQ(event.fields[0].value, "a\xef\xbf\xbd\nb\xc2\x85");
  EXPECT_EQ(event.fields[1].key.size(), kEventKeyMax + 3);
  EXPECT_EQ(event.fields[1].value.size(), kEventTextMax + 3);
  const std::string json = event_json(event);
  EXPECT_TRUE(nlohmann::json::accept(json));
  EXPECT_EQ(json.find_first_of("\n\r"), std::string::npos);
  EXPECT_NE(json.find(R"("a)"
                      "\xef\xbf\xbd"
                      R"(\nb\u0085")"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::telemetry
