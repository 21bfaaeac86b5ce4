// The name of a flow or tunnel in every log: 96 bits, written as 'C' and 17 base-62 digits.
//
// It is a keyed hash of the flow's addresses, ports, protocol, tenant and the time of its first
// packet: the same packets give the same uid, whoever reads them, with however many workers. Not
// cryptographic: who knows the seed can make flows that share a uid.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/time.h"

namespace weir::protocol {

struct Uid {
  std::array<std::uint32_t, 3> words{};  // all zero: no uid

  [[nodiscard]] constexpr bool empty() const noexcept {
    return (words[0] | words[1] | words[2]) == 0;
  }
  friend constexpr bool operator==(const Uid&, const Uid&) = default;
};
static_assert(sizeof(Uid) == 12);

// The digits of a uid, 0-9, A-Z, a-z, the most significant first; no terminating zero.
struct UidText {
  static constexpr std::size_t kBytes = 18;
  std::array<char, kBytes> chars;
  [[nodiscard]] std::string_view view() const noexcept { return {chars.data(), chars.size()}; }
};
[[nodiscard]] UidText text_of(const Uid& uid) noexcept;

struct FlowKey;

// `incarnation` tells flows apart that begin at the same time with the same key: 0 for the first.
// Never empty.
[[nodiscard]] Uid make_uid(const FlowKey& key, Timestamp first_packet, std::uint32_t incarnation,
                           std::uint64_t seed) noexcept;

}  // namespace weir::protocol
