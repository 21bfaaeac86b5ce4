#include "storage/segment/page_filters.h"

#include "base/assert.h"

namespace weir::storage::segment {
namespace {

// Protocols have none: a segment has most ports.
constexpr std::array kFiltered = {Column::Ipv4, Column::Ipv6, Column::Tenants, Column::CommunityId,
                                  Column::Uid};

}  // namespace

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
