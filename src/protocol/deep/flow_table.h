// Finds a flow by the hash of its key: an open-addressing table of eight bytes an entry with linear
// probing, and no marks of what was removed. It knows no keys; its user compares them.
#pragma once

#include <bit>
#include <cstdint>

#include "buffer/reserved_array.h"
#include "protocol/deep/flow.h"

namespace weir::protocol {

// One owner. The hash must be keyed by a secret: whoever can choose keys that collide makes every
// look-up walk.
class FlowTable {
 public:
  FlowTable() = default;
  static Result<FlowTable> make() {
    FlowTable table;
    WEIR_TRY(table.slots_, buffer::ReservedArray<Slot>::reserve(kSlotsAtFirst));
    table.mask_ = kSlotsAtFirst - 1;
    return table;
  }

  // The first index under this hash of which `is_it(index)` holds; kNoIndex: none.
  template <typename IsIt>
  [[nodiscard]] PoolIndex find(std::uint64_t hash, IsIt is_it) const noexcept {
    const std::uint32_t tag = tag_of(hash);
    for (std::uint32_t at = tag & mask_;; at = (at + 1) & mask_) {
      const Slot slot = slots_[at];
      if (slot.index_and_one == 0) return kNoIndex;
      if (slot.tag == tag && is_it(slot.index_and_one - 1)) return slot.index_and_one - 1;
    }
  }
  // False: there is no memory to grow, and the table is as full as it may be.
  [[nodiscard]] bool insert(std::uint64_t hash, PoolIndex index) noexcept {
    if (count_ >= slots_max_full() && !grow()) return false;
    place({.tag = tag_of(hash), .index_and_one = index + 1});
    ++count_;
    return true;
  }
  // The entry is there.
  void erase(std::uint64_t hash, PoolIndex index) noexcept {
    std::uint32_t at = tag_of(hash) & mask_;
    while (slots_[at].index_and_one != index + 1) at = (at + 1) & mask_;
    close_gap(at);
    --count_;
  }

  // For batches: brings the entry's cache line, then the index that the hash most likely leads to.
  void prefetch(std::uint64_t hash) const noexcept {
    __builtin_prefetch(&slots_[tag_of(hash) & mask_]);
  }
  [[nodiscard]] PoolIndex likely(std::uint64_t hash) const noexcept {
    const std::uint32_t tag = tag_of(hash);
    for (std::uint32_t at = tag & mask_, left = 4; left > 0; at = (at + 1) & mask_, --left) {
      if (slots_[at].index_and_one == 0) break;
      if (slots_[at].tag == tag) return slots_[at].index_and_one - 1;
    }
    return kNoIndex;
  }

  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return slots_.count() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t tag;            // of the hash; its lowest bits say where the entry belongs
    std::uint32_t index_and_one;  // 0: empty
  };
  static constexpr std::uint32_t kSlotsAtFirst = 512;

  static std::uint32_t tag_of(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 32);
  }
  // Seven tenths: a miss looks at six entries then, in one or two cache lines.
  [[nodiscard]] std::uint32_t slots_max_full() const noexcept {
    return static_cast<std::uint32_t>(std::uint64_t{mask_ + 1} * 7 / 10);
  }
  void place(Slot slot) noexcept {
    std::uint32_t at = slot.tag & mask_;
    while (slots_[at].index_and_one != 0) at = (at + 1) & mask_;
    slots_[at] = slot;
  }
  // Entries behind the gap move up as far as they may, so that no look-up ends at it too early.
  void close_gap(std::uint32_t gap) noexcept {
    for (std::uint32_t at = (gap + 1) & mask_; slots_[at].index_and_one != 0;
         at = (at + 1) & mask_) {
      const std::uint32_t home = slots_[at].tag & mask_;
      if (((at - home) & mask_) < ((at - gap) & mask_)) continue;
      slots_[gap] = slots_[at];
      gap = at;
    }
    slots_[gap] = {};
  }
  // Twice as large. Takes about 10 ns an entry, once in as many insertions.
  bool grow() noexcept;

  buffer::ReservedArray<Slot> slots_;
  std::uint32_t mask_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace weir::protocol
