// Encodes pcapng blocks (draft-ietf-opsawg-pcapng) in host byte order, times in nanoseconds.
// Packets go straight into the caller's memory; everything rarer is appended to a vector. Knows
// nothing of files: src/output/ writes them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/capture_interface.h"
#include "base/packet_batch.h"
#include "base/time.h"
#include "storage/pcapng/blocks.h"

namespace weir::storage::pcapng {

// --- packets: the hot path
// --------------------------------------------------------------------------------------

// Around a frame in an Enhanced Packet Block: head, end of options, trailing length; and the two
// paddings.
inline constexpr std::uint32_t kEnhancedPacketHeadBytes = 8 + kEnhancedPacketFixedBytes;
inline constexpr std::uint32_t kPacketFramingBytesMax = kEnhancedPacketHeadBytes + 3 + 3 + 4 + 4;
// Added to a packet's options by append_loss_options(), at most.
inline constexpr std::uint32_t kLossCommentBytesMax = 192;
inline constexpr std::uint32_t kLossOptionsBytesMax = 12 + 4 + kLossCommentBytesMax;
// The largest record that write_enhanced_packet() makes.
inline constexpr std::uint32_t kPacketRecordBytesMax =
    (kPacketBytesMax + kPacketOptionsBytesMax + kLossOptionsBytesMax + kPacketFramingBytesMax + 3) &
    ~3U;

// How long write_enhanced_packet() makes the record of a packet.
[[nodiscard]] inline std::uint32_t enhanced_packet_bytes(std::uint32_t captured_bytes,
                                                         std::uint32_t options_bytes) noexcept {
  const std::uint64_t options = options_bytes == 0 ? 0 : align_up(options_bytes, 4) + 4;
  return static_cast<std::uint32_t>(kEnhancedPacketHeadBytes + align_up(captured_bytes, 4) +
                                    options + 4);
}

// An Enhanced Packet Block at `at`, where the caller has proved room for kPacketRecordBytesMax
// bytes (or for the frame and its options + kPacketFramingBytesMax). Returns the end. A time before
// 1970 is written in two's complement.
inline std::uint8_t* write_enhanced_packet(std::uint8_t* at, const Packet& packet,
                                           std::uint32_t interface) noexcept {
  const std::uint32_t captured = packet.captured_bytes;
  const auto padded = static_cast<std::uint32_t>(align_up(captured, 4));
  const auto time = static_cast<std::uint64_t>(packet.time.ns);
  std::uint8_t* const frame = at + kEnhancedPacketHeadBytes;
  store_le<std::uint32_t>(frame + padded - 4,
                          0);  // the padding; what is not padding is written over below
  store_le<std::uint64_t>(at + 8, interface | (time >> 32) << 32);
  store_le<std::uint64_t>(at + 16, (time & 0xffff'ffff) | std::uint64_t{captured} << 32);
  store_le<std::uint32_t>(at + 24, packet.wire_bytes);
  if (captured != 0) std::memcpy(frame, packet.data, captured);
  std::uint8_t* end = frame + padded;
  if (packet.options_bytes != 0) [[unlikely]] {
    const auto options = static_cast<std::uint32_t>(align_up(packet.options_bytes, 4));
    store_le<std::uint32_t>(end + options - 4, 0);
    std::memcpy(end, packet.options, packet.options_bytes);
    end += options;
    store_le<std::uint32_t>(end, option::kEndOfOptions);
    end += 4;
  }
  const auto total = static_cast<std::uint32_t>(end + 4 - at);
  store_le<std::uint64_t>(
      at, static_cast<std::uint64_t>(BlockType::EnhancedPacket) | std::uint64_t{total} << 32);
  store_le(end, total);
  return end + 4;
}

// A Simple Packet Block has no time, but no interface and no captured length either: readers take
// interface 0 and the smaller of wire length and snaplen. It says the truth only where that is the
// packet's own.
[[nodiscard]] inline bool fits_simple_packet(const Packet& packet, std::uint32_t interface,
                                             std::uint32_t snaplen) noexcept {
  const bool snapped = snaplen != 0 && snaplen < packet.wire_bytes;
  return !packet.has_time && interface == 0 && packet.options_bytes == 0 &&
         packet.captured_bytes == (snapped ? snaplen : packet.wire_bytes);
}
// Room as for write_enhanced_packet(). Returns the end.
std::uint8_t* write_simple_packet(std::uint8_t* at, const Packet& packet) noexcept;

// --- everything else
// --------------------------------------------------------------------------------------------

// What a Section Header says of who wrote it. Empty = left out.
struct SectionIdentity {
  std::string hardware;     // shb_hardware
  std::string os;           // shb_os
  std::string application;  // shb_userappl
};
// This machine and this version of weir: "x86_64", "Linux 6.1.0", "weir 0.1.0".
SectionIdentity local_identity();

// A Section Header of unknown length. `options` are those of an input's section (TLVs,
// little-endian; what is malformed in them ends them): they are kept, and `identity` adds what they
// don't name.
void append_section_header(std::vector<std::uint8_t>& out, const SectionIdentity& identity,
                           Bytes options);

// An Interface Description. if_tsresol is always 9 (nanoseconds), whatever the source had.
void append_interface_description(std::vector<std::uint8_t>& out,
                                  const CaptureInterface& interface);

// A block with the body of `block`. In an Interface Statistics Block the interface is replaced by
// `interface`; the statistics' times must be in nanoseconds.
void append_side_block(std::vector<std::uint8_t>& out, const SideBlock& block,
                       std::uint32_t interface);

// Options of a packet before which others were lost: `options` (its own, as in Packet) with
// epb_dropcount (added to one that is there already) and a comment of at most kLossCommentBytesMax.
// Appends; no more than kPacketOptionsBytesMax + kLossOptionsBytesMax bytes.
void append_loss_options(std::vector<std::uint8_t>& out, Bytes options, std::uint64_t lost,
                         std::string_view comment);

// What an interface did during a section (section 4.6).
struct InterfaceStatistics {
  Timestamp start = {};
  Timestamp end = {};           // also the time of the block itself
  std::uint64_t received = 0;   // isb_ifrecv
  std::uint64_t upstream = 0;   // isb_ifdrop
  std::uint64_t accepted = 0;   // isb_filteraccept
  std::uint64_t dropped = 0;    // isb_osdrop
  std::uint64_t delivered = 0;  // isb_usrdeliv
  std::string_view comment = {};
};
// How long its block is without a comment: fixed part, seven options of eight bytes, their end.
inline constexpr std::uint32_t kInterfaceStatisticsBytes =
    kBlockOverheadBytes + kInterfaceStatisticsFixedBytes + 7 * 12 + 4;
void append_interface_statistics(std::vector<std::uint8_t>& out, std::uint32_t interface,
                                 const InterfaceStatistics& statistics);

// --- what a piece of a file holds
// -------------------------------------------------------------------------------

struct RecordCount {
  std::uint64_t bytes = 0;    // length of the whole records at the start of the piece
  std::uint64_t packets = 0;  // Enhanced and Simple Packet Blocks among them
};
// Walks blocks that this encoder wrote, from a block's beginning, as far as they lie wholly in
// `bytes`.
[[nodiscard]] RecordCount whole_records(Bytes bytes) noexcept;

}  // namespace weir::storage::pcapng
