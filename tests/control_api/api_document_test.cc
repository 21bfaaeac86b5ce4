// docs/api.md says what the table of routes says. After a change of the table, WEIR_UPDATE=1
// writes it anew:
//   WEIR_UPDATE=1 ctest --test-dir build/asan -R ApiDocument
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "control/api_handlers.h"
#include "control/http_message.h"
#include "control/open_api.h"

namespace weir::control {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kIntroduction = R"(# Control API

HTTP/1.1 and JSON on the engine's Unix socket (`[control] socket`, `/run/weir/weir.sock`). This
page is generated from the table that requests are matched against (`src/control/api_routes.cc`;
`tests/control_api/api_document_test.cc` says how); the same as an OpenAPI 3.1 document is `GET
/v1/openapi.json`. `weir ctl` is a client of it.

```
curl --unix-socket /run/weir/weir.sock http://weir/v1/status
curl --unix-socket /run/weir/weir.sock -X POST 'http://weir/v1/config/reload?deadline=5s'
curl --unix-socket /run/weir/weir.sock -N http://weir/v1/sessions/all/tail | wireshark -k -i -
curl --unix-socket /run/weir/weir.sock --json '{"session":"all","filter":"port 53"}' \
    -o dns.pcapng http://weir/v1/queries
```

## Who may do what

The kernel says who is at the other end of the socket. Root and the user that the engine runs as
are admins; others have the highest role of their groups, which `[control]` names: viewer,
operator, admin. Each role may what the ones before it may. The socket's file belongs to the
group of the viewers, so operators and admins are members of it too. `telemetry.listen` adds a
loopback port for `/metrics` and `/healthz`, for everybody on the host.

## Conventions

- Times are strings of seconds since 1970 with nine decimals (`"1700000000.000000000"`), in a
  history numbers. Counters are whole numbers of packets or bytes on the wire. `rejected`,
  `dropped` and `lost` are objects from reason to count ([errors.md](errors.md)). Objects have
  all their members, always.
- A command waits until it is done, refused or past its `deadline`; then the answer says whether
  it goes on. Every command is in the journal with who asked for it.
- What is refused is answered as `application/problem+json`: `type`, `title`, `status`, `detail`
  (what was asked, what was wrong, what to do) and `code`, a word of [errors.md](errors.md).
  Unknown parameters and members are refused, too.
- `GET /v1/config` has the generation as its `ETag`; `PUT /v1/config` wants it back as
  `If-Match`, else 428, and answers 412 when somebody was faster.
- A query reads the store of a session (all its directories) as the session has it now, as `weir
  query` does ([query.md](query.md)), and takes no path. `since` and `until` are written as the
  parameters of type time: RFC 3339, seconds since 1970, or `-1h`. Its answer is read from the disk
  as fast as the client takes it; a client that takes nothing for 30 s is gone.
  `control.queries_max` says how many may run (4), each with 64 MiB of memory at most and two
  threads of its own. An answer without its last chunk is not whole: the query has failed or was
  cancelled (curl: error 18). What is missing in a whole one, `GET /v1/queries/{id}` says, for the
  last 64 that have ended; `id` is the header `Weir-Query`. Each is in the journal, and an event
  when it has ended.
- HEAD is served where GET is. Requests: head 16 KiB and 100 lines at most, body 1 MiB, whole
  within 10 s; 64 connections, idle for 30 s at most. Event streams, tails and queries are counted
  apart
  (`control.listeners_max`). Too many of anything: 503 with `Retry-After`.

## Statuses

| error code | status |
|---|---|
)";

std::string method_upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(c));
  return text;
}

std::string schema_name(const Json& schema) {
  const std::string reference = schema.value("$ref", "");
  return reference.empty() ? "" : reference.substr(reference.rfind('/') + 1);
}

std::string link_of(const std::string& name) {
  std::string anchor;
  for (const char c : name) anchor += static_cast<char>(std::tolower(c));
  return "[" + name + "](#" + anchor + ")";
}

std::string type_of(const Json& schema) {
  const std::string name = schema_name(schema);
  if (!name.empty()) return link_of(name);
  const Json& type = schema["type"];
  if (type == "array") return "array of " + type_of(schema["items"]);
  if (type == "object") return "object of " + type_of(schema["additionalProperties"]);
  if (type.is_array()) return "number or null";
  if (type == "string" && schema.contains("pattern")) return "time";
  return type.get<std::string>();
}

std::string content_of(const Json& content) {
  const auto first = content.items().begin();
  const std::string name = schema_name(first.value()["schema"]);
  const std::string media = "`" + first.key() + "`";
  return name.empty() ? media : media + " " + link_of(name);
}

void print_operation(std::ostream& out, const std::string& path, const std::string& method,
                     const Json& operation) {
  out << "\n### " << method_upper(method) << " " << path << "\n\n"
      << operation["summary"].get<std::string>()
      << ". Role: " << operation["x-weir-role"].get<std::string>() << ".\n\n";
  for (const Json& parameter : operation.value("parameters", Json::array())) {
    out << "- `" << parameter["name"].get<std::string>() << "` ("
        << parameter["in"].get<std::string>() << (parameter["required"] ? ", required" : "")
        << "): " << parameter["description"].get<std::string>() << "\n";
  }
  if (operation.contains("requestBody")) {
    out << "- takes " << content_of(operation["requestBody"]["content"])
        << (operation["requestBody"]["required"] ? "" : " or nothing") << "\n";
  }
  std::string others;
  for (const auto& [status, response] : operation["responses"].items()) {
    if (status[0] == '2') {
      out << "- answers " << status << " with " << content_of(response["content"]) << "\n";
    } else {
      others += (others.empty() ? "" : ", ") + status;
    }
  }
  out << "- or " << others << "\n";
}

std::string document() {
  const Json api = Json::parse(open_api_document());
  std::ostringstream out;
  out << kIntroduction;
  for (const ErrorInfo& info : error_table()) {
    out << "| `" << info.name << "` | " << status_for(info.code) << " "
        << reason_phrase(status_for(info.code)) << " |\n";
  }
  out << "\n## Requests\n";
  std::set<std::string_view> printed;
  for (const Route& first : route_table()) {
    const std::string path(first.path);
    if (!printed.insert(first.path).second) continue;
    for (const auto& [method, operation] : api["paths"][path].items()) {
      print_operation(out, path, method, operation);
    }
  }
  out << "\n## Objects\n";
  for (const auto& [name, schema] : api["components"]["schemas"].items()) {
    out << "\n### " << name << "\n\n| member | type | meaning |\n|---|---|---|\n";
    for (const auto& [member, property] : schema["properties"].items()) {
      out << "| `" << member << "` | " << type_of(property) << " | "
          << property["description"].get<std::string>() << " |\n";
    }
  }
  return out.str();
}

TEST(ApiDocument, SaysWhatTheTableSays) {
  const char* root = std::getenv("WEIR_SOURCE_DIR");
  ASSERT_NE(root, nullptr) << "run by ctest, or set WEIR_SOURCE_DIR";
  const std::string path = std::string(root) + "/docs/api.md";
  if (std::getenv("WEIR_UPDATE") != nullptr) std::ofstream(path) << document();
  std::stringstream found;
  found << std::ifstream(path).rdbuf();
  EXPECT_EQ(found.str(), document()) << "WEIR_UPDATE=1 writes " << path << " anew";
}

}  // namespace
}  // namespace weir::control
