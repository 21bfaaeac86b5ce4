#include "storage/segment/segment_summary.h"

#include <utility>

#include "storage/segment/segment_file.h"

namespace weir::storage::segment {
namespace {

SegmentTotals totals_of(const SegmentTail& tail) {
  const Directory& directory = tail.directory;
  return {.units = std::uint64_t{tail.ordinal} + 1,
          .chunks = directory.chunks,
          .pages = static_cast<std::uint32_t>(directory.pages.size()),
          .packets = directory.packets,
          .wire_bytes = directory.wire_bytes,
          .lost = directory.lost,
          .times = directory.times};
}

SegmentTotals totals_of(UnitWalk walk) {
  SegmentTotals totals;
  while (const auto unit = walk.next()) {
    ++totals.units;
    if (unit->block.kind == Kind::Index) ++totals.pages;
    if (unit->block.kind != Kind::Chunk) continue;
    const auto chunk = chunk_at(unit->header_block());
    if (!chunk) break;
    ++totals.chunks;
    totals.packets += chunk->packets;
    totals.wire_bytes += chunk->wire_bytes;
    totals.lost += chunk->lost;
    if (!chunk->times.empty()) totals.times.cover(chunk->times);
  }
  return totals;
}

}  // namespace

Result<SegmentSummary> summarise_segment(const std::string& path) {
  WEIR_TRY(const SegmentFile file, SegmentFile::open(path));
  SegmentSummary summary;
  summary.head = file.head();
  WEIR_TRY(const auto tail, file.tail());
  WEIR_TRY(summary.file_bytes, file.size());
  summary.sealed = tail.has_value();
  if (tail) {
    summary.totals = totals_of(*tail);
    summary.sealed_at = tail->facts.sealed;
    summary.recovered = tail->facts.recovered;
    summary.cut_bytes = tail->directory.cut_bytes;
  } else {
    summary.totals = totals_of(file.walk(Depth::Header));
  }
  return summary;
}

}  // namespace weir::storage::segment
