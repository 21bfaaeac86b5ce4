// Any bytes as an index page, as a column of one, and as a filter: nothing is read out of bounds,
// and what is given out is in order and within its limits. The CRCs of a page are made right first,
// so that what they protect is reached.
#include "storage/segment/index_page.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "storage/segment/key_filter.h"

namespace {

using weir::Bytes;
using namespace weir::storage::segment;

void try_column(const KeyColumn& column, std::size_t bytes) {
  IndexKey previous;
  std::uint64_t visited = 0;
  ChunkMask all = 0;
  const bool whole = column.for_each([&](const IndexKey& key, ChunkMask chunks) {
    WEIR_ASSERT(visited == 0 || previous < key);
    WEIR_ASSERT(chunks != 0);
    previous = key;
    ++visited;
    all |= chunks;
  });
  WEIR_ASSERT(visited <= bytes);
  const IndexKey last{.high = ~std::uint64_t{0}, .low = ~std::uint64_t{0}};
  const auto range = column.range({}, last);
  WEIR_ASSERT(range.has_value() == whole);
  if (!whole) return;
  WEIR_ASSERT(visited == column.entries() && *range == all);
  std::uint32_t asked = 0;
  (void)column.for_each([&](const IndexKey& key, ChunkMask chunks) {
    if (++asked <= 200) WEIR_ASSERT(column.find(key) == chunks);
  });
}

void try_page(std::vector<std::uint8_t> unit) {
  // The unit is as long as the bytes, and each column has the CRC that the table gives it in vain.
  if (unit.size() >= kPageHeaderBytes && unit.size() % kUnitAlignment == 0) {
    weir::store_le(unit.data() + 16, static_cast<std::uint32_t>(unit.size()));
    put_block(unit.data(),
              {.total_bytes = static_cast<std::uint32_t>(unit.size()), .kind = Kind::Index});
    seal_unit(unit, 0);
  }
  const auto page = IndexPage::parse(unit);
  if (!page) return;
  WEIR_ASSERT(page->chunk_count() >= 1 && page->chunk_count() <= kPageChunksMax);
  for (std::uint32_t i = 0; i < page->chunk_count(); ++i) (void)page->chunk(i);
  for (std::uint8_t id = 0; id <= 8; ++id) {
    const auto which = static_cast<Column>(id);
    if (const auto entry = page->entry(which)) {
      const auto column = KeyColumn::parse(Bytes(unit).subspan(entry->offset, entry->bytes), which);
      if (column) try_column(*column, entry->bytes);
    }
    (void)page->column(which);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::vector<std::uint8_t> bytes(data + 1, data + size);
  const std::uint8_t kind = data[0] % 16;
  if (kind == 0) {
    try_page(bytes);
  } else if (kind < 8) {
    const auto column = KeyColumn::parse(bytes, static_cast<Column>(kind));
    if (column) try_column(*column, bytes.size());
  } else if (const auto filter = KeyFilterView::parse(bytes, kind)) {
    (void)filter->contains({.low = size});
  }
  return 0;
}
