#include "filter/ip_net.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace weir::filter {
namespace {

constexpr std::uint32_t kBits4 = 32;
constexpr std::uint32_t kBits6 = 128;

std::optional<IpNet> parse_address(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return {};
  std::copy(text.begin(), text.end(), terminated.begin());
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, terminated.data(), bytes.data()) == 1) {
    const Uint128 address = load_be32(bytes.data());
    return IpNet{.version_6 = false, .first = address, .last = address};
  }
  if (inet_pton(AF_INET6, terminated.data(), bytes.data()) == 1) {
    const Uint128 address =
        static_cast<Uint128>(load_be64(bytes.data())) << 64 | load_be64(bytes.data() + 8);
    return IpNet{.version_6 = true, .first = address, .last = address};
  }
  return {};
}

std::string text_of(const IpNet& net) {
  std::array<std::uint8_t, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (net.version_6) {
    store_be(bytes.data(), static_cast<std::uint64_t>(net.first >> 64));
    store_be(bytes.data() + 8, static_cast<std::uint64_t>(net.first));
  } else {
    store_be(bytes.data(), static_cast<std::uint32_t>(net.first));
  }
  inet_ntop(net.version_6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  return text.data();
}

}  // namespace

std::string quoted(std::string_view text) {
  constexpr std::size_t kBytesMax = 64;
  std::string out = "\"";
  for (const char c : text.substr(0, kBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
  if (text.size() > kBytesMax) out += "...";
  return out + "\"";
}

std::variant<IpNet, std::string> parse_net(std::string_view text) {
  const std::size_t slash = text.find('/');
  std::optional<IpNet> net = parse_address(text.substr(0, slash));
  if (!net) {
    return quoted(text) +
           " is neither an address nor a net (write 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32)";
  }
  if (slash == std::string_view::npos) return *net;

  const std::uint32_t bits = net->version_6 ? kBits6 : kBits4;
  const std::string_view digits = text.substr(slash + 1);
  std::uint32_t length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end != digits.data() + digits.size() || length > bits) {
    return quoted(text) + ": what follows the slash is no prefix length (0 to " +
           std::to_string(bits) + ")";
  }
  const Uint128 host_bits =
      length == 0 && net->version_6 ? ~Uint128{0} : (Uint128{1} << (bits - length)) - 1;
  if ((net->first & host_bits) != 0) {
    net->first &= ~host_bits;
    return quoted(text) + " has bits behind its prefix (did you mean " + text_of(*net) + "/" +
           std::to_string(length) + "?)";
  }
  net->last = net->first | host_bits;
  return *net;
}

}  // namespace weir::filter
