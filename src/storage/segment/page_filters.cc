#include "storage/segment/page_filters.h"

#include "base/assert.h"

namespace weir::storage::segment {
namespace {

constexpr std::array kFiltered = {Column::Ipv4,    Column::Ipv6,        Column::Protocols,
                                  Column::Tenants, Column::CommunityId, Column::Uid};

}  // namespace

DirectoryPage page_entry(Bytes unit) {
  const auto facts = page_at(unit);
  WEIR_ASSERT(facts);
  DirectoryPage entry{.offset = unit_at(unit)->unit.file_offset,
                      .unit_bytes = static_cast<std::uint32_t>(unit.size()),
                      .first_chunk = facts->first_chunk,
                      .chunks = facts->chunk_count};
  for (std::uint32_t i = 0; i < facts->column_count; ++i) {
    const ColumnEntry column =
        column_entry_at(unit.subspan(kPageHeaderBytes + std::size_t{i} * kColumnEntryBytes));
    entry.column(column.column) = {.offset = column.offset, .bytes = column.bytes};
  }
  return entry;
}

PageFilters::PageFilters() {
  for (const Column column : kFiltered) {
    filters_.push_back(std::make_unique<KeyFilter>(kBits));
    pointers_[static_cast<std::size_t>(column)] = filters_.back().get();
  }
}

std::vector<DirectoryFilter> PageFilters::take() {
  std::vector<DirectoryFilter> taken;
  for (const Column column : kFiltered) {
    KeyFilter& filter = *pointers_[static_cast<std::size_t>(column)];
    if (filter.keys() == 0 && column == Column::Uid) continue;
    filter.fold();
    const Bytes bytes = filter.bytes();
    taken.push_back({.column = column,
                     .hashes = kFilterHashes,
                     .keys = filter.keys(),
                     .bytes = {bytes.begin(), bytes.end()}});
    filter.clear();
  }
  return taken;
}

}  // namespace weir::storage::segment
