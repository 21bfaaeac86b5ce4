// What the flow layer needs to know of one packet of one flow. A packet in tunnels is several of
// them, the outermost first: one for each flow that carries the next, and one for what they carry.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "protocol/deep/flow_key.h"
#include "protocol/deep/records.h"
#include "protocol/deep/store_ref.h"
#include "protocol/deep/uid.h"

namespace weir::protocol {

// By which rules a flow lives.
enum class FlowKind : std::uint8_t { Tcp, Udp, Icmp, Other, IpTunnel };
inline constexpr std::size_t kFlowKinds = 5;

enum class Checksum : std::uint8_t { NotChecked, Good, Bad };

inline constexpr std::uint32_t kFlowShards = 64;
// Flows that carry others live in a shard of their own, whatever their hash: whoever takes packets
// from the source owns it, so that what they carry can name them.
inline constexpr std::uint32_t kCarrierShard = kFlowShards;
inline constexpr std::uint32_t kAllShards = kFlowShards + 1;

struct FlowPacket {
  FlowKey key;
  Timestamp time;  // the packet's own
  Timestamp now;   // the latest time of all packets so far, this one included: the flow clock
  std::uint64_t ordinal = 0;  // of the packet among all that the analysis saw
  Uid parent;                 // of the flow or tunnel that carries it; empty: none
  StoreRef store_ref;         // where it will be stored, or behind that
  End sender = End::Low;
  FlowKind kind = FlowKind::Other;
  std::uint8_t shard = 0;
  Checksum checksum = Checksum::NotChecked;
  bool bad_header = false;   // the transport header cannot be; it says its ports and no more
  bool payload_cut = false;  // less of the payload was captured than was sent
  std::uint8_t tcp_flags = 0;
  std::uint16_t window = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint32_t ip_bytes = 0;              // the IP packet, by its header
  std::uint32_t payload_bytes = 0;         // after the transport header, by the IP header
  std::uint32_t stated_payload_bytes = 0;  // UDP: by its own header
  // No packet of a flow: something weird between the two addresses (`one_way`: in their order).
  bool is_notice = false;
  Weird notice{};
  // Carriers only:
  TunnelType tunnel = TunnelType::None;  // what is inside, when it is a tunnel at all
  bool carries_next = false;             // the next FlowPacket is what it carries
};

// RecordOrder::rank of what a packet causes: first its carriers' records, then those of what they
// carry, then notices, as they follow each other in a span.
inline constexpr std::uint64_t kRanksPerPacket = 3;
constexpr std::uint64_t first_rank_of(std::uint64_t ordinal) noexcept {
  return ordinal * kRanksPerPacket;
}
constexpr std::uint64_t rank_of(const FlowPacket& packet) noexcept {
  const bool carrier = packet.shard == kCarrierShard;
  return first_rank_of(packet.ordinal) + (packet.is_notice ? 2 : carrier ? 0 : 1);
}

// RFC 9293 3.1.
inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpRst = 0x04;
inline constexpr std::uint8_t kTcpAck = 0x10;
inline constexpr std::uint8_t kTcpUrg = 0x20;

}  // namespace weir::protocol
