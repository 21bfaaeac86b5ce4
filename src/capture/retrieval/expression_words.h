// The words of a pcap-filter expression, and those of them that mean something to the reader in
// expression_parser.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "capture/retrieval/index_expression.h"

namespace weir::capture::retrieval {

// "host", "10.0.0.1", "2001:db8::1", "http-alt"; or an operator: "(", "!", "&&", "<=".
struct ExpressionWord {
  std::string_view text;  // without the backslash that makes an id of a keyword
  bool is_operator = false;
  bool escaped = false;

  // A word of the language, or an operator.
  [[nodiscard]] bool is(std::string_view keyword) const noexcept {
    return !escaped && text == keyword;
  }
};
// Views of `text`. Nothing: it has characters that the language does not know, or too many words.
std::optional<std::vector<ExpressionWord>> split_expression(std::string_view text);

// "tcp", "udp", "ip", ...: what a packet is when it matches the word alone, and an index knows it.
// Nothing: another word.
std::optional<KeyQuestion> protocol_question(std::string_view word);
// A word that may stand where "tcp" may, of whatever layer.
bool names_protocol(std::string_view word) noexcept;
// The number behind `ip proto`. Nothing: not known.
std::optional<std::uint8_t> ip_protocol_of(const ExpressionWord& word);

// Whole decimal numbers without a sign or leading zeros (which mean octal), and 0x…; at most `max`.
std::optional<std::uint32_t> number_of(std::string_view text, std::uint32_t max) noexcept;

// "10", "10.1", "10.1.2.3" as libpcap reads it of a net: the octets that are there, at the top.
struct DottedAddress {
  std::uint32_t address = 0;
  std::uint32_t octets = 0;
};
std::optional<DottedAddress> dotted_address(std::string_view text) noexcept;

// All addresses whose first `prefix` bits are those of `address`.
KeyRange ipv4_range(std::uint32_t address, std::uint32_t prefix) noexcept;
// `text`: an IPv6 address. `prefix` at most 128.
std::optional<KeyRange> ipv6_range(std::string_view text, std::uint32_t prefix) noexcept;

// Which ports a word names: a number, a range of numbers, or a service that the system knows.
struct PortRange {
  std::uint16_t low = 0;
  std::uint16_t high = 0;
};
std::vector<PortRange> ports_of(std::string_view text);  // empty: not known

}  // namespace weir::capture::retrieval
