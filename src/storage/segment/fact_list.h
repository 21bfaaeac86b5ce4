// Keys of one column with the fact sets that they belong to, in order once they are asked for. They
// stay from page to page with their sets, so that only those that are new need sorting.
#pragma once

#include <cstdint>
#include <span>

#include "base/assert.h"
#include "buffer/untouched_array.h"
#include "storage/segment/column_encoder.h"
#include "storage/segment/fact_table.h"

namespace weir::storage::segment {

// One thread. Allocates in its constructor only.
template <typename Fact>
class FactList {
 public:
  explicit FactList(std::uint32_t capacity)
      : facts_(buffer::make_untouched_array<Fact>(capacity)), capacity_(capacity) {}

  void add(const Fact& fact) noexcept {
    WEIR_ASSERT(count_ < capacity_);
    facts_[count_++] = fact;
  }
  void clear() noexcept { count_ = sorted_ = 0; }
  [[nodiscard]] std::uint32_t size() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t room() const noexcept { return capacity_ - count_; }

  // All, by key. `scratch`: as many as were added since the last call.
  std::span<const Fact> sorted(std::span<Fact> scratch) noexcept {
    sort_and_merge({facts_.get(), count_}, sorted_, scratch);
    sorted_ = count_;
    return all();
  }
  [[nodiscard]] std::span<const Fact> all() const noexcept { return {facts_.get(), count_}; }

  // After FactTable::keep_met(): the facts of sets that are still known, by their new numbers.
  void keep(std::span<const std::uint32_t> numbers) noexcept {
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < count_; ++i) {
      const std::size_t set = set_of(facts_[i]);
      if (set >= numbers.size()) {  // not of the table
        facts_[kept++] = facts_[i];
        continue;
      }
      facts_[kept] = with_set(facts_[i], numbers[set]);
      kept += numbers[set] != FactTable::kForgotten ? 1u : 0u;
    }
    if (sorted_ == count_) sorted_ = kept;
    count_ = kept;
  }

 private:
  buffer::UntouchedArray<Fact> facts_;
  std::uint32_t capacity_;
  std::uint32_t count_ = 0;
  std::uint32_t sorted_ = 0;  // the first so many
};

}  // namespace weir::storage::segment
