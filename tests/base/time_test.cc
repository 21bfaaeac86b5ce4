#include "base/time.h"

#include <limits>

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Time, PrintsEpochSecondsWithNineDecimals) {
  EXPECT_EQ(epoch_seconds({1'700'000'000'000'000'001}), "1700000000.000000001");
  EXPECT_EQ(epoch_seconds({0}), "0.000000000");
  EXPECT_EQ(epoch_seconds({-1'500'000'000}), "-1.500000000");
  EXPECT_EQ(epoch_seconds({std::numeric_limits<std::int64_t>::min()}), "-9223372036.854775808");
}

}  // namespace
}  // namespace weir
