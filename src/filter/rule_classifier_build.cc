// How the tables of a classifier are made.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "filter/row_builder.h"
#include "filter/rule_classifier.h"

namespace weir::filter {
namespace {

std::uint64_t flag_of(std::uint32_t bit) noexcept { return std::uint64_t{1} << (bit % 64); }

}  // namespace

struct RuleClassifier::Builder {
  const RuleConditions& conditions;
  std::span<const std::uint16_t> members;
  RuleClassifier& out;
  RowBuilder rows;
  std::vector<std::uint32_t> bit_of;  // by rule

  Builder(const RuleConditions& given, std::span<const std::uint16_t> rules, std::size_t bytes_max,
          RuleClassifier& classifier)
      : conditions(given),
        members(rules),
        out(classifier),
        rows(classifier.rows_, rules.size(), bytes_max / sizeof(std::uint64_t)),
        bit_of(given.given.size(), RowBuilder::kNoBit) {}

  // Of a rule: the lowest value of a condition.
  struct FirstValue {
    bool known = false;
    bool address_6 = false;
    Uint128 value = 0;
    friend bool operator==(const FirstValue&, const FirstValue&) = default;
    friend bool operator<(const FirstValue& a, const FirstValue& b) noexcept {
      return a.address_6 != b.address_6 ? b.address_6 : a.value < b.value;
    }
  };
  std::vector<FirstValue> first_values;  // by rule and condition
  [[nodiscard]] const FirstValue& first_value(std::size_t rule, std::size_t condition) const {
    return first_values[rule * kConditions + condition];
  }

  void note_first_values();
  [[nodiscard]] std::size_t telling_condition(std::span<const std::uint16_t> rules) const;
  void place_rules();
  void place_words(std::span<const std::uint16_t> order);
  void add_table(Condition condition);
  void check_alone(Table& table, const std::vector<std::uint32_t>& bits);
  void add_checked_values(Condition condition, std::uint16_t rule);
  void gather_checks();

  struct Alone {
    std::uint16_t rule;
    Condition condition;
    auto operator<=>(const Alone&) const = default;
  };
  std::vector<Alone> alone;
};

// For every rule its first value of each condition that it has; IPv6 behind all else.
void RuleClassifier::Builder::note_first_values() {
  first_values.resize(conditions.given.size() * kConditions);
  const auto note = [&](std::size_t condition, const auto& ranges, bool address_6) {
    for (const auto& range : ranges) {
      FirstValue& first = first_values[range.rule * kConditions + condition];
      if (first.known) continue;
      first = {.known = true, .address_6 = address_6, .value = range.first};
    }
  };
  for (std::size_t c = 0; c < kConditions; ++c) {
    note(c, conditions.values[c].numbers, false);
    note(c, conditions.values[c].addresses_6, true);
    note(c, conditions.values[c].endpoints, false);
  }
}

// The condition by which rules that have the same ones are told apart best: in a sample of them it
// has the most different values.
std::size_t RuleClassifier::Builder::telling_condition(std::span<const std::uint16_t> rules) const {
  constexpr std::size_t kSample = 64;
  const std::size_t step = std::max<std::size_t>(1, rules.size() / kSample);
  std::size_t best = 0;
  std::size_t best_count = 0;
  for (std::size_t c = 0; c < kConditions; ++c) {
    if ((conditions.given[rules[0]] >> c & 1) == 0) continue;
    std::vector<FirstValue> sample;
    for (std::size_t i = 0; i < rules.size(); i += step) sample.push_back(first_value(rules[i], c));
    std::sort(sample.begin(), sample.end());
    const auto count =
        static_cast<std::size_t>(std::unique(sample.begin(), sample.end()) - sample.begin());
    if (count > best_count) {
      best = c;
      best_count = count;
    }
  }
  return best;
}

// Rules with the same kinds of conditions next to each other, and of those the ones whose values
// are near each other, so that a packet's rules are in few words.
void RuleClassifier::Builder::place_rules() {
  note_first_values();
  std::vector<std::uint16_t> order(members.begin(), members.end());
  std::sort(order.begin(), order.end(), [&](std::uint16_t a, std::uint16_t b) {
    return std::pair(conditions.given[a], a) < std::pair(conditions.given[b], b);
  });
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && conditions.given[order[end]] == conditions.given[order[begin]]) {
      ++end;
    }
    const std::span<std::uint16_t> alike(&order[begin], end - begin);
    const std::size_t condition = telling_condition(alike);
    std::sort(alike.begin(), alike.end(), [&](std::uint16_t a, std::uint16_t b) {
      const FirstValue& of_a = first_value(a, condition);
      const FirstValue& of_b = first_value(b, condition);
      return of_a == of_b ? a < b : of_a < of_b;
    });
    begin = end;
  }

  place_words(order);
}

// Cuts the order into words; those with early rules come first, so that a match ends the search
// soon.
void RuleClassifier::Builder::place_words(std::span<const std::uint16_t> order) {
  using Word = std::array<std::uint16_t, 64>;
  std::vector<Word> words((order.size() + 63) / 64);
  for (Word& word : words) word.fill(kNone);
  for (std::size_t i = 0; i < order.size(); ++i) words[i / 64][i % 64] = order[i];
  for (Word& word : words) std::sort(word.begin(), word.end());
  std::sort(words.begin(), words.end(), [](const Word& a, const Word& b) { return a[0] < b[0]; });

  out.used_.resize(words.size());
  out.checked_bits_.resize(words.size());
  for (std::uint32_t bit = 0; bit < 64 * words.size(); ++bit) {
    const std::uint16_t rule = words[bit / 64][bit % 64];
    out.rule_of_.push_back(rule);
    if (rule == kNone) continue;
    bit_of[rule] = bit;
    out.used_[bit / 64] |= flag_of(bit);
  }
}

void RuleClassifier::Builder::add_table(Condition condition) {
  const ConditionValues& values = conditions.values[static_cast<std::size_t>(condition)];
  Table table;
  table.condition = condition;
  table.not_given = out.used_;
  bool any = false;
  for (std::uint32_t bit = 0; bit < out.rule_of_.size(); ++bit) {
    if (out.rule_of_[bit] == kNone) continue;
    const ConditionSet given = conditions.given[out.rule_of_[bit]];
    if ((given >> static_cast<std::uint32_t>(condition) & 1) == 0) continue;
    table.not_given[bit / 64] &= ~flag_of(bit);
    any = true;
  }
  if (!any) return;
  auto& [narrow, wide] = table.layers;
  check_alone(table, rows.add(values.numbers, bit_of, narrow.numbers, wide.numbers));
  check_alone(table, rows.add(values.addresses_6, bit_of, narrow.addresses_6, wide.addresses_6));
  check_alone(table, rows.add(values.endpoints, bit_of, narrow.endpoints, wide.endpoints));
  for (std::size_t word = 0; word < table.not_given.size(); ++word) {
    if (table.not_given[word] != 0) {
      table.not_given_map[word / 64] |= flag_of(static_cast<std::uint32_t>(word));
    }
  }
  const bool two_ends = condition == Condition::Nets || condition == Condition::Ports;
  const auto layers = static_cast<std::uint32_t>(!narrow.empty()) + !wide.empty();
  table.first_lookup = out.tables_.empty() ? 0 : out.tables_.back().last_lookup;
  table.last_lookup = table.first_lookup + layers * (two_ends ? 2 : 1);
  out.tables_.push_back(std::move(table));
}

// Rules that the rows of a table do not have pass through it.
void RuleClassifier::Builder::check_alone(Table& table, const std::vector<std::uint32_t>& bits) {
  for (const std::uint32_t bit : bits) {
    table.not_given[bit / 64] |= flag_of(bit);
    out.checked_bits_[bit / 64] |= flag_of(bit);
    alone.push_back({.rule = out.rule_of_[bit], .condition = table.condition});
  }
}

void RuleClassifier::Builder::add_checked_values(Condition condition, std::uint16_t rule) {
  const ConditionValues& values = conditions.values[static_cast<std::size_t>(condition)];
  // The values of a list stand in the order of its rules.
  const auto add = [&](const auto& ranges, bool address_6) {
    const auto begin = std::lower_bound(ranges.begin(), ranges.end(), rule,
                                        [](const auto& r, std::uint16_t n) { return r.rule < n; });
    for (auto at = begin; at != ranges.end() && at->rule == rule; ++at) {
      out.checked_values_.push_back(
          {.condition = condition, .address_6 = address_6, .first = at->first, .last = at->last});
    }
  };
  add(values.numbers, false);
  add(values.addresses_6, true);
  add(values.endpoints, false);
}

void RuleClassifier::Builder::gather_checks() {
  std::sort(alone.begin(), alone.end());
  alone.erase(std::unique(alone.begin(), alone.end()), alone.end());
  for (const auto& [rule, condition] : alone) {
    const auto begin = static_cast<std::uint32_t>(out.checked_values_.size());
    add_checked_values(condition, rule);
    const auto end = static_cast<std::uint32_t>(out.checked_values_.size());
    if (out.checks_.empty() || out.checks_.back().rule != rule) {
      out.checks_.push_back({.rule = rule, .begin = begin, .end = end});
    }
    out.checks_.back().end = end;
  }
}

RuleClassifier RuleClassifier::build(const RuleConditions& conditions,
                                     std::span<const std::uint16_t> members,
                                     std::size_t bytes_max) {
  RuleClassifier out;
  if (members.empty()) return out;
  WEIR_ASSERT(members.size() <= kRulesMax);
  Builder builder(conditions, members, bytes_max, out);
  builder.place_rules();
  for (std::size_t c = 0; c < kConditions; ++c) builder.add_table(static_cast<Condition>(c));
  builder.rows.finish();
  builder.gather_checks();
  return out;
}

std::size_t RuleClassifier::table_bytes() const noexcept {
  const auto bytes = [](const auto& v) { return v.size() * sizeof(v[0]); };
  std::size_t sum = bytes(rule_of_) + bytes(used_) + bytes(checked_bits_) + bytes(rows_.data) +
                    bytes(checks_) + bytes(checked_values_);
  const auto index_bytes = [&](const auto& index) {
    return bytes(index.starts) + bytes(index.rows);
  };
  for (const Table& table : tables_) {
    sum += sizeof(table) + bytes(table.not_given);
    for (const Layer& layer : table.layers) {
      sum += index_bytes(layer.numbers) + index_bytes(layer.addresses_6) +
             index_bytes(layer.endpoints);
    }
  }
  return sum;
}

}  // namespace weir::filter
