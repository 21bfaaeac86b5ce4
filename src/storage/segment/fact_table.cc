#include "storage/segment/fact_table.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"
#include "buffer/large_pages.h"

namespace weir::storage::segment {

FactTable::FactTable()
    : buckets_(std::make_unique_for_overwrite<Bucket[]>(kBucketsMax)),
      hashes_(std::make_unique_for_overwrite<std::uint64_t[]>(kSetNumbers)),
      chunks_(std::make_unique_for_overwrite<std::uint64_t[]>(kSetNumbers)),
      numbers_(std::make_unique_for_overwrite<std::uint32_t[]>(kSetNumbers)) {
  buffer::prefer_large_pages(buckets_.get(), kBucketsMax * sizeof(Bucket));
  buffer::prefer_large_pages(chunks_.get(), kSetNumbers * sizeof(std::uint64_t));
  clear();
}

std::uint32_t FactTable::insert(std::uint64_t hash, std::uint64_t chunk) noexcept {
  WEIR_ASSERT(size_ < kSetsMax);
  const std::uint32_t set = size_++;
  hashes_[set] = distinct_from_empty(hash);
  put(set, chunk);
  ++met_;
  if (size_ > (bucket_mask_ + 1) * Bucket::kSlots / 2) grow();
  return set;
}

// Into the first empty slot; there is one.
void FactTable::put(std::uint32_t set, std::uint64_t chunks) noexcept {
  const std::uint64_t hash = hashes_[set];
  std::uint32_t at = static_cast<std::uint32_t>(hash) & bucket_mask_;
  while (buckets_[at].hash_and_set.back() != 0) at = (at + 1) & bucket_mask_;
  Bucket& bucket = buckets_[at];
  std::size_t slot = 0;
  while (bucket.hash_and_set[slot] != 0) ++slot;
  bucket.hash_and_set[slot] = (hash & ~std::uint64_t{kSetNumbers - 1}) | set;
  bucket.chunks[slot] = chunks;
}

// Empties the table and fills it with all sets and the chunks of each.
void FactTable::put_all(std::uint32_t buckets) noexcept {
  bucket_mask_ = buckets - 1;
  std::fill_n(buckets_.get(), buckets, Bucket{});
  for (std::uint32_t set = 0; set < size_; ++set) put(set, chunks_[set]);
}

void FactTable::grow() noexcept {
  if (bucket_mask_ + 1 == kBucketsMax) return;
  (void)take_chunks();
  put_all(2 * (bucket_mask_ + 1));
}

std::span<std::uint64_t> FactTable::take_chunks() noexcept {
  for (std::uint32_t i = 0; i <= bucket_mask_; ++i) {
    Bucket& bucket = buckets_[i];
    for (std::size_t slot = 0; slot < Bucket::kSlots && bucket.hash_and_set[slot] != 0; ++slot) {
      chunks_[bucket.hash_and_set[slot] & (kSetNumbers - 1)] = bucket.chunks[slot];
      bucket.chunks[slot] = 0;
    }
  }
  return {chunks_.get(), kSetNumbers};
}

void FactTable::end_page() noexcept {
  for (std::uint32_t set = 0; set < size_; ++set) {
    told_[set / 64] |= std::uint64_t{chunks_[set] != 0} << (set % 64);
  }
  met_ = 0;
}

std::span<const std::uint32_t> FactTable::keep_met() noexcept {
  std::uint32_t kept = 0;
  for (std::uint32_t set = 0; set < size_; ++set) {
    numbers_[set] = chunks_[set] != 0 ? kept : kForgotten;
    if (chunks_[set] == 0) continue;
    hashes_[kept] = hashes_[set];
    chunks_[kept] = 0;
    ++kept;
  }
  const std::span<const std::uint32_t> numbers(numbers_.get(), size_);
  size_ = kept;
  // Those that are left were met, so that the filters have them.
  told_.fill(0);
  std::fill_n(told_.begin(), kept / 64, ~std::uint64_t{0});
  told_[kept / 64] = (std::uint64_t{1} << (kept % 64)) - 1;
  constexpr auto kSlots = static_cast<std::uint32_t>(Bucket::kSlots);
  put_all(std::clamp(std::bit_ceil(2 * kept / kSlots), kBucketsMin, kBucketsMax));
  return numbers;
}

void FactTable::clear() noexcept {
  size_ = 0;
  met_ = 0;
  told_.fill(0);
  put_all(kBucketsMin);
}

}  // namespace weir::storage::segment
