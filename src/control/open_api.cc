#include "control/open_api.h"

#include <algorithm>
#include <set>

#include "base/json_writer.h"
#include "control/api_json.h"
#include "control/http_message.h"

namespace weir::control {
namespace {

// "getSessionsNameTail"
std::string operation_of(const Route& route) {
  std::string id;
  for (const char c : route.method) id += static_cast<char>(c - 'A' + 'a');
  bool upper = true;
  std::string_view path = route.path;
  if (path.starts_with("/v1/")) path.remove_prefix(3);
  if (path == "/") path = "/index";
  for (const char c : path) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter) id += upper && c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = !letter;
  }
  return id;
}

void write_reference(JsonWriter& json, std::string_view schema) {
  json.begin_object();
  if (!schema.empty()) json.field("$ref", "#/components/schemas/" + std::string(schema));
  json.end_object();
}

void write_content(JsonWriter& json, Content content, std::string_view schema) {
  json.key("content").begin_object();
  json.key(media_type(content)).begin_object().key("schema");
  if (content == Content::Json) {
    write_reference(json, schema);
  } else {
    json.begin_object().field("type", "string").end_object();
  }
  json.end_object().end_object();
}

void write_type(JsonWriter& json, ParameterType type) {
  json.key("schema").begin_object();
  switch (type) {
    case ParameterType::Count:
      json.field("type", "integer").field("minimum", 0);
      break;
    case ParameterType::Name:
      json.field("type", "string").field("minLength", 1).field("maxLength", 256);
      break;
    case ParameterType::Duration:
      json.field("type", "string").field("pattern", "^[0-9]+(ms|s|m|h|d)$");
      break;
    case ParameterType::Tag:
      json.field("type", "string").field("pattern", R"(^("[0-9]+"|\*)$)");
      break;
    case ParameterType::Text:
    case ParameterType::Time:
      json.field("type", "string");
  }
  json.end_object();
}

void write_parameters(JsonWriter& json, const Route& route) {
  if (route.parameters.empty()) return;
  json.key("parameters").begin_array();
  for (const Parameter& each : route.parameters) {
    json.begin_object().field("name", each.name);
    json.field("in", each.place == ParameterPlace::Path    ? "path"
                     : each.place == ParameterPlace::Query ? "query"
                                                           : "header");
    json.field("required", each.required).field("description", each.meaning);
    write_type(json, each.type);
    json.end_object();
  }
  json.end_array();
}

void write_problem(JsonWriter& json) {
  json.key("content").begin_object().key("application/problem+json").begin_object().key("schema");
  write_reference(json, "Problem");
  json.end_object().end_object();
}

void write_responses(JsonWriter& json, const Route& route) {
  std::set<int> statuses(route.problems.begin(), route.problems.end());
  statuses.insert(common_problems().begin(), common_problems().end());
  if (route.takes != Content::None) statuses.insert({413, 415});
  if (route.pace == Pace::Slow) statuses.insert(503);
  statuses.insert(route.status);
  json.key("responses").begin_object();
  for (const int status : statuses) {
    json.key(std::to_string(status)).begin_object();
    json.field("description", reason_phrase(status));
    if (status == route.status || gives_same(route, status)) {
      write_content(json, route.gives, route.gives_schema);
    } else if (status != 304) {
      write_problem(json);
    }
    json.end_object();
  }
  json.end_object();
}

void write_operation(JsonWriter& json, const Route& route) {
  std::string method(route.method);
  for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
  json.key(method).begin_object();
  json.field("operationId", operation_of(route)).field("summary", route.summary);
  json.field("x-weir-role", name_of(role_for(route.action)));
  write_parameters(json, route);
  if (route.takes != Content::None) {
    json.key("requestBody").begin_object().field("required", !route.body_optional);
    write_content(json, route.takes, route.takes_schema);
    json.end_object();
  }
  write_responses(json, route);
  json.end_object();
}

void write_paths(JsonWriter& json) {
  json.key("paths").begin_object();
  std::set<std::string_view> written;
  for (const Route& first : route_table()) {
    if (!written.insert(first.path).second) continue;
    json.key(first.path).begin_object();
    for (const Route& each : route_table()) {
      if (each.path == first.path) write_operation(json, each);
    }
    json.end_object();
  }
  json.end_object();
}

std::string make_document() {
  JsonWriter json;
  json.begin_object().field("openapi", "3.1.0");
  json.key("info").begin_object();
  json.field("title", "weir control API").field("version", WEIR_VERSION);
  json.field("description",
             "Steers and watches a running engine, over its Unix socket. Who may do what depends "
             "on the groups of the caller (x-weir-role: each role may what the ones before it "
             "may: viewer, operator, admin). HEAD is served where GET is.");
  json.end_object();
  write_paths(json);
  json.key("components").begin_object().key("schemas");
  write_schemas(json);
  json.end_object().end_object();
  return json.take();
}

}  // namespace

bool gives_same(const Route& route, int status) noexcept {
  return status == 503 && (route.id == RouteId::Health || route.id == RouteId::Healthz);
}

const std::string& open_api_document() {
  static const std::string kDocument = make_document();
  return kDocument;
}

}  // namespace weir::control
