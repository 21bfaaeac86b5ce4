// The fact sets of a lane by their hashes: which there are, and in which chunks of the page that is
// being written their packets are.
//
// A table outlives a page: flows last longer than the milliseconds in which a fast link fills one.
// A set that is met again costs a look; its keys are known. Sets that are not met in a page stay
// for a while, and are forgotten when there are too many of them.
//
// One thread. Allocates in its constructor only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "storage/segment/column_encoder.h"

namespace weir::storage::segment {

class FactTable {
 public:
  // Numbers of sets, without those that IndexBuilder needs itself.
  static constexpr std::uint32_t kSetsMax = kSetNumbers - 512;

  FactTable();

  // A packet of the set in the chunk whose bit is `chunk`. False: the set has to be inserted.
  [[nodiscard]] bool meet(std::uint64_t hash, std::uint64_t chunk) noexcept {
    hash = distinct_from_empty(hash);
    std::uint32_t at = static_cast<std::uint32_t>(hash) & bucket_mask_;
    for (;; at = (at + 1) & bucket_mask_) {
      Bucket& bucket = buckets_[at];
      // All four at once: which of them it is would be foretold wrongly too often.
      const auto is = [&](std::size_t i) { return (bucket.hash_and_set[i] ^ hash) < kSetNumbers; };
      const std::size_t found = (is(1) ? 1u : 0u) | (is(2) ? 2u : 0u) | (is(3) ? 3u : 0u);
      if (is(found)) [[likely]] {
        met_ += bucket.chunks[found] == 0 ? 1u : 0u;
        bucket.chunks[found] |= chunk;
        return true;
      }
      if (bucket.hash_and_set[Bucket::kSlots - 1] == 0) return false;
    }
  }
  // Fetches what meet() will look at.
  void prefetch(std::uint64_t hash) const noexcept {
    __builtin_prefetch(&buckets_[static_cast<std::uint32_t>(hash) & bucket_mask_], 1);
  }
  // The number of a set that meet() did not know; there are fewer than kSetsMax.
  std::uint32_t insert(std::uint64_t hash, std::uint64_t chunk) noexcept;

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  // Sets with packets in this page.
  [[nodiscard]] std::uint32_t met() const noexcept { return met_; }

  // Takes the chunks of all sets out of the table, for the encoder: by number. The numbers from
  // kSetsMax on are the caller's.
  [[nodiscard]] std::span<std::uint64_t> take_chunks() noexcept;
  // Sets whose keys the filters of the segment have, a bit each.
  [[nodiscard]] std::span<const std::uint64_t> told() const noexcept { return told_; }
  // After take_chunks() and the encoder: the filters have the keys of the sets that were met. The
  // next page begins.
  void end_page() noexcept;
  // The filters begin anew.
  void forget_told() noexcept { told_.fill(0); }

  // After end_page(): forgets the sets that were not met in that page. Answers with the new number
  // of each set, kForgotten for one that is gone; the order stays.
  std::span<const std::uint32_t> keep_met() noexcept;
  static constexpr std::uint32_t kForgotten = 0xffff'ffff;

  // Forgets all.
  void clear() noexcept;

 private:
  // A cache line of the table. Slots are filled from the first on, and when all are, those of the
  // next bucket.
  struct alignas(64) Bucket {
    static constexpr std::size_t kSlots = 4;
    // The upper bits of the hash; the low ones, which told where to look, make room for the number
    // of the set. 0: empty.
    std::array<std::uint64_t, kSlots> hash_and_set;
    std::array<std::uint64_t, kSlots> chunks;
  };
  // Twice as many slots as sets at least.
  static constexpr std::uint32_t kBucketsMin = 4096;
  static constexpr std::uint32_t kBucketsMax = 2 * kSetNumbers / Bucket::kSlots;

  // No hash looks like an empty slot.
  [[nodiscard]] static std::uint64_t distinct_from_empty(std::uint64_t hash) noexcept {
    return hash < kSetNumbers ? hash + kSetNumbers : hash;
  }
  void put(std::uint32_t set, std::uint64_t chunks) noexcept;
  void grow() noexcept;
  void put_all(std::uint32_t buckets) noexcept;

  std::unique_ptr<Bucket[]> buckets_;  // of which bucket_mask_ + 1 are in use
  std::uint32_t bucket_mask_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t met_ = 0;
  std::unique_ptr<std::uint64_t[]> hashes_;  // by number
  std::unique_ptr<std::uint64_t[]> chunks_;  // by number: after take_chunks()
  std::unique_ptr<std::uint32_t[]> numbers_;
  std::array<std::uint64_t, kSetNumbers / 64> told_{};

 public:
  static constexpr std::size_t kBytesMax =
      kBucketsMax * sizeof(Bucket) +
      kSetNumbers * (2 * sizeof(std::uint64_t) + sizeof(std::uint32_t));
};

}  // namespace weir::storage::segment
