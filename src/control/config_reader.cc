#include "control/config_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/unique_fd.h"
#include "control/config_check.h"
#include "control/config_destinations.h"
#include "control/config_schema.h"
#include "control/config_value_reader.h"
#include "control/values.h"

namespace weir::control {
namespace {

constexpr std::array<std::string_view, 7> kSections = {
    "engine", "interface", "session", "security", "pressure", "telemetry", "control"};

// Fills a Config from a document. A problem does not stop it.
class Reader {
 public:
  explicit Reader(ReadOutcome& outcome) : out_(outcome) {}

  void read_root(const TomlNode& root) {
    for (const TomlEntry& entry : root.entries) {
      if (full()) return;
      const std::string& key = entry.key;
      Config& config = out_.config;
      if (key == "engine") {
        read_table(entry, config.engine);
      } else if (key == "security") {
        read_table(entry, config.security);
      } else if (key == "pressure") {
        read_table(entry, config.pressure);
      } else if (key == "telemetry") {
        read_table(entry, config.telemetry);
      } else if (key == "control") {
        read_table(entry, config.control);
      } else if (key == "interface") {
        read_items(entry, key, kInterfacesMax, [&](const TomlNode& item) {
          read_group(item, key, "", config.interfaces.emplace_back());
        });
      } else if (key == "session") {
        read_items(entry, key, kSessionsMax, [&](const TomlNode& item) {
          read_session_table(item, config.sessions.emplace_back());
        });
      } else {
        add(entry.place, key.substr(0, 64), "unknown key (" + nearest_hint(kSections, key) + ")");
      }
    }
  }

 private:
  // A hostile text could have a million.
  [[nodiscard]] bool full() const { return out_.problems.size() >= kProblemsMax; }

  void add(TomlPlace at, std::string path, std::string message) {
    if (full()) return;
    out_.problems.push_back({.at = at, .path = std::move(path), .message = std::move(message)});
  }

  template <typename Section>
  void read_table(const TomlEntry& entry, Section& section) {
    if (entry.node.kind != TomlKind::Table) {
      add(entry.place, entry.key,
          std::string(name_of(entry.node.kind)) + ", not a table (write [" + entry.key + "])");
      return;
    }
    read_group(entry.node, entry.key, "", section);
  }

  // The tables of an array of tables.
  template <typename ReadItem>
  void read_items(const TomlEntry& entry, const std::string& path, std::size_t items_max,
                  ReadItem&& read_item) {
    if (entry.node.kind != TomlKind::Array) {
      add(entry.place, path,
          std::string(name_of(entry.node.kind)) + ", not a list of tables (write [[" + path +
              "]])");
      return;
    }
    for (std::size_t i = 0; i < entry.node.items.size() && !full(); ++i) {
      const TomlNode& item = entry.node.items[i];
      if (i == items_max) {
        add(item.place, path, "more than " + std::to_string(items_max));
        return;
      }
      if (item.kind == TomlKind::Table) {
        read_item(item);
      } else {
        add(item.place, path, std::string(name_of(item.kind)) + ", not a table");
      }
    }
  }

  void read_session_table(const TomlNode& table, SessionConfig& session) {
    read_group(table, "session", "", session, "rule");
    const TomlEntry* const rules = table.find("rule");
    if (rules == nullptr) return;
    read_items(*rules, "session.rule", kRulesMax, [&](const TomlNode& item) {
      if (++rules_ == kRulesOfAllMax + 1) {
        add(item.place, "session.rule",
            "more than " + std::to_string(kRulesOfAllMax) + " in all sessions");
      }
      if (rules_ > kRulesOfAllMax) return;
      read_group(item, "session.rule", "", session.rules.emplace_back());
    });
  }

  // A table of a section, or one within it: "pcapng.", "pcapng.rotate.". `other` is read elsewhere.
  template <typename Section>
  void read_group(const TomlNode& table, const std::string& path, const std::string& prefix,
                  Section& section, std::string_view other = {}) {
    for (const TomlEntry& entry : table.entries) {
      if (full()) return;
      if (prefix.empty() && !other.empty() && entry.key == other) continue;
      read_entry(entry, path, prefix + entry.key, section, prefix.size(), other);
    }
  }

  template <typename Section>
  void read_entry(const TomlEntry& entry, const std::string& path, const std::string& name,
                  Section& section, std::size_t prefix_length, std::string_view other) {
    bool group = false;
    for (const Key<Section>& key : keys_of<Section>()) {
      if (key.name == name) return read_key(entry, path, key, section);
      group = group || (key.name.size() > name.size() && key.name.starts_with(name) &&
                        key.name[name.size()] == '.');
    }
    const std::string full = path + "." + name;
    if (!group) {
      add(entry.place, full.substr(0, 128),
          "unknown key (" +
              nearest_hint(names_under<Section>(name.substr(0, prefix_length), other), entry.key) +
              ")");
    } else if (entry.node.kind != TomlKind::Table) {
      add(entry.place, full, std::string(name_of(entry.node.kind)) + ", not a table");
    } else {
      read_group(entry.node, path, name + ".", section);
    }
  }

  template <typename Section>
  void read_key(const TomlEntry& entry, const std::string& path, const Key<Section>& key,
                Section& section) {
    KeyValue value = key.get(section);
    std::string problem = read_value(key, entry.node, value);
    // A name that is none is kept: what refers to it is not at fault.
    if (problem.empty() || key.type == KeyType::Name) key.set(section, value);
    if (problem.empty()) return;
    const TomlPlace at = entry.node.place.line != 0 ? entry.node.place : entry.place;
    add(at, path + "." + std::string(key.name), std::move(problem));
  }

  // The keys that may stand in a table of a section, without what is in tables further down.
  template <typename Section>
  static std::vector<std::string_view> names_under(std::string_view prefix,
                                                   std::string_view other) {
    std::vector<std::string_view> names;
    for (const Key<Section>& key : keys_of<Section>()) {
      if (!key.name.starts_with(prefix)) continue;
      std::string_view name = key.name.substr(prefix.size());
      name = name.substr(0, name.find('.'));
      if (names.empty() || names.back() != name) names.push_back(name);
    }
    if (prefix.empty() && !other.empty()) names.push_back(other);
    return names;
  }

  ReadOutcome& out_;
  std::size_t rules_ = 0;  // of all sessions
};

void sort_and_cut(std::vector<ConfigProblem>& problems) {
  std::stable_sort(problems.begin(), problems.end(),
                   [](const ConfigProblem& a, const ConfigProblem& b) { return a.at < b.at; });
  if (problems.size() >= kProblemsMax) {
    problems.resize(kProblemsMax);
    problems.push_back({.message = "and more (mend these first)"});
  }
}

// Parses and reads; relations between values are not looked at.
ReadOutcome read_values(std::string_view text) {
  ReadOutcome outcome;
  auto parsed = parse_toml(text);
  if (auto* error = std::get_if<TomlError>(&parsed)) {
    outcome.problems.push_back({.at = error->place, .message = std::move(error->message)});
    return outcome;
  }
  outcome.document = std::get<TomlNode>(std::move(parsed));
  Reader(outcome).read_root(outcome.document);
  return outcome;
}

bool is_toml_fault(const ReadOutcome& outcome) {
  return !outcome.ok() && outcome.document.entries.empty();
}

TomlPlace place_in(const TomlNode& document, const ConfigPlace& place) {
  const TomlEntry* entry = document.find(place.section);
  if (entry == nullptr) return {};
  TomlPlace at = entry->place;
  const TomlNode* node = &entry->node;
  const auto enter_item = [&](std::size_t index) {
    // What is no table is no item.
    for (const TomlNode& item : node->items) {
      if (item.kind != TomlKind::Table || index-- != 0) continue;
      node = &item;
      at = item.place;
      return;
    }
  };
  if (place.item) enter_item(*place.item);
  if (place.rule) {
    entry = node->find("rule");
    if (entry == nullptr) return at;
    node = &entry->node;
    enter_item(*place.rule);
  }
  for (std::string_view key = place.key; !key.empty();) {
    const std::size_t dot = std::min(key.find('.'), key.size());
    entry = node->find(key.substr(0, dot));
    if (entry == nullptr) return at;
    node = &entry->node;
    at = entry->place;
    key.remove_prefix(std::min(dot + 1, key.size()));
  }
  return at;
}

}  // namespace

void locate(std::vector<ConfigProblem>& problems, const TomlNode& document) {
  for (ConfigProblem& problem : problems) {
    problem.at = place_in(document, problem.place);
    if (problem.at.line == 0) continue;
    // The place says which session it is: "session.filter", as of all problems of a text.
    problem.path = problem.place.section;
    if (problem.place.rule) problem.path += ".rule";
    if (!problem.place.key.empty()) problem.path += "." + std::string(problem.place.key);
  }
}

namespace {

using Check = std::vector<ConfigProblem> (*)(const Config& config);

ReadOutcome read_and_check(std::string_view text, std::span<const Check> checks) {
  ReadOutcome outcome = read_values(text);
  for (const Check check : checks) {
    if (is_toml_fault(outcome)) break;
    std::vector<ConfigProblem> problems = check(outcome.config);
    locate(problems, outcome.document);
    outcome.problems.insert(outcome.problems.end(), std::make_move_iterator(problems.begin()),
                            std::make_move_iterator(problems.end()));
  }
  sort_and_cut(outcome.problems);
  return outcome;
}

}  // namespace

ReadOutcome read_config(std::string_view text) {
  constexpr std::array<Check, 1> kChecks = {check_relations};
  return read_and_check(text, kChecks);
}

ReadOutcome read_written_config(std::string_view text) {
  constexpr std::array<Check, 2> kChecks = {check_relations, check_destinations};
  return read_and_check(text, kChecks);
}

Result<SessionConfig> read_session(std::string_view text) {
  ReadOutcome outcome = read_values(text);
  if (!is_toml_fault(outcome)) {
    for (const TomlEntry& entry : outcome.document.entries) {
      if (entry.key == "session") continue;
      outcome.problems.push_back({.at = entry.place,
                                  .path = entry.key.substr(0, 64),
                                  .message = "no part of a session (write one [[session]])"});
    }
    if (outcome.config.sessions.size() != 1) {
      outcome.problems.push_back(
          {.path = "session",
           .message = std::to_string(outcome.config.sessions.size()) +
                      " sessions where one is wanted (write one [[session]])"});
    }
  }
  if (!outcome.ok()) {
    sort_and_cut(outcome.problems);
    return error_of(outcome.problems);
  }
  return std::move(outcome.config.sessions.front());
}

Result<std::string> load_config_text(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_error(errno, "read " + path);
  const std::size_t bytes_max = TomlLimits{}.text_bytes_max;
  std::string text;
  std::vector<char> piece(64 * 1024);
  for (;;) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(errno, "read " + path);
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > bytes_max) {
      return Error{.code = ErrorCode::Usage,
                   .context = "read " + path + ": longer than " + std::to_string(bytes_max) +
                              " bytes (is it a configuration?)"};
    }
  }
}

Result<Config> load_config(const std::string& path) {
  WEIR_TRY(const std::string text, load_config_text(path));
  ReadOutcome outcome = read_written_config(text);
  if (!outcome.ok()) return error_of(outcome.problems, path);
  return std::move(outcome.config);
}

}  // namespace weir::control
