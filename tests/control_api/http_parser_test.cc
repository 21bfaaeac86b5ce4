#include "control/http_parser.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::control {
namespace {

using State = HttpParser::State;

constexpr std::string_view kHost = "Host: weir\r\n";

std::string get(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\n" + std::string(kHost) + "\r\n";
}

struct Outcome {
  State state = State::NeedsMore;
  HttpRequest request;
  int status = 0;
  std::size_t taken = 0;
};

// In pieces of `piece` bytes.
Outcome parse(std::string_view text, std::size_t piece = std::string_view::npos,
              HttpParserLimits limits = {}) {
  HttpParser parser(limits);
  Outcome outcome;
  while (!text.empty() && outcome.state == State::NeedsMore) {
    const std::string_view some = text.substr(0, piece);
    std::size_t taken = 0;
    outcome.state = parser.feed(some, taken);
    outcome.taken += taken;
    text.remove_prefix(some.size());
  }
  outcome.status = parser.fault().status;
  outcome.request = std::move(parser.request());
  return outcome;
}

TEST(HttpParser, ReadsARequestInPiecesOfAnySize) {
  const std::string text =
      "PUT /v1/sessions/a%20b/filter?deadline=5s&x=%26%3d HTTP/1.1\r\nHost: weir\r\n"
      "Content-Type: application/json\r\nX-Empty:\r\nContent-Length: 12\r\n\r\n{\"filter\":1}";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, text.size()}) {
    const Outcome outcome = parse(text, piece);
    ASSERT_EQ(outcome.state, State::Complete) << piece;
    EXPECT_EQ(outcome.taken, text.size());
    EXPECT_EQ(outcome.request.method, "PUT");
    EXPECT_EQ(outcome.request.path, (std::vector<std::string>{"v1", "sessions", "a b", "filter"}));
    EXPECT_EQ(outcome.request.query, (HttpFields{{"deadline", "5s"}, {"x", "&="}}));
    EXPECT_EQ(*outcome.request.header("content-type"), "application/json");
    EXPECT_EQ(*outcome.request.header("x-empty"), "");
    EXPECT_EQ(outcome.request.header("absent"), nullptr);
    EXPECT_EQ(outcome.request.body, "{\"filter\":1}");
    EXPECT_TRUE(outcome.request.keep_alive);
  }
}

TEST(HttpParser, ReadsChunkedBodies) {
  const std::string text =
      "POST / HTTP/1.1\r\nHost: weir\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4\r\nabcd\r\nA;name=value\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, text.size()}) {
    const Outcome outcome = parse(text, piece);
    ASSERT_EQ(outcome.state, State::Complete) << piece;
    EXPECT_EQ(outcome.request.body, "abcd0123456789");
    EXPECT_EQ(outcome.request.header("trailer"), nullptr);
  }
}

TEST(HttpParser, LeavesWhatBelongsToTheNextRequest) {
  const std::string first = "POST / HTTP/1.1\r\nHost: weir\r\nContent-Length: 2\r\n\r\nhi";
  const Outcome outcome = parse(first + get("/next"));
  ASSERT_EQ(outcome.state, State::Complete);
  EXPECT_EQ(outcome.taken, first.size());
  EXPECT_EQ(outcome.request.body, "hi");
}

TEST(HttpParser, KeepsTheConnectionAsTheVersionAndTheClientSay) {
  EXPECT_TRUE(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n").request.keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n").request.keep_alive);
  EXPECT_FALSE(
      parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: te, close\r\n\r\n").request.keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n").request.keep_alive);
  EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").request.keep_alive);
}

TEST(HttpParser, SaysThatAClientWaitsForTheAnswerToItsExpectation) {
  HttpParser parser({});
  std::size_t taken = 0;
  EXPECT_EQ(parser.feed("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                        "Content-Length: 2\r\n\r\n",
                        taken),
            State::NeedsMore);
  EXPECT_TRUE(parser.take_expectation());
  EXPECT_FALSE(parser.take_expectation());
  EXPECT_EQ(parser.feed("hi", taken), State::Complete);
}

TEST(HttpParser, TakesTheFormOfAProxy) {
  EXPECT_EQ(parse(get("http://weir:80/v1/status")).request.path,
            (std::vector<std::string>{"v1", "status"}));
  EXPECT_TRUE(parse(get("http://weir")).request.path.empty());
}

struct Bad {
  std::string text;
  int status;
};

TEST(HttpParser, RefusesWhatIsMalformed) {
  const std::string line = "GET / HTTP/1.1\r\n";
  const std::string host(kHost);
  const std::vector<Bad> rows = {
      {"\r\n\r\n\r\n\r\n\r\n\r\n", 400},
      {"GET\r\n", 400},
      {"GET /\r\n", 400},
      {"GET  / HTTP/1.1\r\n", 400},
      {"GET / HTTP/1.1 \r\n", 505},
      {"GET / HTTP/2.0\r\n", 505},
      {"GET / HTTP/0.9\r\n", 505},
      {"GET / FTP/1.1\r\n", 400},
      {"G\x01T / HTTP/1.1\r\n", 400},
      {"GET(/) / HTTP/1.1\r\n", 400},
      {std::string(40, 'A') + " / HTTP/1.1\r\n", 400},
      {std::string("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\n", 12), 400},
      {"GET / HTTP/1.1\n", 400},
      {"GET status HTTP/1.1\r\n", 400},
      {"GET * HTTP/1.1\r\n", 400},
      {"CONNECT weir:80 HTTP/1.1\r\n", 400},
      {"GET /a\x80"
       "b HTTP/1.1\r\n",
       400},
      {"GET /a#b HTTP/1.1\r\n", 400},
      {"GET /../etc/passwd HTTP/1.1\r\n", 400},
      {"GET /v1/%2e%2E/x HTTP/1.1\r\n", 400},
      {"GET /v1/./x HTTP/1.1\r\n", 400},
      {"GET /v1//x HTTP/1.1\r\n", 400},
      {"GET /v1/a%2fb HTTP/1.1\r\n", 400},
      {"GET /v1/%00 HTTP/1.1\r\n", 400},
      {"GET /v1/%0d%0aX HTTP/1.1\r\n", 400},
      {"GET /% HTTP/1.1\r\n", 400},
      {"GET /%4 HTTP/1.1\r\n", 400},
      {"GET /%zz HTTP/1.1\r\n", 400},
      {"GET /?a=%1 HTTP/1.1\r\n", 400},
      {"GET /?a=1&a=2 HTTP/1.1\r\n", 400},
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n", 414},
      {"GET " +
           [] {
             std::string path;
             for (int i = 0; i < 40; ++i) path += "/a";
             return path;
           }() +
           " HTTP/1.1\r\n",
       414},
      {line + "\r\n", 400},  // no Host
      {line + host + host + "\r\n", 400},
      {line + host + "no colon\r\n", 400},
      {line + host + ": no name\r\n", 400},
      {line + host + "a : blank\r\n", 400},
      {line + host + " folded: x\r\n", 400},
      {line + host + "a: \x01\r\n", 400},
      {line + host + "a: b\rc\r\n", 400},
      {line + host + std::string("a: b\0c\r\n", 8), 400},
      {line + host + "Content-Length: -1\r\n\r\n", 400},
      {line + host + "Content-Length: +1\r\n\r\n", 400},
      {line + host + "Content-Length: 0x10\r\n\r\n", 400},
      {line + host + "Content-Length: 1 1\r\n\r\n", 400},
      {line + host + "Content-Length:\r\n\r\n", 400},
      {line + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
      {line + host + "Content-Length: 1048577\r\n\r\n", 413},
      {line + host + "Content-Length: 99999999999999999999999\r\n\r\n", 413},
      {line + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {line + host + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {line + host + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {line + host + "Expect: a miracle\r\nContent-Length: 1\r\n\r\n", 417},
  };
  for (const Bad& row : rows) {
    for (const std::size_t piece : {std::size_t{1}, row.text.size()}) {
      const Outcome outcome = parse(row.text, piece);
      EXPECT_EQ(outcome.state, State::Bad) << row.text.substr(0, 200);
      EXPECT_EQ(outcome.status, row.status) << row.text.substr(0, 200);
    }
  }
}

TEST(HttpParser, RefusesMalformedChunks) {
  const std::string head = "GET / HTTP/1.1\r\nHost: weir\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::vector<Bad> rows = {
      {"\r\n", 400},
      {"-1\r\n", 400},
      {"0x1\r\n", 400},
      {"g\r\n", 400},
      {"1\nx", 400},
      {"1\r\nxy\r\n", 400},
      {"100001\r\n", 413},
      {"ffffffffffffffffff\r\n", 413},
      {"1;" + std::string(300, 'x'), 400},
  };
  for (const Bad& row : rows) {
    const Outcome outcome = parse(head + row.text);
    EXPECT_EQ(outcome.state, State::Bad) << row.text.substr(0, 100);
    EXPECT_EQ(outcome.status, row.status) << row.text.substr(0, 100);
  }
}

TEST(HttpParser, BoundsTheSumOfAllChunks) {
  std::string text = "GET / HTTP/1.1\r\nHost: weir\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 3; ++i) text += "8\r\n12345678\r\n";
  EXPECT_EQ(parse(text, 1, {.body_bytes_max = 23}).status, 413);
  EXPECT_EQ(parse(text + "0\r\n\r\n", 1, {.body_bytes_max = 24}).state, State::Complete);
}

TEST(HttpParser, BoundsTheHead) {
  const std::string line = "GET / HTTP/1.1\r\nHost: weir\r\n";
  std::string many = line;
  for (int i = 0; i < 101; ++i) many += "a: b\r\n";
  EXPECT_EQ(parse(many).status, 431);
  EXPECT_EQ(parse(line + "a: " + std::string(17'000, 'x')).status, 431);
  EXPECT_EQ(parse("GET /" + std::string(17'000, 'x')).status, 414);
  const std::string chunked =
      line + "Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: " + std::string(17'000, 'x');
  EXPECT_EQ(parse(chunked).status, 431);
}

}  // namespace
}  // namespace weir::control
