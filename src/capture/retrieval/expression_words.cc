#include "capture/retrieval/expression_words.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "base/bytes.h"

namespace weir::capture::retrieval {
namespace {

using storage::segment::Column;
using storage::segment::IndexKey;
using storage::segment::protocol_key;
using storage::segment::ProtocolClass;

constexpr std::size_t kWordsMax = 65'536;

bool is_word_character(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == '.' || c == ':';
}

constexpr std::array<std::string_view, 8> kTwoCharacters = {
    "&&", "||", "==", "!=", "<=", ">=", "<<", ">>"};
constexpr std::string_view kOneCharacter = "()[]!&|=<>+-*/%^~,";

struct ProtocolWord {
  std::string_view word;
  ProtocolClass which;
  std::uint16_t value;
};
// Each as its name alone, as in "tcp".
constexpr std::array<ProtocolWord, 16> kProtocolWords = {{
    {"ip", ProtocolClass::Network, 0x0800},
    {"ip6", ProtocolClass::Network, 0x86dd},
    {"arp", ProtocolClass::Network, 0x0806},
    {"tcp", ProtocolClass::IpProtocol, 6},
    {"udp", ProtocolClass::IpProtocol, 17},
    {"sctp", ProtocolClass::IpProtocol, 132},
    {"icmp", ProtocolClass::IpProtocol, 1},
    {"icmp6", ProtocolClass::IpProtocol, 58},
    {"igmp", ProtocolClass::IpProtocol, 2},
    {"igrp", ProtocolClass::IpProtocol, 9},
    {"pim", ProtocolClass::IpProtocol, 103},
    {"vrrp", ProtocolClass::IpProtocol, 112},
    {"carp", ProtocolClass::IpProtocol, 112},
    {"esp", ProtocolClass::IpProtocol, 50},
    {"ah", ProtocolClass::IpProtocol, 51},
    {"ipv6-icmp", ProtocolClass::IpProtocol, 58},
}};
// Of these the index tells nothing.
constexpr std::array<std::string_view, 14> kOtherProtocols = {
    "ether", "link", "fddi", "tr",     "wlan", "ppp",   "slip",
    "rarp",  "aarp", "ipx",  "decnet", "lat",  "mopdl", "moprc"};

// 0 for none.
std::uint16_t service_port(const std::string& name, const char* protocol) {
  const servent* const found = ::getservbyname(name.c_str(), protocol);
  return found == nullptr ? std::uint16_t{0} : byte_swap(static_cast<std::uint16_t>(found->s_port));
}

}  // namespace

std::optional<std::vector<ExpressionWord>> split_expression(std::string_view text) {
  std::vector<ExpressionWord> words;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++at;
      continue;
    }
    if (words.size() == kWordsMax) return std::nullopt;
    const bool escaped = c == '\\';
    if (escaped) ++at;
    std::size_t end = at;
    // A hyphen joins what is on its two sides.
    while (end < text.size() && (is_word_character(text[end]) ||
                                 (text[end] == '-' && end > at && end + 1 < text.size() &&
                                  is_word_character(text[end + 1])))) {
      ++end;
    }
    if (end > at) {
      words.push_back({.text = text.substr(at, end - at), .escaped = escaped});
      at = end;
      continue;
    }
    const std::string_view two = text.substr(at, 2);
    const bool is_two = std::ranges::find(kTwoCharacters, two) != kTwoCharacters.end();
    if (escaped || (!is_two && kOneCharacter.find(c) == std::string_view::npos)) {
      return std::nullopt;
    }
    words.push_back({.text = text.substr(at, is_two ? 2 : 1), .is_operator = true});
    at += is_two ? 2 : 1;
  }
  return words;
}

std::optional<KeyQuestion> protocol_question(std::string_view word) {
  const auto* const found = std::ranges::find(kProtocolWords, word, &ProtocolWord::word);
  if (found == kProtocolWords.end()) return std::nullopt;
  const IndexKey key{.low = protocol_key(found->which, found->value)};
  return KeyQuestion{.column = Column::Protocols, .ranges = {{key, key}}};
}

bool names_protocol(std::string_view word) noexcept {
  return std::ranges::find(kProtocolWords, word, &ProtocolWord::word) != kProtocolWords.end() ||
         std::ranges::find(kOtherProtocols, word) != kOtherProtocols.end();
}

std::optional<std::uint8_t> ip_protocol_of(const ExpressionWord& word) {
  if (const auto number = number_of(word.text, 255)) return static_cast<std::uint8_t>(*number);
  const auto* const found = std::ranges::find(kProtocolWords, word.text, &ProtocolWord::word);
  // Of two words the system has other numbers than ours, or none.
  if (found == kProtocolWords.end() || found->which != ProtocolClass::IpProtocol ||
      word.text == "carp" || word.text == "icmp6") {
    return std::nullopt;
  }
  return static_cast<std::uint8_t>(found->value);
}

std::optional<std::uint32_t> number_of(std::string_view text, std::uint32_t max) noexcept {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.front() == '0') {
    return std::nullopt;
  }
  std::uint32_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (status != std::errc{} || end != text.data() + text.size() || number > max) {
    return std::nullopt;
  }
  return number;
}

std::optional<DottedAddress> dotted_address(std::string_view text) noexcept {
  DottedAddress found;
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    if (part.starts_with("0x") || part.starts_with("0X")) return std::nullopt;
    const auto octet = number_of(part, 255);
    if (!octet || found.octets == 4) return std::nullopt;
    found.address |= *octet << (24 - 8 * found.octets);
    ++found.octets;
    if (dot == std::string_view::npos) return found;
    text.remove_prefix(dot + 1);
  }
}

KeyRange ipv4_range(std::uint32_t address, std::uint32_t prefix) noexcept {
  const std::uint32_t mask =
      prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - std::min<std::uint32_t>(prefix, 32));
  return {.low = {.low = address & mask}, .high = {.low = address | ~mask}};
}

std::optional<KeyRange> ipv6_range(std::string_view text, std::uint32_t prefix) noexcept {
  in6_addr address{};
  if (prefix > 128 || ::inet_pton(AF_INET6, std::string(text).c_str(), &address) != 1) {
    return std::nullopt;
  }
  const IndexKey key = IndexKey::ipv6(address.s6_addr);
  const auto mask_of = [](std::uint32_t bits) {
    return bits == 0 ? 0 : ~std::uint64_t{0} << (64 - std::min<std::uint32_t>(bits, 64));
  };
  const std::uint64_t high = mask_of(prefix);
  const std::uint64_t low = mask_of(prefix > 64 ? prefix - 64 : 0);
  return KeyRange{.low = {.high = key.high & high, .low = key.low & low},
                  .high = {.high = key.high | ~high, .low = key.low | ~low}};
}

std::vector<PortRange> ports_of(std::string_view text) {
  constexpr std::uint32_t kMost = 65'535;
  if (const auto port = number_of(text, kMost)) {
    const auto one = static_cast<std::uint16_t>(*port);
    return {{.low = one, .high = one}};
  }
  if (const std::size_t hyphen = text.find('-'); hyphen != std::string_view::npos) {
    const auto first = number_of(text.substr(0, hyphen), kMost);
    const auto last = number_of(text.substr(hyphen + 1), kMost);
    if (first && last) {
      return {{.low = static_cast<std::uint16_t>(std::min(*first, *last)),
               .high = static_cast<std::uint16_t>(std::max(*first, *last))}};
    }
  }
  if (text.find_first_not_of("0123456789") == std::string_view::npos) return {};
  const std::string name(text);
  std::vector<PortRange> found;
  for (const char* protocol : {"tcp", "udp", "sctp"}) {
    if (const std::uint16_t port = service_port(name, protocol); port != 0) {
      found.push_back({.low = port, .high = port});
    }
  }
  return found;
}

}  // namespace weir::capture::retrieval
