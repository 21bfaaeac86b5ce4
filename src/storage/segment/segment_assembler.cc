#include "storage/segment/segment_assembler.h"

#include <utility>

#include "base/assert.h"
#include "storage/pcapng/writer.h"

namespace weir::storage::segment {

void append_head(std::vector<std::uint8_t>& out, const UnitHeader& place, const HeadFacts& head,
                 std::span<const CaptureInterface> interfaces) {
  const std::size_t begin = out.size();
  pcapng::append_section_header(out, pcapng::local_identity(), {});
  for (const CaptureInterface& interface : interfaces) {
    pcapng::append_interface_description(out, interface);
  }
  const auto block = static_cast<std::uint32_t>(out.size() - begin);
  const auto unit_bytes =
      static_cast<std::uint32_t>(align_up(block + kHeadBytes + kBlockTrailBytes, kUnitAlignment));
  out.resize(begin + unit_bytes);
  std::uint8_t* const at = out.data() + begin + block;
  UnitHeader header = place;
  header.unit_bytes = unit_bytes;
  header.block_offset = block;
  put_block(at, {.total_bytes = unit_bytes - block, .kind = Kind::Head});
  put_unit_header(at, header);
  put_head(at, head);
  seal_unit(std::span(out).subspan(begin), block);
}

void SegmentAssembler::begin(std::span<const CaptureInterface> interfaces) {
  std::vector<std::uint8_t> unit;
  append_head(unit, writer_->next_header(0), head_, interfaces);
  (void)writer_->append(unit);
}

void SegmentAssembler::add(ChunkBuilder::Finished chunk) {
  // Without its head nothing in a file can be recovered, and writes may overtake each other.
  if (directory_.chunks == 0) writer_->wait_until_written();
  const UnitHeader place = writer_->next_header(chunk.unit_bytes);
  seal_chunk(chunk, place, directory_.chunks, directory_.packets);
  const ChunkFacts& facts = chunk.facts;
  ++directory_.chunks;
  directory_.packets += facts.packets;
  directory_.times.cover(facts.times);
  directory_.wire_bytes += facts.wire_bytes;
  directory_.lost += facts.lost;
  index_->builder.end_chunk({.offset = place.file_offset,
                             .unit_bytes = chunk.unit_bytes,
                             .packets = facts.packets,
                             .times = facts.times,
                             .wire_bytes = facts.wire_bytes,
                             .lost = facts.lost});
  writer_->append(std::move(chunk.block), chunk.unit_bytes, facts.packets);
  if (index_->builder.wants_page()) write_page();
}

void SegmentAssembler::write_page() {
  const UnitHeader place = writer_->next_header(0);
  const std::uint32_t chunks = index_->builder.chunk_count();
  const std::uint32_t bytes =
      index_->builder.encode({.segment = place.segment,
                              .ordinal = place.ordinal,
                              .file_offset = place.file_offset,
                              .first_chunk = pages_first_chunk_},
                             index_->page_room(), index_->filters.pointers());
  const Bytes unit(index_->page.get(), bytes);
  directory_.pages.push_back(*directory_page(unit));
  pages_first_chunk_ += chunks;
  (void)writer_->append(unit);
}

void SegmentAssembler::end(Bytes statistics, Timestamp now) {
  WEIR_ASSERT(!ended_);
  if (index_->builder.chunk_count() > 0) write_page();
  const UnitHeader place = writer_->next_header(0);
  directory_.tail_offset = place.file_offset;
  directory_.filters = index_->filters.take();
  index_->builder.begin_filters();
  std::vector<std::uint8_t> unit;
  const TailSeal seal{.ordinal = place.ordinal, .sealed = now, .statistics = statistics};
  if (!append_tail(unit, directory_, seal)) {
    // The filters save reading, nothing else.
    directory_.filters.clear();
    const auto appended = append_tail(unit, directory_, seal);
    WEIR_ASSERT(appended.ok());
  }
  writer_->end_with(std::move(unit));
  directory_.filters.clear();
  index_ = nullptr;
  ended_ = true;
}

}  // namespace weir::storage::segment
