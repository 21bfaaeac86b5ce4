// Collects, while the chunks of an index page are written, what their packets can be found by, and
// writes the page. docs/segment-format.md, "Index page".
//
// Most packets are found by the same things as the packets before them in their flow. So keys are
// not collected per packet but per *fact set*: all that the packets of one flow are found by, known
// by a hash of 64 bits that the caller makes. A packet costs one look into a table; its keys are
// added once, with the first of a page.
//
// One thread. Allocates in its constructor only, kIndexBuilderBytesMax at most, of which only what
// is used becomes resident. What does not fit makes its chunk opaque: then the chunk has to be
// looked into, and nothing is missed.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/assert.h"
#include "storage/segment/column_encoder.h"
#include "storage/segment/format.h"
#include "storage/segment/key_filter.h"

namespace weir::storage::segment {

// Of a page: numbers of sixteen bits, without those that encode() needs itself.
inline constexpr std::uint32_t kFactSetsMax = 65'536 - 512;
// Of one fact set in one column. The caller adds no more.
inline constexpr std::uint32_t kKeysOfFactSetMax = 64;
// What encode() needs at least: all but the columns of keys, which are left out when they don't
// fit.
inline constexpr std::uint32_t kPageRoomMin = 2 * kUnitAlignment;

// Whether pages have Column::Uid, and packets uids.
enum class UidColumn : std::uint8_t { No, Yes };

// Where the page goes.
struct PagePlace {
  Uuid segment{};
  std::uint32_t ordinal = 0;
  std::uint64_t file_offset = 0;
  std::uint32_t first_chunk = 0;
};

// By column: filters that get each key of a page. Null: none.
using ColumnFilters = std::array<KeyFilter*, kColumnsMax + 1>;

// Keys of one column with their fact sets.
template <typename Fact>
class FactList {
 public:
  explicit FactList(std::uint32_t capacity)
      : facts_(std::make_unique_for_overwrite<Fact[]>(capacity)), capacity_(capacity) {}

  void add(const Fact& fact) noexcept {
    WEIR_ASSERT(count_ < capacity_);
    facts_[count_++] = fact;
  }
  void clear() noexcept { count_ = 0; }
  // For another fact set, and `others` keys.
  [[nodiscard]] bool has_room(std::uint32_t others = 0) const noexcept {
    return capacity_ - count_ >= kKeysOfFactSetMax + others;
  }
  [[nodiscard]] bool nearly_full() const noexcept { return count_ > capacity_ / 4 * 3; }
  [[nodiscard]] std::span<Fact> facts() noexcept { return {facts_.get(), count_}; }

 private:
  std::unique_ptr<Fact[]> facts_;
  std::uint32_t capacity_;
  std::uint32_t count_ = 0;
};

class IndexBuilder {
 public:
  // Yes: there is room for the column, and packets have uids until set_uids() says otherwise.
  explicit IndexBuilder(UidColumn uids);

  // Of the packets from now on: a page has the column when all of its packets had uids. Does
  // nothing where there is no room for it.
  void set_uids(UidColumn uids) noexcept {
    packets_have_uids_ = room_for_uids_ && uids == UidColumn::Yes;
    page_has_uids_ = packets_have_uids_ && (page_has_uids_ || set_count_ == 0);
  }

  // Chunk after chunk: begin, packets, end. Not after wants_page().
  void begin_chunk() noexcept;
  void end_chunk(const ChunkRow& row) noexcept;
  [[nodiscard]] std::uint32_t chunk_count() const noexcept { return chunk_count_; }
  // After end_chunk(): the page should be written now, since it has all the chunks that a page can
  // have, or is so full that the next chunk might not fit.
  [[nodiscard]] bool wants_page() const noexcept;

  // A packet of the chunk. True: its fact set is new in this page, and the caller adds its keys
  // now.
  [[nodiscard]] bool add(std::uint64_t hash) noexcept {
    hash = distinct_from_empty(hash);
    std::uint32_t at = static_cast<std::uint32_t>(hash) & bucket_mask_;
    for (;; at = (at + 1) & bucket_mask_) {
      Bucket& bucket = buckets_[at];
      // All four at once: which of them it is would be foretold wrongly too often.
      const auto is = [&](std::size_t i) { return (bucket.hash_and_set[i] ^ hash) < kSetNumbers; };
      const std::size_t found = (is(1) ? 1u : 0u) | (is(2) ? 2u : 0u) | (is(3) ? 3u : 0u);
      if (is(found)) [[likely]] {
        bucket.chunks[found] |= chunk_bit_;
        return false;
      }
      if (bucket.hash_and_set[Bucket::kSlots - 1] == 0) return insert(hash, bucket);
    }
  }
  // Fetches what add() will look at.
  void prefetch(std::uint64_t hash) const noexcept {
    __builtin_prefetch(&buckets_[static_cast<std::uint32_t>(hash) & bucket_mask_], 1);
  }
  // Keys of the fact set that add() just called new. Doubles are allowed.
  void add_ipv4(std::uint32_t address) noexcept { ipv4_.add(short_fact(address)); }
  void add_ipv6(const std::uint8_t* address) noexcept {
    ipv6_.add({.address = IndexKey::ipv6(address), .set = set_});
  }
  // See format.h.
  void add_protocol(std::uint32_t protocol_key) noexcept {
    if (protocol_key < kFirstPortKey) return add_kind(protocol_key);
    ports_.add(short_fact(protocol_key));
  }
  void add_tenant(std::uint64_t tenant_key) noexcept {
    tenants_.add({.number = tenant_key, .set = set_});
  }
  // The first five bytes as a big-endian number.
  void add_community_id(std::uint64_t start) noexcept { community_ids_.add(short_fact(start)); }
  // Needs UidColumn::Yes.
  void add_uid(std::uint64_t start) noexcept { uids_.add(short_fact(start)); }

  // The chunk has a packet that its keys do not tell of as a whole.
  void mark_opaque() noexcept { opaque_chunks_ |= chunk_bit_; }

  // Writes the page of the chunks so far, at least one, into `to` and begins the next. Answers with
  // the bytes of its unit. `to` has kPageRoomMin bytes or more; columns that it has no room for are
  // left out. With kUnitBytesMax it has room for what a page can be.
  std::uint32_t encode(const PagePlace& place, std::span<std::uint8_t> to,
                       const ColumnFilters& filters) noexcept;
  // Forgets the page.
  void clear() noexcept;

 private:
  // A cache line of the table. Slots are filled from the first on, and when all are, those of the
  // next bucket.
  struct alignas(64) Bucket {
    static constexpr std::size_t kSlots = 4;
    // The upper 48 bits of the hash; the low bits, which told where to look, make room for the
    // number of the fact set. 0: empty.
    std::array<std::uint64_t, kSlots> hash_and_set;
    std::array<std::uint64_t, kSlots> chunks;
  };
  class PageWriter;

  static constexpr std::uint32_t kSetNumbers = 65'536;
  // Twice as many slots as fact sets at least.
  static constexpr std::uint32_t kBucketsMin = 4096;
  static constexpr std::uint32_t kBucketsMax = 2 * kSetNumbers / Bucket::kSlots;
  // Two addresses, two ports and two protocols each; IPv6 for half of them.
  static constexpr std::uint32_t kIpv4Max = 2 * kSetNumbers;
  static constexpr std::uint32_t kIpv6Max = kSetNumbers;
  static constexpr std::uint32_t kPortsMax = 2 * kSetNumbers;
  static constexpr std::uint32_t kOthersMax = kSetNumbers;

  // Protocol keys that are no ports are few, and every fact set has some: they are kept apart, and
  // need no sorting. A kind is the place of such a key among all of them.
  static constexpr std::uint32_t kFirstIpProtocolKey = protocol_key(ProtocolClass::IpProtocol, 0);
  static constexpr std::uint32_t kFirstPortKey = protocol_key(ProtocolClass::TcpPort, 0);
  static constexpr std::array<std::uint32_t, 3> kNetworkKeys = {0x0800, 0x0806, 0x86dd};
  static constexpr std::uint32_t kKinds = kNetworkKeys.size() + 256;
  static_assert(kFactSetsMax + kKinds <= kSetNumbers);
  // Of ports, and of the kinds before them.
  static constexpr std::uint32_t kScratchMax = kPortsMax + kKinds;
  struct KindFact {
    std::uint16_t kind;
    std::uint16_t set;
  };

  [[nodiscard]] ShortFact short_fact(std::uint64_t key) const noexcept {
    return {key << 16 | set_};
  }
  // No hash looks like an empty slot.
  [[nodiscard]] static std::uint64_t distinct_from_empty(std::uint64_t hash) noexcept {
    return hash < kSetNumbers ? hash + kSetNumbers : hash;
  }
  [[nodiscard]] bool insert(std::uint64_t hash, Bucket& bucket) noexcept;
  [[nodiscard]] bool has_room() const noexcept;
  static void put(Bucket& bucket, std::uint64_t hash, std::uint64_t set,
                  std::uint64_t chunks) noexcept;
  void grow() noexcept;
  void collect_chunks() noexcept;
  void add_kind(std::uint32_t protocol_key) noexcept;
  std::span<ShortFact> sorted_protocols() noexcept;

  std::unique_ptr<Bucket[]> buckets_;  // of which bucket_mask_ + 1 are in use
  std::uint32_t bucket_mask_ = kBucketsMin - 1;
  std::uint32_t chunk_count_ = 0;
  std::uint64_t chunk_bit_ = 0;  // of the chunk that is being written
  std::uint64_t opaque_chunks_ = 0;
  std::uint32_t set_ = 0;  // the newest fact set
  std::uint32_t set_count_ = 0;
  const bool room_for_uids_;
  bool packets_have_uids_;
  bool page_has_uids_;
  std::unique_ptr<std::uint64_t[]> hashes_;      // of each fact set, for grow()
  std::unique_ptr<std::uint64_t[]> set_chunks_;  // by fact set, filled where it is needed
  FactList<ShortFact> ipv4_;
  FactList<WideFact> ipv6_;
  FactList<KindFact> kinds_;
  FactList<ShortFact> ports_;
  FactList<LongFact> tenants_;
  FactList<ShortFact> community_ids_;
  FactList<ShortFact> uids_;
  std::unique_ptr<ShortFact[]> short_scratch_;
  std::unique_ptr<LongFact[]> long_scratch_;
  std::array<ChunkRow, kPageChunksMax> rows_;

 public:
  static constexpr std::size_t kBytesMax =
      kBucketsMax * sizeof(Bucket) + 2 * kSetNumbers * sizeof(std::uint64_t) +
      (kIpv4Max + kPortsMax + kKinds + 2 * kOthersMax + kScratchMax) * sizeof(ShortFact) +
      kPortsMax * sizeof(KindFact) + kIpv6Max * sizeof(WideFact) +
      2 * kOthersMax * sizeof(LongFact);
};

// Address space that a builder takes, beside itself: a page of 64 MiB of usual traffic touches a
// tenth.
inline constexpr std::size_t kIndexBuilderBytesMax = IndexBuilder::kBytesMax;
static_assert(kIndexBuilderBytesMax <= std::size_t{13} * 1024 * 1024);

}  // namespace weir::storage::segment
