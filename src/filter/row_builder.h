// Makes the rows and intervals of interval_rows.h by a sweep along an axis.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "filter/interval_rows.h"
#include "filter/rule_conditions.h"

namespace weir::filter {

static_assert(kRulesMax <= kRowBitsMax);

// The bits at one place of the sweep.
class SweepRow {
 public:
  void flip(std::uint32_t bit) noexcept {
    const std::uint32_t word = bit / 64;
    words_[word] ^= std::uint64_t{1} << (bit % 64);
    const std::uint64_t flag = std::uint64_t{1} << (word % 64);
    std::uint64_t& map = map_[word / 64];
    map = words_[word] == 0 ? map & ~flag : map | flag;
    hash_ ^= hash_of(bit);
  }
  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }

  // The row as RuleRows keeps it.
  void write(std::uint32_t map_words, std::vector<std::uint64_t>& out) const {
    out.insert(out.end(), map_.begin(), map_.begin() + map_words);
    for (std::uint32_t part = 0; part < map_words; ++part) {
      for (std::uint64_t left = map_[part]; left != 0; left &= left - 1) {
        out.push_back(words_[part * 64 + static_cast<std::uint32_t>(std::countr_zero(left))]);
      }
    }
  }

 private:
  // A row's hash is the XOR of its bits' (Zobrist 1970), so that a flip costs one step.
  static std::uint64_t hash_of(std::uint32_t bit) noexcept {
    std::uint64_t z = (std::uint64_t{bit} + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }

  std::array<std::uint64_t, kRowWordsMax> words_{};
  std::array<std::uint64_t, kRowMapMax> map_{};
  std::uint64_t hash_ = 0;
};

// Equal rows are kept once.
class RowBuilder {
 public:
  static constexpr std::uint32_t kNoBit = std::numeric_limits<std::uint32_t>::max();

  // Rows of `bits` bits in `rows`, which is empty; of at most `words_max` words in total, give or
  // take a row.
  RowBuilder(RuleRows& rows, std::size_t bits, std::size_t words_max) : rows_(rows) {
    rows_.map_words = static_cast<std::uint32_t>(std::max<std::size_t>(1, (bits + 4095) / 4096));
    rows_.data.assign(rows_.map_words, 0);
    words_left_ = words_max;
    place_all(64);
  }
  // When all has been added.
  void finish() { rows_.data.push_back(0); }

  // Fills the indexes from the values; `bit_of` of a value's rule is its bit, or kNoBit to leave it
  // out. What a key has is the OR of the rows in both: where ranges that cover many intervals stand
  // among many narrow ones, they go to `wide`, so that not every interval's row repeats them.
  //
  // Takes at most half of the words that are left for each. Where that is too little, leaves out
  // the bits that cover the most intervals and returns them.
  template <typename Key>
  std::vector<std::uint32_t> add(const std::vector<ValueRange<Key>>& values,
                                 const std::vector<std::uint32_t>& bit_of,
                                 IntervalIndex<Key>& narrow, IntervalIndex<Key>& wide) {
    std::vector<Event<Key>> events = events_of(values, bit_of);
    std::vector<Event<Key>> wide_events = take_wide(events, values.size());
    std::vector<std::uint32_t> left_out = fill(events, narrow);
    for (const std::uint32_t bit : fill(wide_events, wide)) left_out.push_back(bit);
    return left_out;
  }

 private:
  // A range begins or ends here.
  template <typename Key>
  struct Event {
    Key at;
    std::uint32_t bit;
    std::uint32_t value;
  };

  template <typename Key>
  static std::vector<Event<Key>> events_of(const std::vector<ValueRange<Key>>& values,
                                           const std::vector<std::uint32_t>& bit_of) {
    std::vector<Event<Key>> events;
    events.reserve(2 * values.size());
    for (std::uint32_t i = 0; i < values.size(); ++i) {
      const ValueRange<Key>& value = values[i];
      const std::uint32_t bit = bit_of[value.rule];
      if (bit == kNoBit) continue;
      events.push_back({value.first, bit, i});
      if (value.last != static_cast<Key>(~Key{0})) {
        events.push_back({static_cast<Key>(value.last + 1), bit, i});
      }
    }
    std::sort(events.begin(), events.end(),
              [](const auto& a, const auto& b) { return a.at < b.at; });
    return events;
  }

  // How many intervals each covers, of what `number_of` tells events by: values or bits.
  template <typename Key, typename NumberOf>
  static std::vector<std::uint64_t> covered_intervals(const std::vector<Event<Key>>& events,
                                                      std::size_t count, NumberOf number_of) {
    std::vector<std::uint64_t> covered(count);
    std::vector<std::uint32_t> since(count, kNoBit);
    std::uint32_t interval = 0;
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (i > 0 && events[i].at != events[i - 1].at) ++interval;
      const std::uint32_t number = number_of(events[i]);
      if (since[number] != kNoBit) covered[number] += interval - since[number];
      since[number] = since[number] == kNoBit ? interval : kNoBit;
    }
    for (std::size_t number = 0; number < count; ++number) {  // to the end of the axis
      if (since[number] != kNoBit) covered[number] += interval + 1 - since[number];
    }
    return covered;
  }

  // Moves the events of wide ranges out of `events`, when they would make the rows long.
  template <typename Key>
  static std::vector<Event<Key>> take_wide(std::vector<Event<Key>>& events, std::size_t values) {
    constexpr std::uint64_t kWideIntervals = 32;
    constexpr std::uint64_t kMeanIntervalsMax = 12;
    const auto covered = covered_intervals(events, values, [](const auto& e) { return e.value; });
    std::uint64_t sum = 0;
    for (const std::uint64_t intervals : covered) sum += intervals;
    if (sum <= kMeanIntervalsMax * values) return {};
    const auto is_narrow = [&](const auto& e) { return covered[e.value] <= kWideIntervals; };
    std::vector<Event<Key>> wide;
    std::copy_if(events.begin(), events.end(), std::back_inserter(wide), std::not_fn(is_narrow));
    std::erase_if(events, std::not_fn(is_narrow));
    return wide;
  }

  template <typename Key>
  std::vector<std::uint32_t> fill(std::vector<Event<Key>>& events, IntervalIndex<Key>& index) {
    if (events.empty()) return {};
    const std::size_t words_max = words_left_ / 2;
    const std::size_t words_before = rows_.data.size();
    const std::size_t rows_before = known_.size();
    std::vector<std::uint32_t> left_out;
    if (!sweep(events, words_max, index)) {
      known_.resize(rows_before);
      rows_.data.resize(words_before);
      place_all(slots_.size());
      left_out = take_widest(events, words_max);
      index = {};
      // Fits: take_widest() has counted.
      if (!events.empty()) (void)sweep(events, std::numeric_limits<std::uint32_t>::max(), index);
    }
    words_left_ -= std::min(words_left_, rows_.data.size() - words_before);
    return left_out;
  }

  // False: the rows would need more words.
  template <typename Key>
  bool sweep(const std::vector<Event<Key>>& events, std::size_t words_max,
             IntervalIndex<Key>& index) {
    const std::size_t words_end = rows_.data.size() + words_max;
    SweepRow row;
    index.starts.push_back(0);
    index.rows.push_back(RuleRows::kEmpty);
    for (std::size_t i = 0; i < events.size();) {
      const Key at = events[i].at;
      for (; i < events.size() && events[i].at == at; ++i) row.flip(events[i].bit);
      const std::uint32_t place = keep(row);
      if (rows_.data.size() > words_end) return false;
      if (at == 0) {
        index.rows.back() = place;
      } else if (place != index.rows.back()) {
        index.starts.push_back(at);
        index.rows.push_back(place);
      }
    }
    return true;
  }

  // Removes the bits that cover the most intervals from the events, until what is left cannot need
  // more than `words_max` words: a bit needs at most one in each interval, and a map.
  template <typename Key>
  std::vector<std::uint32_t> take_widest(std::vector<Event<Key>>& events, std::size_t words_max) {
    const auto covered =
        covered_intervals(events, kRowBitsMax, [](const auto& e) { return e.bit; });
    std::vector<std::uint32_t> bits;
    for (std::uint32_t bit = 0; bit < kRowBitsMax; ++bit) {
      if (covered[bit] != 0) bits.push_back(bit);
    }
    std::sort(bits.begin(), bits.end(), [&](std::uint32_t a, std::uint32_t b) {
      return covered[a] != covered[b] ? covered[a] < covered[b] : a < b;
    });
    std::uint64_t words = 0;
    std::size_t stay = 0;
    for (; stay < bits.size(); ++stay) {
      words += covered[bits[stay]] * (1 + rows_.map_words);
      if (words > words_max) break;
    }
    std::vector<std::uint32_t> taken(bits.begin() + static_cast<std::ptrdiff_t>(stay), bits.end());
    std::vector<bool> is_taken(kRowBitsMax);
    for (const std::uint32_t bit : taken) is_taken[bit] = true;
    std::erase_if(events, [&](const Event<Key>& event) { return is_taken[event.bit]; });
    return taken;
  }

  struct Known {
    std::uint64_t hash;
    std::uint32_t place;
    std::uint32_t words;
  };

  // Where the row with these bits stands: an old one, or a new one.
  std::uint32_t keep(const SweepRow& row) {
    if (2 * known_.size() >= slots_.size()) place_all(4 * slots_.size());
    const std::size_t place = rows_.data.size();
    row.write(rows_.map_words, rows_.data);
    const std::size_t words = rows_.data.size() - place;
    if (words == rows_.map_words) {
      rows_.data.resize(place);
      return RuleRows::kEmpty;
    }
    const std::size_t last_slot = slots_.size() - 1;
    std::size_t slot = row.hash() & last_slot;
    for (; slots_[slot] != kNoBit; slot = (slot + 1) & last_slot) {
      const Known& old = known_[slots_[slot]];
      if (old.hash == row.hash() && old.words == words &&
          std::equal(rows_.data.end() - static_cast<std::ptrdiff_t>(words), rows_.data.end(),
                     rows_.data.begin() + old.place)) {
        rows_.data.resize(place);
        return old.place;
      }
    }
    slots_[slot] = static_cast<std::uint32_t>(known_.size());
    known_.push_back({.hash = row.hash(),
                      .place = static_cast<std::uint32_t>(place),
                      .words = static_cast<std::uint32_t>(words)});
    return known_.back().place;
  }

  void place_all(std::size_t slots) {
    slots_.assign(std::bit_ceil(slots), kNoBit);
    for (std::uint32_t i = 0; i < known_.size(); ++i) {
      std::size_t slot = known_[i].hash & (slots_.size() - 1);
      while (slots_[slot] != kNoBit) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = i;
    }
  }

  RuleRows& rows_;
  std::size_t words_left_ = 0;
  std::vector<Known> known_;          // rows, by the order in which they came
  std::vector<std::uint32_t> slots_;  // open addressing: places in known_ by hash, kNoBit = free
};

}  // namespace weir::filter
