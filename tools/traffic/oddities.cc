#include "oddities.h"

#include <algorithm>
#include <string_view>

#include "message.h"
#include "random_draws.h"
#include "tunnels.h"

namespace weir::traffic {
namespace {

constexpr std::size_t kIp = 14;
constexpr std::size_t kTransport = kIp + 20;
constexpr std::uint32_t kBadChecksumSource = 0x0afe0001;
constexpr std::uint32_t kMalformedSource = 0x0aff0001;

enum class Malformation : std::uint8_t {
  CutOff,             // the frame ends inside a header
  IpLengthTooLarge,   // IPv4 total length beyond the frame
  IpHeaderTooShort,   // IHL below 5
  TcpOffsetTooLarge,  // TCP header longer than the packet
  UdpLengthTooLarge,
  Ipv6LengthTooLarge,
  TunnelCutOff,  // VXLAN whose inner frame ends inside its IP header
};
constexpr std::uint64_t kMalformationCount = 7;

}  // namespace

void Oddities::fill_payload(std::size_t count) {
  std::uint8_t* at = frame_.append(count);
  fill_incompressible(prng_.next(), 0, at, count);
  // A beginning that no dissector takes for its protocol.
  constexpr std::string_view kBeginning = "odd payload";
  std::ranges::copy(kBeginning.substr(0, count), at);
}

void Oddities::build_tcp(const Address& source, std::size_t payload_bytes) {
  const Address destination = source.v6 ? ipv6(0x00fe0000, 1 + draw_between(prng_, 0, 4095))
                                        : ipv4(0x0afe1000 + draw_between(prng_, 0, 4095));
  const Ends ends{source, destination};
  frame_.clear();
  fill_payload(payload_bytes);
  push_tcp(frame_, ends,
           {.source_port = static_cast<std::uint16_t>(draw_between(prng_, 1024, 65535)),
            .destination_port = 9,
            .sequence = static_cast<std::uint32_t>(prng_.next()),
            .acknowledgement = 1,
            .flags = kTcpAck,
            .window = 501,
            .options = {}});
  push_ip(frame_, ends, {.protocol = kProtocolTcp});
  push_ethernet(frame_, mac_of(source), mac_of(destination), source.v6 ? kEtherIpv6 : kEtherIpv4);
}

void Oddities::build_udp(const Address& source, std::uint16_t destination_port,
                         std::size_t payload_bytes) {
  const Address destination = ipv4(0x0afe1000 + draw_between(prng_, 0, 4095));
  const Ends ends{source, destination};
  frame_.clear();
  fill_payload(payload_bytes);
  push_udp(frame_, ends, static_cast<std::uint16_t>(draw_between(prng_, 1024, 65535)),
           destination_port);
  push_ip(frame_, ends, {.protocol = kProtocolUdp});
  push_ethernet(frame_, mac_of(source), mac_of(destination), kEtherIpv4);
}

void Oddities::send_needle(std::uint64_t number, std::int64_t now_ns) {
  const Address needle = ipv4(kNeedleHost);
  const Address collector = ipv4(0x0a20fffe);
  const bool answer = number % 4 == 3;
  const Ends ends = answer ? Ends{collector, needle} : Ends{needle, collector};
  HeadBuffer line;
  line.text("<134>1 2023-11-14T22:13:20Z needle app 1 - - ").text(answer ? "seen " : "event ");
  line.decimal(number);
  frame_.clear();
  std::uint8_t* at = frame_.append(line.size());
  std::copy(line.view().begin(), line.view().end(), at);
  push_udp(frame_, ends, answer ? 514 : 40514, answer ? 40514 : 514);
  push_ip(frame_, ends,
          {.protocol = kProtocolUdp, .identification = static_cast<std::uint16_t>(number)});
  push_ethernet(frame_, mac_of(ends.source), mac_of(ends.destination), kEtherIpv4);
  recorder_->record(frame_.view(), now_ns, {.kind = PacketKind::Needle});
}

void Oddities::send_malformed(std::int64_t now_ns) {
  const Address source = ipv4(kMalformedSource);
  const std::size_t payload_bytes = draw_between(prng_, 40, 400);
  const auto kind = static_cast<Malformation>(prng_.below(kMalformationCount));
  switch (kind) {
    case Malformation::CutOff:
      build_tcp(source, payload_bytes);
      frame_.truncate(draw_between(prng_, 15, 53));
      break;
    case Malformation::IpLengthTooLarge:
      build_tcp(source, payload_bytes);
      store_be(frame_.data() + kIp + 2, static_cast<std::uint16_t>(frame_.size() + 40));
      break;
    case Malformation::IpHeaderTooShort:
      build_tcp(source, payload_bytes);
      frame_.data()[kIp] = static_cast<std::uint8_t>(0x40 | draw_between(prng_, 0, 4));
      break;
    case Malformation::TcpOffsetTooLarge:
      build_tcp(source, 8);
      frame_.data()[kTransport + 12] = 0xf0;
      break;
    case Malformation::UdpLengthTooLarge:
      build_udp(source, 9, payload_bytes);
      store_be(frame_.data() + kTransport + 4, static_cast<std::uint16_t>(payload_bytes + 100));
      break;
    case Malformation::Ipv6LengthTooLarge:
      build_tcp(ipv6(0x00ff0000, 1), payload_bytes);
      store_be(frame_.data() + kIp + 4, static_cast<std::uint16_t>(payload_bytes + 100));
      break;
    case Malformation::TunnelCutOff: {
      build_tcp(source, payload_bytes);
      frame_.truncate(kIp + 12);
      push_vxlan(frame_, vni_of(0));
      const Address mirror = ipv4(0xac1f000a);
      push_udp(frame_, {source, mirror}, 50000, kPortVxlan, false);
      push_ip(frame_, {source, mirror}, {.protocol = kProtocolUdp});
      push_ethernet(frame_, mac_of(source), mac_of(mirror), kEtherIpv4);
      break;
    }
  }
  recorder_->record(frame_.view(), now_ns, {.kind = PacketKind::Malformed});
}

void Oddities::send_bad_checksum(std::int64_t now_ns) {
  const Address source = ipv4(kBadChecksumSource);
  const std::size_t payload_bytes = draw_between(prng_, 20, 600);
  const bool tcp = prng_.chance(1, 2);
  if (tcp) {
    build_tcp(source, payload_bytes);
  } else {
    build_udp(source, 9, payload_bytes);
  }
  std::uint8_t* field = frame_.data() + kTransport + (tcp ? 16 : 6);
  // Another value, and for UDP not zero, which would mean "none".
  const auto wrong = static_cast<std::uint16_t>(load_be16(field) ^ 0x0100);
  store_be(field, wrong == 0 ? std::uint16_t{0x5a5a} : wrong);
  recorder_->record(frame_.view(), now_ns, {.kind = PacketKind::BadChecksum});
}

}  // namespace weir::traffic
