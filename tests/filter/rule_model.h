// What rules mean, said the slow way: one rule, one condition, one value at a time. Random rules
// and packets to compare with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/prng.h"
#include "base/verdicts.h"
#include "filter/rule_set.h"

namespace weir::test {

// Whether the conditions of `rule` hold; expressions are not looked at.
bool conditions_hold(const filter::RuleSpec& rule, const Headers& headers, const PacketKeys& keys);

// A batch and what the header parser would say of it, in heap memory.
struct RuleInput {
  PacketBatch batch;
  HeadersArray headers{};
  KeysArray keys;
  Verdicts verdicts;
  filter::RuleOutcomes outcomes;
};

// A parsed packet of IPv4, IPv6 or neither, of a small world in which values meet often.
void random_keys(Prng& prng, Headers& headers, PacketKeys& keys);
// A rule with any of the conditions over that world.
filter::RuleSpec random_rule(Prng& prng);

}  // namespace weir::test
