// From index pages to what the directory says of them: where their columns are, and the filters
// over all their keys.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "storage/segment/directory.h"
#include "storage/segment/format.h"
#include "storage/segment/index_builder.h"
#include "storage/segment/key_filter.h"

namespace weir::storage::segment {

// One filter for each column of keys, while a segment is written. One thread.
class PageFilters {
 public:
  // Room for 170,000 keys at 12 bits each; more make a filter weaker, never wrong.
  static constexpr std::uint32_t kBits = std::uint32_t{1} << 21;
  static constexpr std::size_t kBytesMax = std::size_t{5} * kBits / 8;

  PageFilters();
  [[nodiscard]] const ColumnFilters& pointers() const noexcept { return pointers_; }
  // As the directory takes them. Begins anew.
  [[nodiscard]] std::vector<DirectoryFilter> take();

 private:
  std::vector<std::unique_ptr<KeyFilter>> filters_;
  ColumnFilters pointers_{};
};

}  // namespace weir::storage::segment
