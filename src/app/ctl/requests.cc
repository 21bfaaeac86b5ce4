#include "app/ctl/requests.h"

#include <chrono>
#include <utility>

#include "app/ctl/utc_time.h"
#include "base/json_writer.h"

namespace weir::app {
namespace {

constexpr std::string_view kEtagLine = "# weir configuration, etag ";

std::string milliseconds(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(duration).count()) + "ms";
}

// Adds "?name=value", or "&name=value" behind another.
void add_query(std::string& path, const char* name, const std::string& value) {
  path += path.find('?') == std::string::npos ? '?' : '&';
  path += name;
  path += '=' + url_encoded(value);
}

ApiRequest get(std::string path) { return {.path = std::move(path)}; }

ApiRequest command(const CtlOptions& options, const char* method, std::string path) {
  if (options.deadline) add_query(path, "deadline", milliseconds(*options.deadline));
  return {.method = method, .path = std::move(path)};
}

ApiRequest with_json(ApiRequest request, JsonWriter& body) {
  request.content_type = "application/json";
  request.body = body.take();
  return request;
}

ApiRequest with_toml(ApiRequest request, std::string body) {
  request.content_type = "application/toml";
  request.body = std::move(body);
  return request;
}

ApiRequest apply_request(const CtlOptions& options, std::string document, const std::string& etag) {
  ApiRequest request = with_toml(command(options, "PUT", "/v1/config"), std::move(document));
  if (!etag.empty()) request.headers.emplace_back("If-Match", etag);
  return request;
}

ApiRequest history_request(const CtlOptions& options, Timestamp now) {
  std::string path = "/v1/history";
  add_query(path, "metric", options.name);
  add_query(path, "since", rfc3339_text({now.ns - options.since.count()}));
  add_query(path, "until", rfc3339_text(now));
  add_query(path, "step", milliseconds(options.step));
  return get(path);
}

ApiRequest query_request(const CtlOptions& options) {
  JsonWriter body;
  body.begin_object().field("session", options.name);
  if (options.from) body.field("since", epoch_seconds(*options.from));
  if (options.until) body.field("until", epoch_seconds(*options.until));
  if (!options.text.empty()) body.field("filter", options.text);
  if (options.inner) body.field("inner", true);
  if (!options.community_id.empty()) body.field("community_id", options.community_id);
  if (options.packets_max != 0) body.field("limit", options.packets_max);
  body.end_object();
  return with_json({.method = "POST", .path = "/v1/queries"}, body);
}

ApiRequest events_request(const CtlOptions& options) {
  std::string path = "/v1/events";
  if (options.after || !options.follow) {
    add_query(path, "after", std::to_string(options.after.value_or(0)));
  }
  ApiRequest request = get(path);
  request.headers.emplace_back("Accept", "text/event-stream");
  return request;
}

ApiRequest tail_request(const CtlOptions& options, const std::string& session) {
  std::string path = session + "/tail";
  if (!options.text.empty()) add_query(path, "filter", options.text);
  return get(path);
}

// Of requests with a body of JSON.
ApiRequest changing_request(const CtlOptions& options, const std::string& session) {
  JsonWriter body;
  if (options.verb == CtlVerb::Filter) {
    body.begin_object().field("filter", options.text).end_object();
    return with_json(command(options, "PUT", session + "/filter"), body);
  }
  if (options.verb == CtlVerb::Rollback) {
    body.begin_object().field("generation", options.number).end_object();
    return with_json(command(options, "POST", "/v1/config/rollback"), body);
  }
  body.begin_object().field("module", options.name).field("level", options.text).end_object();
  return with_json(command(options, "PUT", "/v1/log-level"), body);
}

}  // namespace

ApiRequest request_for(const CtlOptions& options, Timestamp now, std::string document,
                       const std::string& etag) {
  const std::string session = "/v1/sessions/" + url_encoded(options.name);
  switch (options.verb) {
    case CtlVerb::Status:
      return get("/v1/status");
    case CtlVerb::Sessions:
      return get("/v1/sessions");
    case CtlVerb::Session:
      return get(session);
    case CtlVerb::Create:
      return with_toml(command(options, "POST", "/v1/sessions"), std::move(document));
    case CtlVerb::Pause:
      return command(options, "POST", session + "/pause");
    case CtlVerb::Resume:
      return command(options, "POST", session + "/resume");
    case CtlVerb::Stop:
      return command(options, "DELETE", session);
    case CtlVerb::Tail:
      return tail_request(options, session);
    case CtlVerb::Interfaces:
      return get("/v1/interfaces");
    case CtlVerb::Security:
      return get("/v1/security");
    case CtlVerb::Pressure:
      return get("/v1/pressure");
    case CtlVerb::Generations:
      return get("/v1/generations");
    case CtlVerb::Config:
      return get("/v1/config");
    case CtlVerb::Apply:
      return apply_request(options, std::move(document), etag);
    case CtlVerb::Reload:
      return command(options, "POST", "/v1/config/reload");
    case CtlVerb::Drain:
      return command(options, "POST", "/v1/drain");
    case CtlVerb::Filter:
    case CtlVerb::Rollback:
    case CtlVerb::LogLevel:
      return changing_request(options, session);
    case CtlVerb::Journal:
      return journal_request(0, options.number);
    case CtlVerb::History:
      return history_request(options, now);
    case CtlVerb::Events:
      return events_request(options);
    case CtlVerb::Health:
      return get("/v1/health");
    case CtlVerb::Metrics:
      return get("/metrics");
    case CtlVerb::Query:
      return query_request(options);
    case CtlVerb::Policy:
      return get("/v1/policy");
    case CtlVerb::Queries:
      return get("/v1/queries");
    case CtlVerb::CancelQuery:
      return {.method = "DELETE", .path = "/v1/queries/" + std::to_string(options.number)};
  }
  return {};
}

ApiRequest journal_request(std::uint64_t before, std::uint64_t rows) {
  std::string path = "/v1/journal";
  if (before != 0) add_query(path, "before", std::to_string(before));
  add_query(path, "limit", std::to_string(rows));
  return get(path);
}

std::string etag_line(const std::string& etag) {
  return etag.empty() ? "" : std::string(kEtagLine) + etag + "\n";
}

std::string etag_of_document(std::string_view document) {
  if (!document.starts_with(kEtagLine)) return {};
  document.remove_prefix(kEtagLine.size());
  const std::size_t end = document.find_first_of("\r\n");
  return std::string(document.substr(0, end));
}

}  // namespace weir::app
