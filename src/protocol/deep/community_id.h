// Community ID v1 (github.com/corelight/community-id-spec): the name that other tools give a flow,
// made of its addresses, protocol and ports, the same for both directions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/deep/records.h"
#include "protocol/deep/short_sha1.h"

namespace weir::protocol {

// "1:" and the base64 of a SHA-1, without a terminating zero.
struct CommunityIdText {
  static constexpr std::size_t kBytes = 2 + 28;
  std::array<char, kBytes> chars;
  [[nodiscard]] std::string_view view() const noexcept { return {chars.data(), chars.size()}; }
};

// Any thread.
class CommunityIdHasher {
 public:
  // Sites that do not want their names to match those of others agree on a seed.
  explicit CommunityIdHasher(std::uint16_t seed = 0) noexcept : seed_(seed) {}

  // The SHA-1 that is the ID. `ends`: ip_version 4 or 6; ICMP as in FlowKey. Ports count for TCP,
  // UDP, SCTP and ICMP.
  [[nodiscard]] Sha1Digest digest(const Endpoints& ends) const noexcept;
  // As it is written.
  [[nodiscard]] CommunityIdText text(const Endpoints& ends) const noexcept;

 private:
  std::uint16_t seed_;
};

}  // namespace weir::protocol
