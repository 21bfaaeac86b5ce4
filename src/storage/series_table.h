// The series that a store of samples knows, and their samples of the open window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/sample_codec.h"

namespace weir::storage {

struct SeriesEntry {
  std::uint64_t seen = 0;  // the last window with samples of it, or the open one when it was made
  SampleColumn open;       // its samples of the open window, and its id
};

// Metric, labels.
using SeriesName = std::pair<std::string, std::string>;
using SeriesNameView = std::pair<std::string_view, std::string_view>;

struct SeriesNameLess {
  using is_transparent = void;  // NOLINT(readability-identifier-naming): std::map asks for it
  static SeriesNameView view(const SeriesName& name) { return {name.first, name.second}; }
  static SeriesNameView view(SeriesNameView name) { return name; }
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    return view(a) < view(b);
  }
};

// Entries stay where they are until they are erased. One thread at a time.
class SeriesTable {
 public:
  using Map = std::map<SeriesName, SeriesEntry, SeriesNameLess>;
  using Item = Map::value_type;

  // Samplers give the same series in the same order each time: `place`, the number of the sample in
  // its call, mostly makes the search one comparison. Null: not there.
  SeriesEntry* find(SeriesNameView name, std::size_t place);
  // The name is not there yet.
  Item& add(SeriesNameView name, std::uint32_t id, std::uint64_t seen);
  void erase(const SeriesName& name);
  void clear();

  [[nodiscard]] std::size_t size() const noexcept { return map_.size(); }
  [[nodiscard]] Map& all() noexcept { return map_; }
  // Of one metric, by labels.
  [[nodiscard]] std::pair<Map::iterator, Map::iterator> of_metric(const std::string& metric);

 private:
  Map map_;
  std::vector<Item*> order_;  // by place; null: unknown
};

}  // namespace weir::storage
