// Signals become levels, levels become directives, and every move of a level stands in the journal.
#include "state/pressure_controller.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "state/recording_journal.h"
#include "support/fake_clock.h"

namespace weir::state {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class Directives final : public DirectiveReceiver {
 public:
  void direct(const Directive& one) noexcept override {
    seen.push_back(std::string(name_of(one.resource)) + " " + std::string(one.place) + ": " +
                   std::string(kPressureTable.name_of(one.before)) + " > " +
                   std::string(kPressureTable.name_of(one.level)) + ", step " +
                   std::to_string(one.step) + " of " + std::to_string(one.steps));
  }
  std::vector<std::string> take() { return std::exchange(seen, {}); }
  std::vector<std::string> seen;
};

class Controlled : public testing::Test {
 protected:
  Controlled()
      : controller_(journaler_, directives_,
                    {.pace = {.step_interval = 250ms, .recover_after = 10s}, .rungs = {4, 5, 3}}) {}
  void output(double fill, std::uint32_t ranks = 1, std::string_view place = "pipe /x") {
    controller_.signal({.resource = Resource::Output,
                        .place = place,
                        .fill = fill,
                        .ranks = ranks,
                        .why = "packets wait"},
                       clock_.monotonic());
  }

  test::FakeClock clock_;
  test::RecordingJournal journal_;
  Journaler journaler_{journal_, clock_};
  Directives directives_;
  PressureController controller_;
};

TEST(Rungs, TheLowestRankTakesAllOfItsRungsFirst) {
  EXPECT_EQ(rung_of(0, 5, 0), 0u);
  EXPECT_EQ(rung_of(3, 5, 0), 3u);
  EXPECT_EQ(rung_of(3, 5, 1), 0u);
  EXPECT_EQ(rung_of(7, 5, 0), 5u);
  EXPECT_EQ(rung_of(7, 5, 1), 2u);
  EXPECT_EQ(rung_of(7, 0, 1), 0u);
  EXPECT_EQ(rung_of(4'000'000'000, 4'000'000'000, 4'000'000'000), 0u);
}

// Pressure comes, steps are taken, it ends, they are taken back.
TEST_F(Controlled, FromTheFirstSignalToTheLastStepBack) {
  output(0.5);
  EXPECT_TRUE(directives_.take().empty());
  clock_.advance(5ms);
  output(0.85);
  EXPECT_THAT(directives_.take(), ElementsAre("output pipe /x: normal > high, step 1 of 5"));
  clock_.advance(5ms);
  output(1);
  EXPECT_THAT(directives_.take(), ElementsAre("output pipe /x: high > critical, step 3 of 5"));
  clock_.advance(250ms);
  output(1);
  EXPECT_THAT(directives_.take(), ElementsAre("output pipe /x: critical > critical, step 5 of 5"));
  clock_.advance(5ms);
  output(0);
  EXPECT_TRUE(directives_.take().empty()) << "it may come again in a moment";
  clock_.advance(500ms);
  output(0);
  EXPECT_THAT(directives_.take(), ElementsAre("output pipe /x: critical > normal, step 5 of 5"));
  for (int step = 4; step >= 0; --step) {
    clock_.advance(10s);
    output(0);
    EXPECT_THAT(directives_.take(), ElementsAre("output pipe /x: normal > normal, step " +
                                                std::to_string(step) + " of 5"));
  }
  EXPECT_THAT(journal_.lines(), ElementsAre("pressure output pipe /x: normal -little-> high",
                                            "pressure output pipe /x: high -nothing-> critical",
                                            "pressure output pipe /x: critical -enough-> normal"));
  EXPECT_EQ(journal_.records().front().who, "pressure");
  EXPECT_EQ(journal_.records().front().why, "packets wait");
}

TEST_F(Controlled, APlaceHasALevelOfItsOwn) {
  output(1);
  output(0.1, 1, "pipe /y");
  controller_.signal({.resource = Resource::Cpu, .fill = 0.7, .ranks = 2}, clock_.monotonic());
  const auto status = controller_.status();
  ASSERT_EQ(status.size(), 3u);
  EXPECT_EQ(status[0].resource, Resource::Cpu);
  EXPECT_EQ(status[0].level, PressureLevel::Elevated);
  EXPECT_EQ(status[0].steps, 8u);
  EXPECT_EQ(status[1].place, "pipe /x");
  EXPECT_EQ(status[1].level, PressureLevel::Critical);
  EXPECT_EQ(status[2].level, PressureLevel::Normal);
  EXPECT_EQ(controller_.step(Resource::Output, "pipe /x"), 2u);
  EXPECT_EQ(controller_.step(Resource::Output, "pipe /y"), 0u);
  EXPECT_THAT(journal_.lines("pressure cpu"),
              ElementsAre("pressure cpu: normal -short-> elevated"));
}

TEST_F(Controlled, APlaceThatNobodyUsesAnyMoreIsNormalAndForgotten) {
  output(1);
  directives_.take();
  controller_.forget_silent();
  EXPECT_TRUE(directives_.take().empty());
  controller_.forget_silent();
  EXPECT_THAT(directives_.take(), ElementsAre("output pipe /x: critical > normal, step 0 of 0"));
  EXPECT_TRUE(controller_.status().empty());
  EXPECT_THAT(journal_.lines(), ElementsAre("pressure output pipe /x: normal -nothing-> critical",
                                            "pressure output pipe /x: critical -enough-> normal"));
}

TEST_F(Controlled, OtherOptionsHoldFromTheNextSignalOn) {
  output(1);
  clock_.advance(250ms);
  output(1);
  EXPECT_EQ(controller_.step(Resource::Output, "pipe /x"), 4u);
  // Switched off: levels are told of, nothing is done.
  controller_.set_options({.limits = {.begin = {0.1, 0.2, 0.3}}});
  output(1);
  EXPECT_EQ(controller_.step(Resource::Output, "pipe /x"), 0u);
  controller_.signal({.resource = Resource::Cpu, .fill = 0.25, .ranks = 1}, clock_.monotonic());
  EXPECT_THAT(journal_.lines("pressure cpu"), ElementsAre("pressure cpu: normal -little-> high"));
}

// A signal that jumps about: the journal has each move in order and none twice.
TEST_F(Controlled, EveryMoveIsJournalledAndATremblingSignalMovesLittle) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const std::string place = "pipe /" + std::to_string(seed);
    const std::size_t seconds = 20;
    for (std::size_t i = 0; i < seconds * 200; ++i) {
      clock_.advance(5ms);
      output(static_cast<double>(random.below(1001)) / 1000, 2, place);
    }
    std::string state = "normal";
    std::size_t rows = 0;
    for (const TransitionRecord& row : journal_.records()) {
      if (row.machine != "pressure output " + place) continue;
      ++rows;
      EXPECT_EQ(row.from, state);
      EXPECT_NE(row.to, state);
      state = row.to;
    }
    EXPECT_EQ(state, kPressureTable.name_of(controller_.status().back().level));
    EXPECT_GE(rows, 1u);
    EXPECT_LE(rows, 3u) << "it is always full at some moment of an interval";
    controller_.forget_silent();
    controller_.forget_silent();
  }
}

}  // namespace
}  // namespace weir::state
