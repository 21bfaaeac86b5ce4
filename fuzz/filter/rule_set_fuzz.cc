// Bytes become a list of rules, with the texts of their nets, and a frame. Whatever the texts are,
// the list is compiled or refused; the frame, parsed by the header parser, finds the rule that
// looking at one rule after the other finds, with tables of any size, and is read nowhere else
// (AddressSanitizer watches).
//
// Input: number of rules (1 byte, up to 15 count), bytes of tables (2 bytes), then for each rule
// its conditions (1 byte, bit by bit in the order nets, source_nets, destination_nets, ports,
// source_ports, destination_ports, protocols, vlans) with their values: a net is its length and its
// text, a range four bytes, first and last; the rest is the frame.
#include "filter/rule_set.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "filter/rule_model.h"
#include "protocol/headers/parse_batch.h"

namespace {

using weir::Bytes;
using weir::filter::NumberRange;
using weir::filter::RuleSpec;

std::uint32_t take(Bytes& input, std::size_t bytes) {
  std::uint32_t number = 0;
  for (; bytes > 0 && !input.empty(); --bytes, input = input.subspan(1)) {
    number = number << 8 | input[0];
  }
  return number;
}

std::vector<std::string> take_nets(Bytes& input) {
  const std::size_t bytes = std::min<std::size_t>(take(input, 1), input.size());
  const std::string text(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(bytes));
  input = input.subspan(bytes);
  return {text};
}

std::vector<NumberRange> take_range(Bytes& input) {
  const std::uint32_t first = take(input, 2);
  return {{first, take(input, 2)}};
}

RuleSpec take_rule(Bytes& input) {
  RuleSpec rule;
  const std::uint32_t given = take(input, 1);
  const auto has = [&](std::uint32_t bit) { return (given >> bit & 1) != 0; };
  if (has(0)) rule.nets = take_nets(input);
  if (has(1)) rule.source_nets = take_nets(input);
  if (has(2)) rule.destination_nets = take_nets(input);
  if (has(3)) rule.ports = take_range(input);
  if (has(4)) rule.source_ports = take_range(input);
  if (has(5)) rule.destination_ports = take_range(input);
  if (has(6)) rule.protocols = take_range(input);
  if (has(7)) rule.vlans = take_range(input);
  return rule;
}

std::uint16_t first_by_model(const std::vector<RuleSpec>& rules,
                             const weir::test::RuleInput& input) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (weir::test::conditions_hold(rules[i], input.headers[0], input.keys[0])) {
      return static_cast<std::uint16_t>(i);
    }
  }
  return weir::filter::RuleClassifier::kNone;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, size);
  const std::size_t count = take(input, 1) % 16;
  const std::size_t table_bytes = take(input, 2);
  std::vector<RuleSpec> rules;
  for (std::size_t i = 0; i < count; ++i) rules.push_back(take_rule(input));
  const weir::filter::ParsedRules parsed =
      weir::filter::parse_rules(rules, weir::filter::RuleAction::Accept);
  const auto set = weir::filter::RuleSet::compile(rules, weir::filter::RuleAction::Accept,
                                                  weir::filter::Scope{});
  if (set.ok() != parsed.problems.empty()) std::abort();
  if (!set) return 0;

  const auto frame = std::make_unique<std::uint8_t[]>(input.size());
  std::copy(input.begin(), input.end(), frame.get());
  static const auto place = std::make_unique<weir::test::RuleInput>();
  place->batch.count = 1;
  weir::Packet& packet = place->batch.packets[0];
  packet.data = frame.get();
  packet.captured_bytes = packet.wire_bytes = static_cast<std::uint32_t>(input.size());
  weir::protocol::parse_batch(place->batch, place->headers, place->keys);
  place->verdicts.wanted[0] = 1;
  weir::filter::RuleCounters counters(set->size());
  (void)set->evaluate(place->batch, place->headers, place->keys, 1, place->verdicts,
                      place->outcomes, counters);

  const std::uint16_t expected = first_by_model(rules, *place);
  if (place->outcomes.rule[0] != expected) std::abort();
  std::vector<std::uint16_t> members(rules.size());
  std::iota(members.begin(), members.end(), std::uint16_t{0});
  const auto small = weir::filter::RuleClassifier::build(parsed.conditions, members, table_bytes);
  constexpr std::uint8_t kFirst = 0;
  std::uint16_t found = 0;
  small.classify(place->headers, place->keys, {&kFirst, 1}, &found);
  if (found != expected) std::abort();
  return 0;
}
