#include "layers.h"

#include <algorithm>

#include "checksum.h"

namespace weir::traffic {
namespace {

void copy_to(std::uint8_t* at, Bytes bytes) noexcept { std::ranges::copy(bytes, at); }

// Checksum over the pseudo-header (RFC 9293 3.1, RFC 8200 8.1) and everything that the buffer
// holds.
std::uint16_t transport_checksum(const FrameBuffer& frame, const Ends& ends,
                                 std::uint8_t protocol) noexcept {
  std::uint64_t sum = std::uint64_t{protocol} + frame.size();
  sum = checksum_add(sum, ends.source.view());
  sum = checksum_add(sum, ends.destination.view());
  return checksum_finish(checksum_add(sum, frame.view()));
}

}  // namespace

Address ipv4(std::uint32_t host_order) noexcept {
  Address address;
  store_be(address.bytes.data(), host_order);
  return address;
}

Address ipv6(std::uint32_t network, std::uint32_t host) noexcept {
  Address address;
  address.v6 = true;
  store_be(address.bytes.data(), std::uint32_t{0x20010db8});
  store_be(address.bytes.data() + 4, network);
  store_be(address.bytes.data() + 12, host);
  return address;
}

Mac mac_of(const Address& address) noexcept {
  Mac mac{0x02, static_cast<std::uint8_t>(address.v6 ? 0x06 : 0x04)};
  copy_to(mac.data() + 2, address.view().last(4));
  return mac;
}

void push_tcp(FrameBuffer& frame, const Ends& ends, const TcpFields& fields) {
  const std::size_t header_bytes = 20 + fields.options.size();
  std::uint8_t* at = frame.prepend(header_bytes);
  store_be(at, fields.source_port);
  store_be(at + 2, fields.destination_port);
  store_be(at + 4, fields.sequence);
  store_be(at + 8, fields.acknowledgement);
  at[12] = static_cast<std::uint8_t>(header_bytes / 4 << 4);
  at[13] = fields.flags;
  store_be(at + 14, fields.window);
  store_be(at + 16, std::uint32_t{0});  // checksum, urgent pointer
  copy_to(at + 20, fields.options);
  store_be(at + 16, transport_checksum(frame, ends, kProtocolTcp));
}

void push_udp(FrameBuffer& frame, const Ends& ends, std::uint16_t source_port,
              std::uint16_t destination_port, bool checksum) {
  std::uint8_t* at = frame.prepend(8);
  store_be(at, source_port);
  store_be(at + 2, destination_port);
  store_be(at + 4, static_cast<std::uint16_t>(frame.size()));
  store_be(at + 6, std::uint16_t{0});
  if (!checksum) return;
  const std::uint16_t value = transport_checksum(frame, ends, kProtocolUdp);
  store_be(at + 6, value == 0 ? std::uint16_t{0xffff} : value);  // RFC 768: zero means none
}

void push_icmp(FrameBuffer& frame, const Ends& ends, std::uint8_t type, std::uint8_t code,
               std::uint32_t rest_of_header) {
  std::uint8_t* at = frame.prepend(8);
  at[0] = type;
  at[1] = code;
  store_be(at + 2, std::uint16_t{0});
  store_be(at + 4, rest_of_header);
  store_be(at + 2, ends.source.v6 ? transport_checksum(frame, ends, kProtocolIcmpv6)
                                  : checksum_finish(checksum_add(0, frame.view())));
}

void push_ip(FrameBuffer& frame, const Ends& ends, const IpFields& fields) {
  const auto payload_bytes = static_cast<std::uint16_t>(frame.size());
  if (ends.source.v6) {
    std::uint8_t* at = frame.prepend(40);
    store_be(at, std::uint32_t{0x60000000});
    store_be(at + 4, payload_bytes);
    at[6] = fields.protocol;
    at[7] = fields.hop_limit;
    copy_to(at + 8, ends.source.view());
    copy_to(at + 24, ends.destination.view());
    return;
  }
  std::uint8_t* at = frame.prepend(20);
  at[0] = 0x45;
  at[1] = 0;
  store_be(at + 2, static_cast<std::uint16_t>(payload_bytes + 20));
  store_be(at + 4, fields.identification);
  store_be(at + 6, fields.fragment);
  at[8] = fields.hop_limit;
  at[9] = fields.protocol;
  store_be(at + 10, std::uint16_t{0});
  copy_to(at + 12, ends.source.view());
  copy_to(at + 16, ends.destination.view());
  store_be(at + 10, checksum_finish(checksum_add(0, Bytes(at, 20))));
}

void push_vlan(FrameBuffer& frame, std::uint16_t tag, std::uint16_t inner_type) {
  std::uint8_t* at = frame.prepend(4);
  store_be(at, tag);
  store_be(at + 2, inner_type);
}

void push_ethernet(FrameBuffer& frame, const Mac& source, const Mac& destination,
                   std::uint16_t type) {
  std::uint8_t* at = frame.prepend(14);
  copy_to(at, destination);
  copy_to(at + 6, source);
  store_be(at + 12, type);
}

void push_arp(FrameBuffer& frame, std::uint16_t operation, const Mac& sender, const Address& from,
              const Mac& target, const Address& to) {
  std::uint8_t* at = frame.prepend(28);
  store_be(at, std::uint32_t{0x00010800});  // Ethernet, IPv4
  store_be(at + 4, std::uint16_t{0x0604});  // address lengths
  store_be(at + 6, operation);
  copy_to(at + 8, sender);
  copy_to(at + 14, from.view());
  copy_to(at + 18, target);
  copy_to(at + 24, to.view());
}

}  // namespace weir::traffic
