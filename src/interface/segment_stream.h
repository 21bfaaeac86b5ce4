// A segment of a packet store (docs/segment-format.md) as the pcapng stream that it would be
// without checksums, index and compression: every unit is checked before its packets are handed on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interface/byte_stream.h"
#include "storage/segment/records.h"
#include "storage/segment/segment_file.h"

namespace weir::interface {

class SegmentStream final : public ByteStream {
 public:
  // Null: the path is no regular file, or no segment that this weir knows.
  static std::unique_ptr<SegmentStream> open(const std::string& path);

  ReadResult read(std::span<std::uint8_t> into, Duration wait) override;
  [[nodiscard]] std::uint64_t raw_bytes() const noexcept override { return walk_.offset(); }
  [[nodiscard]] bool is_raw() const noexcept override { return false; }
  [[nodiscard]] const std::optional<Error>& error() const noexcept override { return error_; }

 private:
  explicit SegmentStream(storage::segment::SegmentFile file);
  // The next bytes that are to be handed on are in `rest_`. False: there are none.
  bool next_unit();
  bool fail(ErrorCode code, const std::string& what);

  storage::segment::SegmentFile file_;
  storage::segment::UnitWalk walk_;
  storage::segment::ChunkDecoder decoder_;
  std::vector<std::uint8_t> records_;
  Bytes rest_;
  std::optional<Error> error_;
};

}  // namespace weir::interface
