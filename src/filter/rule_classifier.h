// Thousands of header conditions at once: the first rule of a list whose conditions a packet
// satisfies.
//
// Bit vectors, one bit a rule. The values of a condition, over all rules, cut its axis (addresses,
// ports, ...) into intervals; each interval has a row: the rules whose value contains it. A packet
// is looked up once a condition (both ends for `nets` and `ports`, the rows ORed, so either end
// costs no second rule); a rule matches when each condition has its bit in the row or was not
// given. Rows keep only their words that are not zero, under a map of them: the AND of the maps
// leaves few words to look at. Rules with the same kinds of conditions, and of these the ones with
// near values, stand together, so that "was not given" is all or nothing for most words and the
// rules of a packet are in few of them. The words stand in the order of their first rules, so that
// a match ends the search.
//
// Conditions that would make the rows longer than kClassifierBytesMax, by covering very many
// intervals, are left out of them; such a rule is checked by itself when the others hold.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "filter/interval_rows.h"
#include "filter/rule_conditions.h"

namespace weir::filter {

// Of rows; the intervals are at most 10 MiB more (kRuleValuesMax).
inline constexpr std::size_t kClassifierBytesMax = 32u << 20;

// Immutable after build(): any number of threads may classify at once. A copy is a few flat arrays.
class RuleClassifier {
 public:
  static constexpr std::uint16_t kNone = 0xffff;

  RuleClassifier() = default;  // no rules: nothing matches

  // Of the rules `members` (places in the list, ascending); all others take no part. A member
  // without conditions matches every packet. `bytes_max` is for tests.
  static RuleClassifier build(const RuleConditions& conditions,
                              std::span<const std::uint16_t> members,
                              std::size_t bytes_max = kClassifierBytesMax);

  // first[k] = the first rule that packet which[k] satisfies, or kNone.
  void classify(const HeadersArray& headers, const KeysArray& keys,
                std::span<const std::uint8_t> which, std::uint16_t* first) const noexcept;

  [[nodiscard]] std::size_t table_bytes() const noexcept;
  // Rules of which a condition did not fit into the rows.
  [[nodiscard]] std::size_t checked_alone() const noexcept { return checks_.size(); }

 private:
  struct Builder;
  struct Scratch;

  // The same condition may have two of them; a key's bits are those of both.
  struct Layer {
    IntervalIndex<std::uint32_t> numbers;
    IntervalIndex<Uint128> addresses_6;
    IntervalIndex<std::uint64_t> endpoints;

    [[nodiscard]] bool empty() const noexcept {
      return numbers.empty() && addresses_6.empty() && endpoints.empty();
    }
  };
  // One condition that some rule has.
  struct Table {
    Condition condition{};
    std::array<std::uint64_t, kRowMapMax> not_given_map{};  // of not_given: words that are not zero
    std::vector<std::uint64_t> not_given;                   // rules that do not have the condition
    std::array<Layer, 2> layers;
    std::uint32_t first_lookup = 0;  // its lookups: one for each layer and end
    std::uint32_t last_lookup = 0;   // one beyond
  };
  // A value of a condition that is not in the rows.
  struct CheckedValue {
    Condition condition{};
    bool address_6 = false;
    Uint128 first = 0;
    Uint128 last = 0;
  };
  // Of a rule: values_[begin, end), those of one condition side by side.
  struct Check {
    std::uint16_t rule;
    std::uint32_t begin;
    std::uint32_t end;
  };

  static constexpr std::size_t kLookupsMax = 2 * (kConditions + 2);  // two have two ends

  void find_rows(const Layer& layer, Condition condition, bool destination, const Scratch& scratch,
                 std::uint32_t* rows) const noexcept;
  void find_words(const Table& table, Scratch& scratch) const noexcept;
  [[nodiscard]] std::uint16_t first_rule(const Scratch& scratch, std::size_t k) const noexcept;
  [[nodiscard]] bool holds_alone(std::uint16_t rule, const Scratch& scratch,
                                 std::size_t k) const noexcept;

  // By bit; kNone for none. Ascending in a word, and the first ones of the words ascending too.
  std::vector<std::uint16_t> rule_of_;
  std::vector<std::uint64_t> used_;          // bits that belong to a rule
  std::vector<std::uint64_t> checked_bits_;  // bits of rules in checks_
  std::vector<Table> tables_;
  RuleRows rows_;
  std::vector<Check> checks_;  // by rule
  std::vector<CheckedValue> checked_values_;
};

}  // namespace weir::filter
