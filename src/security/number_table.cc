#include "security/number_table.h"

namespace weir::security {
namespace {

// Bits `first` to `last` of a word.
constexpr std::uint64_t bits(std::uint32_t first, std::uint32_t last) noexcept {
  return ~std::uint64_t{0} >> (63 - last) & ~std::uint64_t{0} << first;
}

}  // namespace

// Up to the last border, and one that stands for all behind it.
std::size_t NumberTable::chunks_for(const RangeSet<std::uint32_t>& set) noexcept {
  if (set.ranges().empty()) return 1;
  const Range<std::uint32_t>& range = set.ranges().back();
  const std::uint64_t border =
      range.last == set.kLast ? range.first : std::uint64_t{range.last} + 1;
  return std::min((border + kChunkNumbers - 1) / kChunkNumbers + 1, std::uint64_t{kChunks});
}

// All of them inside.
NumberTable::NumberTable(std::size_t chunks)
    : chunks_(chunks, kBlocksOfChunk),
      blocks_(std::size_t{2} * kBlocksOfChunk, kOutside),
      first_divided_(2) {
  std::fill_n(blocks_.begin() + kBlocksOfChunk, kBlocksOfChunk, kInside);
}

NumberTable::NumberTable(const RangeSet<std::uint32_t>& set) : NumberTable(chunks_for(set)) {
  std::fill(chunks_.begin(), chunks_.end(), 0);
  for (const Range<std::uint32_t>& range : set.ranges()) add(range.first, range.last);
  one_range_ = set.ranges().size() == 1;
  if (one_range_) range_ = set.ranges().front();
  blocks_.shrink_to_fit();
  first_divided_.shrink_to_fit();
  divided_.shrink_to_fit();
}

// Ranges come in ascending order and do not touch: what is divided is so for good, and the chunk
// and the block that were divided last are the only ones that can get more.
void NumberTable::add(std::uint32_t first, std::uint32_t last) {
  const auto chunk_last =
      std::min(last / kChunkNumbers, static_cast<std::uint32_t>(chunks_.size() - 1));
  for (std::uint32_t chunk = first / kChunkNumbers; chunk <= chunk_last; ++chunk) {
    const std::uint32_t begin = chunk * kChunkNumbers;
    const std::uint32_t end = begin + (kChunkNumbers - 1);
    if (first <= begin && last >= end) {
      chunks_[chunk] = kBlocksOfChunk;
      continue;
    }
    if (chunks_[chunk] == 0) {
      chunks_[chunk] = static_cast<std::uint32_t>(blocks_.size());
      blocks_.resize(blocks_.size() + kBlocksOfChunk, kOutside);
      first_divided_.push_back(static_cast<std::uint32_t>(divided_.size()));
    }
    add_to_chunk(chunks_[chunk], std::max(first, begin), std::min(last, end));
  }
}

void NumberTable::add_to_chunk(std::uint32_t chunk, std::uint32_t first, std::uint32_t last) {
  for (std::uint32_t block = first / kBlockNumbers; block <= last / kBlockNumbers; ++block) {
    const std::uint32_t begin = block * kBlockNumbers;
    const std::uint32_t end = begin + (kBlockNumbers - 1);
    if (first <= begin && last >= end) {
      blocks_[chunk + block % kBlocksOfChunk] = kInside;
    } else {
      add_to_block(chunk, std::max(first, begin), std::min(last, end));
    }
  }
}

void NumberTable::add_to_block(std::uint32_t chunk, std::uint32_t first, std::uint32_t last) {
  std::uint8_t& block = blocks_[chunk + first / kBlockNumbers % kBlocksOfChunk];
  if (block == kOutside) {
    block = static_cast<std::uint8_t>(kDivided + divided_.size() - first_divided_.back());
    divided_.emplace_back();
  }
  for (std::uint32_t word = first / 64; word <= last / 64; ++word) {
    const std::uint32_t begin = word * 64;
    divided_.back()[word % 4] |=
        bits(std::max(first, begin) - begin, std::min(last, begin + 63) - begin);
  }
}

std::size_t NumberTable::memory_bytes() const noexcept {
  return chunks_.capacity() * sizeof chunks_[0] + blocks_.capacity() * sizeof blocks_[0] +
         first_divided_.capacity() * sizeof first_divided_[0] + divided_.capacity() * sizeof(Block);
}

}  // namespace weir::security
