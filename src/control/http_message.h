// Requests and answers of HTTP/1.1 as values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::control {

class HttpStream;

using HttpFields = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;             // "GET"; any token
  std::vector<std::string> path;  // segments, decoded: {"v1", "sessions", "all"}
  HttpFields query;               // decoded, in the order in which they came
  HttpFields headers;             // names in lower case
  std::string body;
  std::uint32_t minor_version = 1;  // of HTTP/1
  bool keep_alive = true;

  // The first of that name, which is in lower case; null: none.
  [[nodiscard]] const std::string* header(std::string_view name) const noexcept;
};

struct HttpResponse {
  int status = 200;
  std::string content_type;  // empty: no content
  std::string body;
  HttpFields headers;  // others than Content-Type, Content-Length, Connection
  // In the place of a body: what goes on being written, by a thread of its own, in chunks.
  std::unique_ptr<HttpStream> stream;
  std::size_t tag = 0;  // the handler's own, for answered()

  HttpResponse();
  HttpResponse(HttpResponse&&) noexcept;
  HttpResponse& operator=(HttpResponse&&) noexcept;
  ~HttpResponse();
};

std::string_view reason_phrase(int status) noexcept;  // "Not Found"

enum class Body : std::uint8_t { Send, Omit };  // Omit: the answer to a HEAD

// The answer as it goes on the wire, with its body if that is asked for; of a stream the head only.
std::string serialize(const HttpRequest& request, const HttpResponse& response, Body body);

// application/problem+json (RFC 7807): {type, title, status, detail, code}. `code` is a word of
// docs/errors.md.
HttpResponse problem(int status, std::string_view code, std::string_view detail);

}  // namespace weir::control
