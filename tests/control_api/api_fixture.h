// The API's handlers over an engine that is none, asked without a socket.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "control/api_handlers.h"
#include "control/http_parser.h"
#include "control_api/fake_engine.h"
#include "support/fake_clock.h"

namespace weir::test {

struct ApiFixture {
  control::HttpResponse ask(const std::string& method, const std::string& target,
                            const std::string& body = {}, const std::string& headers = {},
                            const control::Principal& principal = root()) {
    std::string text = method + " " + target + " HTTP/1.1\r\nHost: weir\r\n" + headers;
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    text += "\r\n" + body;
    control::HttpParser parser({});
    std::size_t taken = 0;
    if (parser.feed(text, taken) != control::HttpParser::State::Complete) {
      return control::problem(parser.fault().status, "usage", parser.fault().why);
    }
    return handlers.handle(parser.request(), principal);
  }
  control::HttpResponse send_json(const std::string& method, const std::string& target,
                                  const std::string& body) {
    return ask(method, target, body, "Content-Type: application/json\r\n");
  }
  control::HttpResponse send_toml(const std::string& method, const std::string& target,
                                  const std::string& body, const std::string& headers = {}) {
    return ask(method, target, body, "Content-Type: application/toml\r\n" + headers);
  }

  static control::Principal root() { return {.uid = 0, .gid = 0}; }
  static std::string header(const control::HttpResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return {};
  }

  FakeEngine engine;
  FakeFeed feed;
  FakeClock clock;
  control::EventBells bells;
  control::Authorizer authorizer{4711};
  control::ApiStatistics statistics;
  control::ApiHandlers handlers{{.engine = engine,
                                 .events = feed,
                                 .bells = bells,
                                 .authorizer = authorizer,
                                 .clock = clock,
                                 .statistics = statistics,
                                 .slow_max = 2}};
};

// A client that takes everything, until it has had enough.
class MemoryWriter final : public control::StreamWriter {
 public:
  explicit MemoryWriter(std::size_t writes_max) : writes_left_(writes_max) {}
  [[nodiscard]] bool write(std::string_view bytes) override {
    if (writes_left_ == 0) return false;
    --writes_left_;
    text += bytes;
    return true;
  }
  // Nothing comes to it from outside.
  [[nodiscard]] Wake wait(int /*fd*/, Duration /*timeout*/) override {
    if (writes_left_ == 0 || waits_left_ == 0) return Wake::Gone;
    --waits_left_;
    return Wake::TimedOut;
  }
  std::string text;

 private:
  std::size_t writes_left_;
  std::size_t waits_left_ = 10;
};

}  // namespace weir::test
