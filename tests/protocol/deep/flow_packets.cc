#include "protocol/deep/flow_packets.h"

#include <array>
#include <chrono>

namespace weir::protocol {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::uint16_t, 8> kPorts = {22, 53, 80, 443, 21, 50'000, 50'001, 50'002};
constexpr std::array<std::uint32_t, 6> kStarts = {0,           1000,        0xffff'ffff,
                                                  0xffff'ff80, 0x7fff'ff00, 0xffff'0000};
constexpr std::array<Duration, 8> kPauses = {5s, 4s, 1min, 5min, 1h, 10min, 7s, 268'435'456ns};

}  // namespace

FlowPackets::FlowPackets(std::uint64_t seed, Options options)
    : random_(seed), options_(options), clock_{1'700'000'000'000'000'000} {
  if (one_in(8)) clock_ = {-5'000'000'000};
  const std::uint32_t flows = 1 + below(options.flows_max);
  const std::uint32_t carriers = one_in(2) ? 0 : 1 + below(4);
  for (std::uint32_t i = 0; i < carriers; ++i) carriers_.push_back(begin_talk(1000 + i, true));
  for (std::uint32_t i = 0; i < flows; ++i) talks_.push_back(begin_talk(i, false));
}

FlowPackets::Talk FlowPackets::begin_talk(std::size_t number, bool carrier) {
  Talk talk{};
  FlowKey& key = talk.packet.key;
  key = {.ip_version = 4};
  key.low = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0,
              static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}};
  key.high = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 0, 1}};
  key.low_port = kPorts[below(kPorts.size())];
  key.high_port = kPorts[below(kPorts.size())];
  constexpr std::array<std::uint8_t, kFlowKinds> kProtocols = {6, 17, 1, 132, 47};
  FlowKind kind = FlowKind::Tcp;
  if (carrier) {
    kind = one_in(2) ? FlowKind::Udp : FlowKind::IpTunnel;
    talk.packet.tunnel = kind == FlowKind::Udp ? TunnelType::Vxlan : TunnelType::Gre;
  } else if (one_in(4)) {
    kind = static_cast<FlowKind>(1 + below(3));
  }
  talk.packet.kind = kind;
  key.ip_protocol = kProtocols[static_cast<std::size_t>(kind)];
  talk.packet.shard = static_cast<std::uint8_t>(
      carrier ? kCarrierShard : static_cast<std::uint32_t>(number * 37) % options_.shards);
  talk.wild = one_in(2);
  restart(talk);
  return talk;
}

void FlowPackets::restart(Talk& talk) {
  const std::uint32_t start = kStarts[below(kStarts.size())];
  talk.wraps_soon = start >= 0xffff'0000;
  talk.next[0] = start + below(3);
  talk.next[1] = kStarts[below(kStarts.size())] + below(3);
  talk.step = one_in(3) ? 3 : 0;  // sometimes the beginning was not seen
}

void FlowPackets::move_clock() {
  if (one_in(60)) {
    constexpr std::array<Duration, 4> kAround = {0ns, -1ns, 1ns, 268'435'456ns};
    clock_ = clock_ + kPauses[below(kPauses.size())] + kAround[below(kAround.size())];
  } else if (!one_in(3)) {
    clock_ = clock_ + Duration(below(50'000'000));
  }
}

PacketGroup FlowPackets::next() {
  move_clock();
  Talk& talk = talks_[below(static_cast<std::uint32_t>(talks_.size()))];
  FlowPacket packet = talk.packet;
  packet.sender = one_in(2) ? End::High : End::Low;
  packet.checksum = static_cast<Checksum>(one_in(20) ? 2 : below(2));
  packet.bad_header = one_in(200);
  packet.payload_cut = one_in(30);
  packet.window = one_in(20) ? 0 : 100;
  if (packet.kind == FlowKind::Tcp) {
    fill_tcp(talk, packet);
  } else {
    packet.payload_bytes = packet.stated_payload_bytes = below(1400);
    if (one_in(10)) packet.stated_payload_bytes = below(1400);
  }
  packet.ip_bytes = 40 + packet.payload_bytes;

  if (one_in(15)) {
    talk.carriers.clear();
    for (std::size_t i = 0; i < carriers_.size(); ++i) {
      if (one_in(3)) talk.carriers.push_back(i);
    }
  }
  PacketGroup group;
  for (const std::size_t carrier : talk.carriers) {
    FlowPacket around = carriers_[carrier].packet;
    around.sender = packet.sender;
    around.carries_next = true;
    around.payload_bytes = around.stated_payload_bytes = packet.ip_bytes + 16;
    around.ip_bytes = around.payload_bytes + 28;
    group.push_back(around);
  }
  group.push_back(packet);

  Duration lag{};
  if (one_in(12)) lag = Duration(static_cast<std::int64_t>(random_.below(3'000'000'000)));
  if (options_.far_back && one_in(12)) lag = 24h * (1 + below(2000));
  for (FlowPacket& one : group) {
    one.now = clock_;
    one.time = clock_ + -lag;
    one.ordinal = ordinal_;
  }
  ++ordinal_;
  return group;
}

void FlowPackets::fill_tcp(Talk& talk, FlowPacket& packet) {
  if (talk.wild && one_in(2)) {
    fill_wild(talk, packet);
  } else {
    fill_scripted(talk, packet);
  }
  if (options_.raw_numbers && one_in(20)) {
    packet.sequence = static_cast<std::uint32_t>(random_.next());
  }
  if (options_.raw_numbers && one_in(20)) {
    packet.acknowledgement = static_cast<std::uint32_t>(random_.next());
  }
}

// A connection from its handshake to its end, with losses and repetitions.
void FlowPackets::fill_scripted(Talk& talk, FlowPacket& packet) {
  const auto side = [&](End end) -> std::uint32_t& { return talk.next[index_of(end)]; };
  const auto send = [&](End end, std::uint8_t flags, std::uint32_t payload) {
    packet.sender = end;
    packet.tcp_flags = flags;
    packet.sequence = side(end);
    packet.acknowledgement = (flags & kTcpAck) != 0 ? side(other(end)) : 0;
    packet.payload_bytes = payload;
    side(end) += payload + ((flags & kTcpSyn) != 0 ? 1 : 0) + ((flags & kTcpFin) != 0 ? 1 : 0);
  };
  const unsigned step = talk.step++;
  if (step == 0) {
    send(End::Low, kTcpSyn, 0);
    if (one_in(4)) ++talk.step;  // a loss in the capture
    if (one_in(4)) {
      --side(End::Low);
      talk.step = 0;  // repeated
    }
  } else if (step == 1) {
    send(End::High, kTcpSyn | kTcpAck, 0);
  } else if (step == 2) {
    send(End::Low, kTcpAck, 0);
  } else if (one_in(25)) {
    send(packet.sender, kTcpFin | kTcpAck, below(2) * below(100));
    if (one_in(6)) restart(talk);
  } else if (one_in(60)) {
    send(packet.sender, one_in(2) ? kTcpRst : kTcpRst | kTcpAck, 0);
    if (one_in(2)) restart(talk);
  } else if (one_in(120)) {
    restart(talk);
  } else {
    if (one_in(8)) side(packet.sender) += below(one_in(10) ? 30'000 : 500);  // not seen
    if (talk.wraps_soon && packet.sender == End::Low && side(End::Low) < 0x8000'0000 &&
        one_in(30)) {
      side(End::Low) += 1u << 28;
    }
    const std::uint32_t payload = one_in(3) ? 0 : below(one_in(10) ? 20'000 : 300);
    send(packet.sender, kTcpAck, payload);
    if (one_in(8)) packet.sequence -= below(400);          // repeated
    if (one_in(20)) packet.acknowledgement -= below(400);  // late
  }
}

void FlowPackets::fill_wild(Talk& talk, FlowPacket& packet) {
  packet.tcp_flags =
      static_cast<std::uint8_t>((one_in(4) ? kTcpSyn : 0) | (one_in(6) ? kTcpFin : 0) |
                                (one_in(6) ? kTcpRst : 0) | (one_in(2) ? kTcpAck : 0));
  packet.sequence = talk.next[index_of(packet.sender)] + below(200) - (one_in(3) ? 100 : 0);
  packet.acknowledgement = talk.next[index_of(other(packet.sender))] + below(3) - 1;
  if (one_in(30)) packet.acknowledgement = 0;
  packet.payload_bytes = one_in(2) ? 0 : below(200);
}

}  // namespace weir::protocol
