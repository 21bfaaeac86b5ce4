#include "control/config_schema.h"

#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "control/config_reader.h"
#include "control/config_schema_text.h"
#include "control/config_writer.h"
#include "control_config/random_config.h"

namespace weir::control {
namespace {

using nlohmann::json;

TEST(ConfigSchema, EveryKeyHasAHelpADefaultThatIsGoodAndAPathOfItsOwn) {
  std::set<std::string> paths;
  for (const SectionDescription& section : describe_sections()) {
    for (const KeyDescription& key : section.keys) {
      EXPECT_FALSE(key.info->help.empty()) << key.path;
      EXPECT_TRUE(paths.insert(key.path).second) << key.path;
      if (key.info->type != KeyType::Name) {
        EXPECT_EQ(check_value(*key.info, key.fallback), "") << key.path;
      }
    }
  }
}

TEST(ConfigSchema, ATableForPeopleHasALineForEachKey) {
  const std::string table = schema_table();
  for (const SectionDescription& section : describe_sections()) {
    for (const KeyDescription& key : section.keys) {
      EXPECT_NE(table.find("\n" + key.path + " "), std::string::npos) << key.path;
    }
  }
}

// A document against as much of JSON Schema as ours uses; what does not fit, or nothing.
std::string misfit(const json& schema, const json& value, const std::string& path) {
  if (schema.contains("enum")) {
    for (const json& one : schema["enum"]) {
      if (one == value) return "";
    }
    return path + ": not in enum";
  }
  if (schema.contains("oneOf")) {
    int fits = 0;
    for (const json& one : schema["oneOf"]) fits += misfit(one, value, path).empty() ? 1 : 0;
    return fits == 1 ? "" : path + ": fits " + std::to_string(fits);
  }
  const json types = schema["type"].is_array() ? schema["type"] : json::array({schema["type"]});
  const char* type = value.is_object()    ? "object"
                     : value.is_array()   ? "array"
                     : value.is_string()  ? "string"
                     : value.is_boolean() ? "boolean"
                                          : "integer";
  if (std::find(types.begin(), types.end(), type) == types.end()) return path + ": " + type;
  if (value.is_number_unsigned() && (value < schema["minimum"] || value > schema["maximum"])) {
    return path + ": out of range";
  }
  if (value.is_array()) {
    if (value.size() > schema["maxItems"]) return path + ": too many";
    for (const json& item : value) {
      std::string problem = misfit(schema["items"], item, path + "[]");
      if (!problem.empty()) return problem;
    }
  }
  if (!value.is_object()) return "";
  for (const json& name : schema.value("required", json::array())) {
    if (!value.contains(name)) return path + ": no " + name.get<std::string>();
  }
  for (const auto& [name, member] : value.items()) {
    const bool known = schema.contains("properties") && schema["properties"].contains(name);
    const json& sub = known ? schema["properties"][name] : schema["additionalProperties"];
    std::string inside = path;
    inside.append(".").append(name);
    if (!sub.is_object()) return inside + ": not allowed";
    std::string problem = misfit(sub, member, inside);
    if (!problem.empty()) return problem;
  }
  return "";
}

TEST(ConfigSchema, DocumentsShownAsJsonFollowTheJsonSchema) {
  const json schema = json::parse(schema_json());
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Prng prng(seed);
    const Config config = random_config(prng);
    EXPECT_EQ(misfit(schema, json::parse(to_json(config)), ""), "") << "seed " << seed;
  }
  json wrong = json::parse(to_json(Config{}));
  wrong["engine"]["colour"] = "red";
  EXPECT_EQ(misfit(schema, wrong, ""), ".engine.colour: not allowed");
  wrong["engine"].erase("colour");
  wrong["session"].push_back(json::object());
  EXPECT_EQ(misfit(schema, wrong, ""), ".session[]: no name");
}

TEST(ConfigSchema, DefaultsOfTheJsonSchemaAreThoseOfTheConfiguration) {
  const json schema = json::parse(schema_json());
  const json document = json::parse(to_json(Config{}));
  for (const auto& [name, value] : document["telemetry"].items()) {
    EXPECT_EQ(schema["properties"]["telemetry"]["properties"][name]["default"], value) << name;
  }
}

}  // namespace
}  // namespace weir::control
