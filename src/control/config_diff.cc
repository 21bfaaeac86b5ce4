#include "control/config_diff.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/json_writer.h"

namespace weir::control {
namespace {

constexpr std::array<std::string_view, 3> kKinds = {"changed", "added", "removed"};

template <typename Section>
void diff_section(const Section& before, const Section& after, const std::string& path,
                  std::vector<ConfigChange>& changes) {
  if (before == after) return;
  for (const Key<Section>& key : keys_of<Section>()) {
    const KeyValue old_value = key.get(before);
    const KeyValue new_value = key.get(after);
    if (old_value == new_value) continue;
    changes.push_back({.path = path + "." + std::string(key.name),
                       .before = toml_text(key, old_value),
                       .after = toml_text(key, new_value),
                       .reload = key.reload});
  }
}

void diff_rules(const std::vector<filter::RuleSpec>& before,
                const std::vector<filter::RuleSpec>& after, const std::string& path,
                std::vector<ConfigChange>& changes) {
  const auto path_of_rule = [&](std::size_t k) {
    return path + ".rule[" + std::to_string(k + 1) + "]";
  };
  const std::size_t common = std::min(before.size(), after.size());
  for (std::size_t k = 0; k < common; ++k) {
    if (before[k] != after[k]) diff_section(before[k], after[k], path_of_rule(k), changes);
  }
  for (std::size_t k = common; k < before.size(); ++k) {
    changes.push_back(
        {.path = path_of_rule(k), .kind = ChangeKind::Removed, .reload = kRulesReload});
  }
  for (std::size_t k = common; k < after.size(); ++k) {
    changes.push_back({.path = path_of_rule(k), .kind = ChangeKind::Added, .reload = kRulesReload});
  }
}

template <typename Item>
const Item* find_by_name(const std::vector<Item>& items, const std::string& name) {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

// `diff_pair(before, after, path)` for those that both have.
template <typename Item, typename DiffPair>
void diff_items(const std::vector<Item>& before, const std::vector<Item>& after,
                const std::string& section, Reload reload, std::vector<ConfigChange>& changes,
                DiffPair&& diff_pair) {
  const auto path_of_item = [&](const Item& item) { return section + "[" + item.name + "]"; };
  for (const Item& old_item : before) {
    const Item* const new_item = find_by_name(after, old_item.name);
    if (new_item != nullptr) {
      diff_pair(old_item, *new_item, path_of_item(old_item));
    } else {
      changes.push_back(
          {.path = path_of_item(old_item), .kind = ChangeKind::Removed, .reload = reload});
    }
  }
  for (const Item& new_item : after) {
    if (find_by_name(before, new_item.name) != nullptr) continue;
    changes.push_back(
        {.path = path_of_item(new_item), .kind = ChangeKind::Added, .reload = reload});
  }
}

// What waits for a restart, as it was.
template <typename Section>
void keep_restart_keys(const Section& before, Section& after) {
  for (const Key<Section>& key : keys_of<Section>()) {
    if (key.reload == Reload::Restart) key.set(after, key.get(before));
  }
}

// Items that are in both, and by `reload` those in one of them.
template <typename Item>
std::vector<Item> live_items(const std::vector<Item>& before, const std::vector<Item>& after,
                             Reload reload) {
  std::vector<Item> live;
  const std::vector<Item>& order = reload == Reload::Restart ? before : after;
  for (const Item& item : order) {
    const Item* const old_item = find_by_name(before, item.name);
    const Item* const new_item = find_by_name(after, item.name);
    Item& one = live.emplace_back(new_item != nullptr ? *new_item : *old_item);
    if (old_item != nullptr) keep_restart_keys(*old_item, one);
  }
  return live;
}

}  // namespace

std::vector<ConfigChange> diff(const Config& before, const Config& after) {
  std::vector<ConfigChange> changes;
  diff_section(before.engine, after.engine, "engine", changes);
  diff_items(before.interfaces, after.interfaces, "interface", kInterfacesReload, changes,
             [&](const InterfaceConfig& a, const InterfaceConfig& b, const std::string& path) {
               diff_section(a, b, path, changes);
             });
  diff_items(before.sessions, after.sessions, "session", kSessionsReload, changes,
             [&](const SessionConfig& a, const SessionConfig& b, const std::string& path) {
               diff_section(a, b, path, changes);
               diff_rules(a.rules, b.rules, path, changes);
             });
  diff_section(before.security, after.security, "security", changes);
  diff_section(before.pressure, after.pressure, "pressure", changes);
  diff_section(before.telemetry, after.telemetry, "telemetry", changes);
  diff_section(before.control, after.control, "control", changes);
  return changes;
}

std::string text_of(const ConfigChange& change) {
  std::string text = change.path + ": ";
  if (change.kind == ChangeKind::Changed) {
    text += change.before + " -> " + change.after;
  } else {
    text += kKinds[static_cast<std::size_t>(change.kind)];
  }
  return text + " (" + std::string(name_of(change.reload)) + ")";
}

std::string to_json(const std::vector<ConfigChange>& changes) {
  JsonWriter json;
  json.begin_array();
  for (const ConfigChange& change : changes) {
    json.begin_object()
        .field("path", change.path)
        .field("kind", kKinds[static_cast<std::size_t>(change.kind)]);
    if (change.kind == ChangeKind::Changed) {
      json.field("before", change.before).field("after", change.after);
    }
    json.field("reload", name_of(change.reload)).end_object();
  }
  json.end_array();
  return json.take();
}

std::vector<std::string> restart_paths(const std::vector<ConfigChange>& changes) {
  std::vector<std::string> paths;
  for (const ConfigChange& change : changes) {
    if (change.reload == Reload::Restart) paths.push_back(change.path);
  }
  return paths;
}

Config live_part(const Config& before, const Config& after) {
  Config live = after;
  keep_restart_keys(before.engine, live.engine);
  keep_restart_keys(before.security, live.security);
  keep_restart_keys(before.pressure, live.pressure);
  keep_restart_keys(before.telemetry, live.telemetry);
  keep_restart_keys(before.control, live.control);
  live.interfaces = live_items(before.interfaces, after.interfaces, kInterfacesReload);
  live.sessions = live_items(before.sessions, after.sessions, kSessionsReload);
  return live;
}

}  // namespace weir::control
