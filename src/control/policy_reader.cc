#include "control/policy_reader.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "control/config_schema.h"
#include "control/config_value_reader.h"
#include "control/toml.h"
#include "control/values.h"
#include "security/signed_policy.h"

namespace weir::control {
namespace {

using security::DestinationRules;
using security::PolicyDocument;
using security::PolicyLevel;
using security::SourceRules;
using security::ThreatLimits;
using security::ThreatSteps;

constexpr TomlLimits kLimits = {
    .text_bytes_max = security::kPolicyBytesMax, .values_max = 100'000, .depth_max = 4};
constexpr std::uint64_t kNameMax = 64;
constexpr std::uint64_t kPathMax = 4095;
constexpr std::uint64_t kCountMax = 4'294'967'295;
constexpr std::uint64_t kSecond = 1000;  // times of the schema are in milliseconds
constexpr std::uint64_t kHour = 3600 * kSecond;

std::string quoted(const std::string& text) { return "'" + text.substr(0, 64) + "'"; }

// A key of a table: what its value becomes, or what is wrong with it.
template <typename Section>
struct PolicyKey {
  std::string_view name;
  std::string (*read)(const TomlNode& node, Section& section);
};

template <typename Value>
std::string read_as(const KeyInfo& info, const TomlNode& node, Value& out) {
  KeyValue value = Value();
  std::string problem = read_value(info, node, value);
  if (problem.empty()) out = std::get<Value>(std::move(value));
  return problem;
}

template <auto kMember, typename Section>
std::string read_bool(const TomlNode& node, Section& section) {
  return read_as({.type = KeyType::Bool}, node, section.*kMember);
}

template <auto kMember, typename Section>
std::string read_names(const TomlNode& node, Section& section) {
  return read_as({.type = KeyType::Names, .max = kNameMax}, node, section.*kMember);
}

template <auto kMember, typename Section>
std::string read_nets(const TomlNode& node, Section& section) {
  return read_as({.type = KeyType::Nets}, node, section.*kMember);
}

template <auto kMember, typename Section>
std::string read_endpoints(const TomlNode& node, Section& section) {
  return read_as({.type = KeyType::Endpoints}, node, section.*kMember);
}

template <auto kMember, typename Section>
std::string read_vnis(const TomlNode& node, Section& section) {
  std::vector<filter::NumberRange> ranges;
  std::string problem = read_as({.type = KeyType::Numbers, .max = security::kVniMax}, node, ranges);
  if (!problem.empty()) return problem;
  (section.*kMember).clear();
  for (const filter::NumberRange& range : ranges) {
    (section.*kMember).push_back({range.first, range.last});
  }
  return "";
}

// Strings, each of which `good` accepts.
template <typename Good>
std::string read_strings(const TomlNode& node, std::string_view what, Good&& good,
                         std::vector<std::string>& out) {
  const std::span<const TomlNode> items =
      node.kind == TomlKind::Array ? std::span(node.items) : std::span(&node, 1);
  if (items.size() > kListMax) return "more than " + std::to_string(kListMax) + " entries";
  std::vector<std::string> list;
  for (const TomlNode& item : items) {
    if (item.kind != TomlKind::String) {
      return std::string(name_of(item.kind)) + ", not " + std::string(what);
    }
    if (!good(item.text)) return quoted(item.text) + ": no " + std::string(what.substr(2));
    list.push_back(item.text);
  }
  out = std::move(list);
  return "";
}

template <auto kMember, typename Section>
std::string read_macs(const TomlNode& node, Section& section) {
  return read_as({.type = KeyType::Macs}, node, section.*kMember);
}

template <auto kMember, typename Section>
std::string read_directories(const TomlNode& node, Section& section) {
  const auto good = [](const std::string& path) {
    return path.starts_with('/') && path.size() <= kPathMax &&
           path.find('\0') == std::string::npos && (path + "/").find("/../") == std::string::npos;
  };
  return read_strings(node, "a directory (like /var/lib/weir)", good, section.*kMember);
}

template <auto kMember, typename Section>
std::string read_time(const TomlNode& node, Section& section) {
  std::uint64_t ms = 0;
  std::string problem = read_as({.type = KeyType::Time, .min = kSecond, .max = kHour}, node, ms);
  if (problem.empty()) section.*kMember = std::chrono::milliseconds(ms);
  return problem;
}

template <auto kMember, typename Section>
std::string read_kinds(const TomlNode& node, Section& section) {
  std::vector<std::string> names;
  std::string problem = read_as({.type = KeyType::Names, .max = kNameMax}, node, names);
  if (!problem.empty()) return problem;
  for (const std::string& name : names) {
    if (std::ranges::find(security::kDestinationKindNames, name) !=
        security::kDestinationKindNames.end())
      continue;
    return quoted(name) + ": no kind of destination (" +
           nearest_hint(security::kDestinationKindNames, name) + ")";
  }
  section.*kMember = std::move(names);
  return "";
}

// Where the three levels begin; [] switches the metric off.
template <auto kMember, std::uint64_t kMax>
std::string read_steps(const TomlNode& node, ThreatLimits& limits) {
  const std::string wanted =
      "three numbers that grow, 1 to " + std::to_string(kMax) + " (like [10, 30, 60]), or none: []";
  ThreatSteps steps{};
  if (node.kind != TomlKind::Array) return std::string(name_of(node.kind)) + ", not " + wanted;
  if (node.items.empty()) {
    limits.*kMember = steps;
    return "";
  }
  if (node.items.size() != steps.size()) return "not " + wanted;
  std::int64_t before = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const TomlNode& item = node.items[i];
    if (item.kind != TomlKind::Integer || item.integer <= before ||
        std::cmp_greater(item.integer, kMax)) {
      return "not " + wanted;
    }
    before = item.integer;
    steps.at(i) = static_cast<std::uint32_t>(before);
  }
  limits.*kMember = steps;
  return "";
}

constexpr std::array kSourceKeys = {
    PolicyKey<SourceRules>{"interfaces", &read_names<&SourceRules::interfaces>},
    PolicyKey<SourceRules>{"macs", &read_macs<&SourceRules::macs>},
    PolicyKey<SourceRules>{"nets", &read_nets<&SourceRules::nets>},
    PolicyKey<SourceRules>{"vnis", &read_vnis<&SourceRules::vnis>},
    PolicyKey<SourceRules>{"gwlb_endpoints", &read_endpoints<&SourceRules::gwlb_endpoints>},
    PolicyKey<SourceRules>{"deny_macs", &read_macs<&SourceRules::deny_macs>},
    PolicyKey<SourceRules>{"deny_nets", &read_nets<&SourceRules::deny_nets>},
    PolicyKey<SourceRules>{"deny_vnis", &read_vnis<&SourceRules::deny_vnis>},
    PolicyKey<SourceRules>{"block", &read_bool<&SourceRules::block>},
};
constexpr std::array kDestinationKeys = {
    PolicyKey<DestinationRules>{"kinds", &read_kinds<&DestinationRules::kinds>},
    PolicyKey<DestinationRules>{"directories", &read_directories<&DestinationRules::directories>},
};
constexpr std::array kLevelKeys = {
    PolicyKey<PolicyLevel>{"deny_macs", &read_macs<&PolicyLevel::deny_macs>},
    PolicyKey<PolicyLevel>{"deny_nets", &read_nets<&PolicyLevel::deny_nets>},
    PolicyKey<PolicyLevel>{"deny_vnis", &read_vnis<&PolicyLevel::deny_vnis>},
    PolicyKey<PolicyLevel>{"block", &read_bool<&PolicyLevel::block>},
};
constexpr std::array kThreatKeys = {
    PolicyKey<ThreatLimits>{"malformed", &read_steps<&ThreatLimits::malformed, 100>},
    PolicyKey<ThreatLimits>{"refused_sources",
                            &read_steps<&ThreatLimits::refused_sources, kCountMax>},
    PolicyKey<ThreatLimits>{"refused_requests",
                            &read_steps<&ThreatLimits::refused_requests, kCountMax>},
    PolicyKey<ThreatLimits>{"policy_refusals",
                            &read_steps<&ThreatLimits::policy_refusals, kCountMax>},
    PolicyKey<ThreatLimits>{"window", &read_time<&ThreatLimits::window>},
    PolicyKey<ThreatLimits>{"recovery", &read_time<&ThreatLimits::recovery>},
};
constexpr std::array<std::string_view, 3> kLevelNames = {"elevated", "high", "critical"};
constexpr std::array<std::string_view, 6> kRootKeys = {"version", "issued",       "expires",
                                                       "sources", "destinations", "threat"};

class Reader {
 public:
  explicit Reader(PolicyOutcome& outcome) : out_(outcome) {}

  void read_root(const TomlNode& root) {
    PolicyDocument& document = out_.document;
    for (const TomlEntry& entry : root.entries) {
      if (full()) return;
      const std::string& key = entry.key;
      if (key == "version") {
        read_version(entry);
      } else if (key == "issued") {
        read_point(entry, document.issued);
      } else if (key == "expires") {
        read_point(entry, document.expires);
      } else if (key == "sources") {
        read_table(entry, key, kSourceKeys, document.sources);
      } else if (key == "destinations") {
        read_table(entry, key, kDestinationKeys, document.destinations);
      } else if (key == "threat") {
        read_threat(entry);
      } else {
        add(entry.place, key.substr(0, 64), "unknown key (" + nearest_hint(kRootKeys, key) + ")");
      }
    }
    require(root, "version", "a whole number that grows with each document: version = 1");
    require(root, "issued", "from when on it holds: issued = 2026-11-29T20:00:00Z");
    require(root, "expires", "until when: expires = 2027-11-29T20:00:00Z");
    check_lists();
    if (out_.ok() && document.expires <= document.issued) {
      add(root.find("expires")->place, "expires", "not after issued");
    }
  }

 private:
  [[nodiscard]] bool full() const { return out_.problems.size() >= kProblemsMax; }

  void add(TomlPlace at, std::string path, std::string message) {
    if (full()) return;
    out_.problems.push_back({.at = at, .path = std::move(path), .message = std::move(message)});
  }

  // What only those who act by the lists can say.
  void check_lists() {
    for (const auto& one : security::problems_in(out_.document.sources)) {
      add({}, "sources." + one.list, one.message);
    }
    for (const auto& one : security::problems_in(out_.document.destinations)) {
      add({}, "destinations." + one.list, one.message);
    }
  }

  void require(const TomlNode& root, const char* key, const char* what) {
    if (root.find(key) == nullptr) add({}, key, "missing (" + std::string(what) + ")");
  }

  void read_version(const TomlEntry& entry) {
    if (entry.node.kind != TomlKind::Integer) {
      add(entry.place, entry.key, std::string(name_of(entry.node.kind)) + ", not a whole number");
    } else if (entry.node.integer < 1) {
      add(entry.place, entry.key, std::to_string(entry.node.integer) + ": not 1 or more");
    } else {
      out_.document.version = static_cast<std::uint64_t>(entry.node.integer);
    }
  }

  void read_point(const TomlEntry& entry, Timestamp& out) {
    constexpr const char* kLike = "(like 2026-11-29T20:00:00Z, without quotes)";
    if (entry.node.kind != TomlKind::Date) {
      add(entry.place, entry.key,
          std::string(name_of(entry.node.kind)) + ", not a point in time " + kLike);
    } else if (!entry.node.time) {
      add(entry.place, entry.key,
          std::string("a date without an offset, or out of range, not a point in time ") + kLike);
    } else {
      out = *entry.node.time;
    }
  }

  bool is_table(const TomlEntry& entry, const std::string& path) {
    if (entry.node.kind == TomlKind::Table) return true;
    add(entry.place, path,
        std::string(name_of(entry.node.kind)) + ", not a table (write [" + path + "])");
    return false;
  }

  template <typename Section, std::size_t kKeys>
  void read_entry(const TomlEntry& entry, const std::string& path,
                  const std::array<PolicyKey<Section>, kKeys>& keys, Section& section,
                  std::span<const std::string_view> others = {}) {
    std::vector<std::string_view> names(others.begin(), others.end());
    for (const PolicyKey<Section>& key : keys) {
      names.push_back(key.name);
      if (key.name != entry.key) continue;
      std::string problem = key.read(entry.node, section);
      if (!problem.empty()) add(entry.place, path + "." + entry.key, std::move(problem));
      return;
    }
    add(entry.place, (path + "." + entry.key).substr(0, 128),
        "unknown key (" + nearest_hint(names, entry.key) + ")");
  }

  template <typename Section, std::size_t kKeys>
  void read_table(const TomlEntry& table, const std::string& path,
                  const std::array<PolicyKey<Section>, kKeys>& keys, Section& section) {
    if (!is_table(table, path)) return;
    for (const TomlEntry& entry : table.node.entries) {
      if (full()) return;
      read_entry(entry, path, keys, section);
    }
  }

  void read_threat(const TomlEntry& threat) {
    if (!is_table(threat, "threat")) return;
    for (const TomlEntry& entry : threat.node.entries) {
      if (full()) return;
      const auto* const level = std::ranges::find(kLevelNames, entry.key);
      if (level == kLevelNames.end()) {
        read_entry(entry, "threat", kThreatKeys, out_.document.threat, kLevelNames);
        continue;
      }
      const auto index = static_cast<std::size_t>(level - kLevelNames.begin());
      read_table(entry, "threat." + entry.key, kLevelKeys, out_.document.levels.at(index));
    }
  }

  PolicyOutcome& out_;
};

}  // namespace

PolicyOutcome read_policy(std::string_view text) {
  PolicyOutcome outcome;
  auto parsed = parse_toml(text, kLimits);
  if (auto* error = std::get_if<TomlError>(&parsed)) {
    outcome.problems.push_back({.at = error->place, .message = std::move(error->message)});
    return outcome;
  }
  Reader(outcome).read_root(std::get<TomlNode>(parsed));
  std::stable_sort(outcome.problems.begin(), outcome.problems.end(),
                   [](const ConfigProblem& a, const ConfigProblem& b) { return a.at < b.at; });
  return outcome;
}

}  // namespace weir::control
