// What a source hands to the pipeline: up to 256 packets that are borrowed until the batch is
// released.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/capture_interface.h"
#include "base/link_type.h"
#include "base/time.h"

namespace weir {

inline constexpr std::size_t kBatchPacketsMax = 256;
// The largest frame that weir takes, libpcap's MAXIMUM_SNAPLEN. A record that claims more is
// damage.
inline constexpr std::uint32_t kPacketBytesMax = 262'144;
// A source ends a batch before its frames, options and side blocks together pass this sum, so that
// a sink can reserve room for any batch beforehand. Larger than the largest single packet with its
// options (options: at most 64 KiB).
inline constexpr std::uint32_t kBatchBytesMax = 512 * 1024;
inline constexpr std::uint32_t kPacketOptionsBytesMax = 64 * 1024;
static_assert(kBatchBytesMax >= kPacketBytesMax + kPacketOptionsBytesMax);

// One captured frame. A view: the bytes belong to the source until it gets the batch back.
struct Packet {
  const std::uint8_t* data = nullptr;  // the frame, `captured_bytes` long, any alignment
  Timestamp time = {};                 // 0 when has_time is false
  std::uint32_t captured_bytes = 0;    // at `data`
  std::uint32_t wire_bytes = 0;  // length on the wire; less than captured_bytes only in odd files
  InterfaceId interface = {};    // in the source's table
  LinkType link_type =
      LinkType::Ethernet;  // the interface's, repeated here for the per-packet loops
  bool has_time = true;    // false: pcapng Simple Packet Block
  // pcapng options of the packet: TLVs, little-endian, padded, without opt_endofopt. Null when
  // there are none.
  const std::uint8_t* options = nullptr;
  std::uint32_t options_bytes = 0;

  [[nodiscard]] Bytes frame() const noexcept { return {data, captured_bytes}; }
};

// A pcapng block that is no packet but should follow the packets into a copy (section header, name
// resolution, decryption secrets, interface statistics, custom): body without type and lengths,
// little-endian. Of a Section Header Block only the options.
struct SideBlock {
  std::uint32_t before = 0;  // stands before packet `before` of the batch; == count: after the last
  std::uint32_t type = 0;    // pcapng block type
  // In the source's table. Interface Statistics Block: the interface; Section Header Block: the
  // first interface that the section describes (the table's size when the section began).
  InterfaceId interface = {};
  Bytes body = {};
};

// Packets of one interface that were lost before packet `before` of a batch: a live source says at
// the first packet after a loss how many are missing since the last time that it said so. The
// place is as exact as the kernel tells it (within what its ring holds), the sum is exact.
struct Gap {
  InterfaceId interface = {};
  std::uint32_t before = 0;   // below the batch's count
  std::uint64_t packets = 0;  // 0 = no gap
};

// The batch itself is owned by the worker and filled again and again; nothing in it is allocated
// per packet.
struct PacketBatch {
  std::array<Packet, kBatchPacketsMax> packets;
  std::uint32_t count = 0;
  std::span<const SideBlock> side_blocks;  // storage of the source, valid until release
  Gap gap;                                 // at most one a batch

  [[nodiscard]] std::span<const Packet> view() const noexcept { return {packets.data(), count}; }
};

}  // namespace weir
