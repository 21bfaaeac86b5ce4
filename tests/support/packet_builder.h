// Packets for tests, header by header from outside in. Lengths, next-protocol numbers and IPv4
// checksums are filled in when the packet is built; what a test wants to be wrong it sets
// afterwards.
//
//   const auto frame = PacketBuilder().ethernet().vlan(5).ipv4("10.0.0.1", "10.0.0.2").udp(5000,
//   53).payload(32).build();
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace weir::test {

class PacketBuilder {
 public:
  PacketBuilder& ethernet();
  PacketBuilder& vlan(std::uint16_t id, std::uint16_t tag_type = 0x8100);
  PacketBuilder& mpls(std::uint32_t label, bool bottom_of_stack = true);
  PacketBuilder& pppoe_session(std::uint16_t session);  // with the PPP protocol field

  struct Ipv4Options {
    std::uint8_t ttl = 64;
    std::uint16_t id = 0;
    std::uint16_t fragment_offset = 0;  // in units of 8 bytes
    bool more_fragments = false;
    std::vector<std::uint8_t> options;  // a multiple of 4 bytes
  };
  PacketBuilder& ipv4(const std::string& source, const std::string& destination);
  PacketBuilder& ipv4(const std::string& source, const std::string& destination,
                      const Ipv4Options& options);
  PacketBuilder& ipv6(const std::string& source, const std::string& destination);
  // Hop-by-hop, routing or destination options of `units` times 8 bytes, filled with Pad1.
  PacketBuilder& ipv6_extension(std::uint8_t number, std::uint8_t units = 1);
  PacketBuilder& ipv6_fragment(std::uint16_t offset, bool more_fragments);

  struct TcpOptions {
    std::uint8_t flags = 0x10;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgment = 0;
    std::uint16_t window = 65535;
    std::vector<std::uint8_t> options;  // a multiple of 4 bytes
  };
  PacketBuilder& tcp(std::uint16_t source, std::uint16_t destination);
  PacketBuilder& tcp(std::uint16_t source, std::uint16_t destination, const TcpOptions& options);
  PacketBuilder& udp(std::uint16_t source, std::uint16_t destination);
  PacketBuilder& icmp(std::uint8_t type, std::uint8_t code = 0);
  PacketBuilder& icmpv6(std::uint8_t type, std::uint8_t code = 0);
  PacketBuilder& sctp(std::uint16_t source, std::uint16_t destination);

  PacketBuilder& gre();
  PacketBuilder& gre(std::uint32_t key);
  PacketBuilder& vxlan(std::uint32_t vni);  // after udp(…, 4789)
  PacketBuilder& geneve(std::uint32_t vni,
                        std::initializer_list<std::uint8_t> options = {});  // after udp(…, 6081)
  PacketBuilder& gtp_u(std::uint32_t endpoint);                             // after udp(…, 2152)

  PacketBuilder& bytes(Bytes bytes);
  PacketBuilder& payload(std::size_t count, std::uint8_t value = 'x');
  // The IP protocol of the header before, when it is one that the builder does not know.
  PacketBuilder& ip_protocol(std::uint8_t number);

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::vector<std::uint8_t> build() const;

 private:
  enum class Numbers : std::uint8_t { None, EtherType, IpProtocol, Ppp };
  enum class Length : std::uint8_t { Ipv4, Ipv6, Udp, Pppoe, GtpU };

  void follow(std::uint16_t ethertype, std::uint8_t ip_protocol, std::uint16_t ppp);
  void next_number_at(std::size_t offset, Numbers numbers);
  void length_at(Length kind) { lengths_.push_back({kind, bytes_.size()}); }
  void u8(unsigned value);
  void u16(unsigned value);
  void u24(std::uint32_t value);
  void u32(std::uint32_t value);
  void address(int family, const std::string& text);

  struct LengthField {
    Length kind;
    std::size_t header;
  };
  std::vector<std::uint8_t> bytes_;
  std::vector<LengthField> lengths_;
  std::size_t number_offset_ = 0;
  Numbers numbers_ = Numbers::None;
};

}  // namespace weir::test
