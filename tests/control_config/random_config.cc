#include "control_config/random_config.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/assert.h"
#include "control/config_check.h"
#include "control/config_schema.h"

namespace weir::control {
namespace {

std::string random_name(Prng& prng) {
  constexpr std::string_view kLetters = "abcXYZ019_.-";
  std::string name(1, kLetters[prng.below(10)]);
  for (std::uint64_t more = prng.below(12); more > 0; --more) name += kLetters[prng.below(12)];
  return name;
}

// Also with everything that a writer must escape.
std::string random_text(Prng& prng, std::size_t bytes_max) {
  constexpr std::array<std::string_view, 14> kPieces = {
      "a", "tcp port 80", " ", "\"", "\\", "'", "\n", "\t", "\r", "\x01", "\x7f", "ü", "€", "😀"};
  std::string text;
  for (std::uint64_t more = prng.below(8); more > 0; --more) {
    const std::string_view piece = kPieces[prng.below(kPieces.size())];
    if (text.size() + piece.size() <= bytes_max) text += piece;
  }
  return text;
}

std::uint64_t random_number(const KeyInfo& info, Prng& prng) {
  if (info.zero && prng.chance(1, 4)) return 0;
  switch (prng.below(4)) {
    case 0:
      return info.min;
    case 1:
      return info.max;
    default:
      return info.min + prng.below(info.max - info.min + 1);
  }
}

std::string random_net(Prng& prng) {
  constexpr std::array<const char*, 6> kNets = {"10.0.0.0/8",    "192.0.2.1",   "0.0.0.0/0",
                                                "2001:db8::/32", "2001:db8::1", "::/0"};
  return kNets[prng.below(kNets.size())];
}

template <typename List, typename One>
List random_list(Prng& prng, One&& one) {
  List list;
  for (std::uint64_t more = prng.below(4); more > 0; --more) list.push_back(one());
  return list;
}

KeyValue random_value(const KeyInfo& info, Prng& prng) {
  switch (info.type) {
    case KeyType::String:
      return random_text(prng, info.max);
    case KeyType::Name:
      return random_name(prng);
    case KeyType::Bool:
      return prng.chance(1, 2);
    case KeyType::Integer:
    case KeyType::Size:
    case KeyType::Time:
      return random_number(info, prng);
    case KeyType::Choice:
      return std::string(info.choices[prng.below(info.choices.size())]);
    case KeyType::Names:
      return random_list<std::vector<std::string>>(prng, [&] { return random_name(prng); });
    case KeyType::Paths:
      return random_list<std::vector<std::string>>(
          prng, [&] { return "p" + random_text(prng, info.max - 1); });
    case KeyType::Macs:
      return random_list<std::vector<std::string>>(
          prng, [&] { return security::mac_text(prng.next() & security::kMacMax); });
    case KeyType::Steps: {
      // Some of a ladder, in its order.
      std::vector<std::string> steps;
      for (const char* step : {"cutoff 1MiB", "cutoff 64KiB", "truncate 128", "sample 1/2",
                               "sample 1/65536", "drop"}) {
        if (prng.chance(1, 2)) steps.emplace_back(step);
      }
      return steps;
    }
    case KeyType::Nets:
      return random_list<std::vector<std::string>>(prng, [&] { return random_net(prng); });
    case KeyType::Numbers:
    case KeyType::Protocols:
      return random_list<std::vector<filter::NumberRange>>(prng, [&] {
        const auto first = static_cast<std::uint32_t>(prng.below(info.max + 1));
        const auto last = static_cast<std::uint32_t>(first + prng.below(info.max - first + 1));
        return filter::NumberRange{first, prng.chance(1, 2) ? first : last};
      });
    case KeyType::Endpoints:
      return random_list<std::vector<std::uint64_t>>(prng, [&] { return prng.next(); });
    case KeyType::Levels:
      break;
  }
  ModuleLevels levels;
  for (const char* module : {"capture", "protocol/deep", "state"}) {
    if (prng.chance(1, 2)) levels.emplace_back(module, telemetry::LogLevel{});
  }
  return levels;
}

template <typename Section>
void fill(Section& section, Prng& prng, std::uint64_t numerator = 1,
          std::uint64_t denominator = 1) {
  for (const Key<Section>& key : keys_of<Section>()) {
    if (key.type == KeyType::Name && denominator > 1) continue;
    if (prng.chance(numerator, denominator)) key.set(section, random_value(key, prng));
  }
}

// Makes sense of what chance has brought together.
void mend(Config& config, Prng& prng) {
  std::set<std::string> names;
  for (InterfaceConfig& one : config.interfaces) {
    while (!names.insert(one.name).second) one.name = random_name(prng);
    one.workers = 1;
    one.snaplen = std::max(one.snaplen, 1000u);
  }
  config.security.sources.interfaces.clear();
  if (prng.chance(1, 2)) {
    config.security.sources.interfaces.push_back(config.interfaces.front().name);
  }
  config.engine.state_dir = "/" + config.engine.state_dir;
  config.engine.user = "weir";
  config.control.socket = "/" + config.control.socket.substr(0, 50);
  config.control.viewer_group = prng.chance(1, 2) ? "" : "wheel";
  config.control.operator_group = "net-dev";
  config.control.admin_group = "";
  // Both, or neither.
  const bool has_policy = prng.chance(1, 2);
  config.security.policy = has_policy ? "/" + config.security.policy.substr(0, 50) : "";
  config.security.policy_key = has_policy ? "/" + config.security.policy_key.substr(0, 50) : "";
  PressureConfig& pressure = config.pressure;
  pressure.elevated = std::min(pressure.elevated, 50u);
  pressure.high = std::max(pressure.elevated + 1, pressure.high / 2);
  pressure.critical = std::max(pressure.high + 1, pressure.critical);
  config.telemetry.listen = prng.chance(1, 2) ? "" : "127.0.0.1:9478";
  config.telemetry.report_url = prng.chance(1, 2) ? "" : "http://collector:4318/v1/metrics";
  for (std::string& kind : config.security.destinations.kinds) {
    kind = security::kDestinationKindNames[prng.below(security::kDestinationKindNames.size())];
  }
  for (std::string& path : config.security.destinations.directories) {
    if (!path.starts_with('/')) path.insert(0, 1, '/');
  }
  names.clear();
  std::size_t number = 0;
  for (SessionConfig& session : config.sessions) {
    while (!names.insert(session.name).second) session.name = random_name(prng);
    session.interfaces.clear();
    if (prng.chance(1, 2)) session.interfaces.push_back(config.interfaces.front().name);
    session.snaplen %= 1000;
    const std::string unique = std::to_string(++number);
    if (!session.pcapng.path.empty()) session.pcapng.path = unique + "/p" + session.pcapng.path;
    if (session.pcapng.path.empty()) session.pcapng.spill.clear();
    if (!session.pcapng.spill.empty()) session.pcapng.spill = unique + "/q" + session.pcapng.spill;
    for (std::size_t k = 0; k < session.store.paths.size(); ++k) {
      session.store.paths[k] = unique + "/" + std::to_string(k) + "s" + session.store.paths[k];
    }
    if (!session.logs.path.empty()) session.logs.path = unique + "/l" + session.logs.path;
    if (session.pcapng.rotate_bytes == 0) session.pcapng.files_max = 0;
    if (session.logs.rotate_interval == Duration(0)) session.logs.files_max = 0;
    if (session.rules.empty()) session.otherwise = filter::RuleAction::Accept;
    for (std::size_t k = 0; k < session.rules.size(); ++k) {
      filter::RuleSpec& rule = session.rules[k];
      rule.name = prng.chance(1, 2) ? "" : "own-" + std::to_string(k);
      if (prng.chance(1, 3)) {
        const auto action = rule.action;
        rule = {.name = rule.name, .expression = rule.expression};
        rule.action = action;
      } else {
        rule.expression.clear();
      }
      rule.keep_bytes = rule.action == filter::RuleAction::Truncate ? 96 : 0;
      rule.cutoff_bytes = rule.action == filter::RuleAction::Cutoff ? 4096 : 0;
    }
  }
}

InterfaceConfig random_interface(Prng& prng) {
  InterfaceConfig one;
  fill(one, prng);
  return one;
}

filter::RuleSpec random_rule(Prng& prng) {
  filter::RuleSpec rule;
  fill(rule, prng);
  return rule;
}

SessionConfig random_session(Prng& prng) {
  SessionConfig session;
  fill(session, prng);
  for (std::uint64_t more = prng.below(5); more > 0; --more) {
    session.rules.push_back(random_rule(prng));
  }
  return session;
}

}  // namespace

Config random_config(Prng& prng) {
  Config config;
  fill(config.engine, prng);
  fill(config.pressure, prng);
  fill(config.telemetry, prng);
  fill(config.control, prng);
  fill(config.security, prng);
  for (std::uint64_t more = 1 + prng.below(4); more > 0; --more) {
    config.interfaces.push_back(random_interface(prng));
  }
  for (std::uint64_t more = prng.below(5); more > 0; --more) {
    config.sessions.push_back(random_session(prng));
  }
  mend(config, prng);
  WEIR_ASSERT(check_config(config).empty());
  return config;
}

Config random_neighbour(const Config& config, Prng& prng) {
  Config next = config;
  fill(next.engine, prng, 1, 8);
  fill(next.pressure, prng, 1, 8);
  fill(next.telemetry, prng, 1, 8);
  fill(next.control, prng, 1, 8);
  fill(next.security, prng, 1, 8);
  for (InterfaceConfig& one : next.interfaces) fill(one, prng, 1, 8);
  for (SessionConfig& session : next.sessions) {
    fill(session, prng, 1, 8);
    for (filter::RuleSpec& rule : session.rules) fill(rule, prng, 1, 8);
    if (prng.chance(1, 3)) session.rules.push_back(random_rule(prng));
    if (!session.rules.empty() && prng.chance(1, 3)) session.rules.pop_back();
  }
  if (prng.chance(1, 3)) next.interfaces.push_back(random_interface(prng));
  if (prng.chance(1, 3)) next.sessions.push_back(random_session(prng));
  if (next.interfaces.size() > 1 && prng.chance(1, 3))
    next.interfaces.erase(next.interfaces.begin());
  if (!next.sessions.empty() && prng.chance(1, 3)) next.sessions.pop_back();
  std::reverse(next.sessions.begin(), next.sessions.end());
  mend(next, prng);
  WEIR_ASSERT(check_config(next).empty());
  return next;
}

}  // namespace weir::control
