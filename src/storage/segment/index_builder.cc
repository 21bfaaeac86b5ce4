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
  PageWriter(std::span<std::uint8_t> to, std::span<const std::uint64_t> set_chunks,
             const ColumnFilters& filters) noexcept
      : to_(to.first(std::min<std::size_t>(to.size(), kUnitBytesMax) / kUnitAlignment *
                     kUnitAlignment)),
        set_chunks_(set_chunks),
        filters_(filters) {}

  void add_rows(std::span<const ChunkRow> rows) noexcept {
    const auto bytes = static_cast<std::uint32_t>(rows.size() * kChunkRowBytes);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      put_chunk_row(to_.data() + at_ + i * kChunkRowBytes, rows[i]);
    }
    take(Column::Chunks, {.bytes = bytes, .entries = static_cast<std::uint32_t>(rows.size())});
  }
  template <typename Fact>
  void add_column(Column column, std::span<Fact> sorted) noexcept {
    const auto room = to_.subspan(at_, to_.size() - kBlockTrailBytes - at_);
    const auto encoded =
        encode_column(std::span<const Fact>(sorted), set_chunks_, key_bytes(column), room,
                      filters_[static_cast<std::size_t>(column)]);
    if (encoded) take(column, *encoded);
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
  std::span<const std::uint64_t> set_chunks_;
  const ColumnFilters& filters_;
  std::uint32_t at_ = kPageHeaderBytes + kColumns * kColumnEntryBytes;
  std::array<ColumnEntry, kColumns> entries_{};
  std::uint32_t entry_count_ = 0;
};

IndexBuilder::IndexBuilder(UidColumn uids)
    : buckets_(std::make_unique_for_overwrite<Bucket[]>(kBucketsMax)),
      room_for_uids_(uids == UidColumn::Yes),
      packets_have_uids_(room_for_uids_),
      page_has_uids_(room_for_uids_),
      hashes_(std::make_unique_for_overwrite<std::uint64_t[]>(kSetNumbers)),
      set_chunks_(std::make_unique_for_overwrite<std::uint64_t[]>(kSetNumbers)),
      ipv4_(kIpv4Max),
      ipv6_(kIpv6Max),
      kinds_(kPortsMax),
      ports_(kPortsMax + kKinds),
      tenants_(kOthersMax),
      community_ids_(kOthersMax),
      uids_(room_for_uids_ ? kOthersMax : 0),
      short_scratch_(std::make_unique_for_overwrite<ShortFact[]>(kScratchMax)),
      long_scratch_(std::make_unique_for_overwrite<LongFact[]>(kOthersMax)) {
  clear();
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

bool IndexBuilder::wants_page() const noexcept {
  return chunk_count_ == kPageChunksMax || set_count_ > kFactSetsMax / 4 * 3 ||
         ipv4_.nearly_full() || ipv6_.nearly_full() || kinds_.nearly_full() ||
         ports_.nearly_full() || tenants_.nearly_full() || community_ids_.nearly_full() ||
         (room_for_uids_ && uids_.nearly_full());
}

bool IndexBuilder::has_room() const noexcept {
  return set_count_ < kFactSetsMax && ipv4_.has_room() && ipv6_.has_room() && kinds_.has_room() &&
         ports_.has_room(kKinds) && tenants_.has_room() && community_ids_.has_room() &&
         (!room_for_uids_ || uids_.has_room());
}

bool IndexBuilder::insert(std::uint64_t hash, Bucket& bucket) noexcept {
  WEIR_ASSERT(chunk_bit_ != 0);
  if (!has_room()) {
    mark_opaque();
    return false;
  }
  set_ = set_count_++;
  hashes_[set_] = hash;
  put(bucket, hash, set_, chunk_bit_);
  if (set_count_ > (bucket_mask_ + 1) * Bucket::kSlots / 2) grow();
  return true;
}

// Into the first empty slot; there is one.
void IndexBuilder::put(Bucket& bucket, std::uint64_t hash, std::uint64_t set,
                       std::uint64_t chunks) noexcept {
  std::size_t slot = 0;
  while (bucket.hash_and_set[slot] != 0) ++slot;
  bucket.hash_and_set[slot] = (hash & ~std::uint64_t{kSetNumbers - 1}) | set;
  bucket.chunks[slot] = chunks;
}

void IndexBuilder::collect_chunks() noexcept {
  for (std::uint32_t i = 0; i <= bucket_mask_; ++i) {
    const Bucket& bucket = buckets_[i];
    for (std::size_t slot = 0; slot < Bucket::kSlots && bucket.hash_and_set[slot] != 0; ++slot) {
      set_chunks_[bucket.hash_and_set[slot] & (kSetNumbers - 1)] = bucket.chunks[slot];
    }
  }
}

void IndexBuilder::grow() noexcept {
  if (bucket_mask_ + 1 == kBucketsMax) return;
  collect_chunks();
  bucket_mask_ = 2 * bucket_mask_ + 1;
  std::fill_n(buckets_.get(), bucket_mask_ + 1, Bucket{});
  for (std::uint32_t set = 0; set < set_count_; ++set) {
    std::uint32_t at = static_cast<std::uint32_t>(hashes_[set]) & bucket_mask_;
    while (buckets_[at].hash_and_set.back() != 0) at = (at + 1) & bucket_mask_;
    put(buckets_[at], hashes_[set], set, set_chunks_[set]);
  }
}

void IndexBuilder::clear() noexcept {
  // As many buckets as a page like this one needs: they are all emptied, and should all be cached.
  constexpr auto kSlots = static_cast<std::uint32_t>(Bucket::kSlots);
  bucket_mask_ = std::max(kBucketsMin, std::bit_ceil(2 * set_count_ / kSlots)) - 1;
  std::fill_n(buckets_.get(), bucket_mask_ + 1, Bucket{});
  chunk_count_ = 0;
  chunk_bit_ = 0;
  opaque_chunks_ = 0;
  set_count_ = 0;
  page_has_uids_ = packets_have_uids_;
  ipv4_.clear();
  ipv6_.clear();
  kinds_.clear();
  ports_.clear();
  tenants_.clear();
  community_ids_.clear();
  uids_.clear();
}

void IndexBuilder::add_kind(std::uint32_t protocol_key) noexcept {
  std::uint32_t kind = 0;
  if (protocol_key >= kFirstIpProtocolKey) {
    kind = static_cast<std::uint32_t>(kNetworkKeys.size()) + (protocol_key & 0xff);
  } else {
    while (kind < kNetworkKeys.size() && kNetworkKeys[kind] != protocol_key) ++kind;
    WEIR_ASSERT(kind < kNetworkKeys.size());
  }
  kinds_.add({static_cast<std::uint16_t>(kind), static_cast<std::uint16_t>(set_)});
}

// The kinds get fact sets of their own, behind all others.
std::span<ShortFact> IndexBuilder::sorted_protocols() noexcept {
  std::uint64_t* const kind_chunks = set_chunks_.get() + kFactSetsMax;
  std::fill_n(kind_chunks, kKinds, std::uint64_t{0});
  for (const KindFact& fact : kinds_.facts()) kind_chunks[fact.kind] |= set_chunks_[fact.set];
  for (std::uint32_t kind = 0; kind < kKinds; ++kind) {
    if (kind_chunks[kind] == 0) continue;
    const std::uint32_t key =
        kind < kNetworkKeys.size()
            ? kNetworkKeys[kind]
            : kFirstIpProtocolKey + kind - static_cast<std::uint32_t>(kNetworkKeys.size());
    ports_.add({std::uint64_t{key} << 16 | (kFactSetsMax + kind)});
  }
  const auto facts = ports_.facts();
  return sort_facts(facts, {short_scratch_.get(), facts.size()});
}

std::uint32_t IndexBuilder::encode(const PagePlace& place, std::span<std::uint8_t> to,
                                   const ColumnFilters& filters) noexcept {
  WEIR_ASSERT(chunk_count_ > 0 && chunk_bit_ == 0 && to.size() >= kPageRoomMin);
  collect_chunks();
  PageWriter page(to, {set_chunks_.get(), kSetNumbers}, filters);
  const auto add_short = [&](Column column, FactList<ShortFact>& list) noexcept {
    const auto facts = list.facts();
    page.add_column(column, sort_facts(facts, {short_scratch_.get(), facts.size()}));
  };
  page.add_rows({rows_.data(), chunk_count_});
  add_short(Column::Ipv4, ipv4_);
  sort_facts(ipv6_.facts());
  page.add_column(Column::Ipv6, ipv6_.facts());
  page.add_column(Column::Protocols, sorted_protocols());
  page.add_column(Column::Tenants,
                  sort_facts(tenants_.facts(), {long_scratch_.get(), tenants_.facts().size()}));
  add_short(Column::CommunityId, community_ids_);
  if (page_has_uids_) add_short(Column::Uid, uids_);
  const std::uint32_t bytes = page.finish(place, {.first_chunk = place.first_chunk,
                                                  .chunk_count = chunk_count_,
                                                  .opaque_chunks = opaque_chunks_});
  clear();
  return bytes;
}

}  // namespace weir::storage::segment
