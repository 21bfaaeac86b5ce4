#include "control/config_check.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "control/config_schema.h"
#include "control/values.h"
#include "filter/rule_conditions.h"

namespace weir::control {
namespace {

class Checker {
 public:
  explicit Checker(const Config& config) : config_(config) {}

  std::vector<ConfigProblem> take() { return std::move(problems_); }

  void check_values() {
    check_section(config_.engine, {.section = "engine"});
    check_section(config_.security, {.section = "security"});
    check_section(config_.pressure, {.section = "pressure"});
    check_section(config_.telemetry, {.section = "telemetry"});
    check_section(config_.control, {.section = "control"});
    check_count("interface", config_.interfaces.size(), kInterfacesMax);
    for (std::size_t i = 0; i < config_.interfaces.size(); ++i) {
      check_section(config_.interfaces[i], {.section = "interface", .item = i});
    }
    check_count("session", config_.sessions.size(), kSessionsMax);
    std::size_t rules = 0;
    for (std::size_t i = 0; i < config_.sessions.size(); ++i) {
      const SessionConfig& session = config_.sessions[i];
      check_section(session, {.section = "session", .item = i});
      if (session.rules.size() > kRulesMax) {
        add({.section = "session", .item = i}, "more than " + std::to_string(kRulesMax) + " rules");
      }
      rules += session.rules.size();
      for (std::size_t k = 0; k < session.rules.size() && !full(); ++k) {
        check_section(session.rules[k], {.section = "session", .item = i, .rule = k});
      }
    }
    check_count("session[].rule", rules, kRulesOfAllMax);
  }

  void check_relations() {
    check_engine();
    check_security();
    check_pressure();
    check_telemetry();
    check_control();
    check_interfaces();
    check_sessions();
  }

 private:
  // A hostile configuration could have a million.
  [[nodiscard]] bool full() const { return problems_.size() >= kProblemsMax; }

  void add(ConfigPlace place, std::string message) {
    if (full()) return;
    problems_.push_back(
        {.place = place, .path = path_of(place, config_), .message = std::move(message)});
  }

  template <typename Section>
  void check_section(const Section& section, ConfigPlace place) {
    for (const Key<Section>& key : keys_of<Section>()) {
      std::string problem = check_value(key, key.get(section));
      // A missing name is told with the relations.
      if (problem.empty() || (key.name == "name" && problem == "empty")) continue;
      place.key = key.name;
      add(place, std::move(problem));
    }
  }

  void check_count(std::string_view section, std::size_t count, std::size_t max) {
    if (count > max) {
      add({.section = section}, std::to_string(count) + ": more than " + std::to_string(max));
    }
  }

  void check_absolute(ConfigPlace place, const std::string& path) {
    if (!path.starts_with('/')) add(place, "'" + path + "': no absolute path");
  }

  void check_account(ConfigPlace place, const std::string& name) {
    constexpr std::string_view kInside =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    if (name.empty()) return;
    const bool good = name.find_first_not_of(kInside) == std::string::npos && name[0] != '-' &&
                      name.find_first_not_of("0123456789") != std::string::npos;
    if (!good) add(place, "'" + name + "': no name of a user or group");
  }

  void check_engine() {
    check_absolute({.section = "engine", .key = "state_dir"}, config_.engine.state_dir);
    check_account({.section = "engine", .key = "user"}, config_.engine.user);
  }

  void check_control() {
    const ControlConfig& control = config_.control;
    check_absolute({.section = "control", .key = "socket"}, control.socket);
    check_account({.section = "control", .key = "viewer_group"}, control.viewer_group);
    check_account({.section = "control", .key = "operator_group"}, control.operator_group);
    check_account({.section = "control", .key = "admin_group"}, control.admin_group);
  }

  void check_security();
  void check_pressure() {
    const PressureConfig& pressure = config_.pressure;
    if (pressure.high <= pressure.elevated) {
      add({.section = "pressure", .key = "high"}, std::to_string(pressure.high) +
                                                      ": not more than elevated (" +
                                                      std::to_string(pressure.elevated) + ")");
    }
    if (pressure.critical <= pressure.high) {
      add({.section = "pressure", .key = "critical"}, std::to_string(pressure.critical) +
                                                          ": not more than high (" +
                                                          std::to_string(pressure.high) + ")");
    }
  }
  void check_telemetry();
  void check_interfaces();
  void check_sessions();
  void check_session(const SessionConfig& session, ConfigPlace place);
  void check_session_interfaces(const SessionConfig& session, ConfigPlace place);
  void check_outputs(const SessionConfig& session, ConfigPlace place);
  void claim_path(const std::string& path, ConfigPlace place);
  void check_rules(const SessionConfig& session, ConfigPlace place);
  void check_rule(const filter::RuleSpec& rule, ConfigPlace place);
  void check_rules_together(const SessionConfig& session, ConfigPlace place);

  const Config& config_;
  std::vector<ConfigProblem> problems_;
  std::map<std::string, std::string> paths_;  // that are written to, and by what
};

std::optional<std::uint32_t> port_in(std::string_view text) {
  std::uint32_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, port);
  if (status != std::errc{} || stop != end || port > 65'535) return std::nullopt;
  return port;
}

// "127.0.0.1:9478", "[::1]:9478".
std::string check_listen(const std::string& listen) {
  const std::string shown = "'" + listen + "': ";
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos || !port_in(std::string_view(listen).substr(colon + 1))) {
    return shown + "no address with a port (like 127.0.0.1:9478)";
  }
  const std::string host = listen.substr(0, colon);
  in_addr address{};
  const bool four = ::inet_pton(AF_INET, host.c_str(), &address) == 1;
  if (four && (ntohl(address.s_addr) >> 24) == 127) return "";
  if (host == "[::1]") return "";
  return shown + "no loopback address (only 127.0.0.0/8 and [::1], until there is TLS)";
}

std::string check_url(const std::string& url) {
  // Not shown whole: it may have a secret in it.
  const std::size_t scheme = url.starts_with("http://") ? 7 : url.starts_with("https://") ? 8 : 0;
  if (scheme == 0) return "neither http:// nor https://";
  const std::string_view rest = std::string_view(url).substr(scheme);
  const std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  if (host.find('@') != std::string_view::npos) {
    return "has a user or password in it (a configuration is shown to many)";
  }
  if (host.empty() || host.front() == ':') return "has no host";
  const bool printable =
      std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  return printable ? "" : "has blanks or other characters that must be %-escaped";
}

void Checker::check_security() {
  const SecurityConfig& security = config_.security;
  const ConfigPlace policy = {.section = "security", .key = "policy"};
  const ConfigPlace key = {.section = "security", .key = "policy_key"};
  if (!security.policy.empty()) check_absolute(policy, security.policy);
  if (!security.policy_key.empty()) check_absolute(key, security.policy_key);
  if (security.policy.empty() != security.policy_key.empty()) {
    add(security.policy.empty() ? policy : key,
        "empty, and the other one of policy and policy_key is not (name both, or neither)");
  }
  for (const auto& problem : security::problems_in(security.destinations)) {
    add({.section = "security",
         .key = problem.list == "kinds" ? "destinations.kinds" : "destinations.directories"},
        problem.message);
  }
  std::vector<std::string_view> known;
  for (const InterfaceConfig& one : config_.interfaces) known.push_back(one.name);
  for (const std::string& name : security.sources.interfaces) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    add({.section = "security", .key = "sources.interfaces"},
        "'" + name + "': no [[interface]] of this name (" + nearest_hint(known, name) + ")");
  }
}

void Checker::check_telemetry() {
  const TelemetryConfig& telemetry = config_.telemetry;
  ConfigPlace place{.section = "telemetry"};
  const auto add_if = [&](std::string_view key, std::string problem) {
    place.key = key;
    if (!problem.empty()) add(place, std::move(problem));
  };
  if (!telemetry.listen.empty()) add_if("listen", check_listen(telemetry.listen));
  if (!telemetry.report_url.empty()) add_if("report_url", check_url(telemetry.report_url));
}

void Checker::check_interfaces() {
  std::set<std::string_view> names;
  std::uint64_t workers = 0;
  for (std::size_t i = 0; i < config_.interfaces.size(); ++i) {
    const InterfaceConfig& one = config_.interfaces[i];
    const ConfigPlace name{.section = "interface", .item = i, .key = "name"};
    if (one.name.empty()) {
      add({.section = "interface", .item = i}, "has no name (name = \"eth0\")");
    } else if (!names.insert(one.name).second) {
      add(name, "'" + one.name + "': given twice");
    }
    workers += one.workers;
    if (workers > kWorkersMax && workers - one.workers <= kWorkersMax) {
      add({.section = "interface", .item = i, .key = "workers"},
          "more than " + std::to_string(kWorkersMax) + " workers on all interfaces together");
    }
  }
}

void Checker::check_sessions() {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < config_.sessions.size(); ++i) {
    const SessionConfig& session = config_.sessions[i];
    const ConfigPlace place{.section = "session", .item = i};
    if (session.name.empty()) {
      add(place, "has no name (name = \"all\")");
    } else if (!names.insert(session.name).second) {
      add({.section = "session", .item = i, .key = "name"}, "'" + session.name + "': given twice");
    }
    check_session(session, place);
  }
}

void Checker::check_session(const SessionConfig& session, ConfigPlace place) {
  check_session_interfaces(session, place);
  check_outputs(session, place);
  check_rules(session, place);
}

void Checker::check_session_interfaces(const SessionConfig& session, ConfigPlace place) {
  if (config_.interfaces.empty()) {
    add(place, "captures on no interface (add an [[interface]])");
    return;
  }
  std::vector<std::string_view> known;
  for (const InterfaceConfig& one : config_.interfaces) known.push_back(one.name);
  place.key = "interfaces";
  std::uint32_t snaplen = 0;
  for (std::size_t i = 0; i < session.interfaces.size() && !full(); ++i) {
    const std::string& name = session.interfaces[i];
    const auto begin = session.interfaces.begin();
    const auto end = begin + static_cast<std::ptrdiff_t>(i);
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      add(place,
          "'" + name + "': no [[interface]] of this name (" + nearest_hint(known, name) + ")");
    } else if (std::find(begin, end, name) != end) {
      add(place, "'" + name + "': given twice");
    } else {
      snaplen = std::max(
          snaplen, config_.interfaces[static_cast<std::size_t>(found - known.begin())].snaplen);
    }
  }
  if (session.interfaces.empty()) {
    for (const InterfaceConfig& one : config_.interfaces) snaplen = std::max(snaplen, one.snaplen);
  }
  if (snaplen != 0 && session.snaplen > snaplen) {
    place.key = "snaplen";
    add(place, std::to_string(session.snaplen) + ": its interfaces keep at most " +
                   std::to_string(snaplen) + " bytes of a packet");
  }
}

void Checker::check_outputs(const SessionConfig& session, ConfigPlace place) {
  place.key = "pcapng.path";
  claim_path(session.pcapng.path, place);
  place.key = "pcapng.spill";
  claim_path(session.pcapng.spill, place);
  if (!session.pcapng.spill.empty() && session.pcapng.path.empty()) {
    add(place, "without a pipe that it is for (add path)");
  }
  place.key = "store.path";
  for (const std::string& path : session.store.paths) claim_path(path, place);
  place.key = "logs.path";
  claim_path(session.logs.path, place);
  const PcapngConfig& pcapng = session.pcapng;
  if (pcapng.files_max != 0 && pcapng.rotate_bytes == 0 && pcapng.rotate_interval == Duration(0)) {
    place.key = "pcapng.rotate.files";
    add(place, "without a size or an interval (say when a new file begins)");
  }
  if (session.logs.files_max != 0 && session.logs.rotate_interval == Duration(0)) {
    place.key = "logs.rotate.files";
    add(place, "without an interval (say when a log is finished)");
  }
}

void Checker::claim_path(const std::string& path, ConfigPlace place) {
  if (path.empty()) return;
  if (path == "-") {
    add(place, "'-': a service has no standard output (name a file or pipe)");
    return;
  }
  std::string normal = std::filesystem::path(path).lexically_normal().string();
  while (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  const auto [taken, mine] = paths_.emplace(normal, path_of(place, config_));
  if (!mine) add(place, "'" + path + "': is written by " + taken->second + " too");
}

void Checker::check_rules(const SessionConfig& session, ConfigPlace place) {
  if (session.rules.empty() && session.otherwise == filter::RuleAction::Reject) {
    place.key = "rules_otherwise";
    add(place, "rejects every packet, because there is no rule (add a [[session.rule]])");
  }
  std::set<std::string> names;
  for (std::size_t k = 0; k < session.rules.size() && !full(); ++k) {
    const filter::RuleSpec& rule = session.rules[k];
    place.rule = k;
    check_rule(rule, place);
    std::string name = rule.name.empty() ? "rule-" + std::to_string(k + 1) : rule.name;
    if (const auto [first, mine] = names.insert(std::move(name)); !mine) {
      place.key = "name";
      add(place, "'" + *first + "': given twice in session " + session.name +
                     " (a rule without a name is rule-N)");
    }
  }
  // What is wrong with a rule has been told, in the words of the configuration.
  if (problems_.empty()) check_rules_together(session, place);
}

// What the rules would still be refused for when they are compiled.
void Checker::check_rules_together(const SessionConfig& session, ConfigPlace place) {
  const auto key_of = [](std::string_view of_filter) -> std::string_view {
    for (const Key<filter::RuleSpec>& key : keys_of<filter::RuleSpec>()) {
      if (key.name == of_filter || std::string(key.name) + "s" == of_filter) return key.name;
    }
    return {};
  };
  for (const filter::RuleProblem& problem : filter::check_rules(session.rules, session.otherwise)) {
    const bool all = problem.rule == filter::RuleProblem::kWholeList;
    place.rule = all ? std::nullopt : std::optional<std::size_t>(problem.rule);
    place.key = all ? "rule" : key_of(problem.key);
    add(place, problem.message);
  }
}

void Checker::check_rule(const filter::RuleSpec& rule, ConfigPlace place) {
  const bool conditions = !rule.nets.empty() || !rule.source_nets.empty() ||
                          !rule.destination_nets.empty() || !rule.ports.empty() ||
                          !rule.source_ports.empty() || !rule.destination_ports.empty() ||
                          !rule.protocols.empty() || !rule.vlans.empty() || !rule.vnis.empty() ||
                          !rule.gwlb_endpoints.empty();
  const auto add_at = [&](std::string_view key, std::string message) {
    place.key = key;
    add(place, std::move(message));
  };
  if (!rule.name.empty() && !is_name(rule.name)) {
    add_at("name", "'" + rule.name.substr(0, 64) +
                       "': no name (1 to 64 of A-Z a-z 0-9 _ . -, the first no . or -)");
  }
  if (!rule.expression.empty() && conditions) {
    add_at("filter", "beside conditions (write them into the expression, or a rule of their own)");
  }
  if (rule.action == filter::RuleAction::Truncate && rule.keep_bytes == 0) {
    add_at("action", "'truncate' without a size (add truncate = 128)");
  }
  if (rule.action != filter::RuleAction::Truncate && rule.keep_bytes != 0) {
    add_at("truncate", "has no effect (write action = \"truncate\")");
  }
  if (rule.action == filter::RuleAction::Cutoff && rule.cutoff_bytes == 0) {
    add_at("action", "'cutoff' without a size (add cutoff = \"64KiB\")");
  }
  if (rule.action != filter::RuleAction::Cutoff && rule.cutoff_bytes != 0) {
    add_at("cutoff", "has no effect (write action = \"cutoff\")");
  }
}

}  // namespace

std::vector<ConfigProblem> check_relations(const Config& config) {
  Checker checker(config);
  checker.check_relations();
  return checker.take();
}

std::vector<ConfigProblem> check_config(const Config& config) {
  Checker checker(config);
  checker.check_values();
  checker.check_relations();
  return checker.take();
}

}  // namespace weir::control
