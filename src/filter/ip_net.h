// The text of an address or a net: "10.0.0.0/8", "192.0.2.1", "2001:db8::/32".
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/prng.h"

namespace weir::filter {

// The addresses of a net, in host byte order; IPv4 in the low 32 bits.
struct IpNet {
  bool version_6 = false;
  Uint128 first = 0;
  Uint128 last = 0;  // inclusive
};

// The net, or what is wrong with the text (and what to write instead). Names are not looked up;
// bits behind the prefix must be zero, as pcap-filter has it.
std::variant<IpNet, std::string> parse_net(std::string_view text);

// `text` between quotes for a message: cut after 64 bytes, what a terminal would obey replaced.
std::string quoted(std::string_view text);

}  // namespace weir::filter
