// As much of JSON Schema as the OpenAPI document uses.
#pragma once

#include <regex.h>

#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace weir::test {

// What a $ref stands for, or the schema itself.
inline const nlohmann::json& resolve(const nlohmann::json& document, const nlohmann::json& schema) {
  if (!schema.contains("$ref")) return schema;
  const std::string where = schema["$ref"].get<std::string>().substr(1);
  return document.at(nlohmann::json::json_pointer(where));
}

inline bool has_type(const nlohmann::json& value, const std::string& type) {
  return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
         (type == "string" && value.is_string()) || (type == "boolean" && value.is_boolean()) ||
         (type == "integer" && value.is_number_integer()) ||
         (type == "number" && value.is_number()) || (type == "null" && value.is_null());
}

inline void check_schema(const nlohmann::json& document, const nlohmann::json& schema,
                         const nlohmann::json& value, const std::string& where,
                         std::vector<std::string>& faults);

// An extended regular expression: as much as the document's patterns need.
inline bool fits(const std::string& text, const std::string& pattern) {
  regex_t compiled{};
  if (::regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) return false;
  const bool found = ::regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
  ::regfree(&compiled);
  return found;
}

inline void check_object(const nlohmann::json& document, const nlohmann::json& schema,
                         const nlohmann::json& value, const std::string& where,
                         std::vector<std::string>& faults) {
  for (const auto& name : schema.value("required", nlohmann::json::array())) {
    if (!value.contains(name.get<std::string>())) {
      faults.push_back(where + "/" + name.get<std::string>() + " is missing");
    }
  }
  const nlohmann::json properties = schema.value("properties", nlohmann::json::object());
  for (const auto& [name, content] : value.items()) {
    std::string at = where;
    at.append("/").append(name);
    if (properties.contains(name)) {
      check_schema(document, properties[name], content, at, faults);
    } else if (schema.contains("additionalProperties")) {
      const nlohmann::json& others = schema["additionalProperties"];
      if (others.is_object()) {
        check_schema(document, others, content, at, faults);
      } else if (!others.get<bool>()) {
        faults.push_back(at + " is not known");
      }
    }
  }
}

inline void check_schema(const nlohmann::json& document, const nlohmann::json& given,
                         const nlohmann::json& value, const std::string& where,
                         std::vector<std::string>& faults) {
  const nlohmann::json& schema = resolve(document, given);
  static const std::set<std::string> kKeywords = {
      "type",     "properties", "required", "additionalProperties", "items",     "minimum",
      "minItems", "maxItems",   "pattern",  "description",          "minLength", "maxLength",
      "$ref"};
  for (const auto& [keyword, content] : schema.items()) {
    if (!kKeywords.contains(keyword)) {
      faults.push_back(std::string(where).append(": keyword ").append(keyword));
    }
  }
  if (schema.contains("type")) {
    bool fits = false;
    const nlohmann::json& type = schema["type"];
    for (const auto& each : type.is_array() ? type : nlohmann::json::array({type})) {
      fits = fits || has_type(value, each.get<std::string>());
    }
    if (!fits) {
      faults.push_back(where + " is not " + type.dump());
      return;
    }
  }
  if (schema.contains("minimum") && value.is_number() &&
      value.get<double>() < schema["minimum"].get<double>()) {
    faults.push_back(where + " is too small");
  }
  if (schema.contains("pattern") && value.is_string() &&
      !fits(value.get<std::string>(), schema["pattern"].get<std::string>())) {
    faults.push_back(where + " does not fit " + schema["pattern"].get<std::string>());
  }
  if (value.is_object()) check_object(document, schema, value, where, faults);
  if (!value.is_array()) return;
  if (value.size() < schema.value("minItems", std::size_t{0}) ||
      value.size() > schema.value("maxItems", value.size())) {
    faults.push_back(where + " has a wrong number of items");
  }
  if (!schema.contains("items")) return;
  for (std::size_t i = 0; i < value.size(); ++i) {
    check_schema(document, schema["items"], value[i], where + "/" + std::to_string(i), faults);
  }
}

// One line a fault.
inline std::vector<std::string> schema_faults(const nlohmann::json& document,
                                              const nlohmann::json& schema,
                                              const nlohmann::json& value) {
  std::vector<std::string> faults;
  check_schema(document, schema, value, "", faults);
  return faults;
}

}  // namespace weir::test
