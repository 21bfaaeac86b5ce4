#include "control/config_value_reader.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "control/values.h"

namespace weir::control {
namespace {

constexpr std::size_t kMsNs = 1'000'000;

std::string wrong_kind(std::string_view wanted, const TomlNode& node) {
  return std::string(name_of(node.kind)) + ", not " + std::string(wanted);
}

std::string read_integer(const TomlNode& node, KeyValue& out) {
  if (node.kind != TomlKind::Integer) return wrong_kind("a whole number", node);
  if (node.integer < 0) return std::to_string(node.integer) + ": negative";
  out = static_cast<std::uint64_t>(node.integer);
  return "";
}

std::string read_size(const TomlNode& node, KeyValue& out) {
  if (node.kind != TomlKind::String) return wrong_kind("a size (like \"64MiB\")", node);
  if (node.text == "0") {
    out = std::uint64_t{0};
    return "";
  }
  auto bytes = parse_size(node.text);
  if (!bytes) return bytes.error().context;
  out = *bytes;
  return "";
}

std::string read_time(const TomlNode& node, KeyValue& out) {
  if (node.kind != TomlKind::String) return wrong_kind("a time (like \"1h\")", node);
  if (node.text == "0" || node.text == "0s") {
    out = std::uint64_t{0};
    return "";
  }
  auto time = parse_duration(node.text);
  if (!time) return time.error().context;
  const auto ns = static_cast<std::uint64_t>(time->count());
  if (ns % kMsNs != 0) return "'" + node.text + "': finer than a millisecond";
  out = ns / kMsNs;
  return "";
}

// One scalar, or a list of them; `read_one` gives what is wrong, or nothing.
template <typename List, typename ReadOne>
std::string read_list(const TomlNode& node, bool scalar_allowed, KeyValue& out,
                      ReadOne&& read_one) {
  List list;
  if (node.kind != TomlKind::Array) {
    if (!scalar_allowed) return wrong_kind("a list", node);
    std::string problem = read_one(node, list);
    if (!problem.empty()) return problem;
  }
  if (node.items.size() > kListMax) return "more than " + std::to_string(kListMax) + " entries";
  for (const TomlNode& item : node.items) {
    std::string problem = read_one(item, list);
    if (!problem.empty()) return problem;
  }
  out = std::move(list);
  return "";
}

std::string read_text(const TomlNode& node, std::vector<std::string>& list) {
  if (node.kind != TomlKind::String) return wrong_kind("a string", node);
  list.push_back(node.text);
  return "";
}

// The empty one says that there is none.
std::string read_paths(const TomlNode& node, KeyValue& out) {
  if (node.kind == TomlKind::String && node.text.empty()) {
    out = std::vector<std::string>();
    return "";
  }
  return read_list<std::vector<std::string>>(node, true, out, read_text);
}

std::optional<std::uint32_t> number_in(std::string_view text) {
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, number);
  if (status != std::errc{} || stop != end) return std::nullopt;
  return number;
}

// "80", "1024-65535", and for protocols their names.
std::optional<filter::NumberRange> range_in(KeyType type, std::string_view text) {
  if (type == KeyType::Protocols) {
    for (const ProtocolName& protocol : protocol_names()) {
      if (protocol.name == text) return filter::NumberRange{protocol.number, protocol.number};
    }
  }
  const std::size_t dash = text.find('-');
  const auto first = number_in(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number_in(text.substr(dash + 1));
  if (!first || !last) return std::nullopt;
  return filter::NumberRange{*first, *last};
}

std::string read_range(const KeyInfo& info, const TomlNode& node,
                       std::vector<filter::NumberRange>& list) {
  if (node.kind == TomlKind::Integer) {
    if (node.integer < 0 || std::cmp_greater(node.integer, info.max)) {
      return std::to_string(node.integer) + ": not 0 to " + std::to_string(info.max);
    }
    const auto number = static_cast<std::uint32_t>(node.integer);
    list.push_back({number, number});
    return "";
  }
  const bool protocols = info.type == KeyType::Protocols;
  if (node.kind != TomlKind::String) {
    return wrong_kind(protocols ? "a name (like \"tcp\") or a number"
                                : "a number or a range (like \"1024-65535\")",
                      node);
  }
  if (const auto range = range_in(info.type, node.text)) {
    list.push_back(*range);
    return "";
  }
  std::string problem = "'" + node.text.substr(0, 64) + "': no number and no range";
  if (!protocols) return problem + " (like \"1024-65535\")";
  std::vector<std::string_view> names;
  for (const ProtocolName& protocol : protocol_names()) names.push_back(protocol.name);
  return problem + " (" + nearest_hint(names, node.text) + ")";
}

std::string read_endpoint(const TomlNode& node, std::vector<std::uint64_t>& list) {
  if (node.kind != TomlKind::String) return wrong_kind("a string (like \"0x0123abcd\")", node);
  const std::string_view text = node.text;
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  if (text.starts_with("0x")) {
    const auto [stop, status] = std::from_chars(text.data() + 2, end, number, 16);
    if (status == std::errc{} && stop == end) {
      list.push_back(number);
      return "";
    }
  }
  return "'" + node.text.substr(0, 64) + "': no endpoint (like \"0x0123456789abcdef\")";
}

std::string read_levels(const KeyInfo& info, const TomlNode& node, KeyValue& out) {
  if (node.kind != TomlKind::Table) return wrong_kind("a table (like {capture = \"debug\"})", node);
  ModuleLevels levels;
  for (const TomlEntry& entry : node.entries) {
    if (entry.node.kind != TomlKind::String) {
      return entry.key + ": " + wrong_kind("a level", entry.node);
    }
    const auto level = telemetry::parse_log_level(entry.node.text);
    if (!level) {
      return entry.key + ": '" + entry.node.text.substr(0, 64) + "': unknown (" +
             nearest_hint(info.choices, entry.node.text) + ")";
    }
    levels.emplace_back(entry.key, *level);
  }
  std::sort(levels.begin(), levels.end());
  out = std::move(levels);
  return "";
}

std::string read_unchecked(const KeyInfo& info, const TomlNode& node, KeyValue& out) {
  switch (info.type) {
    case KeyType::Bool:
      if (node.kind != TomlKind::Bool) return wrong_kind("true or false", node);
      out = node.truth;
      return "";
    case KeyType::String:
    case KeyType::Name:
    case KeyType::Choice:
      if (node.kind != TomlKind::String) return wrong_kind("a string", node);
      out = node.text;
      return "";
    case KeyType::Integer:
      return read_integer(node, out);
    case KeyType::Size:
      return read_size(node, out);
    case KeyType::Time:
      return read_time(node, out);
    case KeyType::Paths:
      return read_paths(node, out);
    case KeyType::Names:
    case KeyType::Nets:
    case KeyType::Macs:
    case KeyType::Steps:
      return read_list<std::vector<std::string>>(
          node, info.type == KeyType::Nets || info.type == KeyType::Macs, out, read_text);
    case KeyType::Numbers:
    case KeyType::Protocols:
      return read_list<std::vector<filter::NumberRange>>(
          node, true, out,
          [&](const TomlNode& item, auto& list) { return read_range(info, item, list); });
    case KeyType::Endpoints:
      return read_list<std::vector<std::uint64_t>>(node, true, out, read_endpoint);
    case KeyType::Levels:
      return read_levels(info, node, out);
  }
  return "";
}

}  // namespace

std::string read_value(const KeyInfo& info, const TomlNode& node, KeyValue& out) {
  std::string problem = read_unchecked(info, node, out);
  return problem.empty() ? check_value(info, out) : problem;
}

}  // namespace weir::control
