#include "packet_assembler.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "applications/applications.h"
#include "tunnels.h"

namespace weir::traffic {
namespace {

constexpr std::size_t kLeastFrameBytes = 60;  // without the frame check sequence
constexpr std::size_t kLinkPayloadBytes = 1500;

// Hop limits as an observer between the two sees them.
constexpr std::uint8_t hop_limit(Direction d) noexcept {
  return d == Direction::ToServer ? 64 : 57;
}

std::uint32_t timestamp_now(const Flow& flow, Direction d, std::int64_t now_ns) noexcept {
  const auto base = static_cast<std::uint32_t>(flow.seed >> (d == Direction::ToServer ? 8 : 32));
  return base + static_cast<std::uint32_t>(now_ns / 1'000'000);
}

// Timestamps (RFC 7323) on every segment; the others only with SYN.
std::size_t write_options(const Flow& flow, bool syn, std::uint32_t value, std::uint32_t echo,
                          std::array<std::uint8_t, 20>& out) noexcept {
  std::uint8_t* at = out.data();
  if (syn) {
    store_be(at, static_cast<std::uint32_t>(0x02040000 | (flow.segment_limit + 12u)));  // MSS
    store_be(at + 4, std::uint32_t{0x0402080a});  // SACK permitted; timestamps
    at += 8;
  } else {
    store_be(at, std::uint32_t{0x0101080a});
    at += 4;
  }
  store_be(at, value);
  store_be(at + 4, echo);
  at += 8;
  if (!syn) return 12;
  store_be(at, std::uint32_t{0x01030307});  // window scale 7
  return 20;
}

// The outside of a tunnel: who sends to whom.
struct Outside {
  Address source;
  Address destination;
};
Outside outside_of(const Flow& flow, Direction direction) noexcept {
  if (flow.encapsulation ==
      Encapsulation::Vxlan) {  // a mirror: both directions come from the source's interface
    const std::uint32_t interface = flow.client.bytes[3] % 16u;
    return {ipv4(0xac1f1000 + (flow.tenant << 8) + 10 + interface), ipv4(0xac1f000a)};
  }
  const Address near = ipv4(flow.encapsulation == Encapsulation::Geneve ? 0xac1e000a : 0xc0000201);
  const Address far = ipv4(flow.encapsulation == Encapsulation::Geneve ? 0xac1e010a : 0xc0000202);
  return direction == Direction::ToServer ? Outside{near, far} : Outside{far, near};
}

void push_tunnel(const Flow& flow, Direction direction, FrameBuffer& frame, std::uint16_t type,
                 const Mac& source, const Mac& destination) {
  const Outside outside = outside_of(flow, direction);
  const Ends ends{outside.source, outside.destination};
  const auto port = static_cast<std::uint16_t>(49152 + flow.outer_hash % 16384);
  std::uint8_t protocol = kProtocolUdp;
  switch (flow.encapsulation) {
    case Encapsulation::Vxlan:
      push_ethernet(frame, source, destination, type);
      push_vxlan(frame, vni_of(flow.tenant));
      push_udp(frame, ends, port, kPortVxlan, false);
      break;
    case Encapsulation::Geneve:
      push_geneve(frame,
                  {0x0a1b2c3d00000000u + flow.tenant, 0x4e5f6a7b00000000u + flow.tenant / 2,
                   flow.outer_hash},
                  type);
      push_udp(frame, ends, port, kPortGeneve, false);
      break;
    default:
      push_gre(frame, flow.tenant, type);
      protocol = kProtocolGre;
      break;
  }
  push_ip(frame, ends,
          {.protocol = protocol,
           .hop_limit = 255,
           .identification = flow.identification[index_of(direction)]});
  push_ethernet(frame, mac_of(outside.source), mac_of(outside.destination), kEtherIpv4);
}

}  // namespace

std::optional<Message> PacketAssembler::load_message(Flow& flow, std::uint32_t index) {
  head_.clear();
  const auto message = applications()[flow.application].script(flow, index, head_);
  if (!message) return message;
  flow.message = index;
  flow.message_direction = message->direction;
  flow.message_head = static_cast<std::uint32_t>(head_.size());
  flow.message_bytes = flow.message_head + message->body_bytes;
  flow.message_offset = 0;
  return message;
}

void PacketAssembler::fill_payload(const Flow& flow, std::uint32_t offset, std::uint32_t count) {
  std::uint8_t* at = frame_.append(count);
  if (offset < flow.message_head) {
    head_.clear();
    (void)applications()[flow.application].script(flow, flow.message, head_);
    const std::uint32_t part = std::min(count, flow.message_head - offset);
    std::memcpy(at, head_.view().data() + offset, part);
    at += part;
    offset += part;
    count -= part;
  }
  if (count == 0) return;
  const std::uint64_t key = flow.seed + flow.message * 0xd1342543de82ef95;
  fill_incompressible(key, offset - flow.message_head, at, count);
}

void PacketAssembler::send_segment(Flow& flow, const SegmentToSend& segment, std::int64_t now_ns) {
  const Direction d = segment.direction;
  const bool syn = (segment.flags & kTcpSyn) != 0;
  frame_.clear();
  if (segment.payload_bytes != 0) fill_payload(flow, segment.payload_offset, segment.payload_bytes);
  std::array<std::uint8_t, 20> options;
  std::size_t option_bytes = 0;
  if ((segment.flags & kTcpRst) == 0) {
    const std::uint32_t value = timestamp_now(flow, d, now_ns);
    option_bytes = write_options(flow, syn, value, flow.timestamp[index_of(opposite(d))], options);
    flow.timestamp[index_of(d)] = value;
  }
  const bool acknowledges = (segment.flags & kTcpAck) != 0;
  push_tcp(frame_, flow.ends(d),
           {.source_port = flow.source_port(d),
            .destination_port = flow.destination_port(d),
            .sequence = segment.sequence,
            .acknowledgement = acknowledges ? flow.next_sequence[index_of(opposite(d))] : 0,
            .flags = segment.flags,
            .window = static_cast<std::uint16_t>(syn ? 64240 : 501),
            .options = Bytes(options).first(option_bytes)});
  send_ip(flow, d, kProtocolTcp, now_ns, segment.retransmission);
}

void PacketAssembler::send_datagram(Flow& flow, std::int64_t now_ns) {
  const Direction d = flow.message_direction;
  frame_.clear();
  fill_payload(flow, 0, flow.message_bytes);
  push_udp(frame_, flow.ends(d), flow.source_port(d), flow.destination_port(d));
  send_ip(flow, d, kProtocolUdp, now_ns);
}

void PacketAssembler::send_echo(Flow& flow, std::int64_t now_ns) {
  const bool v6 = flow.client.v6;
  const bool reply = flow.message_direction == Direction::ToClient;
  frame_.clear();
  fill_payload(flow, 0, flow.message_bytes);
  const auto type = static_cast<std::uint8_t>(v6 ? (reply ? 129 : 128) : (reply ? 0 : 8));
  const std::uint32_t identifier = static_cast<std::uint32_t>(flow.client_port) << 16;
  push_icmp(frame_, flow.ends(flow.message_direction), type, 0,
            identifier | (flow.message / 2 + 1));
  send_ip(flow, flow.message_direction, v6 ? kProtocolIcmpv6 : kProtocolIcmp, now_ns);
}

void PacketAssembler::send_address_resolution(Flow& flow, bool reply, std::int64_t now_ns) {
  const Direction d = reply ? Direction::ToClient : Direction::ToServer;
  const Mac asker = mac_of(flow.client);
  const Mac asked = mac_of(flow.server);
  const PacketFacts facts{.application = flow.application,
                          .encapsulation = flow.encapsulation,
                          .tenant = flow.tenant,
                          .ipv6 = flow.client.v6};
  frame_.clear();
  if (!flow.client.v6) {
    if (reply) {
      push_arp(frame_, 2, asked, flow.server, asker, flow.client);
      send_link(flow, d, frame_, kEtherArp, asked, asker, now_ns, facts);
    } else {
      constexpr Mac kEveryone{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
      push_arp(frame_, 1, asker, flow.client, Mac{}, flow.server);
      send_link(flow, d, frame_, kEtherArp, asker, kEveryone, now_ns, facts);
    }
    return;
  }
  // RFC 4861: target, then the sender's link address as option; sent to the solicited-node group,
  // answered directly.
  std::ranges::copy(flow.server.view(), frame_.append(16));
  std::uint8_t* option = frame_.append(8);
  option[0] = reply ? 2 : 1;
  option[1] = 1;
  std::ranges::copy(reply ? asked : asker, option + 2);
  Address group;
  group.v6 = true;
  group.bytes = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  std::ranges::copy(flow.server.view().last(3), group.bytes.begin() + 13);
  Mac group_mac{0x33, 0x33};
  std::ranges::copy(Bytes(group.bytes).last(4), group_mac.begin() + 2);
  const Ends ends = reply ? flow.ends(d) : Ends{flow.client, group};
  push_icmp(frame_, ends, reply ? 136 : 135, 0, reply ? 0x60000000 : 0);
  push_ip(frame_, ends, {.protocol = kProtocolIcmpv6, .hop_limit = 255});
  send_link(flow, d, frame_, kEtherIpv6, reply ? asked : asker, reply ? asker : group_mac, now_ns,
            facts);
}

void PacketAssembler::send_ip(Flow& flow, Direction d, std::uint8_t protocol, std::int64_t now_ns,
                              bool retransmission) {
  const Ends ends = flow.ends(d);
  const std::size_t header_bytes = ends.source.v6 ? 40 : 20;
  if (frame_.size() + header_bytes > kLinkPayloadBytes) {
    return send_fragments(flow, d, protocol, now_ns);
  }
  push_ip(frame_, ends,
          {.protocol = protocol,
           .hop_limit = hop_limit(d),
           .identification = flow.identification[index_of(d)]++});
  send_link(flow, d, frame_, ends.source.v6 ? kEtherIpv6 : kEtherIpv4, mac_of(ends.source),
            mac_of(ends.destination), now_ns,
            {.application = flow.application,
             .encapsulation = flow.encapsulation,
             .tenant = flow.tenant,
             .ipv6 = ends.source.v6,
             .retransmission = retransmission});
}

void PacketAssembler::send_fragments(Flow& flow, Direction d, std::uint8_t protocol,
                                     std::int64_t now_ns) {
  const Ends ends = flow.ends(d);
  const bool v6 = ends.source.v6;
  const std::size_t step = v6 ? 1448 : 1480;  // a multiple of eight
  const std::uint16_t id = flow.identification[index_of(d)]++;
  const Bytes whole = frame_.view();
  for (std::size_t offset = 0; offset < whole.size(); offset += step) {
    const Bytes part = whole.subspan(offset, std::min(step, whole.size() - offset));
    const bool more = offset + part.size() < whole.size();
    fragment_.clear();
    std::ranges::copy(part, fragment_.append(part.size()));
    IpFields fields{.protocol = protocol, .hop_limit = hop_limit(d), .identification = id};
    if (v6) {  // fragment header (RFC 8200 4.5)
      std::uint8_t* at = fragment_.prepend(8);
      at[0] = protocol;
      at[1] = 0;
      store_be(at + 2, static_cast<std::uint16_t>(offset | (more ? 1 : 0)));
      store_be(at + 4, std::uint32_t{id});
      fields.protocol = 44;
    } else {
      fields.fragment = static_cast<std::uint16_t>(offset / 8 | (more ? 0x2000 : 0));
    }
    push_ip(fragment_, ends, fields);
    send_link(flow, d, fragment_, v6 ? kEtherIpv6 : kEtherIpv4, mac_of(ends.source),
              mac_of(ends.destination), now_ns,
              {.application = flow.application,
               .encapsulation = flow.encapsulation,
               .tenant = flow.tenant,
               .ipv6 = v6,
               .fragment = true});
  }
}

void PacketAssembler::send_link(const Flow& flow, Direction direction, FrameBuffer& frame,
                                std::uint16_t type, const Mac& source, const Mac& destination,
                                std::int64_t now_ns, PacketFacts facts) {
  switch (flow.encapsulation) {
    case Encapsulation::None:
      push_ethernet(frame, source, destination, type);
      break;
    case Encapsulation::Vlan:
      push_vlan(frame, static_cast<std::uint16_t>(flow.tenant), type);
      push_ethernet(frame, source, destination, kEtherVlan);
      break;
    case Encapsulation::QinQ:
      push_vlan(frame, static_cast<std::uint16_t>(flow.tenant), type);
      push_vlan(frame, static_cast<std::uint16_t>(3000 + flow.tenant % 4), kEtherVlan);
      push_ethernet(frame, source, destination, kEtherServiceVlan);
      break;
    default:
      push_tunnel(flow, direction, frame, type, source, destination);
      break;
  }
  // What arrives has been padded by the sender's card; what this side sends is captured before
  // that.
  if (direction == Direction::ToClient && frame.size() < kLeastFrameBytes) {
    const std::size_t missing = kLeastFrameBytes - frame.size();
    std::memset(frame.append(missing), 0, missing);
  }
  recorder_->record(frame.view(), now_ns, facts);
}

}  // namespace weir::traffic
