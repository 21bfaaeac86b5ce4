// What makes packets one flow: the two ends, whichever sends, the IP protocol, and the tenant that
// the addresses belong to.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/bytes.h"
#include "base/packet_keys.h"

namespace weir::protocol {

// The two ends of a flow. Which of them opened it is the flow's to say.
enum class End : std::uint8_t { Low, High };
constexpr End other(End end) noexcept { return end == End::Low ? End::High : End::Low; }
constexpr std::size_t index_of(End end) noexcept { return static_cast<std::size_t>(end); }

// The ends in the order of address, then port, so that both directions have one key. ICMP messages
// that nothing answers keep their own order: reports of two hosts to each other are two flows.
// Ports in host byte order; ICMP: type, and the type that answers it or the code; 0 for other
// protocols without ports.
struct alignas(8) FlowKey {
  IpAddress low;
  IpAddress high;
  std::uint16_t low_port = 0;
  std::uint16_t high_port = 0;
  std::uint8_t ip_protocol = 0;
  std::uint8_t ip_version = 0;  // 4 or 6
  std::uint8_t one_way = 0;     // 1: the ends are in the order of the sender
  std::uint8_t reserved = 0;
  TenantIdentity tenant;

  // Word by word: every byte has a meaning, and a call of memcmp costs more than the comparison.
  friend bool operator==(const FlowKey& a, const FlowKey& b) noexcept {
    using Words = std::array<std::uint64_t, 8>;
    const Words x = std::bit_cast<Words>(a);
    const Words y = std::bit_cast<Words>(b);
    std::uint64_t difference = 0;
    for (std::size_t i = 0; i < x.size(); ++i) difference |= x[i] ^ y[i];
    return difference == 0;
  }
};
static_assert(sizeof(FlowKey) == 64);
static_assert(std::has_unique_object_representations_v<FlowKey>);

struct FlowKeyAndSender {
  FlowKey key;
  End sender;
};

// From what the header parser found. `one_way`: see FlowKey.
[[nodiscard]] inline FlowKeyAndSender flow_key(const PacketKeys& packet, bool one_way) noexcept {
  const std::uint8_t* const source = packet.source.bytes.data();
  const std::uint8_t* const destination = packet.destination.bytes.data();
  const std::uint64_t source_network = load_be64(source);
  const std::uint64_t destination_network = load_be64(destination);
  const std::uint64_t source_host = load_be64(source + 8);
  const std::uint64_t destination_host = load_be64(destination + 8);
  const bool higher = source_network != destination_network ? source_network > destination_network
                      : source_host != destination_host
                          ? source_host > destination_host
                          : packet.source_port > packet.destination_port;
  const bool swapped = higher && !one_way;
  return {.key = {.low = swapped ? packet.destination : packet.source,
                  .high = swapped ? packet.source : packet.destination,
                  .low_port = swapped ? packet.destination_port : packet.source_port,
                  .high_port = swapped ? packet.source_port : packet.destination_port,
                  .ip_protocol = packet.ip_protocol,
                  .ip_version = packet.ip_version,
                  .one_way = one_way ? std::uint8_t{1} : std::uint8_t{0},
                  .tenant = packet.tenant},
          .sender = swapped ? End::High : End::Low};
}

}  // namespace weir::protocol
