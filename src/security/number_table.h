// Whether a number of 32 bits is in a set, found by its bits at two or three places: for lists of
// addresses and VNIs that are asked for every packet. A search guesses at each turn, and with
// packets from everywhere every other guess is wrong.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "security/range_set.h"

namespace weir::security {

// Immutable once made; copies are independent. The upper 17 bits of a number are its chunk, the
// next 7 its block. A chunk that is wholly inside or outside is one entry; another has an entry for
// each block, and a block that is neither a bit for each number.
// Memory: 4 bytes a chunk up to the last border (512 KiB at most), 132 for each chunk and 32 for
// each block that a range divides. A net divides at most one of each, a range two: every other /24
// of 10.0.0.0/8, 10,000 of them, takes 42 KiB, 10,000 nets anywhere 2.1 MiB at most.
class NumberTable {
  using Block = std::array<std::uint64_t, 4>;
  static constexpr std::uint32_t kBlockNumbers = 256;
  static constexpr std::uint32_t kChunkShift = 15;
  static constexpr std::uint32_t kChunkNumbers = 1u << kChunkShift;
  static constexpr std::uint32_t kChunks = 1u << (32 - kChunkShift);
  static constexpr std::uint32_t kBlocksOfChunk = 128;

 public:
  // Everything.
  NumberTable() : NumberTable(1) {}
  explicit NumberTable(const RangeSet<std::uint32_t>& set);

  // For loops: where the table lies, so that it is not looked up for each number.
  class View {
   public:
    explicit View(const NumberTable& table) noexcept
        : chunks_(table.chunks_.data()),
          chunk_last_(static_cast<std::uint32_t>(table.chunks_.size() - 1)),
          blocks_(table.blocks_.data()),
          table_(table) {}
    [[nodiscard]] bool contains(std::uint32_t number) const noexcept {
      const std::uint32_t chunk = chunks_[std::min(number >> kChunkShift, chunk_last_)];
      const std::uint32_t block = blocks_[chunk + number / kBlockNumbers % kBlocksOfChunk];
      if (block <= kInside) return block != kOutside;
      return table_.divided_contains(chunk, block, number % kBlockNumbers);
    }

   private:
    const std::uint32_t* chunks_;
    std::uint32_t chunk_last_;
    const std::uint8_t* blocks_;
    const NumberTable& table_;
  };
  // For loops over sets that are one range, as many are.
  struct OneRange {
    Range<std::uint32_t> range;
    [[nodiscard]] bool contains(std::uint32_t number) const noexcept {
      return number - range.first <= range.last - range.first;
    }
  };
  // `ask` gets what answers soonest, for a loop that is compiled for either.
  template <typename Ask>
  void visit(Ask&& ask) const noexcept {
    one_range_ ? ask(OneRange{range_}) : ask(View(*this));
  }
  [[nodiscard]] bool contains(std::uint32_t number) const noexcept {
    return View(*this).contains(number);
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  // Entries of blocks; others are kDivided and how many divided blocks of the chunk come before.
  static constexpr std::uint8_t kOutside = 0;
  static constexpr std::uint8_t kInside = 1;
  static constexpr std::uint8_t kDivided = 2;
  static_assert(kDivided + kBlocksOfChunk - 1 <= 0xff);

  static std::size_t chunks_for(const RangeSet<std::uint32_t>& set) noexcept;
  explicit NumberTable(std::size_t chunks);
  void add(std::uint32_t first, std::uint32_t last);
  void add_to_chunk(std::uint32_t chunk, std::uint32_t first, std::uint32_t last);
  void add_to_block(std::uint32_t chunk, std::uint32_t first, std::uint32_t last);

  [[nodiscard]] bool divided_contains(std::uint32_t chunk, std::uint32_t block,
                                      std::uint32_t rest) const noexcept {
    const Block& bits = divided_[first_divided_[chunk / kBlocksOfChunk] + (block - kDivided)];
    return (bits[rest / 64] >> rest % 64 & 1) != 0;
  }

  std::vector<std::uint32_t> chunks_;  // where their blocks begin; the last: all that follow, too
  std::vector<std::uint8_t> blocks_;   // of a chunk outside, of one inside, of divided ones
  std::vector<std::uint32_t> first_divided_;  // of the chunks that have blocks
  std::vector<Block> divided_;
  bool one_range_ = true;
  Range<std::uint32_t> range_{0, RangeSet<std::uint32_t>::kLast};  // if there is one only
};

}  // namespace weir::security
