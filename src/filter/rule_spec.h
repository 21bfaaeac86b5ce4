// A rule of a session as its operator wrote it. rule_set.h makes something of a list of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::filter {

enum class RuleAction : std::uint8_t {
  Accept,
  Reject,
  Truncate,     // accepted; of the frame, `keep_bytes` are stored
  HeadersOnly,  // accepted; of the frame, what the header parser understood is stored
  Cutoff,       // accepted; whole for the first `cutoff_bytes` of its flow, then as HeadersOnly
};
std::string_view name_of(RuleAction action) noexcept;  // "accept", "headers-only"

struct NumberRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;  // inclusive
  friend bool operator==(const NumberRange&, const NumberRange&) = default;
};

// Either an expression or conditions, or neither: then every packet matches. All conditions that
// are given must hold; of one condition's list one entry suffices. They look at the innermost
// addresses, ports and protocol, and at the tenant.
struct RuleSpec {
  std::string name;               // unique in its list; empty: "rule-N", N counting from 1
  std::string expression;         // pcap-filter
  std::vector<std::string> nets;  // "10.0.0.0/8", "2001:db8::1": either end
  std::vector<std::string> source_nets;
  std::vector<std::string> destination_nets;
  std::vector<NumberRange> ports;  // either end, of TCP, UDP and SCTP
  std::vector<NumberRange> source_ports;
  std::vector<NumberRange> destination_ports;
  std::vector<NumberRange> protocols;  // IP protocol numbers
  std::vector<NumberRange> vlans;      // outermost tag
  std::vector<NumberRange> vnis;
  std::vector<std::uint64_t> gwlb_endpoints;
  RuleAction action = RuleAction::Accept;
  std::uint32_t keep_bytes = 0;    // Truncate
  std::uint32_t cutoff_bytes = 0;  // Cutoff: behind the headers, of both directions

  friend bool operator==(const RuleSpec&, const RuleSpec&) = default;
};

}  // namespace weir::filter
