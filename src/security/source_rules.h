// Where packets may come from, as an operator or a policy writes it: lists of what is allowed and
// of what is refused. source_validator.h acts by them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "base/result.h"

namespace weir::security {

inline constexpr std::uint32_t kVniMax = (1u << 24) - 1;
inline constexpr std::uint64_t kMacMax = (std::uint64_t{1} << 48) - 1;

struct VniRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;  // inclusive, at most kVniMax
  friend bool operator==(const VniRange&, const VniRange&) = default;
};

// A packet passes when every list lets it: a list of what is allowed when it is empty or has what
// the packet says, a list of what is refused when it has not. What a packet does not say (a frame
// without an IP address, a packet outside of every tunnel) no list has.
struct SourceRules {
  std::vector<std::string> interfaces;  // names of network interfaces
  std::vector<std::string> macs;        // "02:00:00:00:00:01": source of the outermost frame
  std::vector<std::string> nets;        // "10.0.0.0/8", "2001:db8::1": outermost source address
  std::vector<VniRange> vnis;           // of the innermost VXLAN or GENEVE header
  std::vector<std::uint64_t> gwlb_endpoints;
  std::vector<std::string> deny_macs;
  std::vector<std::string> deny_nets;
  std::vector<VniRange> deny_vnis;
  bool block = false;  // everything is refused, whatever the lists say

  [[nodiscard]] bool none() const noexcept { return *this == SourceRules(); }
  friend bool operator==(const SourceRules&, const SourceRules&) = default;
};

// What is wrong with an entry of a list, named as the configuration and the policy name it.
struct SourceProblem {
  std::string list;     // "nets"
  std::string message;  // "\"10.0.0.0/33\": ..."
};
// All of them.
std::vector<SourceProblem> problems_in(const SourceRules& rules);

// The texts of entries. Errors: Usage, with what is wrong and what to write instead.

// Six bytes, the first in the highest of 48 bits: "02:00:5e:00:53:01", or with '-'.
Result<std::uint64_t> parse_mac(std::string_view text);
// "100", "100-199".
Result<VniRange> parse_vnis(std::string_view text);
// The addresses of a net in host byte order; IPv4 in the low 32 bits.
struct SourceNet {
  bool version_6 = false;
  Uint128 first = 0;
  Uint128 last = 0;  // inclusive
};
// Bits behind the prefix must be zero. Names are not looked up.
Result<SourceNet> parse_source_net(std::string_view text);

std::string mac_text(std::uint64_t mac);

}  // namespace weir::security
