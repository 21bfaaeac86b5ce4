#include "control/config_writer.h"

#include <algorithm>
#include <string_view>

#include "control/config_schema.h"

namespace weir::control {
namespace {

// A run of keys with one first part, as in "pcapng.path", "pcapng.rotate.size".
struct Group {
  std::string_view head;  // "pcapng"
  std::size_t begin = 0;  // of its keys
  std::size_t end = 0;
};

// The group at `begin` of keys whose names, without `prefix`, have several parts; empty head: a key
// of this table.
template <typename Section>
Group group_at(std::size_t begin, std::size_t end, std::size_t prefix) {
  const auto keys = keys_of<Section>();
  const auto head_of = [&](std::size_t i) {
    const std::string_view rest = keys[i].name.substr(prefix);
    const std::size_t dot = rest.find('.');
    return dot == std::string_view::npos ? std::string_view() : rest.substr(0, dot);
  };
  Group group{.head = head_of(begin), .begin = begin, .end = begin + 1};
  while (!group.head.empty() && group.end < end && head_of(group.end) == group.head) ++group.end;
  return group;
}

// Calls `one(index)` and `group(Group)` for the keys in [begin, end), in their order.
template <typename Section, typename One, typename Many>
void walk(std::size_t begin, std::size_t end, std::size_t prefix, One&& one, Many&& many) {
  while (begin < end) {
    const Group group = group_at<Section>(begin, end, prefix);
    if (group.head.empty()) {
      one(begin);
    } else {
      many(group);
    }
    begin = group.end;
  }
}

// Whether a group is written as a table of its own, with a heading; else { in one line }.
bool has_heading(std::string_view head) { return head != "limit"; }

template <typename Section>
class TableWriter {
 public:
  TableWriter(std::string& out, const Section& section) : out_(out), section_(section) {}

  void write(std::string_view heading) {
    const std::size_t count = keys_of<Section>().size();
    out_ += heading;
    out_ += '\n';
    lines(0, count, 0);
    // What has a heading comes after all that belongs to the one above.
    walk<Section>(
        0, count, 0, [](std::size_t) {},
        [&](const Group& group) {
          if (!has_heading(group.head)) return;
          out_ += "\n[" + name_in(heading) + "." + std::string(group.head) + "]\n";
          lines(group.begin, group.end, group.head.size() + 1);
        });
  }

 private:
  // "session" of "[[session]]", "security" of "[security]".
  static std::string name_in(std::string_view heading) {
    const std::size_t brackets = heading.find_first_not_of('[');
    return std::string(heading.substr(brackets, heading.size() - 2 * brackets));
  }

  void lines(std::size_t begin, std::size_t end, std::size_t prefix) {
    walk<Section>(
        begin, end, prefix, [&](std::size_t i) { out_ += assignment(i, prefix) + "\n"; },
        [&](const Group& group) {
          if (prefix == 0 && has_heading(group.head)) return;
          out_ += inline_table(group, prefix) + "\n";
        });
  }

  std::string inline_table(const Group& group, std::size_t prefix) {
    std::string text = std::string(group.head) + " = { ";
    const std::size_t inner = prefix + group.head.size() + 1;
    for (std::size_t i = group.begin; i < group.end; ++i) {
      if (i != group.begin) text += ", ";
      text += assignment(i, inner);
    }
    return text + " }";
  }

  std::string assignment(std::size_t i, std::size_t prefix) {
    const Key<Section>& key = keys_of<Section>()[i];
    return std::string(key.name.substr(prefix)) + " = " + toml_text(key, key.get(section_));
  }

  std::string& out_;
  const Section& section_;
};

// A rule has many keys and mostly few conditions: what it does not have is not written.
void write_rule(std::string& out, const filter::RuleSpec& rule) {
  static const filter::RuleSpec kEmpty;
  out += "\n[[session.rule]]\n";
  for (const auto& key : keys_of<filter::RuleSpec>()) {
    const KeyValue value = key.get(rule);
    if (key.name != "action" && value == key.get(kEmpty)) continue;
    out += std::string(key.name) + " = " + toml_text(key, value) + "\n";
  }
}

void write_session(std::string& out, const SessionConfig& session) {
  TableWriter(out, session).write("[[session]]");
  for (const filter::RuleSpec& rule : session.rules) write_rule(out, rule);
}

template <typename Section>
void write_members(JsonWriter& json, const Section& section, std::size_t begin, std::size_t end,
                   std::size_t prefix) {
  walk<Section>(
      begin, end, prefix,
      [&](std::size_t i) {
        const Key<Section>& key = keys_of<Section>()[i];
        json.key(key.name.substr(prefix));
        write_json(json, key, key.get(section));
      },
      [&](const Group& group) {
        json.key(group.head).begin_object();
        write_members(json, section, group.begin, group.end, prefix + group.head.size() + 1);
        json.end_object();
      });
}

template <typename Section>
void write_all_members(JsonWriter& json, const Section& section) {
  write_members(json, section, 0, keys_of<Section>().size(), 0);
}

void write_rule(JsonWriter& json, const filter::RuleSpec& rule) {
  static const filter::RuleSpec kEmpty;
  json.begin_object();
  for (const auto& key : keys_of<filter::RuleSpec>()) {
    const KeyValue value = key.get(rule);
    if (key.name != "action" && value == key.get(kEmpty)) continue;
    json.key(key.name);
    write_json(json, key, value);
  }
  json.end_object();
}

template <typename Section>
void write_table(JsonWriter& json, std::string_view name, const Section& section) {
  json.key(name).begin_object();
  write_all_members(json, section);
  json.end_object();
}

}  // namespace

std::string to_toml(const SessionConfig& session) {
  std::string out;
  write_session(out, session);
  return out;
}

std::string to_toml(const Config& config) {
  std::string out;
  TableWriter(out, config.engine).write("[engine]");
  for (const InterfaceConfig& one : config.interfaces) {
    out += '\n';
    TableWriter(out, one).write("[[interface]]");
  }
  for (const SessionConfig& session : config.sessions) {
    out += '\n';
    write_session(out, session);
  }
  out += '\n';
  TableWriter(out, config.security).write("[security]");
  out += '\n';
  TableWriter(out, config.pressure).write("[pressure]");
  out += '\n';
  TableWriter(out, config.telemetry).write("[telemetry]");
  out += '\n';
  TableWriter(out, config.control).write("[control]");
  out += '\n';
  return out;
}

std::string to_json(const Config& config) {
  JsonWriter json;
  json.begin_object();
  write_table(json, "engine", config.engine);
  json.key("interface").begin_array();
  for (const InterfaceConfig& one : config.interfaces) {
    json.begin_object();
    write_all_members(json, one);
    json.end_object();
  }
  json.end_array().key("session").begin_array();
  for (const SessionConfig& session : config.sessions) {
    json.begin_object();
    write_all_members(json, session);
    json.key("rule").begin_array();
    for (const filter::RuleSpec& rule : session.rules) write_rule(json, rule);
    json.end_array().end_object();
  }
  json.end_array();
  write_table(json, "security", config.security);
  write_table(json, "pressure", config.pressure);
  write_table(json, "telemetry", config.telemetry);
  write_table(json, "control", config.control);
  json.end_object();
  return json.take();
}

}  // namespace weir::control
