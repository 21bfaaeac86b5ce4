// The OpenAPI document against the handlers and against the structs that it is made from.
#include "control/open_api.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "control_api/api_fixture.h"
#include "control_api/json_schema.h"

namespace weir::control {
namespace {

using nlohmann::json;
using test::ApiFixture;

const json& document() {
  static const json kParsed = json::parse(open_api_document());
  return kParsed;
}

// A request that the document says is right; `{name}` becomes a session that is there.
struct Example {
  std::string target;
  std::string headers;
  std::string body;
};

std::string example_text(const json& schema, std::string_view name) {
  if (schema.value("type", "") == "integer") return "1";
  if (name == "If-Match") return "*";
  if (name == "If-None-Match") return "\"1\"";
  if (schema.contains("pattern")) return "5s";
  return name == "since" || name == "until" ? "1700000000" : "all";
}

json example_object(const json& schema) {
  json object = json::object();
  for (const auto& [name, property] : schema["properties"].items()) {
    if (property["type"] == "integer") {
      object[name] = 1;
    } else if (property["type"] == "boolean") {
      object[name] = true;
    } else if (name == "since" || name == "until") {
      object[name] = "1700000000";
    } else {
      object[name] = "debug";
    }
  }
  return object;
}

Example example_of(const std::string& path, const json& operation) {
  Example example{.target = path};
  char separator = '?';
  for (const json& parameter : operation.value("parameters", json::array())) {
    const std::string name = parameter["name"];
    const std::string value = example_text(parameter["schema"], name);
    if (parameter["in"] == "path") {
      const std::string wanted = "{" + name + "}";
      example.target.replace(example.target.find(wanted), wanted.size(), value);
    } else if (parameter["in"] == "header") {
      example.headers += name;
      example.headers += ": " + value + "\r\n";
    } else {
      // Both begin with the same hour.
      const std::string given = name == "until" ? "1700003600" : value;
      example.target.append(1, separator).append(name).append("=").append(given);
      separator = '&';
    }
  }
  if (operation.contains("requestBody")) {
    const auto content = operation["requestBody"]["content"].items().begin();
    example.headers += "Content-Type: " + content.key() + "\r\n";
    const json& schema = content.value()["schema"];
    example.body = schema.contains("$ref")
                       ? example_object(test::resolve(document(), schema)).dump()
                       : "[[session]]\nname = \"x\"\n";
  }
  return example;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(c));
  return text;
}

class OpenApiTest : public testing::Test, protected ApiFixture {
 protected:
  // Whether the answer is one that the document promises, content and all.
  void expect_promised(const json& operation, const HttpResponse& response,
                       const std::string& what) {
    const std::string status = std::to_string(response.status);
    ASSERT_TRUE(operation["responses"].contains(status)) << what << " answers " << status;
    const json& promised = operation["responses"][status];
    if (!promised.contains("content")) {
      EXPECT_TRUE(response.body.empty()) << what;
      return;
    }
    ASSERT_TRUE(promised["content"].contains(response.content_type))
        << what << " answers " << response.content_type;
    const json& schema = promised["content"][response.content_type]["schema"];
    const bool is_json = response.content_type.find("json") != std::string::npos;
    const json body = is_json ? json::parse(response.body) : json(response.body);
    EXPECT_EQ(test::schema_faults(document(), schema, body), std::vector<std::string>{}) << what;
  }
};

TEST_F(OpenApiTest, EveryOperationAnswersAsItPromises) {
  std::size_t operations = 0;
  for (const auto& [path, methods] : document()["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      const Example example = example_of(path, operation);
      const std::string what = upper(method) + " " + example.target;
      const HttpResponse response =
          ask(upper(method), example.target, example.body, example.headers);
      EXPECT_LT(response.status, 300) << what << ": " << response.body;
      expect_promised(operation, response, what);
      ++operations;
    }
  }
  EXPECT_EQ(operations, route_table().size());
}

TEST_F(OpenApiTest, EveryRouteIsInTheDocument) {
  std::set<std::string> ids;
  for (const Route& route : route_table()) {
    const std::string path(route.path);
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    ASSERT_TRUE(document()["paths"].contains(path)) << path;
    ASSERT_TRUE(document()["paths"][path].contains(method)) << path;
    const json& operation = document()["paths"][path][method];
    EXPECT_EQ(operation["x-weir-role"], name_of(role_for(route.action)));
    EXPECT_TRUE(ids.insert(operation["operationId"]).second) << operation["operationId"];
  }
}

TEST_F(OpenApiTest, EveryRefusalIsPromised) {
  const Principal nobody{.uid = 1234, .gid = 1234};
  for (const auto& [path, methods] : document()["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      const Example example = example_of(path, operation);
      const std::string what = upper(method) + " " + example.target;
      const auto again = [&](const std::string& target, const Principal& principal) {
        return ask(upper(method), target, example.body, example.headers, principal);
      };
      expect_promised(operation, again(example.target, nobody), what + " by nobody");
      const char separator = example.target.find('?') == std::string::npos ? '?' : '&';
      expect_promised(operation, again(example.target + separator + "unknown=1", root()),
                      what + " with an unknown parameter");
      if (!operation.contains("requestBody")) continue;
      expect_promised(operation, ask(upper(method), example.target, "x", ""),
                      what + " with a body of no type");
    }
  }
}

TEST_F(OpenApiTest, EveryErrorOfACommandIsPromised) {
  for (const ErrorCode code :
       {ErrorCode::Usage, ErrorCode::NotFound, ErrorCode::Exists, ErrorCode::Conflict,
        ErrorCode::TimedOut, ErrorCode::Resource, ErrorCode::Internal}) {
    engine.error = Error{.code = code, .context = "no (because)"};
    for (const auto& [path, methods] : document()["paths"].items()) {
      for (const auto& [method, operation] : methods.items()) {
        if (operation["x-weir-role"] == "viewer" || method == "get") continue;
        if (path.starts_with("/v1/queries")) continue;  // no command
        const Example example = example_of(path, operation);
        const HttpResponse response =
            ask(upper(method), example.target, example.body, example.headers);
        EXPECT_GE(response.status, 400);
        expect_promised(operation, response, upper(method) + " " + example.target);
      }
    }
  }
}

TEST_F(OpenApiTest, EveryErrorOfAQueryIsPromised) {
  const json& paths = document()["paths"];
  const json& begin = paths["/v1/queries"]["post"];
  const Example example = example_of("/v1/queries", begin);
  for (const ErrorCode code : {ErrorCode::Usage, ErrorCode::BadFilter, ErrorCode::NotFound,
                               ErrorCode::Resource, ErrorCode::Closed, ErrorCode::Io}) {
    engine.error = Error{.code = code, .context = "no (because)"};
    const HttpResponse response = ask("POST", "/v1/queries", example.body, example.headers);
    EXPECT_GE(response.status, 400);
    expect_promised(begin, response, "POST /v1/queries");
  }
  for (const ErrorCode code : {ErrorCode::NotFound, ErrorCode::Conflict}) {
    engine.error = Error{.code = code, .context = "no (because)"};
    expect_promised(paths["/v1/queries/{id}"]["delete"], ask("DELETE", "/v1/queries/1"),
                    "DELETE /v1/queries/1");
  }
}

TEST_F(OpenApiTest, AnUnwellEngineIsPromised) {
  engine.health = "failing";
  for (const char* path : {"/v1/health", "/healthz"}) {
    const HttpResponse response = ask("GET", path);
    EXPECT_EQ(response.status, 503);
    expect_promised(document()["paths"][path]["get"], response, path);
  }
}

TEST_F(OpenApiTest, EventsAreAsTheirSchemaSays) {
  feed.publish("x");
  HttpResponse response = ask("GET", "/v1/events?after=0");
  test::MemoryWriter writer(2);
  response.stream->run(writer);
  const std::size_t at = writer.text.find("data: ") + 6;
  const json event = json::parse(writer.text.substr(at, writer.text.find('\n', at) - at));
  EXPECT_EQ(test::schema_faults(document(), {{"$ref", "#/components/schemas/Event"}}, event),
            std::vector<std::string>{});
}

// "struct NAME {", a line "TYPE MEMBER;" or "TYPE MEMBER = DEFAULT;" or "TYPE MEMBER{};" for each
// member, "};": as the header has them.
std::vector<std::pair<std::string, std::set<std::string>>> structs_of(std::istream& header) {
  std::vector<std::pair<std::string, std::set<std::string>>> found;
  bool inside = false;
  for (std::string line; std::getline(header, line);) {
    if (line.starts_with("struct ")) {
      found.emplace_back(line.substr(7, line.find(' ', 7) - 7), std::set<std::string>());
      inside = true;
    } else if (line == "};") {
      inside = false;
    } else if (inside) {
      const std::string code = line.substr(0, line.find("//"));
      const std::size_t semicolon = code.find(';');
      if (semicolon == std::string::npos) continue;
      const std::size_t end = std::min({semicolon, code.find(" = "), code.find("{}")});
      const std::size_t begin = code.rfind(' ', end - 1) + 1;
      found.back().second.insert(code.substr(begin, end - begin));
    }
  }
  return found;
}

TEST(OpenApiDocument, HasEveryMemberOfTheEnginesStructs) {
  const char* root = std::getenv("WEIR_SOURCE_DIR");
  ASSERT_NE(root, nullptr) << "run by ctest, or set WEIR_SOURCE_DIR";
  std::ifstream header(std::string(root) + "/src/control/engine_control.h");
  // Structs that are no JSON: the text of GET /v1/config, and what parameters and bodies become.
  const std::set<std::string> others = {"ConfigDocument", "HistoryQuery", "TailRequest",
                                        "Command",        "PacketQuery",  "BegunQuery"};
  std::vector<std::string> schemas;
  for (const auto& [name, schema] : document()["components"]["schemas"].items()) {
    std::string joined;
    for (const auto& [property, type] : schema["properties"].items()) joined += property + ",";
    schemas.push_back(joined);
  }
  std::size_t checked = 0;
  for (const auto& [name, wanted] : structs_of(header)) {
    if (others.contains(name)) continue;
    std::string joined;
    for (const std::string& each : wanted) joined += each + ",";
    EXPECT_NE(std::ranges::find(schemas, joined), schemas.end())
        << "no schema has exactly the members of " << name << ": " << joined;
    ++checked;
  }
  EXPECT_EQ(checked, 17u);
}

TEST(OpenApiDocument, HasNoSchemaThatNobodyUses) {
  const std::string& text = open_api_document();
  for (const auto& [name, schema] : document()["components"]["schemas"].items()) {
    if (name == "Event") continue;  // inside text/event-stream
    EXPECT_NE(text.find("\"#/components/schemas/" + name + "\""), std::string::npos) << name;
  }
}

TEST(JsonSchema, FindsWhatIsWrong) {
  const json root = json::parse(R"({"components":{"schemas":{"A":{"type":"object",
      "properties":{"n":{"type":"integer","minimum":0}},"required":["n"],
      "additionalProperties":false}}}})");
  const json schema = {{"$ref", "#/components/schemas/A"}};
  EXPECT_TRUE(test::schema_faults(root, schema, {{"n", 1}}).empty());
  EXPECT_FALSE(test::schema_faults(root, schema, {{"n", -1}}).empty());
  EXPECT_FALSE(test::schema_faults(root, schema, {{"n", "1"}}).empty());
  EXPECT_FALSE(test::schema_faults(root, schema, json::object()).empty());
  EXPECT_FALSE(test::schema_faults(root, schema, {{"n", 1}, {"m", 1}}).empty());
  EXPECT_FALSE(test::schema_faults(root, schema, json::array()).empty());
  EXPECT_FALSE(
      test::schema_faults(root, {{"type", "string"}, {"pattern", "^a$"}}, json("b")).empty());
}

}  // namespace
}  // namespace weir::control
