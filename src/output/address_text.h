// IP addresses as text.
#pragma once

#include <cstddef>

#include "base/packet_keys.h"

namespace weir::output {

// "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", or "::ffff:" and an IPv4 address, are not longer.
inline constexpr std::size_t kAddressTextMax = 39;

// Writes at most kAddressTextMax characters at `out` and returns their end. Version 4: dotted, of
// the mapped address. Version 6: RFC 5952 section 4, and for mapped addresses section 5.
char* write_address(char* out, const IpAddress& address, std::uint8_t ip_version) noexcept;

}  // namespace weir::output
