// What a packet alone says of the flows that it belongs to: their identities. The analysis tells
// flows apart by their keys and by time (uid.h); a packet that is read again, years later and
// without the packets before it, has only the keys. So the index of the packet store keeps both,
// side by side: docs/segment-format.md, "Identities".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/packet_keys.h"
#include "protocol/deep/flow_key.h"

namespace weir::protocol {

// 48 bits of a hash of all that makes packets one flow. The same on every machine; not secret: who
// wants to can make flows that have the same one.
[[nodiscard]] std::uint64_t flow_identity(const FlowKey& key) noexcept;

// Of a packet: of the flows that carry it, the outermost first, then of the innermost one, as
// FlowPacketReader finds them. From a fragment on, whatever it carries, there is one more, of its
// datagram: all fragments of that have it.
class FlowIdentities {
 public:
  // `headers` and `keys`: what parse_batch() found in the packet. Nothing where there is no IP.
  FlowIdentities(const Packet& packet, const Headers& headers, const PacketKeys& keys) noexcept;

  [[nodiscard]] std::span<const std::uint64_t> all() const noexcept {
    return {identities_.data(), count_};
  }
  // Of the flow that the analysis names at this place among those of the packet: fragments are of
  // all flows that are in their datagram.
  [[nodiscard]] std::uint64_t of_flow(std::size_t place) const noexcept {
    if (count_ == 0) return 0;
    return identities_[place < count_ ? place : count_ - 1];
  }

 private:
  struct Walk;
  void add(const FlowKey& key) noexcept { identities_[count_++] = flow_identity(key); }
  void add_carrier(const Packet& packet, const Walk& walk, std::uint32_t inner_offset) noexcept;
  void add_fragment(const Packet& packet, const Walk& walk) noexcept;
  void add_innermost(const PacketKeys& keys) noexcept;

  // Each IP layer has one.
  std::array<std::uint64_t, kLayersMax> identities_;
  std::size_t count_ = 0;
};

}  // namespace weir::protocol
