#include "app/loss_notices.h"

#include <gtest/gtest.h>

namespace weir::app {
namespace {

using std::chrono::milliseconds;

constexpr MonotonicTime kStart{1'000'000'000};

std::vector<LossCounter> kernel(std::uint64_t packets) {
  return {{.where = "eth0", .cause = "kernel: its ring was full", .packets = packets}};
}

TEST(LossNotices, NoLossNoLine) {
  LossNotices notices;
  EXPECT_EQ(notices.look(kernel(0), kStart), "");
  EXPECT_EQ(notices.look(kernel(0), kStart + std::chrono::hours(1)), "");
}

TEST(LossNotices, TheFirstLossIsToldAtOnce) {
  LossNotices notices;
  EXPECT_EQ(notices.look(kernel(1234), kStart),
            "weir: eth0: lost 1,234 packets (kernel: its ring was full)\n");
}

TEST(LossNotices, WhatFollowsIsSummedUpAndToldOnceAnInterval) {
  LossNotices notices;
  (void)notices.look(kernel(10), kStart);
  EXPECT_EQ(notices.look(kernel(20), kStart + milliseconds(250)), "");
  EXPECT_EQ(notices.look(kernel(40), kStart + (LossNotices::kInterval - milliseconds(1))), "");
  EXPECT_EQ(notices.look(kernel(50), kStart + LossNotices::kInterval),
            "weir: eth0: lost 40 packets (kernel: its ring was full), 50 so far\n");
  EXPECT_EQ(notices.look(kernel(50), kStart + 3 * LossNotices::kInterval), "");
}

TEST(LossNotices, CountersAreToldApart) {
  LossNotices notices;
  std::vector<LossCounter> counters = kernel(5);
  counters.push_back({.where = "standard output", .cause = "slow_reader", .packets = 0});
  (void)notices.look(counters, kStart);
  counters[0].packets = 6;
  counters[1].packets = 7;
  EXPECT_EQ(notices.look(counters, kStart + milliseconds(250)),
            "weir: standard output: lost 7 packets (slow_reader)\n");
}

}  // namespace
}  // namespace weir::app
