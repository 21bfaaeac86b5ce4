#include "control/http_message.h"

#include <algorithm>
#include <array>

#include "base/json_writer.h"
#include "control/http_stream.h"

namespace weir::control {
namespace {

struct Reason {
  int status;
  std::string_view phrase;
};

constexpr std::array kReasons = {
    Reason{200, "OK"},
    Reason{201, "Created"},
    Reason{304, "Not Modified"},
    Reason{400, "Bad Request"},
    Reason{403, "Forbidden"},
    Reason{404, "Not Found"},
    Reason{405, "Method Not Allowed"},
    Reason{408, "Request Timeout"},
    Reason{409, "Conflict"},
    Reason{412, "Precondition Failed"},
    Reason{413, "Content Too Large"},
    Reason{414, "URI Too Long"},
    Reason{415, "Unsupported Media Type"},
    Reason{417, "Expectation Failed"},
    Reason{428, "Precondition Required"},
    Reason{431, "Request Header Fields Too Large"},
    Reason{500, "Internal Server Error"},
    Reason{501, "Not Implemented"},
    Reason{503, "Service Unavailable"},
    Reason{504, "Gateway Timeout"},
    Reason{505, "HTTP Version Not Supported"},
    Reason{507, "Insufficient Storage"},
};

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

}  // namespace

HttpResponse::HttpResponse() = default;
HttpResponse::HttpResponse(HttpResponse&&) noexcept = default;
HttpResponse& HttpResponse::operator=(HttpResponse&&) noexcept = default;
HttpResponse::~HttpResponse() = default;

const std::string* HttpRequest::header(std::string_view name) const noexcept {
  const auto found =
      std::ranges::find_if(headers, [&](const auto& field) { return field.first == name; });
  return found == headers.end() ? nullptr : &found->second;
}

std::string_view reason_phrase(int status) noexcept {
  const auto* const found = std::ranges::find(kReasons, status, &Reason::status);
  return found == kReasons.end() ? "Unknown" : found->phrase;
}

std::string serialize(const HttpRequest& request, const HttpResponse& response, Body body) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += reason_phrase(response.status);
  out += "\r\n";
  if (!response.content_type.empty()) append_field(out, "Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers) append_field(out, name, value);
  append_field(out, "Cache-Control", "no-store");
  if (response.stream) {
    // An old client reads until the connection is closed.
    if (request.minor_version == 1) append_field(out, "Transfer-Encoding", "chunked");
    append_field(out, "Connection", "close");
  } else {
    if (response.status != 304) {
      append_field(out, "Content-Length", std::to_string(response.body.size()));
    }
    append_field(out, "Connection", request.keep_alive ? "keep-alive" : "close");
  }
  out += "\r\n";
  if (body == Body::Send && !response.stream) out += response.body;
  return out;
}

HttpResponse problem(int status, std::string_view code, std::string_view detail) {
  JsonWriter json;
  json.begin_object()
      .field("type", "about:blank")
      .field("title", reason_phrase(status))
      .field("status", status)
      .field("detail", detail)
      .field("code", code)
      .end_object();
  HttpResponse response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = json.take();
  return response;
}

}  // namespace weir::control
