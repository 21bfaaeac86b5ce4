#include "support/packet_builder.h"

#include <arpa/inet.h>

#include <array>
#include <stdexcept>

namespace weir::test {
namespace {

constexpr std::uint16_t kNone16 = 0;
constexpr std::uint8_t kNone8 = 0xff;

std::uint16_t checksum(const std::uint8_t* header, std::size_t bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes; i += 2) sum += load_be16(header + i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

void PacketBuilder::u8(unsigned value) { bytes_.push_back(static_cast<std::uint8_t>(value)); }
void PacketBuilder::u16(unsigned value) {
  u8(value >> 8);
  u8(value & 0xff);
}
void PacketBuilder::u24(std::uint32_t value) {
  u8(value >> 16);
  u16(value & 0xffff);
}
void PacketBuilder::u32(std::uint32_t value) {
  u16(value >> 16);
  u16(value & 0xffff);
}

void PacketBuilder::address(int family, const std::string& text) {
  std::array<std::uint8_t, 16> raw{};
  if (inet_pton(family, text.c_str(), raw.data()) != 1)
    throw std::invalid_argument("no address: " + text);
  bytes_.insert(bytes_.end(), raw.begin(), raw.begin() + (family == AF_INET ? 4 : 16));
}

// Writes into the header before what follows it, in that header's numbering.
void PacketBuilder::follow(std::uint16_t ethertype, std::uint8_t protocol, std::uint16_t ppp) {
  std::uint8_t* at = bytes_.data() + number_offset_;
  if (numbers_ == Numbers::EtherType && ethertype != kNone16) store_be(at, ethertype);
  if (numbers_ == Numbers::Ppp && ppp != kNone16) store_be(at, ppp);
  if (numbers_ == Numbers::IpProtocol && protocol != kNone8) *at = protocol;
  numbers_ = Numbers::None;
}

void PacketBuilder::next_number_at(std::size_t offset, Numbers numbers) {
  number_offset_ = offset;
  numbers_ = numbers;
}

PacketBuilder& PacketBuilder::ethernet() {
  follow(0x6558, kNone8, kNone16);
  u16(0x0200);
  u32(2);
  u16(0x0200);
  u32(1);
  u16(0x88b5);  // for experiments, until something follows
  next_number_at(bytes_.size() - 2, Numbers::EtherType);
  return *this;
}

PacketBuilder& PacketBuilder::vlan(std::uint16_t id, std::uint16_t tag_type) {
  follow(tag_type, kNone8, kNone16);
  u16(id);
  u16(0x88b5);
  next_number_at(bytes_.size() - 2, Numbers::EtherType);
  return *this;
}

PacketBuilder& PacketBuilder::mpls(std::uint32_t label, bool bottom_of_stack) {
  follow(0x8847, kNone8, 0x0281);
  u32((label << 12) | (bottom_of_stack ? 0x100u : 0u) | 64);
  return *this;
}

PacketBuilder& PacketBuilder::pppoe_session(std::uint16_t session) {
  follow(0x8864, kNone8, kNone16);
  length_at(Length::Pppoe);
  u16(0x1100);
  u16(session);
  u16(0);
  u16(0);
  next_number_at(bytes_.size() - 2, Numbers::Ppp);
  return *this;
}

PacketBuilder& PacketBuilder::ipv4(const std::string& source, const std::string& destination) {
  return ipv4(source, destination, Ipv4Options{});
}

PacketBuilder& PacketBuilder::ipv4(const std::string& source, const std::string& destination,
                                   const Ipv4Options& options) {
  follow(0x0800, 4, 0x0021);
  length_at(Length::Ipv4);
  const std::size_t start = bytes_.size();
  u8(0x40u | static_cast<unsigned>(5 + options.options.size() / 4));
  u8(0);
  u16(0);
  u16(options.id);
  u16((options.more_fragments ? 0x2000u : 0u) | options.fragment_offset);
  u8(options.ttl);
  u8(253);  // for experiments
  u16(0);
  address(AF_INET, source);
  address(AF_INET, destination);
  bytes(options.options);
  next_number_at(start + 9, Numbers::IpProtocol);
  return *this;
}

PacketBuilder& PacketBuilder::ipv6(const std::string& source, const std::string& destination) {
  follow(0x86dd, 41, 0x0057);
  length_at(Length::Ipv6);
  const std::size_t start = bytes_.size();
  u32(0x60000000);
  u16(0);
  u8(253);
  u8(64);
  address(AF_INET6, source);
  address(AF_INET6, destination);
  next_number_at(start + 6, Numbers::IpProtocol);
  return *this;
}

PacketBuilder& PacketBuilder::ipv6_extension(std::uint8_t number, std::uint8_t units) {
  follow(kNone16, number, kNone16);
  const std::size_t start = bytes_.size();
  u8(59);
  u8(units - 1u);
  payload(std::size_t{units} * 8 - 2, 0);
  next_number_at(start, Numbers::IpProtocol);
  return *this;
}

PacketBuilder& PacketBuilder::ipv6_fragment(std::uint16_t offset, bool more_fragments) {
  follow(kNone16, 44, kNone16);
  const std::size_t start = bytes_.size();
  u16(59u << 8);
  u16(static_cast<unsigned>(offset << 3) | (more_fragments ? 1u : 0u));
  u32(1);
  next_number_at(start, Numbers::IpProtocol);
  return *this;
}

PacketBuilder& PacketBuilder::tcp(std::uint16_t source, std::uint16_t destination) {
  return tcp(source, destination, TcpOptions{});
}

PacketBuilder& PacketBuilder::tcp(std::uint16_t source, std::uint16_t destination,
                                  const TcpOptions& options) {
  follow(kNone16, 6, kNone16);
  u16(source);
  u16(destination);
  u32(options.sequence);
  u32(options.acknowledgment);
  u8(static_cast<unsigned>(5 + options.options.size() / 4) << 4);
  u8(options.flags);
  u16(options.window);
  u32(0);
  return bytes(options.options);
}

PacketBuilder& PacketBuilder::udp(std::uint16_t source, std::uint16_t destination) {
  follow(kNone16, 17, kNone16);
  length_at(Length::Udp);
  u16(source);
  u16(destination);
  u32(0);
  return *this;
}

PacketBuilder& PacketBuilder::icmp(std::uint8_t type, std::uint8_t code) {
  follow(kNone16, 1, kNone16);
  u8(type);
  u8(code);
  u16(0);
  u32(0);
  return *this;
}

PacketBuilder& PacketBuilder::icmpv6(std::uint8_t type, std::uint8_t code) {
  follow(kNone16, 58, kNone16);
  numbers_ = Numbers::None;
  return icmp(type, code);
}

PacketBuilder& PacketBuilder::sctp(std::uint16_t source, std::uint16_t destination) {
  follow(kNone16, 132, kNone16);
  u16(source);
  u16(destination);
  u32(1);
  u32(0);
  return *this;
}

PacketBuilder& PacketBuilder::gre() {
  follow(kNone16, 47, kNone16);
  u32(0x000088b5);
  next_number_at(bytes_.size() - 2, Numbers::EtherType);
  return *this;
}

PacketBuilder& PacketBuilder::gre(std::uint32_t key) {
  follow(kNone16, 47, kNone16);
  u32(0x200088b5);
  next_number_at(bytes_.size() - 2, Numbers::EtherType);
  u32(key);
  return *this;
}

PacketBuilder& PacketBuilder::vxlan(std::uint32_t vni) {
  u32(0x08000000);
  u24(vni);
  u8(0);
  return *this;
}

PacketBuilder& PacketBuilder::geneve(std::uint32_t vni,
                                     std::initializer_list<std::uint8_t> options) {
  u8(static_cast<unsigned>(options.size() / 4));
  u8(0);
  u16(0x88b5);
  next_number_at(bytes_.size() - 2, Numbers::EtherType);
  u24(vni);
  u8(0);
  bytes_.insert(bytes_.end(), options);
  return *this;
}

PacketBuilder& PacketBuilder::gtp_u(std::uint32_t endpoint) {
  length_at(Length::GtpU);
  u16(0x30ff);
  u16(0);
  u32(endpoint);
  return *this;
}

PacketBuilder& PacketBuilder::bytes(Bytes bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return *this;
}

PacketBuilder& PacketBuilder::payload(std::size_t count, std::uint8_t value) {
  bytes_.insert(bytes_.end(), count, value);
  return *this;
}

PacketBuilder& PacketBuilder::ip_protocol(std::uint8_t number) {
  follow(kNone16, number, kNone16);
  return *this;
}

std::vector<std::uint8_t> PacketBuilder::build() const {
  std::vector<std::uint8_t> packet = bytes_;
  for (const LengthField& field : lengths_) {
    std::uint8_t* header = packet.data() + field.header;
    const auto bytes = static_cast<std::uint16_t>(packet.size() - field.header);
    switch (field.kind) {
      case Length::Ipv4:
        store_be(header + 2, bytes);
        store_be(header + 10, checksum(header, (header[0] & 0x0fu) * 4u));
        break;
      case Length::Ipv6:
        store_be(header + 4, static_cast<std::uint16_t>(bytes - 40));
        break;
      case Length::Udp:
      case Length::Pppoe:
        store_be(header + 4,
                 static_cast<std::uint16_t>(bytes - (field.kind == Length::Pppoe ? 6 : 0)));
        break;
      case Length::GtpU:
        store_be(header + 2, static_cast<std::uint16_t>(bytes - 8));
        break;
    }
  }
  return packet;
}

}  // namespace weir::test
