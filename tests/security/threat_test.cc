// A level that follows what the engine counts of attacks: up at once, down after a while, never to
// and fro.
#include "security/threat.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"

namespace weir::security {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using telemetry::SecurityMetrics;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr ThreatLimits kLimits = {.malformed = {10, 30, 60},
                                  .refused_sources = {100, 1000, 10'000},
                                  .refused_requests = {20, 100, 500},
                                  .policy_refusals = {1, 3, 10},
                                  .window = seconds(10),
                                  .recovery = seconds(60)};

class Moves final : public state::MachineObserver {
 public:
  void moved(const state::Move& move) noexcept override {
    seen.push_back(std::string(move.from) + " > " + std::string(move.to));
    why = std::string(move.cause.why);
  }
  std::vector<std::string> seen;
  std::string why;
};

// Metrics four times a second, as the engine samples them.
class Threat : public testing::Test {
 protected:
  static constexpr Duration kStep = milliseconds(250);

  void sample(const SecurityMetrics& more = {}) {
    totals_.received += more.received;
    totals_.malformed += more.malformed;
    totals_.refused_sources += more.refused_sources;
    totals_.refused_requests += more.refused_requests;
    totals_.policy_refusals += more.policy_refusals;
    now_ = now_ + kStep;
    gauge_.on_security(totals_, now_);
  }
  void pass(Duration time, const SecurityMetrics& each = {}) {
    for (Duration passed{}; passed < time; passed += kStep) sample(each);
  }

  Moves moves_;
  ThreatGauge gauge_{kLimits, &moves_};
  SecurityMetrics totals_;
  MonotonicTime now_{};
};

TEST_F(Threat, IsNormalWhileNothingHappens) {
  pass(seconds(100), {.received = 1000, .malformed = 10});
  EXPECT_EQ(gauge_.level(), ThreatLevel::Normal);
  EXPECT_THAT(moves_.seen, IsEmpty());
}

TEST_F(Threat, RisesAtOnceByEachOfTheMetrics) {
  struct Case {
    SecurityMetrics metrics;
    ThreatLevel level;
    const char* why;
  };
  const std::vector<Case> cases = {
      {{.received = 100, .malformed = 10},
       ThreatLevel::Elevated,
       "10% of the packets are malformed"},
      {{.received = 100, .malformed = 9}, ThreatLevel::Normal, ""},
      {{.received = 1000, .malformed = 600},
       ThreatLevel::Critical,
       "60% of the packets are malformed"},
      {{.received = 99, .malformed = 99}, ThreatLevel::Normal, ""},  // too few to be a share
      {{.refused_sources = 100}, ThreatLevel::Elevated, "100 packets of refused sources"},
      {{.refused_requests = 20}, ThreatLevel::Elevated, "20 refused requests of the API"},
      {{.refused_requests = 19}, ThreatLevel::Normal, ""},
      {{.refused_requests = 499}, ThreatLevel::High, "499 refused requests of the API"},
      {{.policy_refusals = 1}, ThreatLevel::Elevated, "1 refused policies"},
      // The worst of them counts.
      {{.refused_sources = 100, .policy_refusals = 10},
       ThreatLevel::Critical,
       "10 refused policies"},
  };
  for (const auto& [metrics, level, why] : cases) {
    Moves moves;
    ThreatGauge gauge(kLimits, &moves);
    gauge.on_security({}, MonotonicTime{0});
    gauge.on_security(metrics, MonotonicTime{kStep.count()});
    EXPECT_EQ(gauge.level(), level) << why;
    EXPECT_EQ(moves.why, why);
  }
}

TEST_F(Threat, CountsWhatComesWithinAWindowTogether) {
  sample();
  pass(seconds(4), {.refused_requests = 1});
  EXPECT_EQ(gauge_.level(), ThreatLevel::Normal);
  pass(seconds(1), {.refused_requests = 1});
  EXPECT_EQ(gauge_.level(), ThreatLevel::Elevated) << "20 within 5 s";
}

TEST_F(Threat, ForgetsWhatIsOlderThanTheWindow) {
  sample();
  sample({.refused_requests = 19});
  pass(seconds(10));
  sample({.refused_requests = 19});
  EXPECT_EQ(gauge_.level(), ThreatLevel::Normal);
  EXPECT_EQ(gauge_.recent().refused_requests, 19u);
}

TEST_F(Threat, FallsOnlyAfterItHasBeenQuieterForTheRecoveryTime) {
  sample();
  sample({.refused_requests = 500});
  ASSERT_EQ(gauge_.level(), ThreatLevel::Critical);
  // The requests stay in the window for 9 to 10 s, then the recovery begins.
  pass(seconds(68));
  EXPECT_EQ(gauge_.level(), ThreatLevel::Critical);
  pass(seconds(3));
  EXPECT_EQ(gauge_.level(), ThreatLevel::Normal);
  EXPECT_THAT(moves_.seen, ElementsAre("normal > critical", "critical > normal"));
  EXPECT_EQ(moves_.why, "quiet");
}

TEST_F(Threat, FallsToTheHighestLevelThatWasWantedMeanwhile) {
  sample();
  sample({.refused_requests = 500});
  pass(seconds(30));
  sample({.refused_requests = 110});
  pass(seconds(41));
  EXPECT_EQ(gauge_.level(), ThreatLevel::High);
  pass(seconds(120));
  EXPECT_EQ(gauge_.level(), ThreatLevel::Normal);
}

TEST_F(Threat, ALevelEndsBelowFourFifthsOfItsBeginning) {
  sample();
  sample({.refused_requests = 20});
  // 16 in each window: not enough to begin, enough to stay.
  for (int i = 0; i < 30; ++i) {
    sample({.refused_requests = 16});
    pass(milliseconds(8750));
  }
  EXPECT_THAT(moves_.seen, ElementsAre("normal > elevated"));
}

TEST_F(Threat, BeginsWhereItEndedAndFallsLikeAnyOther) {
  gauge_.begin_at(ThreatLevel::High, {.who = "engine", .why = "as it was"});
  EXPECT_EQ(gauge_.level(), ThreatLevel::High);
  pass(seconds(60));
  EXPECT_EQ(gauge_.level(), ThreatLevel::High);
  pass(seconds(1));
  EXPECT_EQ(gauge_.level(), ThreatLevel::Normal);
  EXPECT_THAT(moves_.seen, ElementsAre("normal > high", "high > normal"));
}

TEST_F(Threat, WhatHadBeenCountedBeforeTheFirstSampleSaysNothing) {
  gauge_.on_security({.refused_requests = 10'000}, MonotonicTime{1});
  EXPECT_EQ(gauge_.level(), ThreatLevel::Normal);
}

TEST_F(Threat, ACounterThatHasGoneBackBeganAnew) {
  sample();
  sample({.refused_requests = 12});
  totals_.refused_requests = 0;  // the server was started again
  sample({.refused_requests = 10});
  EXPECT_EQ(gauge_.level(), ThreatLevel::Elevated);
}

TEST_F(Threat, AMetricWithoutStepsSaysNothing) {
  ThreatLimits limits = kLimits;
  limits.malformed = {};
  gauge_.set_limits(limits);
  sample();
  sample({.received = 1000, .malformed = 1000});
  EXPECT_EQ(gauge_.level(), ThreatLevel::Normal);
}

TEST_F(Threat, LevelsAreKnownByTheirNames) {
  EXPECT_EQ(parse_threat_level("critical"), ThreatLevel::Critical);
  EXPECT_EQ(parse_threat_level("normal"), ThreatLevel::Normal);
  EXPECT_EQ(parse_threat_level("calm"), std::nullopt);
}

// Of metrics by chance: between two falls there is a recovery time, a rise is justified by its
// window, and after ten minutes of silence the level is normal.
TEST_F(Threat, NeverGoesToAndFroWhateverTheMetricsAre) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    Moves moves;
    ThreatGauge gauge(kLimits, &moves);
    SecurityMetrics totals;
    MonotonicTime now{};
    MonotonicTime moved{};
    for (int i = 0; i < 4000; ++i) {
      now = now + kStep;
      if (random.chance(1, 8)) {
        totals.received += random.below(1000);
        totals.malformed += random.below(100);
        totals.refused_requests += random.below(60);
        totals.policy_refusals += random.chance(1, 50) ? 1u : 0u;
      }
      const ThreatLevel before = gauge.level();
      gauge.on_security(totals, now);
      if (gauge.level() == before) continue;
      if (gauge.level() < before) {
        EXPECT_GE(now - moved, kLimits.recovery);
      } else {
        const SecurityMetrics& recent = gauge.recent();
        EXPECT_TRUE(recent.refused_requests >= 20 || recent.policy_refusals >= 1 ||
                    recent.malformed * 10 >= recent.received);
      }
      moved = now;
    }
    for (int i = 0; i < 4 * 600; ++i) gauge.on_security(totals, now = now + kStep);
    EXPECT_EQ(gauge.level(), ThreatLevel::Normal);
    EXPECT_LE(moves.seen.size(), 40u);
  }
}

}  // namespace
}  // namespace weir::security
