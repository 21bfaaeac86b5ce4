// Bytes of a connection become requests, as in the server, and these answers. Whatever comes, the
// parser says the same however the bytes are cut, and every answer is one of HTTP whose JSON is
// JSON.
//
// Input: size of the pieces (1 byte; 0: one piece), who asks (1 byte: 0 root, 1 a stranger, 2 the
// loopback port), the rest are the bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "control/api_handlers.h"
#include "control/http_parser.h"
#include "control/http_stream.h"
#include "control_api/api_fixture.h"

namespace {

using namespace weir::control;

void require(bool truth) {
  if (!truth) std::abort();
}

Principal principal_of(std::uint8_t choice) {
  switch (choice % 3) {
    case 0:
      return {.uid = 0, .gid = 0};
    case 1:
      return {.uid = 1234, .gid = 1234};
    default:
      return {.door = Door::Loopback};
  }
}

bool same(const HttpRequest& a, const HttpRequest& b) {
  return a.method == b.method && a.path == b.path && a.query == b.query && a.headers == b.headers &&
         a.body == b.body && a.keep_alive == b.keep_alive;
}

// Takes one request from the front of `bytes`; false: there is none, or no other can follow.
bool take_request(std::string_view& bytes, std::size_t piece, HttpRequest& request) {
  HttpParser whole({});
  std::size_t taken = 0;
  const auto state = whole.feed(bytes, taken);

  HttpParser cut({});
  auto cut_state = HttpParser::State::NeedsMore;
  std::size_t cut_taken = 0;
  for (std::string_view rest = bytes; !rest.empty() && cut_state == HttpParser::State::NeedsMore;) {
    const std::string_view some = rest.substr(0, piece);
    std::size_t now = 0;
    cut_state = cut.feed(some, now);
    cut_taken += now;
    rest.remove_prefix(some.size());
  }
  require(state == cut_state);
  require(whole.fault().status == cut.fault().status);
  if (state != HttpParser::State::Complete) return false;
  require(taken == cut_taken && taken > 0);
  require(same(whole.request(), cut.request()));
  request = std::move(whole.request());
  bytes.remove_prefix(taken);
  return true;
}

void check_answer(const HttpRequest& request, HttpResponse& response) {
  require(reason_phrase(response.status) != "Unknown");
  const bool json = response.content_type.find("json") != std::string::npos;
  if (json && request.method != "HEAD") require(nlohmann::json::accept(response.body));
  const bool head = request.method == "HEAD";
  const std::string text = serialize(request, response, head ? Body::Omit : Body::Send);
  const std::size_t end = text.find("\r\n\r\n");
  require(end != std::string::npos);
  // Nothing of the request has become a header.
  const std::string_view fields = std::string_view(text).substr(0, end);
  require(std::ranges::count(fields, '\n') <= 6);
  if (!response.stream) {
    require(text.size() == end + 4 + (head ? 0 : response.body.size()));
    return;
  }
  weir::test::MemoryWriter writer(4);
  response.stream->run(writer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = data[0] == 0 ? size : data[0];
  const Principal principal = principal_of(data[1]);
  const std::string text(data + 2, data + size);

  weir::test::ApiFixture api;
  api.feed.publish("something");
  std::string_view bytes = text;
  HttpRequest request;
  for (int i = 0; i < 16 && take_request(bytes, piece, request); ++i) {
    HttpResponse response = api.handlers.handle(request, principal);
    check_answer(request, response);
    api.handlers.answered(response.tag, response.status, weir::Duration::zero());
  }
  return 0;
}
