// Values of keys: whether they are good, and how they are written.
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "control/config_schema.h"
#include "control/pressure_ladder.h"
#include "control/toml.h"
#include "control/values.h"
#include "security/source_rules.h"

namespace weir::control {
namespace {

constexpr std::array kProtocols = {
    ProtocolName{"icmp", 1},   ProtocolName{"igmp", 2},     ProtocolName{"ipip", 4},
    ProtocolName{"tcp", 6},    ProtocolName{"egp", 8},      ProtocolName{"udp", 17},
    ProtocolName{"dccp", 33},  ProtocolName{"ipv6", 41},    ProtocolName{"rsvp", 46},
    ProtocolName{"gre", 47},   ProtocolName{"esp", 50},     ProtocolName{"ah", 51},
    ProtocolName{"icmp6", 58}, ProtocolName{"eigrp", 88},   ProtocolName{"ospf", 89},
    ProtocolName{"pim", 103},  ProtocolName{"vrrp", 112},   ProtocolName{"l2tp", 115},
    ProtocolName{"sctp", 132}, ProtocolName{"udplite", 136}};

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 64;
  return "'" + std::string(text.substr(0, kShown)) + (text.size() > kShown ? "...'" : "'");
}

// Strict UTF-8 without NUL, as TOML and JSON need it.
bool is_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead == 0) return false;
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - i < length) return false;
    std::uint32_t code = lead & (0x7fu >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0u) != 0x80) return false;
      code = code << 6 | (next & 0x3fu);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (overlong || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += length;
  }
  return true;
}

std::string check_string(const KeyInfo& info, std::string_view text) {
  if (text.size() > info.max) {
    return "longer than " + std::to_string(info.max) + " bytes";
  }
  if (!is_text(text)) return "no UTF-8, or with a NUL in it";
  return "";
}

std::string check_name(std::string_view text) {
  if (is_name(text)) return "";
  return text.empty()
             ? "empty"
             : quoted(text) + ": no name (1 to 64 of A-Z a-z 0-9 _ . -, the first no . or -)";
}

std::string check_net(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  std::array<std::uint8_t, 16> bytes{};
  const bool six = address.find(':') != std::string::npos;
  if (::inet_pton(six ? AF_INET6 : AF_INET, address.c_str(), bytes.data()) != 1 ||
      address.size() != std::string_view(address.c_str()).size()) {
    return quoted(text) + ": no network (like 10.0.0.0/8, 192.0.2.1, 2001:db8::/32)";
  }
  if (slash == std::string_view::npos) return "";
  const std::string_view digits = text.substr(slash + 1);
  const std::uint32_t bits = six ? 128 : 32;
  std::uint32_t prefix = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (status != std::errc{} || end != digits.data() + digits.size() || prefix > bits) {
    return quoted(text) + ": a prefix of 0 to " + std::to_string(bits) + " bits";
  }
  for (std::uint32_t bit = prefix; bit < bits; ++bit) {
    if ((bytes[bit / 8] & (0x80u >> bit % 8)) != 0) {
      return quoted(text) + ": the address has bits beyond the prefix";
    }
  }
  return "";
}

std::string number_or_unit(KeyType type, std::uint64_t number) {
  if (type == KeyType::Size) return size_text_of(number);
  if (type == KeyType::Time) return duration_text_of(std::chrono::milliseconds(number));
  return std::to_string(number);
}

std::string check_number(const KeyInfo& info, std::uint64_t number) {
  if ((number >= info.min && number <= info.max) || (number == 0 && info.zero)) return "";
  std::string problem = number_or_unit(info.type, number) + ": not " +
                        number_or_unit(info.type, info.min) + " to " +
                        number_or_unit(info.type, info.max);
  if (info.zero) problem += ", or " + number_or_unit(info.type, 0);
  return problem;
}

std::string check_ranges(const KeyInfo& info, const std::vector<filter::NumberRange>& ranges) {
  for (const filter::NumberRange range : ranges) {
    if (range.first > range.last) {
      return number_text(info.type, range) + ": ends before it begins";
    }
    if (range.last > info.max) {
      return number_text(info.type, range) + ": more than " + std::to_string(info.max);
    }
  }
  return "";
}

std::string check_levels(const ModuleLevels& levels) {
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const std::string& module = levels[i].first;
    const bool good =
        !module.empty() && module.size() <= 64 &&
        std::all_of(module.begin(), module.end(), [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '/';
        });
    if (!good) return quoted(module) + ": no name of a module";
    // Sorted, so that the same levels are the same value.
    if (i > 0 && levels[i - 1].first >= module) return module + ": given twice, or out of order";
  }
  return "";
}

std::string check_path(const KeyInfo& info, std::string_view text) {
  return text.empty() ? "an empty path in a list" : check_string(info, text);
}

std::string check_mac(std::string_view text) {
  const auto mac = security::parse_mac(text);
  return mac ? "" : mac.error().context;
}

std::string check_list(const KeyInfo& info, const std::vector<std::string>& list) {
  for (const std::string& text : list) {
    std::string problem = info.type == KeyType::Nets    ? check_net(text)
                          : info.type == KeyType::Macs  ? check_mac(text)
                          : info.type == KeyType::Paths ? check_path(info, text)
                                                        : check_name(text);
    if (!problem.empty()) return problem;
  }
  return "";
}

std::string endpoint_text(std::uint64_t endpoint) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "0x%016llx", static_cast<unsigned long long>(endpoint));
  return text.data();
}

bool is_bare_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// One scalar, or a list.
template <typename List, typename Text>
std::string list_text(const List& list, bool scalar_allowed, Text&& text_of_one) {
  if (list.size() == 1 && scalar_allowed) return text_of_one(list.front());
  std::string out = "[";
  for (const auto& one : list) {
    if (out.size() > 1) out += ", ";
    out += text_of_one(one);
  }
  return out + "]";
}

template <typename Text>
std::string strings_text(const KeyInfo& info, const std::vector<std::string>& list,
                         Text&& text_of_one) {
  // Of paths, none is written as an empty one.
  if (info.type == KeyType::Paths && list.empty()) return text_of_one(std::string());
  const bool scalar_allowed = info.type != KeyType::Names && info.type != KeyType::Steps;
  return list_text(list, scalar_allowed, text_of_one);
}

// A range as TOML and JSON both write it: a number, or a string.
std::string range_value(KeyType type, filter::NumberRange range) {
  std::string text = number_text(type, range);
  return text.find_first_not_of("0123456789") == std::string::npos ? text : "\"" + text + "\"";
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace

std::string_view name_of(Reload reload) noexcept {
  return reload == Reload::Live ? "live" : "restart";
}

bool is_name(std::string_view text) noexcept {
  constexpr std::string_view kLetters =
      "_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::string_view kInside =
      "_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";
  return !text.empty() && text.size() <= 64 &&
         kLetters.find(text.front()) != std::string_view::npos &&
         text.find_first_not_of(kInside) == std::string_view::npos;
}

std::span<const ProtocolName> protocol_names() noexcept { return kProtocols; }

std::string number_text(KeyType type, filter::NumberRange range) {
  if (range.first != range.last) {
    return std::to_string(range.first) + "-" + std::to_string(range.last);
  }
  if (type == KeyType::Protocols) {
    for (const ProtocolName& protocol : kProtocols) {
      if (protocol.number == range.first) return std::string(protocol.name);
    }
  }
  return std::to_string(range.first);
}

std::size_t entries_max(KeyType type) noexcept {
  if (type == KeyType::Names) return kInterfacesMax;
  if (type == KeyType::Steps) return kStepsMax;
  return type == KeyType::Paths ? kPathsMax : kListMax;
}

std::string check_value(const KeyInfo& info, const KeyValue& value) {
  switch (info.type) {
    case KeyType::Bool:
      return "";
    case KeyType::String:
      return check_string(info, std::get<std::string>(value));
    case KeyType::Name:
      return check_name(std::get<std::string>(value));
    case KeyType::Integer:
    case KeyType::Size:
    case KeyType::Time:
      return check_number(info, std::get<std::uint64_t>(value));
    case KeyType::Choice: {
      const auto& text = std::get<std::string>(value);
      if (std::find(info.choices.begin(), info.choices.end(), text) != info.choices.end()) {
        return "";
      }
      return quoted(text) + ": unknown (" + nearest_hint(info.choices, text) + ")";
    }
    default:
      break;
  }
  const std::size_t count = std::visit(
      [](const auto& list) -> std::size_t {
        if constexpr (requires { list.size(); }) return list.size();
        return 0;
      },
      value);
  const std::size_t count_max = entries_max(info.type);
  if (count > count_max) return "more than " + std::to_string(count_max) + " entries";
  switch (info.type) {
    case KeyType::Names:
    case KeyType::Paths:
    case KeyType::Nets:
    case KeyType::Macs:
      return check_list(info, std::get<std::vector<std::string>>(value));
    case KeyType::Steps:
      return check_ladder(std::get<std::vector<std::string>>(value));
    case KeyType::Numbers:
    case KeyType::Protocols:
      return check_ranges(info, std::get<std::vector<filter::NumberRange>>(value));
    case KeyType::Levels:
      return check_levels(std::get<ModuleLevels>(value));
    default:
      return "";
  }
}

std::string toml_text(const KeyInfo& info, const KeyValue& value) {
  switch (info.type) {
    case KeyType::Bool:
      return std::get<bool>(value) ? "true" : "false";
    case KeyType::String:
    case KeyType::Name:
    case KeyType::Choice:
      return toml_string(std::get<std::string>(value));
    case KeyType::Integer:
      return std::to_string(std::get<std::uint64_t>(value));
    case KeyType::Size:
    case KeyType::Time:
      return "\"" + number_or_unit(info.type, std::get<std::uint64_t>(value)) + "\"";
    case KeyType::Names:
    case KeyType::Paths:
    case KeyType::Nets:
    case KeyType::Macs:
    case KeyType::Steps:
      return strings_text(info, std::get<std::vector<std::string>>(value),
                          [](const std::string& text) { return toml_string(text); });
    case KeyType::Numbers:
    case KeyType::Protocols:
      return list_text(std::get<std::vector<filter::NumberRange>>(value), true,
                       [&](filter::NumberRange range) { return range_value(info.type, range); });
    case KeyType::Endpoints:
      return list_text(std::get<std::vector<std::uint64_t>>(value), true,
                       [](std::uint64_t one) { return "\"" + endpoint_text(one) + "\""; });
    case KeyType::Levels:
      break;
  }
  std::string out = "{";
  for (const auto& [module, level] : std::get<ModuleLevels>(value)) {
    out += out.size() > 1 ? ", " : " ";
    out += is_bare_key(module) ? module : toml_string(module);
    out += " = \"" + std::string(telemetry::name_of(level)) + "\"";
  }
  return out + (out.size() > 1 ? " }" : "}");
}

void write_json(JsonWriter& json, const KeyInfo& info, const KeyValue& value) {
  switch (info.type) {
    case KeyType::String:
    case KeyType::Name:
    case KeyType::Choice:
      json.value(std::get<std::string>(value));
      return;
    case KeyType::Names:
    case KeyType::Paths:
    case KeyType::Nets:
    case KeyType::Macs:
    case KeyType::Steps:
      json.raw(strings_text(info, std::get<std::vector<std::string>>(value), json_string));
      return;
    case KeyType::Levels:
      json.begin_object();
      for (const auto& [module, level] : std::get<ModuleLevels>(value)) {
        json.field(module, telemetry::name_of(level));
      }
      json.end_object();
      return;
    // The others are written alike.
    default:
      json.raw(toml_text(info, value));
      return;
  }
}

}  // namespace weir::control
