// Steps of ladders: how they are written, what they mean together, what is refused.
#include "control/pressure_ladder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/config_reader.h"

namespace weir::control {
namespace {

using capture::Relief;
using testing::ElementsAre;
using testing::HasSubstr;

using Steps = std::vector<std::string>;

TEST(PressureLadder, EachStepIsTakenWithThoseBeforeIt) {
  const Steps steps = {"cutoff 64KiB", "truncate 128", "sample 1/2", "sample 1/8", "drop"};
  EXPECT_EQ(check_ladder(steps), "");
  EXPECT_THAT(
      ladder_of(steps),
      ElementsAre(Relief{.cutoff_bytes = 65536}, Relief{.cutoff_bytes = 65536, .keep_bytes = 128},
                  Relief{.cutoff_bytes = 65536, .keep_bytes = 128, .sample = 32768},
                  Relief{.cutoff_bytes = 65536, .keep_bytes = 128, .sample = 8192},
                  Relief{.cutoff_bytes = 65536, .keep_bytes = 128, .sample = 8192, .shed = true}));
}

TEST(PressureLadder, MayBeginWithWhatLosesNoPacket) {
  const Steps steps = {"flows 1/2", "flows 1/16", "drop"};
  EXPECT_EQ(check_ladder(steps), "");
  EXPECT_THAT(ladder_of(steps), ElementsAre(Relief{.flow_share = 8}, Relief{.flow_share = 1},
                                            Relief{.flow_share = 1, .shed = true}));
}

TEST(PressureLadder, SaysWhatItMeans) {
  EXPECT_EQ(text_of(Relief()), "");
  EXPECT_EQ(text_of({.cutoff_bytes = 65536, .keep_bytes = 128, .sample = 8192}),
            "cutoff 64KiB, truncate 128, sample 1/8");
  EXPECT_EQ(text_of({.sample = 32768, .flow_share = 8}), "flows 1/2, sample 1/2");
  EXPECT_EQ(text_of({.keep_bytes = 128, .shed = true}), "drop");
}

TEST(PressureLadder, OfTwoReliefsTheStricterOfEverythingHolds) {
  EXPECT_EQ(stricter({.cutoff_bytes = 640, .sample = 32768}, {.keep_bytes = 128, .sample = 8192}),
            (Relief{.cutoff_bytes = 640, .keep_bytes = 128, .sample = 8192}));
  EXPECT_EQ(stricter({.keep_bytes = 256, .shed = true}, {.keep_bytes = 128}),
            (Relief{.keep_bytes = 128, .shed = true}));
}

TEST(PressureLadder, WhatIsNoStepIsRefusedWithWhatItMayMean) {
  const auto problem = [](const std::string& step) { return check_ladder(Steps{step}); };
  EXPECT_EQ(problem("trunkate 128"),
            "'trunkate 128': unknown (did you mean 'truncate'?; a step is cutoff 64KiB, truncate "
            "128, flows 1/2, sample 1/2 or drop)");
  EXPECT_EQ(problem("truncate 100"), "'truncate 100': no multiple of 64 bytes up to 511KiB");
  EXPECT_THAT(problem("truncate"), HasSubstr("no multiple of 64 bytes"));
  EXPECT_THAT(problem("cutoff 1GiB"), HasSubstr("no multiple of 64 bytes"));
  EXPECT_EQ(problem("sample 2"), "'sample 2': no share from 1/2 to 1/65536");
  EXPECT_EQ(problem("sample 1/1"), "'sample 1/1': no share from 1/2 to 1/65536");
  EXPECT_EQ(problem("sample 1/65537"), "'sample 1/65537': no share from 1/2 to 1/65536");
  EXPECT_EQ(problem("flows 1/17"), "'flows 1/17': no share from 1/2 to 1/16");
  EXPECT_EQ(problem("drop all"), "'drop all': drop takes nothing behind it");
  EXPECT_THAT(problem(""), HasSubstr("unknown"));
}

TEST(PressureLadder, AStepThatDoesNoMoreThanThoseBeforeItIsRefused) {
  EXPECT_EQ(check_ladder(Steps{"sample 1/8", "sample 1/2"}),
            "'sample 1/2': no more than the steps before it");
  EXPECT_EQ(check_ladder(Steps{"drop", "truncate 128"}),
            "'truncate 128': no more than the steps before it");
}

// Through the reader: all of it at once, where it stands.
TEST(PressureLadder, AConfigurationTellsAllItsProblemsAtOnce) {
  const ReadOutcome read = read_config(
      "[[interface]]\nname = \"lo\"\n[[session]]\nname = \"a\"\npriority = 1001\n"
      "[pressure]\noutput = [\"trunkate 128\"]\ncpu = \"drop\"\nelevatd = 3\nhigh = 50\n");
  std::vector<std::string> problems;
  for (const ConfigProblem& one : read.problems) problems.push_back(one.path + ": " + one.message);
  EXPECT_THAT(problems,
              testing::UnorderedElementsAre(
                  "session.priority: 1001: not 0 to 1000",
                  HasSubstr("pressure.output: 'trunkate 128': unknown (did you mean 'truncate'?"),
                  HasSubstr("pressure.cpu: "),
                  HasSubstr("pressure.elevatd: unknown key (did you mean 'elevated'?)"),
                  "pressure.high: 50: not more than elevated (60)"));
}

}  // namespace
}  // namespace weir::control
