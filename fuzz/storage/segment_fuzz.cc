// Any bytes as a segment, and as the packets of a chunk: nothing is read out of bounds, what is
// good is the same however it is read, and the file is gone through in bounded time.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "base/assert.h"
#include "storage/segment/records.h"
#include "storage/segment/segment_file.h"
#include "storage/segment/verify.h"

namespace {

namespace segment = weir::storage::segment;
using weir::Bytes;
using weir::Result;

class MemoryRange final : public segment::RangeReader {
 public:
  explicit MemoryRange(Bytes bytes) : bytes_(bytes) {}
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) const override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(into.size(), bytes_.size() - offset);
    if (count != 0) std::memcpy(into.data(), bytes_.data() + offset, count);
    return count;
  }
  Result<std::uint64_t> size() const override { return std::uint64_t{bytes_.size()}; }

 private:
  Bytes bytes_;
};

// A fuzzer does not guess checksums: each unit that is in its place gets a good one.
std::vector<std::uint8_t> with_checksums(Bytes bytes) {
  std::vector<std::uint8_t> out(bytes.begin(), bytes.end());
  for (std::size_t at = 0; at + segment::kUnitHeaderBytes <= out.size(); at += 4) {
    const auto unit = segment::unit_at(Bytes(out).subspan(at));
    if (!unit || unit->unit.block_offset > at) continue;
    const std::size_t begin = at - unit->unit.block_offset;
    if (begin != unit->unit.file_offset || unit->unit.unit_bytes > out.size() - begin) continue;
    segment::seal_unit(std::span(out).subspan(begin, unit->unit.unit_bytes),
                       unit->unit.block_offset);
  }
  return out;
}

void try_records(Bytes bytes, segment::RecordCursor::Interfaces interfaces) {
  segment::RecordCursor cursor(bytes, interfaces);
  std::size_t at = 0;
  while (const auto record = cursor.next()) {
    WEIR_ASSERT(record->offset == at && record->block.data() == bytes.data() + at);
    at += record->block.size();
    if (!record->is_packet) continue;
    WEIR_ASSERT(record->interface < interfaces.count);
    WEIR_ASSERT(record->frame.size() + record->options.size() <= record->block.size());
    WEIR_ASSERT(record->frame.empty() ||
                record->frame.data() + record->frame.size() <= bytes.data() + at);
  }
  WEIR_ASSERT(cursor.offset() == at);
  WEIR_ASSERT((at == bytes.size()) == (cursor.fault() == segment::RecordFault::None));
}

void try_segment(Bytes bytes) {
  const MemoryRange file(bytes);
  for (const bool torn : {false, true}) {
    const auto report = segment::verify_segment(file, {.torn_end_expected = torn});
    WEIR_ASSERT(report.findings.size() <= 100 && report.torn_bytes <= bytes.size());
    WEIR_ASSERT((report.state == segment::SegmentState::Damaged) == !report.findings.empty());
  }
  const auto opened = segment::SegmentFile::open(std::make_unique<MemoryRange>(bytes), "fuzz");
  if (!opened) return;
  const auto tail = opened->tail();
  segment::UnitWalk walk = opened->walk(segment::Depth::Bytes);
  segment::ChunkDecoder decoder;
  std::vector<std::uint8_t> buffer;
  while (const auto unit = walk.next()) {
    if (unit->block.kind != segment::Kind::Chunk) continue;
    const auto records = decoder.records(*unit, buffer);
    if (records) try_records(*records, segment::RecordCursor::interfaces_of(opened->head()));
  }
  WEIR_ASSERT(walk.offset() <= bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes bytes(data + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      try_segment(bytes);
      break;
    case 1:
      try_records(bytes, {.count = 2, .snaplen = data[0]});
      break;
    default:
      try_segment(with_checksums(bytes));
  }
  return 0;
}
