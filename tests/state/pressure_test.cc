// Levels that follow a signal, without going to and fro.
#include "state/pressure.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"

namespace weir::state {
namespace {

using testing::ElementsAre;

constexpr PressureLimits kLimits = {.begin = {0.5, 0.8, 1.0}, .end_share = 0.8};

class Moves final : public MachineObserver {
 public:
  void moved(const Move& move) noexcept override {
    seen.push_back(std::string(move.from) + " > " + std::string(move.to) + " (" +
                   std::string(move.cause.why) + ")");
  }
  std::vector<std::string> seen;
};

TEST(Pressure, RisesAtTheBeginningOfALevelAndFallsBelowItsEnd) {
  PressureGauge gauge(kLimits);
  EXPECT_FALSE(gauge.signal(0.49, {}));
  EXPECT_TRUE(gauge.signal(0.5, {}));
  EXPECT_EQ(gauge.level(), PressureLevel::Elevated);
  EXPECT_FALSE(gauge.signal(0.41, {})) << "it ends below 0.4";
  EXPECT_TRUE(gauge.signal(0.39, {}));
  EXPECT_EQ(gauge.level_name(), "normal");
}

TEST(Pressure, MayPassLevelsBy) {
  Moves moves;
  PressureGauge gauge(kLimits, &moves);
  gauge.signal(7, {.why = "full"});
  gauge.signal(0.7, {.why = "deleted"});
  gauge.signal(0, {.why = "empty"});
  EXPECT_THAT(moves.seen, ElementsAre("normal > critical (full)", "critical > high (deleted)",
                                      "high > normal (empty)"));
}

// A signal that trembles around a limit moves the level once.
TEST(Pressure, DoesNotGoToAndFroAtALimit) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    for (const double limit : kLimits.begin) {
      Moves moves;
      PressureGauge gauge(kLimits, &moves);
      gauge.signal(limit * 0.95, {});
      moves.seen.clear();
      for (int i = 0; i < 1000; ++i) {
        gauge.signal(limit * (0.9 + 0.2 * static_cast<double>(random.below(1000)) / 1000), {});
      }
      EXPECT_EQ(moves.seen.size(), 1u);
    }
  }
}

}  // namespace
}  // namespace weir::state
