#include "storage/spill/count_records.h"

#include "storage/pcapng/blocks.h"

namespace weir::storage::spill {

namespace {

using pcapng::BlockType;

constexpr std::size_t kFrame = 8 + pcapng::kEnhancedPacketFixedBytes;

// epb_dropcount, or 0.
std::uint64_t lost_before(Bytes options) noexcept {
  constexpr std::size_t kOptionHeadBytes = 4;
  while (options.size() >= kOptionHeadBytes) {
    const std::uint16_t code = load_le16(options.data());
    const std::size_t bytes = load_le16(options.data() + 2);
    if (code == pcapng::option::kEndOfOptions) break;
    if (options.size() < kOptionHeadBytes + align_up(bytes, 4)) break;
    if (code == pcapng::option::kEpbDropcount && bytes == sizeof(std::uint64_t)) {
      return load_le64(options.data() + kOptionHeadBytes);
    }
    options = options.subspan(kOptionHeadBytes + align_up(bytes, 4));
  }
  return 0;
}

}  // namespace

void count_record(Bytes block, segment::ChunkFacts& facts) noexcept {
  const std::uint8_t* const at = block.data();
  switch (static_cast<BlockType>(load_le32(at))) {
    case BlockType::EnhancedPacket: {
      const std::uint64_t time = std::uint64_t{load_le32(at + 12)} << 32 | load_le32(at + 16);
      const std::size_t end = kFrame + align_up(load_le32(at + 20), 4);
      ++facts.packets;
      facts.times.cover(Timestamp{static_cast<std::int64_t>(time)});
      facts.wire_bytes += load_le32(at + 24);
      if (end + 4 < block.size()) {
        facts.lost += lost_before(block.subspan(end, block.size() - 4 - end));
      }
      return;
    }
    case BlockType::SimplePacket:
      ++facts.packets;
      facts.wire_bytes += load_le32(at + 8);
      return;
    default:
      return;
  }
}

}  // namespace weir::storage::spill
