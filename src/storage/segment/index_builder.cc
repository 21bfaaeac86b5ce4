#include "storage/segment/index_builder.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "storage/crc32c.h"

namespace weir::storage::segment {
namespace {

constexpr std::uint32_t kColumns = 7;
// The table of all columns, the rows of all chunks, and the length at the end.
static_assert(kPageHeaderBytes + kColumns * kColumnEntryBytes + kPageChunksMax * kChunkRowBytes +
                  kBlockTrailBytes <=
              kPageRoomMin);

}  // namespace

// Columns one behind the other.
class IndexBuilder::PageWriter {
 public:
  PageWriter(std::span<std::uint8_t> to, const SetsOfPage& sets,
             const ColumnFilters& filters) noexcept
      : to_(to.first(std::min<std::size_t>(to.size(), kUnitBytesMax) / kUnitAlignment *
                     kUnitAlignment)),
        sets_(sets),
        filters_(filters) {}

  void add_rows(std::span<const ChunkRow> rows) noexcept {
    const auto bytes = static_cast<std::uint32_t>(rows.size() * kChunkRowBytes);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      put_chunk_row(to_.data() + at_ + i * kChunkRowBytes, rows[i]);
    }
    take(Column::Chunks, {.bytes = bytes, .entries = static_cast<std::uint32_t>(rows.size())});
  }
  template <typename Fact>
  void add_column(Column column, std::span<const Fact> sorted) noexcept {
    const auto room = to_.subspan(at_, to_.size() - kBlockTrailBytes - at_);
    const auto encoded =
        encode_column(sorted, sets_, column, room, filters_[static_cast<std::size_t>(column)]);
    if (encoded) take(column, *encoded);
  }

  // Of a column that is left out the filter gets the keys all the same: their fact sets count as
  // told from now on.
  template <typename Fact>
  void leave_out_column(Column column, std::span<const Fact> sorted) noexcept {
    (void)encode_column(sorted, sets_, column, to_.first(0),
                        filters_[static_cast<std::size_t>(column)]);
  }

  std::uint32_t finish(const PagePlace& place, PageFacts page) noexcept {
    const auto unit_bytes =
        static_cast<std::uint32_t>(align_up(at_ + kBlockTrailBytes, kUnitAlignment));
    std::memset(to_.data() + at_, 0, unit_bytes - at_);
    put_block(to_.data(), {.total_bytes = unit_bytes, .kind = Kind::Index});
    put_unit_header(to_.data(), {.unit_bytes = unit_bytes,
                                 .segment = place.segment,
                                 .ordinal = place.ordinal,
                                 .file_offset = place.file_offset});
    page.column_count = entry_count_;
    put_page(to_.data(), page);
    // Columns that were left out leave zeros behind the table.
    std::uint8_t* row = to_.data() + kPageHeaderBytes;
    for (const ColumnEntry& entry : entries_) {
      put_column_entry(row, entry);
      row += kColumnEntryBytes;
    }
    seal_unit(to_.first(unit_bytes), 0);
    return unit_bytes;
  }

 private:
  void take(Column column, const EncodedColumn& encoded) noexcept {
    entries_[entry_count_++] = {.column = column,
                                .offset = at_,
                                .bytes = encoded.bytes,
                                .entries = encoded.entries,
                                .crc = crc32c(to_.subspan(at_, encoded.bytes))};
    at_ += encoded.bytes;
  }

  std::span<std::uint8_t> to_;
  const SetsOfPage& sets_;
  const ColumnFilters& filters_;
  std::uint32_t at_ = kPageHeaderBytes + kColumns * kColumnEntryBytes;
  std::array<ColumnEntry, kColumns> entries_{};
  std::uint32_t entry_count_ = 0;
};

IndexBuilder::IndexBuilder(UidColumn uids)
    : room_for_uids_(uids == UidColumn::Yes),
      packets_have_uids_(room_for_uids_),
      page_has_uids_(room_for_uids_),
      ipv4_(kIpv4Max),
      ipv6_(kIpv6Max),
      kinds_(kPortsMax),
      ports_(kPortsMax + kKinds),
      tenants_(kOthersMax),
      community_ids_(kOthersMax),
      uids_(room_for_uids_ ? kOthersMax : 0),
      short_scratch_(buffer::make_untouched_array<ShortFact>(kShortScratchMax)),
      long_scratch_(buffer::make_untouched_array<LongFact>(kOthersMax)),
      wide_scratch_(buffer::make_untouched_array<WideFact>(kWideScratchMax)) {
  add_kind_keys();
}

void IndexBuilder::begin_chunk() noexcept {
  WEIR_ASSERT(chunk_bit_ == 0 && chunk_count_ < kPageChunksMax);
  chunk_bit_ = std::uint64_t{1} << chunk_count_;
}

void IndexBuilder::end_chunk(const ChunkRow& row) noexcept {
  WEIR_ASSERT(chunk_bit_ != 0);
  chunk_bit_ = 0;
  rows_[chunk_count_++] = row;
}

bool IndexBuilder::has_room(std::uint32_t facts) const noexcept {
  return FactTable::kSetsMax - table_.size() >= facts && ipv4_.room() >= facts &&
         ipv6_.room() >= facts && kinds_.room() >= facts && ports_.room() >= facts &&
         tenants_.room() >= facts && community_ids_.room() >= facts &&
         (!room_for_uids_ || uids_.room() >= facts);
}

bool IndexBuilder::wants_page() const noexcept {
  // A chunk of the smallest packets, each of another flow, has 20,000 of them.
  constexpr std::uint32_t kFactsOfChunk = 40 * 1024;
  // An address of version 6 takes more of the page than others.
  return chunk_count_ == kPageChunksMax || table_.met() + ipv6_.size() / 5 > kPageSetsMax ||
         !has_room(kFactsOfChunk);
}

bool IndexBuilder::insert(std::uint64_t hash) noexcept {
  WEIR_ASSERT(chunk_bit_ != 0);
  if (!has_room(kKeysOfFactSetMax)) {
    mark_opaque();
    leave_out_uids();
    return false;
  }
  set_ = table_.insert(hash, chunk_bit_);
  return true;
}

void IndexBuilder::add_kind(std::uint32_t protocol_key) noexcept {
  std::uint32_t kind = 0;
  if (protocol_key >= kFirstIpProtocolKey) {
    kind = static_cast<std::uint32_t>(kNetworkKeys.size()) + (protocol_key & 0xff);
  } else {
    while (kind < kNetworkKeys.size() && kNetworkKeys[kind] != protocol_key) ++kind;
    WEIR_ASSERT(kind < kNetworkKeys.size());
  }
  kinds_.add(short_fact(kind, set_));
}

// The kinds have fact sets of their own, behind all others. Their keys are below those of ports.
void IndexBuilder::add_kind_keys() noexcept {
  for (std::uint32_t kind = 0; kind < kKinds; ++kind) {
    const std::uint32_t key =
        kind < kNetworkKeys.size()
            ? kNetworkKeys[kind]
            : kFirstIpProtocolKey + kind - static_cast<std::uint32_t>(kNetworkKeys.size());
    ports_.add(short_fact(key, FactTable::kSetsMax + kind));
  }
}

void IndexBuilder::find_chunks_of_kinds(std::span<std::uint64_t> chunks) const noexcept {
  const std::span<std::uint64_t> of_kinds = chunks.subspan(FactTable::kSetsMax, kKinds);
  std::fill(of_kinds.begin(), of_kinds.end(), std::uint64_t{0});
  for (const ShortFact& fact : kinds_.all()) of_kinds[key_of(fact).low] |= chunks[set_of(fact)];
}

std::uint32_t IndexBuilder::encode(const PagePlace& place, std::span<std::uint8_t> to,
                                   const ColumnFilters& filters) noexcept {
  WEIR_ASSERT(chunk_count_ > 0 && chunk_bit_ == 0 && to.size() >= kPageRoomMin);
  const std::span<std::uint64_t> chunks = table_.take_chunks();
  find_chunks_of_kinds(chunks);
  const SetsOfPage sets{.chunks = chunks, .told = table_.told()};
  const std::span<ShortFact> short_scratch(short_scratch_.get(), kShortScratchMax);
  PageWriter page(to, sets, filters);
  page.add_rows({rows_.data(), chunk_count_});
  page.add_column(Column::Ipv4, ipv4_.sorted(short_scratch));
  const std::span<WideFact> wide_scratch(wide_scratch_.get(), kWideScratchMax);
  page.add_column(Column::Ipv6, ipv6_.sorted(wide_scratch));
  page.add_column(Column::Protocols, ports_.sorted(short_scratch));
  page.add_column(Column::Tenants, tenants_.sorted({long_scratch_.get(), kOthersMax}));
  page.add_column(Column::CommunityId, community_ids_.sorted(short_scratch));
  if (page_has_uids_) {
    page.add_column(Column::Uid, uids_.sorted(wide_scratch));
  } else {
    page.leave_out_column(Column::Uid, uids_.sorted(wide_scratch));
  }
  const std::uint32_t bytes = page.finish(place, {.first_chunk = place.first_chunk,
                                                  .chunk_count = chunk_count_,
                                                  .opaque_chunks = opaque_chunks_});
  end_page();
  return bytes;
}

bool IndexBuilder::is_crowded() const noexcept {
  const auto crowded = [](std::uint32_t room, std::uint32_t capacity) noexcept {
    return room < capacity / 4;
  };
  return crowded(FactTable::kSetsMax - table_.size(), FactTable::kSetsMax) ||
         crowded(ipv4_.room(), kIpv4Max) || crowded(ipv6_.room(), kIpv6Max) ||
         crowded(kinds_.room(), kPortsMax) || crowded(ports_.room(), kPortsMax) ||
         crowded(tenants_.room(), kOthersMax) || crowded(community_ids_.room(), kOthersMax) ||
         (room_for_uids_ && crowded(uids_.room(), kOthersMax));
}

void IndexBuilder::end_page() noexcept {
  const std::uint32_t met = table_.met();
  chunk_count_ = 0;
  opaque_chunks_ = 0;
  page_has_uids_ = packets_have_uids_;
  table_.end_page();
  // Few that were not met cost less than to look for them.
  if (table_.size() <= 2 * met + 4096 && !is_crowded()) return;
  const std::span<const std::uint32_t> numbers = table_.keep_met();
  ipv4_.keep(numbers);
  ipv6_.keep(numbers);
  kinds_.keep(numbers);
  ports_.keep(numbers);
  tenants_.keep(numbers);
  community_ids_.keep(numbers);
  uids_.keep(numbers);
  if (is_crowded()) clear();
}

void IndexBuilder::clear() noexcept {
  chunk_count_ = 0;
  chunk_bit_ = 0;
  opaque_chunks_ = 0;
  page_has_uids_ = packets_have_uids_;
  table_.clear();
  ipv4_.clear();
  ipv6_.clear();
  kinds_.clear();
  ports_.clear();
  tenants_.clear();
  community_ids_.clear();
  uids_.clear();
  add_kind_keys();
}

}  // namespace weir::storage::segment
