#include "interface/segment_stream.h"

#include <algorithm>
#include <utility>

#include "storage/segment/format.h"

namespace weir::interface {

namespace segment = storage::segment;

std::unique_ptr<SegmentStream> SegmentStream::open(const std::string& path) {
  auto file = segment::SegmentFile::open(path);
  if (!file) return nullptr;
  return std::unique_ptr<SegmentStream>(new SegmentStream(std::move(file).value()));
}

SegmentStream::SegmentStream(segment::SegmentFile file)
    : file_(std::move(file)), walk_(file_.walk(segment::Depth::Bytes)) {}

ReadResult SegmentStream::read(std::span<std::uint8_t> into, Duration) {
  while (rest_.empty()) {
    if (error_) return {ReadStatus::Failed, 0};
    if (!next_unit()) return {error_ ? ReadStatus::Failed : ReadStatus::End, 0};
  }
  const std::size_t bytes = std::min(into.size(), rest_.size());
  std::copy_n(rest_.data(), bytes, into.data());
  rest_ = rest_.subspan(bytes);
  return {ReadStatus::Data, bytes};
}

bool SegmentStream::next_unit() {
  const std::uint64_t offset = walk_.offset();
  const auto unit = walk_.next();
  if (!unit) {
    // One that is still written to, or was left unsealed, ends where its last whole unit does.
    const segment::UnitFault fault = walk_.end().fault;
    const bool ends = fault == segment::UnitFault::None || fault == segment::UnitFault::ShortFile;
    return ends ? false
                : fail(ErrorCode::Damaged, "offset " + std::to_string(offset) + ": " +
                                               walk_.end().text() +
                                               " (the packets before it are good; weir store "
                                               "verify says more)");
  }
  switch (unit->block.kind) {
    case segment::Kind::Head:
      rest_ = unit->bytes;
      return true;
    case segment::Kind::Chunk: {
      auto records = decoder_.records(*unit, records_);
      if (!records) {
        return fail(records.error().code,
                    "offset " + std::to_string(offset) + ": " + records.error().context);
      }
      rest_ = *records;
      return true;
    }
    case segment::Kind::Tail: {
      // Statistics of its interfaces, between two blocks of ours.
      const auto tail = segment::decode_tail(*unit);
      if (tail) {
        rest_ = unit->bytes.subspan(segment::kTailHeaderBytes,
                                    tail->facts.directory_offset - segment::kTailHeaderBytes);
      }
      return true;
    }
    default:
      return true;
  }
}

bool SegmentStream::fail(ErrorCode code, const std::string& what) {
  error_ = Error{.code = code, .context = what};
  return false;
}

}  // namespace weir::interface
