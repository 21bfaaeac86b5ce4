// What a packet of the packet store can be found by: from its headers to the keys of the index.
//
// The promise, for every packet: whatever of `host`, `net`, `port`, `portrange`, `tcp`, `udp`,
// `sctp`, `icmp`, `icmp6`, `ip proto`, `ip`, `ip6`, `arp` and `vlan` matches its frame, or the
// innermost frame in it, finds its chunk. What the keys cannot promise makes the chunk opaque.
//
// Any number of threads, each with a builder of its own. No allocation, no failure.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/packet_keys.h"
#include "base/prng.h"
#include "protocol/deep/uid.h"
#include "storage/segment/index_builder.h"

namespace weir::output {

class IndexFacts {
 public:
  using Builder = storage::segment::IndexBuilder;

  // Packets with the same hash share their keys. The flow hash is not secret; with a secret `seed`
  // nobody can make a flow that hides behind another one's keys.
  explicit IndexFacts(std::uint64_t seed) noexcept;

  // What note() looks for. For a batch: all hashes first, each with Builder::prefetch(), and then
  // the packets; the table of fact sets is rarely in a near cache. `headers` and `keys`: what
  // parse_batch() found in the packet. `uids`: of its flows (protocol::FlowUids::of()), none where
  // there are no logs.
  [[nodiscard]] std::uint64_t hash(const Packet& packet, const Headers& headers,
                                   const PacketKeys& keys,
                                   std::span<const protocol::Uid> uids = {}) const noexcept {
    std::uint64_t hash = usual_hash(headers, keys);
    if (!is_usual(packet, headers, keys)) {
      if (!is_usual_in_tunnel(packet, headers, keys)) [[unlikely]]
        return kUnusual;
      hash += tunnel_hash(packet, headers, keys.tenant);
    }
    if (uids.size() > kUsualUids) [[unlikely]]
      return kUnusual;
    return with_uids(hash, uids);
  }
  // Notes a packet in the chunk that is being written. `hash`: of the same arguments.
  void note(std::uint64_t hash, const Packet& packet, const Headers& headers,
            const PacketKeys& keys, Builder& builder,
            std::span<const protocol::Uid> uids = {}) const noexcept {
    if (hash == kUnusual) [[unlikely]]
      return note_unusual(packet, headers, keys, builder, uids);
    if (builder.add(hash)) [[unlikely]]
      add_new(packet, headers, keys, builder, uids);
  }

 private:
  // Ethernet, up to two VLAN tags, IP, TCP or UDP, whole, and nothing more: all keys follow from
  // PacketKeys, and the flow hash covers them. The parser's layers say so by their number: those
  // that are there for certain are all.
  [[nodiscard]] static bool is_usual(const Packet& packet, const Headers& headers,
                                     const PacketKeys& keys) noexcept {
    return (is_tcp_or_udp(packet, headers, keys) &
            static_cast<unsigned>(headers.layer_count == 3 + tags(keys)) &
            static_cast<unsigned>(headers.tunnel_depth == 0)) != 0;
  }
  // Ethernet, IPv4, UDP, VXLAN or GENEVE, and then the same; the latter also without the inner
  // Ethernet. As mirrored traffic arrives: no part of it is a fragment.
  [[nodiscard]] static bool is_usual_in_tunnel(const Packet& packet, const Headers& headers,
                                               const PacketKeys& keys) noexcept {
    const auto is = [&](std::size_t layer, LayerType type) {
      return static_cast<unsigned>(headers.layers[layer].type == type);
    };
    const unsigned in_frame =
        is(4, LayerType::Ethernet) & static_cast<unsigned>(headers.layer_count == 7 + tags(keys));
    const unsigned in_packet = (is(4, LayerType::Ipv4) | is(4, LayerType::Ipv6)) &
                               static_cast<unsigned>(headers.layer_count == 6);
    return (is_tcp_or_udp(packet, headers, keys) & is(1, LayerType::Ipv4) & is(2, LayerType::Udp) &
            (is(3, LayerType::Vxlan) | is(3, LayerType::Geneve)) & (in_frame | in_packet) &
            static_cast<unsigned>(headers.tunnel_depth == 1)) != 0 &&
           (load_be16(packet.data + headers.layers[1].offset + 6) & 0x3fff) == 0;
  }
  // No branches: each of them alone would often be foretold wrongly.
  [[nodiscard]] static unsigned is_tcp_or_udp(const Packet& packet, const Headers& headers,
                                              const PacketKeys& keys) noexcept {
    return static_cast<unsigned>(packet.link_type == LinkType::Ethernet) &
           (static_cast<unsigned>(keys.ip_protocol == 6) |
            static_cast<unsigned>(keys.ip_protocol == 17)) &
           static_cast<unsigned>(headers.transport_offset != kNoOffset) &
           static_cast<unsigned>(headers.malformed == MalformedReason::None) &
           static_cast<unsigned>(!headers.fragment);
  }
  [[nodiscard]] static unsigned tags(const PacketKeys& keys) noexcept {
    return static_cast<unsigned>(keys.tenant.vlan != TenantIdentity::kNoVlan) +
           static_cast<unsigned>(keys.tenant.inner_vlan != TenantIdentity::kNoVlan);
  }

  // Both halves of the product: every bit of either factor counts.
  [[nodiscard]] static std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
    const Uint128 product = static_cast<Uint128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  [[nodiscard]] std::uint64_t end_hash(const IpAddress& address,
                                       std::uint16_t port) const noexcept {
    return fold(load_le64(address.bytes.data()) ^ secrets_[0],
                load_le64(address.bytes.data() + 8) ^ (port * kOdd) ^ secrets_[1]);
  }
  // The same for both directions, whose keys are the same. The IP version, since the addresses of
  // version 4 are kept mapped, and would be the same in an IPv6 header.
  [[nodiscard]] std::uint64_t usual_hash(const Headers& headers,
                                         const PacketKeys& keys) const noexcept {
    const std::uint64_t ends =
        end_hash(keys.source, keys.source_port) + end_hash(keys.destination, keys.destination_port);
    return (headers.flow_hash ^ ends) + keys.ip_version * kOdd;
  }
  // In their order, so that no uid takes back what another has done.
  [[nodiscard]] std::uint64_t with_uids(std::uint64_t hash,
                                        std::span<const protocol::Uid> uids) const noexcept {
    for (const protocol::Uid& uid : uids) {
      const std::uint64_t low = uid.words[0] | std::uint64_t{uid.words[1]} << 32;
      hash = hash * kOdd ^ fold(low ^ secrets_[2], uid.words[2] ^ secrets_[3]);
    }
    return hash;
  }

  // Of what is outside of the inner headers: addresses, ports, VNI, and whose packet it is.
  [[nodiscard]] std::uint64_t tunnel_hash(const Packet& packet, const Headers& headers,
                                          const TenantIdentity& tenant) const noexcept {
    const std::uint8_t* const ip = packet.data + headers.layers[1].offset;
    const std::uint8_t* const udp = packet.data + headers.layers[2].offset;
    const std::uint8_t* const tunnel = packet.data + headers.layers[3].offset;
    return fold(load_le64(ip + 12) ^ secrets_[2],
                (std::uint64_t{load_le32(udp)} << 32 | load_be24(tunnel + 4)) ^ secrets_[3]) +
           fold(tenant.gwlb_endpoint ^ secrets_[1], tenant.gwlb_attachment ^ secrets_[2]);
  }

  static void add_new(const Packet& packet, const Headers& headers, const PacketKeys& keys,
                      Builder& builder, std::span<const protocol::Uid> uids) noexcept;
  void note_unusual(const Packet& packet, const Headers& headers, const PacketKeys& keys,
                    Builder& builder, std::span<const protocol::Uid> uids) const noexcept;

  // Of a flow, and of the tunnels that carry it.
  static constexpr std::size_t kUsualUids = 4;
  // A usual packet that has this hash by chance takes the other way, which is as good.
  static constexpr std::uint64_t kUnusual = 0;
  static constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  std::array<std::uint64_t, 4> secrets_;
};

}  // namespace weir::output
