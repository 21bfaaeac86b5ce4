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

inline constexpr std::uint32_t kFactSetsMax = 65'536;  // of a page
// Of one fact set in one column. The caller adds no more.
inline constexpr std::uint32_t kKeysOfFactSetMax = 64;
// What encode() needs at least: all but the columns of keys, which are left out when they don't fit.
inline constexpr std::uint32_t kPageRoomMin = 2 * kUnitAlignment;

// Whether the page has Column::Uid.
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
  [[nodiscard]] bool has_room() const noexcept { return capacity_ - count_ >= kKeysOfFactSetMax; }
  [[nodiscard]] bool nearly_full() const noexcept { return count_ > capacity_ / 4 * 3; }
  [[nodiscard]] std::span<Fact> facts() noexcept { return {facts_.get(), count_}; }

 private:
  std::unique_ptr<Fact[]> facts_;
  std::uint32_t capacity_;
  std::uint32_t count_ = 0;
};

class IndexBuilder {
 public:
  explicit IndexBuilder(UidColumn uids);

  // Chunk after chunk: begin, packets, end. Not after wants_page().
  void begin_chunk() noexcept;
  void end_chunk(const ChunkRow& row) noexcept;
  [[nodiscard]] std::uint32_t chunk_count() const noexcept { return chunk_count_; }
  // After end_chunk(): the page should be written now, since it has all the chunks that a page can
  // have, or is so full that the next chunk might not fit.
  [[nodiscard]] bool wants_page() const noexcept;

  // A packet of the chunk. True: its fact set is new in this page, and the caller adds its keys now.
  [[nodiscard]] bool add(std::uint64_t hash) noexcept {
    std::uint32_t at = static_cast<std::uint32_t>(hash) & slot_mask_;
    for (;;) {
      Slot& slot = slots_[at];
      // An empty slot has no chunks.
      if ((slot.hash_and_set ^ hash) < kFactSetsMax && slot.chunks != 0) [[likely]] {
        slot.chunks |= chunk_bit_;
        return false;
      }
      if (slot.chunks == 0) return insert(hash, at);
      at = (at + 1) & slot_mask_;
    }
  }
  // Keys of the fact set that add() just called new. Doubles are allowed.
  void add_ipv4(std::uint32_t address) noexcept { ipv4_.add(short_fact(address)); }
  void add_ipv6(const std::uint8_t* address) noexcept {
    ipv6_.add({.address = IndexKey::ipv6(address), .set = set_});
  }
  void add_protocol(std::uint32_t protocol_key) noexcept {
    protocols_.add(short_fact(protocol_key));
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
  struct Slot {
    // The upper 48 bits of the hash; the low bits, which told where to look, make room for the
    // number of the fact set.
    std::uint64_t hash_and_set;
    std::uint64_t chunks;  // 0: empty
  };
  class PageWriter;

  // Slots are twice as many as fact sets at least.
  static constexpr std::uint32_t kSlotsMin = 16'384;
  static constexpr std::uint32_t kSlotsMax = 2 * kFactSetsMax;
  // Two addresses and four protocol keys each; IPv6 for half of them.
  static constexpr std::uint32_t kIpv4Max = 2 * kFactSetsMax;
  static constexpr std::uint32_t kIpv6Max = kFactSetsMax;
  static constexpr std::uint32_t kProtocolsMax = 4 * kFactSetsMax;
  static constexpr std::uint32_t kOthersMax = kFactSetsMax;

  [[nodiscard]] ShortFact short_fact(std::uint64_t key) const noexcept {
    return {key << 16 | set_};
  }
  [[nodiscard]] bool insert(std::uint64_t hash, std::uint32_t at) noexcept;
  [[nodiscard]] bool has_room() const noexcept;
  void put(std::uint64_t hash, std::uint32_t set, std::uint64_t chunks) noexcept;
  void grow() noexcept;
  void collect_chunks() noexcept;

  std::unique_ptr<Slot[]> slots_;  // of which slot_mask_ + 1 are in use
  std::uint32_t slot_mask_ = kSlotsMin - 1;
  std::uint32_t chunk_count_ = 0;
  std::uint64_t chunk_bit_ = 0;  // of the chunk that is being written
  std::uint64_t opaque_chunks_ = 0;
  std::uint32_t set_ = 0;        // the newest fact set
  std::uint32_t set_count_ = 0;
  bool has_uids_;
  std::unique_ptr<std::uint64_t[]> hashes_;      // of each fact set, for grow()
  std::unique_ptr<std::uint64_t[]> set_chunks_;  // by fact set, filled where it is needed
  FactList<ShortFact> ipv4_;
  FactList<WideFact> ipv6_;
  FactList<ShortFact> protocols_;
  FactList<LongFact> tenants_;
  FactList<ShortFact> community_ids_;
  FactList<ShortFact> uids_;
  std::unique_ptr<ShortFact[]> short_scratch_;
  std::unique_ptr<LongFact[]> long_scratch_;
  std::array<ChunkRow, kPageChunksMax> rows_;

 public:
  static constexpr std::size_t kBytesMax =
      kSlotsMax * sizeof(Slot) + 2 * kFactSetsMax * sizeof(std::uint64_t) +
      (kIpv4Max + 2 * kProtocolsMax + 2 * kOthersMax) * sizeof(ShortFact) +
      kIpv6Max * sizeof(WideFact) + 2 * kOthersMax * sizeof(LongFact);
};

// Address space that a builder takes, beside itself: a page of 64 MiB of usual traffic touches a
// tenth.
inline constexpr std::size_t kIndexBuilderBytesMax = IndexBuilder::kBytesMax;
static_assert(kIndexBuilderBytesMax <= std::size_t{14} * 1024 * 1024);

}  // namespace weir::storage::segment
