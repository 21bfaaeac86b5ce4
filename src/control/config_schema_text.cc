#include "control/config_schema_text.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "control/values.h"

namespace weir::control {
namespace {

constexpr std::string_view kSizePattern = "^([0-9]+(\\.[0-9]+)?)(B|[KMGT]iB|[kKMGT]B)?$";
constexpr std::string_view kTimePattern = "^([0-9]+(\\.[0-9]+)?)(ms|s|m|h|d)?$";
constexpr std::string_view kStepPattern =
    "^(cutoff [0-9.]+[A-Za-z]*|truncate [0-9]+|sample 1/[0-9]+|drop)$";
constexpr std::string_view kNamePattern = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$";

std::string amount(KeyType type, std::uint64_t number) {
  if (type == KeyType::Size) return size_text_of(number);
  if (type == KeyType::Time) {
    return duration_text_of(std::chrono::milliseconds(number));
  }
  return std::to_string(number);
}

// Keywords of what may stand for one entry of a list.
void write_entry_keywords(JsonWriter& json, const KeyInfo& info) {
  switch (info.type) {
    case KeyType::Names:
      json.field("type", "string").field("pattern", kNamePattern);
      return;
    case KeyType::Paths:
      json.field("type", "string").field("maxLength", info.max);
      return;
    case KeyType::Steps:
      json.field("type", "string").field("pattern", kStepPattern);
      return;
    case KeyType::Endpoints:
      json.field("type", "string").field("pattern", "^0x[0-9A-Fa-f]{1,16}$");
      return;
    case KeyType::Numbers:
    case KeyType::Protocols:
      json.key("type").begin_array().value("integer").value("string").end_array();
      json.field("minimum", std::uint32_t{0}).field("maximum", info.max);
      return;
    default:
      json.field("type", "string");
      return;
  }
}

void write_list_keywords(JsonWriter& json, const KeyInfo& info) {
  const auto write_list = [&] {
    json.field("type", "array")
        .field("maxItems", std::uint64_t{entries_max(info.type)})
        .key("items")
        .begin_object();
    write_entry_keywords(json, info);
    json.end_object();
  };
  if (info.type == KeyType::Names || info.type == KeyType::Steps) return write_list();
  json.key("oneOf").begin_array().begin_object();
  write_entry_keywords(json, info);
  json.end_object().begin_object();
  write_list();
  json.end_object().end_array();
}

void write_choices(JsonWriter& json, const KeyInfo& info) {
  json.key("enum").begin_array();
  for (const std::string_view choice : info.choices) json.value(choice);
  json.end_array();
}

void write_type_keywords(JsonWriter& json, const KeyInfo& info) {
  switch (info.type) {
    case KeyType::String:
      json.field("type", "string").field("maxLength", info.max);
      return;
    case KeyType::Name:
      json.field("type", "string").field("pattern", kNamePattern);
      return;
    case KeyType::Bool:
      json.field("type", "boolean");
      return;
    case KeyType::Integer:
      json.field("type", "integer")
          .field("minimum", info.zero ? 0 : info.min)
          .field("maximum", info.max);
      return;
    case KeyType::Size:
      json.field("type", "string").field("pattern", kSizePattern);
      return;
    case KeyType::Time:
      json.field("type", "string").field("pattern", kTimePattern);
      return;
    case KeyType::Choice:
      write_choices(json, info);
      return;
    case KeyType::Levels:
      json.field("type", "object").key("additionalProperties").begin_object();
      write_choices(json, info);
      json.end_object();
      return;
    default:
      write_list_keywords(json, info);
      return;
  }
}

void write_key(JsonWriter& json, const KeyDescription& key) {
  json.begin_object();
  write_type_keywords(json, *key.info);
  if (!key.info->help.empty()) json.field("description", key.info->help);
  if (key.info->type != KeyType::Name) {
    json.key("default");
    write_json(json, *key.info, key.fallback);
  }
  if (const std::string range = range_text(*key.info); !range.empty()) {
    json.field("x-weir-range", range);
  }
  json.field("x-weir-reload", name_of(key.info->reload)).end_object();
}

// The keys in [begin, end) as properties; those with a common first part are an object of their
// own.
void write_properties(JsonWriter& json, const std::vector<KeyDescription>& keys, std::size_t begin,
                      std::size_t end, std::size_t prefix) {
  const auto part_of = [&](std::size_t i) {
    const std::string_view rest = keys[i].info->name.substr(prefix);
    return rest.substr(0, rest.find('.'));
  };
  while (begin < end) {
    const std::string_view part = part_of(begin);
    json.key(part);
    if (keys[begin].info->name.size() == prefix + part.size()) {
      write_key(json, keys[begin++]);
      continue;
    }
    std::size_t stop = begin;
    while (stop < end && part_of(stop) == part) ++stop;
    json.begin_object().field("type", "object").field("additionalProperties", false);
    json.key("properties").begin_object();
    write_properties(json, keys, begin, stop, prefix + part.size() + 1);
    json.end_object().end_object();
    begin = stop;
  }
}

// Keywords of a table; `more` adds properties.
template <typename More>
void write_table(JsonWriter& json, const SectionDescription& section, More&& more) {
  json.field("type", "object")
      .field("description", section.help)
      .field("additionalProperties", false);
  if (section.keys.front().info->type == KeyType::Name) {
    json.key("required").begin_array().value("name").end_array();
  }
  json.key("properties").begin_object();
  write_properties(json, section.keys, 0, section.keys.size(), 0);
  more();
  json.end_object();
}

void write_array(JsonWriter& json, const char* name, std::uint64_t items_max) {
  json.key(name).begin_object().field("type", "array").field("maxItems", items_max);
  json.key("items").begin_object();
}

std::size_t width(const std::vector<std::array<std::string, 5>>& rows, std::size_t column) {
  std::size_t widest = 0;
  for (const auto& row : rows) widest = std::max(widest, row[column].size());
  return widest;
}

}  // namespace

std::string type_text(const KeyInfo& info) {
  switch (info.type) {
    case KeyType::String:
      return "string";
    case KeyType::Name:
      return "name";
    case KeyType::Bool:
      return "bool";
    case KeyType::Integer:
      return "integer";
    case KeyType::Size:
      return "size";
    case KeyType::Time:
      return "time";
    case KeyType::Names:
      return "list of names";
    case KeyType::Paths:
      return "path, or list of paths";
    case KeyType::Nets:
      return "networks";
    case KeyType::Macs:
      return "MAC addresses";
    case KeyType::Numbers:
      return "numbers";
    case KeyType::Protocols:
      return "protocols";
    case KeyType::Endpoints:
      return "endpoints";
    case KeyType::Steps:
      return "list of steps";
    case KeyType::Levels:
      return "table of levels";
    case KeyType::Choice:
      break;
  }
  std::string text;
  for (const std::string_view choice : info.choices) {
    text += (text.empty() ? "\"" : ", \"") + std::string(choice) + "\"";
  }
  return text;
}

std::string range_text(const KeyInfo& info) {
  switch (info.type) {
    case KeyType::Integer:
    case KeyType::Size:
    case KeyType::Time:
      break;
    case KeyType::Numbers:
    case KeyType::Protocols:
      return "0 to " + std::to_string(info.max);
    case KeyType::String:
    case KeyType::Paths:
      return "at most " + std::to_string(info.max) + " bytes";
    default:
      return "";
  }
  std::string text = amount(info.type, info.min) + " to " + amount(info.type, info.max);
  if (info.zero) text += ", or " + amount(info.type, 0);
  return text;
}

std::string schema_table() {
  std::vector<std::array<std::string, 5>> rows = {{"KEY", "TYPE", "DEFAULT", "RANGE", "CHANGES"}};
  std::vector<std::string_view> help = {"MEANING"};
  for (const SectionDescription& section : describe_sections()) {
    for (const KeyDescription& key : section.keys) {
      const KeyInfo& info = *key.info;
      rows.push_back({key.path, type_text(info),
                      info.type == KeyType::Name ? "" : toml_text(info, key.fallback),
                      range_text(info), std::string(name_of(info.reload))});
      help.push_back(info.help);
    }
  }
  std::array<std::size_t, 5> widths{};
  for (std::size_t column = 0; column < widths.size(); ++column) {
    widths[column] = width(rows, column);
  }
  std::string out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::string line;
    for (std::size_t column = 0; column < widths.size(); ++column) {
      std::string cell = rows[i][column];
      cell.resize(widths[column] + 2, ' ');
      line += cell;
    }
    line += help[i];
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string schema_json() {
  const std::vector<SectionDescription> sections = describe_sections();
  const auto find = [&](std::string_view path) -> const SectionDescription& {
    return *std::find_if(sections.begin(), sections.end(),
                         [&](const SectionDescription& one) { return one.path == path; });
  };
  const auto nothing = [] {};
  JsonWriter json;
  json.begin_object()
      .field("$schema", "https://json-schema.org/draft/2020-12/schema")
      .field("title", "weir.toml")
      .field("type", "object")
      .field("additionalProperties", false)
      .key("properties")
      .begin_object();
  for (const char* name : {"engine", "security", "pressure", "telemetry", "control"}) {
    json.key(name).begin_object();
    write_table(json, find(name), nothing);
    json.end_object();
  }
  write_array(json, "interface", kInterfacesMax);
  write_table(json, find("interface[]"), nothing);
  json.end_object().end_object();
  write_array(json, "session", kSessionsMax);
  write_table(json, find("session[]"), [&] {
    write_array(json, "rule", kRulesMax);
    write_table(json, find("session[].rule[]"), nothing);
    json.end_object().end_object();
  });
  json.end_object().end_object();
  json.end_object().end_object();
  return json.take();
}

}  // namespace weir::control
