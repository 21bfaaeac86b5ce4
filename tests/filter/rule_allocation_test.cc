// Judging packets allocates nothing: rules, and the filters of several sessions.
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "filter/session_filters.h"
#include "rule_model.h"
#include "support/alloc_guard.h"
#include "support/headers_of.h"
#include "support/typical_filters.h"

namespace weir::filter {
namespace {

TEST(RuleAllocation, NonePerBatch) {
  Prng prng(1);
  std::vector<RuleSpec> rules;
  for (int i = 0; i < 2000; ++i) rules.push_back(test::random_rule(prng));
  rules[10] = {.expression = "tcp port 443"};
  auto set = RuleSet::compile(rules, RuleAction::Accept, Scope::Frame);
  ASSERT_TRUE(set.ok());
  ASSERT_TRUE(set->prepare(LinkType::Ethernet).ok());
  RuleCounters counters(set->size());
  SessionFilters filters;
  ASSERT_TRUE(filters.add(0, "udp port 53", Scope::Frame).ok());
  ASSERT_TRUE(filters.add(1, "tcp", Scope::Innermost).ok());
  ASSERT_TRUE(filters.add(2, "", Scope::Frame).ok());
  ASSERT_TRUE(filters.prepare(LinkType::Ethernet).ok());

  const auto input = std::make_unique<test::RuleInput>();
  std::vector<std::vector<std::uint8_t>> frames;
  for (std::size_t i = 0; i < kBatchPacketsMax; ++i) {
    frames.push_back(test::typical_frame(prng));
    Packet& packet = input->batch.packets[i];
    packet.data = frames.back().data();
    packet.captured_bytes = packet.wire_bytes = static_cast<std::uint32_t>(frames.back().size());
  }
  input->batch.count = kBatchPacketsMax;
  protocol::parse_batch(input->batch, input->headers, input->keys);

  const std::uint64_t before = test::allocations();
  filters.evaluate(input->batch, input->headers, input->verdicts);
  const std::uint32_t remaining = set->evaluate(input->batch, input->headers, input->keys, 0b100,
                                                input->verdicts, input->outcomes, counters);
  EXPECT_EQ(test::allocations() - before, 0u);
  EXPECT_GT(remaining, 0u);
}

}  // namespace
}  // namespace weir::filter
