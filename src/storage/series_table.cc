#include "storage/series_table.h"

namespace weir::storage {

SeriesEntry* SeriesTable::find(SeriesNameView name, std::size_t place) {
  if (place >= order_.size()) order_.resize(place + 1);
  if (Item* item = order_[place]; item != nullptr && SeriesNameLess::view(item->first) == name) {
    return &item->second;
  }
  const auto found = map_.find(name);
  if (found == map_.end()) return nullptr;
  order_[place] = &*found;
  return &found->second;
}

SeriesTable::Item& SeriesTable::add(SeriesNameView name, std::uint32_t id, std::uint64_t seen) {
  return *map_.emplace(SeriesName(name.first, name.second),
                       SeriesEntry{.seen = seen, .open = {.series = id, .at = {}, .values = {}}})
              .first;
}

void SeriesTable::erase(const SeriesName& name) {
  order_.clear();
  map_.erase(map_.find(name));
}

void SeriesTable::clear() {
  order_.clear();
  map_.clear();
}

std::pair<SeriesTable::Map::iterator, SeriesTable::Map::iterator> SeriesTable::of_metric(
    const std::string& metric) {
  const auto begin = map_.lower_bound(SeriesNameView(metric, ""));
  auto end = begin;
  while (end != map_.end() && end->first.first == metric) ++end;
  return {begin, end};
}

}  // namespace weir::storage
