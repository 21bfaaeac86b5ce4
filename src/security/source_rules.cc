#include "security/source_rules.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/bytes.h"

namespace weir::security {
namespace {

// Cut, and without what a terminal would obey.
std::string quoted(std::string_view text) {
  constexpr std::size_t kBytesMax = 64;
  std::string out = "\"";
  for (const char c : text.substr(0, kBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
  return out + (text.size() > kBytesMax ? "...\"" : "\"");
}

Error wrong(std::string_view text, std::string why) {
  return Error{.code = ErrorCode::Usage, .context = quoted(text) + ": " + std::move(why)};
}

std::optional<std::uint32_t> digit_of(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint32_t>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<std::uint32_t>(c - 'A') + 10;
  return std::nullopt;
}

std::optional<std::uint32_t> number_in(std::string_view digits, std::uint32_t most) noexcept {
  std::uint32_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, status] = std::from_chars(digits.data(), end, number);
  if (status != std::errc{} || stop != end || number > most) return std::nullopt;
  return number;
}

std::optional<SourceNet> parse_address(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return {};
  std::copy(text.begin(), text.end(), terminated.begin());
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, terminated.data(), bytes.data()) == 1) {
    const Uint128 address = load_be32(bytes.data());
    return SourceNet{.version_6 = false, .first = address, .last = address};
  }
  if (inet_pton(AF_INET6, terminated.data(), bytes.data()) == 1) {
    const Uint128 address =
        static_cast<Uint128>(load_be64(bytes.data())) << 64 | load_be64(bytes.data() + 8);
    return SourceNet{.version_6 = true, .first = address, .last = address};
  }
  return std::nullopt;
}

template <typename List, typename Parse>
void check(std::string_view name, const List& list, std::vector<SourceProblem>& problems,
           Parse&& parse) {
  for (const auto& entry : list) {
    if (auto parsed = parse(entry); !parsed) {
      problems.push_back({.list = std::string(name), .message = parsed.error().context});
    }
  }
}

Result<VniRange> check_range(const VniRange& range) {
  if (range.first <= range.last && range.last <= kVniMax) return range;
  const std::string text = std::to_string(range.first) + "-" + std::to_string(range.last);
  return wrong(text, range.first > range.last ? "ends before it begins"
                                              : "a VNI is at most " + std::to_string(kVniMax));
}

}  // namespace

Result<std::uint64_t> parse_mac(std::string_view text) {
  constexpr std::size_t kTextBytes = 17;
  const auto no_mac = [&] { return wrong(text, "no MAC address (like 02:00:5e:00:53:01)"); };
  if (text.size() != kTextBytes) return no_mac();
  std::uint64_t mac = 0;
  for (std::size_t i = 0; i < kTextBytes; i += 3) {
    const auto high = digit_of(text[i]);
    const auto low = digit_of(text[i + 1]);
    if (!high || !low) return no_mac();
    mac = mac << 8 | *high << 4 | *low;
    const bool last = i + 2 == kTextBytes;
    if (!last && (text[i + 2] != text[2] || (text[2] != ':' && text[2] != '-'))) return no_mac();
  }
  return mac;
}

Result<VniRange> parse_vnis(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = number_in(text.substr(0, dash), kVniMax);
  const auto last =
      dash == std::string_view::npos ? first : number_in(text.substr(dash + 1), kVniMax);
  if (!first || !last) {
    return wrong(text, "no VNI and no range of them (like 100 or 100-199, at most " +
                           std::to_string(kVniMax) + ")");
  }
  return check_range({.first = *first, .last = *last});
}

Result<SourceNet> parse_source_net(std::string_view text) {
  const std::size_t slash = text.find('/');
  std::optional<SourceNet> net = parse_address(text.substr(0, slash));
  if (!net) return wrong(text, "no network (like 10.0.0.0/8, 192.0.2.1, 2001:db8::/32)");
  if (slash == std::string_view::npos) return *net;
  const std::uint32_t bits = net->version_6 ? 128 : 32;
  const auto length = number_in(text.substr(slash + 1), bits);
  if (!length) return wrong(text, "a prefix of 0 to " + std::to_string(bits) + " bits");
  const Uint128 host_bits =
      bits - *length == 128 ? ~Uint128{0} : (Uint128{1} << (bits - *length)) - 1;
  if ((net->first & host_bits) != 0) return wrong(text, "the address has bits beyond the prefix");
  net->last = net->first | host_bits;
  return *net;
}

std::string mac_text(std::uint64_t mac) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 40; shift >= 0; shift -= 8) {
    if (!text.empty()) text += ':';
    text += kDigits[mac >> (shift + 4) & 15];
    text += kDigits[mac >> shift & 15];
  }
  return text;
}

std::vector<SourceProblem> problems_in(const SourceRules& rules) {
  std::vector<SourceProblem> problems;
  check("interfaces", rules.interfaces, problems, [](const std::string& name) -> Result<void> {
    return name.empty() ? Result<void>(wrong(name, "no name of an interface")) : ok();
  });
  check("macs", rules.macs, problems, parse_mac);
  check("nets", rules.nets, problems, parse_source_net);
  check("vnis", rules.vnis, problems, check_range);
  check("deny_macs", rules.deny_macs, problems, parse_mac);
  check("deny_nets", rules.deny_nets, problems, parse_source_net);
  check("deny_vnis", rules.deny_vnis, problems, check_range);
  return problems;
}

}  // namespace weir::security
