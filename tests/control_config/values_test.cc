#include "control/values.h"

#include <array>

#include <gtest/gtest.h>

namespace weir::control {
namespace {

using namespace std::chrono_literals;

TEST(Values, WholeNumbersAreExactBeyondWhatADoubleHolds) {
  EXPECT_EQ(*parse_size("1152921504606846975"), 1152921504606846975u);
  EXPECT_EQ(parse_duration("3650d")->count(), 315'360'000'000'000'000);
}

TEST(Values, WhatWouldOverflowIsOutOfRange) {
  for (const char* text : {"18446744073709551616", "99999999999999999999TiB", "1048577TiB"}) {
    EXPECT_FALSE(parse_size(text).ok()) << text;
  }
  EXPECT_FALSE(parse_duration("3651d").ok());
}

TEST(Values, SizesAreWrittenInTheLargestUnitThatIsExact) {
  EXPECT_EQ(size_text_of(0), "0");
  EXPECT_EQ(size_text_of(1000), "1000");
  EXPECT_EQ(size_text_of(1536), "1536");
  EXPECT_EQ(size_text_of(64 << 20), "64MiB");
  EXPECT_EQ(size_text_of(1ull << 40), "1TiB");
}

TEST(Values, TimesAreWrittenInTheLargestUnitThatIsExact) {
  EXPECT_EQ(duration_text_of(0s), "0s");
  EXPECT_EQ(duration_text_of(90s), "90s");
  EXPECT_EQ(duration_text_of(1h), "1h");
  EXPECT_EQ(duration_text_of(36h), "36h");
  EXPECT_EQ(duration_text_of(48h), "2d");
  EXPECT_EQ(duration_text_of(1500ms), "1500ms");
}

TEST(Values, ASlipOfTheFingerIsRecognisedAndAnotherWordIsNot) {
  const std::array<std::string_view, 3> known = {"filter", "interfaces", "snaplen"};
  EXPECT_EQ(nearest_hint(known, "filtre"), "did you mean 'filter'?");
  EXPECT_EQ(nearest_hint(known, "interface"), "did you mean 'interfaces'?");
  EXPECT_EQ(nearest_hint(known, "colour"), "there are: filter, interfaces, snaplen");
  EXPECT_EQ(nearest_hint({}, "colour"), "there is none");
}

}  // namespace
}  // namespace weir::control
