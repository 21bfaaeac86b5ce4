// Collects, while the chunks of an index page are written, what their packets can be found by, and
// writes the page. docs/segment-format.md, "Index page".
//
// Most packets are found by the same things as the packets before them in their flow. So keys are
// not collected per packet but per *fact set*: all that the packets of one flow are found by, known
// by a hash of 64 bits that the caller makes. A packet costs one look into a table. Its keys are
// added once: fact sets stay known from page to page while packets of theirs come.
//
// One thread. Allocates in its constructor only, kIndexBuilderBytesMax at most, of which only what
// is used becomes resident. What does not fit makes its chunk opaque: then the chunk has to be
// looked into, and nothing is missed.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/assert.h"
#include "storage/segment/column_encoder.h"
#include "storage/segment/fact_list.h"
#include "storage/segment/fact_table.h"
#include "storage/segment/format.h"
#include "storage/segment/key_filter.h"

namespace weir::storage::segment {

// A page with so many fact sets is written before it has all the chunks that it could have: it
// would not fit into a unit.
inline constexpr std::uint32_t kPageSetsMax = 96 * 1024;
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

class IndexBuilder {
 public:
  // Yes: there is room for the column, and packets have uids until set_uids() says otherwise.
  explicit IndexBuilder(UidColumn uids);

  // Of the packets from now on: a page has the column when all of its packets had uids, and there
  // was room for each. Does nothing where there is no room for the column.
  void set_uids(UidColumn uids) noexcept {
    packets_have_uids_ = room_for_uids_ && uids == UidColumn::Yes;
    page_has_uids_ = packets_have_uids_ && (page_has_uids_ || table_.met() == 0);
  }

  // Chunk after chunk: begin, packets, end. Not after wants_page().
  void begin_chunk() noexcept;
  void end_chunk(const ChunkRow& row) noexcept;
  [[nodiscard]] std::uint32_t chunk_count() const noexcept { return chunk_count_; }
  // After end_chunk(): the page should be written now, since it has all the chunks that a page can
  // have, or is so full that the next chunk might not fit.
  [[nodiscard]] bool wants_page() const noexcept;

  // A packet of the chunk. True: its fact set is new, and the caller adds its keys now.
  [[nodiscard]] bool add(std::uint64_t hash) noexcept {
    return !table_.meet(hash, chunk_bit_) && insert(hash);
  }
  // Fetches what add() will look at.
  void prefetch(std::uint64_t hash) const noexcept { table_.prefetch(hash); }
  // Keys of the fact set that add() just called new. Doubles are allowed.
  void add_ipv4(std::uint32_t address) noexcept { ipv4_.add(short_fact(address, set_)); }
  void add_ipv6(const std::uint8_t* address) noexcept {
    ipv6_.add({.key = IndexKey::ipv6(address), .set = set_});
  }
  // See format.h.
  void add_protocol(std::uint32_t protocol_key) noexcept {
    if (protocol_key < kFirstPortKey) return add_kind(protocol_key);
    ports_.add(short_fact(protocol_key, set_));
  }
  void add_tenant(std::uint64_t tenant_key) noexcept {
    tenants_.add({.number = tenant_key, .set = set_});
  }
  // The first five bytes as a big-endian number.
  void add_community_id(std::uint64_t start) noexcept {
    community_ids_.add(short_fact(start, set_));
  }
  // uid_key(). Needs UidColumn::Yes.
  void add_uid(const IndexKey& key) noexcept { uids_.add({.key = key, .set = set_}); }
  // A packet has uids that are not told: the page has no column of them.
  void leave_out_uids() noexcept { page_has_uids_ = false; }

  // The chunk has a packet that its keys do not tell of as a whole.
  void mark_opaque() noexcept { opaque_chunks_ |= chunk_bit_; }

  // Writes the page of the chunks so far, at least one, into `to` and begins the next. Answers with
  // the bytes of its unit. `to` has kPageRoomMin bytes or more; columns that it has no room for are
  // left out. With kUnitBytesMax it has room for what a page can be.
  std::uint32_t encode(const PagePlace& place, std::span<std::uint8_t> to,
                       const ColumnFilters& filters) noexcept;
  // The filters that encode() gets are those of a new segment: they begin empty.
  void begin_filters() noexcept { table_.forget_told(); }
  // Forgets the page, and all fact sets.
  void clear() noexcept;

 private:
  class PageWriter;

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
  static_assert(FactTable::kSetsMax + kKinds <= kSetNumbers);
  static constexpr std::uint32_t kShortScratchMax = kPortsMax + kKinds;
  static constexpr std::uint32_t kWideScratchMax = std::max(kIpv6Max, kOthersMax);
  [[nodiscard]] bool insert(std::uint64_t hash) noexcept;
  // For so many more in each list.
  [[nodiscard]] bool has_room(std::uint32_t facts) const noexcept;
  [[nodiscard]] bool is_crowded() const noexcept;
  void add_kind(std::uint32_t protocol_key) noexcept;
  void add_kind_keys() noexcept;
  void find_chunks_of_kinds(std::span<std::uint64_t> chunks) const noexcept;
  void end_page() noexcept;

  FactTable table_;
  std::uint32_t chunk_count_ = 0;
  std::uint64_t chunk_bit_ = 0;  // of the chunk that is being written
  std::uint64_t opaque_chunks_ = 0;
  std::uint32_t set_ = 0;  // the newest fact set
  const bool room_for_uids_;
  bool packets_have_uids_;
  bool page_has_uids_;
  FactList<ShortFact> ipv4_;
  FactList<WideFact> ipv6_;
  FactList<ShortFact> kinds_;  // the kind as its key, in no order
  FactList<ShortFact> ports_;  // and the keys of all kinds, with fact sets of their own
  FactList<LongFact> tenants_;
  FactList<ShortFact> community_ids_;
  FactList<WideFact> uids_;
  buffer::UntouchedArray<ShortFact> short_scratch_;
  buffer::UntouchedArray<LongFact> long_scratch_;
  buffer::UntouchedArray<WideFact> wide_scratch_;
  std::array<ChunkRow, kPageChunksMax> rows_;

 public:
  static constexpr std::size_t kBytesMax =
      FactTable::kBytesMax +
      (kIpv4Max + 2 * kPortsMax + kKinds + kOthersMax + kShortScratchMax) * sizeof(ShortFact) +
      (kIpv6Max + kOthersMax + kWideScratchMax) * sizeof(WideFact) +
      2 * kOthersMax * sizeof(LongFact);
};

// Address space that a builder takes, beside itself. Resident is what is used: some 100 bytes a
// flow.
inline constexpr std::size_t kIndexBuilderBytesMax = IndexBuilder::kBytesMax;
static_assert(kIndexBuilderBytesMax <= std::size_t{58} * 1024 * 1024);

}  // namespace weir::storage::segment
