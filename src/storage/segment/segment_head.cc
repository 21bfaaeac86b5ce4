#include "storage/segment/segment_head.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "storage/pcapng/blocks.h"
#include "storage/pcapng/reader_blocks.h"

namespace weir::storage::segment {
namespace {

using pcapng::BlockType;

constexpr std::size_t kFirstReadBytes = 4096;

Error error(ErrorCode code, std::string what) { return {.code = code, .context = std::move(what)}; }
Error foreign() { return error(ErrorCode::UnknownFormat, "no segment of a packet store"); }
Error damaged(const std::string& what) { return error(ErrorCode::Damaged, "head: " + what); }

// The first bytes of a file, as many as were needed so far.
class Prefix {
 public:
  explicit Prefix(const RangeReader& file) noexcept : file_(file) {}

  // Whether there are `bytes`, at most kUnitBytesMax.
  Result<bool> reach(std::size_t bytes) {
    if (bytes <= buffer_.size()) return true;
    if (ended_ || bytes > kUnitBytesMax) return false;
    const std::size_t had = buffer_.size();
    const std::size_t wanted =
        std::min<std::size_t>(std::max({bytes, 4 * had, kFirstReadBytes}), kUnitBytesMax);
    buffer_.resize(wanted);
    WEIR_TRY(const std::size_t got, file_.read_at(had, std::span(buffer_).subspan(had)));
    buffer_.resize(had + got);
    ended_ = buffer_.size() < wanted;
    return bytes <= buffer_.size();
  }
  [[nodiscard]] Bytes bytes() const noexcept { return buffer_; }
  [[nodiscard]] bool ended() const noexcept { return ended_; }

 private:
  const RangeReader& file_;
  std::vector<std::uint8_t> buffer_;
  bool ended_ = false;
};

bool is_head(Bytes block) noexcept {
  const auto head = block_head_at(block);
  return head && head->kind == Kind::Head;
}

// Whether there is one in the first 4 KiB, wherever the blocks before it lead.
bool has_head(Bytes bytes) noexcept {
  const std::size_t end = std::min<std::size_t>(bytes.size(), kUnitAlignment);
  for (std::size_t at = 0; at + kBlockHeadBytes <= end; at += 4) {
    if (is_head(bytes.subspan(at))) return true;
  }
  return false;
}

// Why no Head block was found: a segment that was damaged has it all the same, or has a unit behind
// it.
Error not_found(Prefix& prefix) {
  const auto next = prefix.reach(kUnitAlignment + kUnitHeaderBytes);
  if (has_head(prefix.bytes())) return damaged("its blocks lead nowhere");
  if (next.ok() && *next && unit_at(prefix.bytes().subspan(kUnitAlignment))) {
    return damaged("it is no head");
  }
  return foreign();
}

bool is_section_header(Bytes bytes) noexcept {
  return load_le32(bytes.data()) == static_cast<std::uint32_t>(BlockType::SectionHeader) &&
         load_le32(bytes.data() + 8) == pcapng::kByteOrderMagic;
}

// Walks from the Section Header to the Head block; its offset. What a foreign file has between them
// ends the walk early.
Result<std::uint32_t> find_head_block(Prefix& prefix) {
  std::size_t at = 0;
  for (;;) {
    WEIR_TRY(const bool there, prefix.reach(at + kBlockHeadBytes));
    if (!there) break;
    const Bytes block = prefix.bytes().subspan(at);
    const std::uint32_t type = load_le32(block.data());
    const std::uint32_t total = load_le32(block.data() + 4);
    if (at == 0 && !is_section_header(block)) return not_found(prefix);
    if (is_head(block)) return static_cast<std::uint32_t>(at);
    const bool passes = at == 0 || type == kBlockType ||
                        type == static_cast<std::uint32_t>(BlockType::InterfaceDescription);
    if (!passes || total < pcapng::kBlockOverheadBytes || total % 4 != 0 ||
        total > kUnitBytesMax - at) {
      return not_found(prefix);
    }
    at += total;
  }
  // The file ends here. Between two blocks: a whole pcapng file, if an empty one, and none of ours.
  const std::size_t bytes = prefix.bytes().size();
  const bool cut = bytes == 0 || (prefix.ended() && at != 0 && at != bytes);
  if (!cut || has_head(prefix.bytes())) return not_found(prefix);
  return error(ErrorCode::Truncated, "the file ends within the head of a segment");
}

bool counts_nanoseconds(const pcapng::TimeScale& scale) noexcept {
  return scale.to_timestamp(0).ns == 0 && scale.to_timestamp(1).ns == 1;
}

// `unit` up to the Head block, whose bytes have been checked.
Result<std::vector<CaptureInterface>> decode_interfaces(std::span<std::uint8_t> blocks) {
  std::vector<CaptureInterface> interfaces;
  while (!blocks.empty()) {
    const std::uint32_t total =
        blocks.size() < pcapng::kBlockOverheadBytes ? 0 : load_le32(blocks.data() + 4);
    if (total < pcapng::kBlockOverheadBytes || total > blocks.size() ||
        load_le32(blocks.data() + total - 4) != total) {
      return damaged("a block does not end where it should");
    }
    if (load_le32(blocks.data()) == static_cast<std::uint32_t>(BlockType::InterfaceDescription)) {
      auto found = pcapng::decode_interface_description(
          blocks.subspan(8, total - pcapng::kBlockOverheadBytes), ByteOrder::Little);
      if (!found || !counts_nanoseconds(found->time_scale)) {
        return damaged("interface " + std::to_string(interfaces.size()) +
                       " is not described as it should be");
      }
      interfaces.push_back(std::move(found->interface));
    }
    blocks = blocks.subspan(total);
  }
  return interfaces;
}

}  // namespace

Result<SegmentHead> read_head(const RangeReader& file) {
  Prefix prefix(file);
  WEIR_TRY(const std::uint32_t at, find_head_block(prefix));
  WEIR_TRY(const bool there, prefix.reach(at + kHeadBytes));
  if (!there) return error(ErrorCode::Truncated, "the file ends within the head of a segment");
  const Bytes block = prefix.bytes().subspan(at);
  if (const std::uint8_t version = block_head_at(block)->version; version > kVersion) {
    return error(ErrorCode::Unsupported, "written by a newer weir (segment version " +
                                             std::to_string(version) + "; this one reads up to " +
                                             std::to_string(kVersion) + ")");
  }
  const auto found = unit_at(block);
  if (!found || found->block.total_bytes < kHeadBytes + kBlockTrailBytes) {
    return damaged("an impossible header");
  }
  if (at + found->block.total_bytes != found->unit.unit_bytes) {
    return damaged("its last block does not reach to its end");
  }
  SegmentHead head{.segment = found->unit.segment,
                   .facts = *head_at(block),
                   .unit_bytes = found->unit.unit_bytes,
                   .block_offset = at,
                   .interfaces = {}};
  std::vector<std::uint8_t> unit;
  const UnitRead read = read_unit(file, head.place(), Depth::Bytes, unit);
  if (read.fault == UnitFault::ShortFile) {
    return error(ErrorCode::Truncated, "the file ends within the head of a segment");
  }
  if (read.fault == UnitFault::ReadFailed) return error(ErrorCode::Io, read.detail);
  if (read.fault != UnitFault::None) return damaged(read.text());
  head.facts = *head_at(read.unit.header_block());
  WEIR_TRY(head.interfaces, decode_interfaces(std::span(unit).first(at)));
  if (head.interfaces.size() != head.facts.interface_count) {
    return damaged("describes " + std::to_string(head.interfaces.size()) + " interfaces, not " +
                   std::to_string(head.facts.interface_count));
  }
  return head;
}

}  // namespace weir::storage::segment
