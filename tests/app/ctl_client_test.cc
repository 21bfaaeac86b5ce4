// The client of the control API beside engines that answer well, badly, or not at all.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/ctl/api_client.h"
#include "app/fake_engine.h"

namespace weir::app {
namespace {

using test::chunk;
using test::chunked_head;
using test::FakeEngine;
using testing::HasSubstr;

constexpr Duration kPatience = std::chrono::seconds(30);

class Collecting final : public StreamReceiver {
 public:
  bool begin() override { return begun = true; }
  bool receive(std::string_view bytes) override {
    text += bytes;
    if (stop != nullptr) stop->stop();
    return text.size() < enough;
  }
  bool begun = false;
  std::string text;
  std::size_t enough = 1'000'000;
  ApiClient* stop = nullptr;
};

class CtlClient : public testing::Test {
 protected:
  Error error_of(const std::string& raw) {
    engine.answer("GET /x", raw);
    const auto answer = client.call({.path = "/x"});
    if (answer.ok()) {
      ADD_FAILURE() << "answered: " << answer->body.substr(0, 100);
      return {};
    }
    return answer.error();
  }

  FakeEngine engine;
  SystemClock clock;
  ApiClient client{engine.socket(), kPatience, clock};
};

TEST_F(CtlClient, AsksAndIsAnswered) {
  engine.answer("PUT /v1/config", test::http(200, "application/json", "{}", "ETag: \"8\"\r\n"));
  const auto answer = client.call({.method = "PUT",
                                   .path = "/v1/config?deadline=5s",
                                   .content_type = "application/toml",
                                   .body = "a = 1\n",
                                   .headers = {{"If-Match", "\"7\""}}});
  ASSERT_TRUE(answer.ok()) << answer.error().context;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->etag, "\"8\"");
  EXPECT_EQ(answer->content_type, "application/json");
  EXPECT_EQ(answer->body, "{}");
  const test::SeenRequest seen = engine.last();
  EXPECT_EQ(seen.line, "PUT /v1/config?deadline=5s");
  EXPECT_EQ(seen.body, "a = 1\n");
  for (const char* header : {"Content-Type: application/toml\r\n", "If-Match: \"7\"\r\n",
                             "Host: localhost\r\n", "Connection: close\r\n"}) {
    EXPECT_THAT(seen.head, HasSubstr(header));
  }
}

TEST_F(CtlClient, ChunksAreOneAnswer) {
  engine.answer("GET /x", chunked_head("application/json") + chunk("{\"a\"") + chunk(":1}") +
                              test::kLastChunk);
  const auto answer = client.call({.path = "/x"});
  ASSERT_TRUE(answer.ok()) << answer.error().context;
  EXPECT_EQ(answer->body, "{\"a\":1}");
}

TEST_F(CtlClient, ARefusalIsTheEnginesOwn) {
  const Error error = error_of(
      test::problem_answer(400, "bad_filter", "filter tpc: syntax error (see pcap-filter)"));
  EXPECT_EQ(error.code, ErrorCode::BadFilter);
  EXPECT_EQ(error.context, "filter tpc: syntax error (see pcap-filter)");
}

TEST_F(CtlClient, WhatIsNoAnswerIsDamaged) {
  for (const std::string& raw :
       {std::string(), std::string("SSH-2.0-OpenSSH_9.2\r\n"), std::string("HTTP/1.1 200 OK\r\nA"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!"),
        chunked_head("application/json") + chunk("{\"a\"") + "zz\r\n",
        chunked_head("application/json") + chunk("{\"a\"")}) {
    const Error error = error_of(raw);
    EXPECT_EQ(error.code, ErrorCode::Damaged) << raw;
    EXPECT_THAT(error.context, HasSubstr(engine.socket()));
  }
}

TEST_F(CtlClient, AnAnswerHasABound) {
  std::string raw = chunked_head("application/json");
  const std::string part = chunk(std::string(1024 * 1024, 'x'));
  for (int i = 0; i < 65; ++i) raw += part;
  const Error error = error_of(raw + test::kLastChunk);
  EXPECT_EQ(error.code, ErrorCode::Damaged);
  EXPECT_THAT(error.context, HasSubstr("larger than 64.0 MiB"));
}

TEST_F(CtlClient, AnEngineThatIsStoppedIsNotWaitedForForEver) {
  engine.answer_and_hold("GET /x", "");
  ApiClient impatient(engine.socket(), std::chrono::milliseconds(50), clock);
  const auto answer = impatient.call({.path = "/x"});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::TimedOut);
}

TEST_F(CtlClient, AStreamEndsAsItEnds) {
  engine.answer("GET /x",
                chunked_head("text/plain") + chunk("one") + chunk("two") + test::kLastChunk);
  Collecting whole;
  const auto ended = client.stream({.path = "/x"}, whole);
  ASSERT_TRUE(ended.ok()) << ended.error().context;
  EXPECT_EQ(*ended, StreamEnd::ByEngine);
  EXPECT_EQ(whole.text, "onetwo");

  Collecting enough;
  enough.enough = 1;
  const auto left = client.stream({.path = "/x"}, enough);
  ASSERT_TRUE(left.ok()) << left.error().context;
  EXPECT_EQ(*left, StreamEnd::ByReceiver);
}

TEST_F(CtlClient, AStreamThatBreaksOffIsTruncated) {
  engine.answer("GET /x", chunked_head("text/plain") + chunk("one") + "5\r\ntw");
  Collecting receiver;
  const auto ended = client.stream({.path = "/x"}, receiver);
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().code, ErrorCode::Truncated);
  EXPECT_TRUE(receiver.text.starts_with("one"));
}

TEST_F(CtlClient, AStreamThatIsRefusedNeverBegins) {
  engine.answer("GET /x", test::problem_answer(404, "not_found", "session x: there is none"));
  Collecting receiver;
  const auto ended = client.stream({.path = "/x"}, receiver);
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().code, ErrorCode::NotFound);
  EXPECT_EQ(ended.error().context, "session x: there is none");
  EXPECT_FALSE(receiver.begun);
}

TEST_F(CtlClient, AStreamIsStoppedWhileItWaits) {
  engine.answer_and_hold("GET /x", chunked_head("text/plain") + chunk("one"));
  Collecting receiver;
  receiver.stop = &client;
  const auto ended = client.stream({.path = "/x"}, receiver);
  ASSERT_TRUE(ended.ok()) << ended.error().context;
  EXPECT_EQ(*ended, StreamEnd::Stopped);
  // And whatever comes later.
  const auto later = client.stream({.path = "/x"}, receiver);
  ASSERT_TRUE(later.ok());
  EXPECT_EQ(*later, StreamEnd::Stopped);
}

TEST_F(CtlClient, AStreamThatFallsQuietEndsWhereThatIsWanted) {
  engine.answer_and_hold("GET /x", chunked_head("text/plain") + chunk("one"));
  Collecting receiver;
  const auto ended = client.stream({.path = "/x"}, receiver, std::chrono::milliseconds(50));
  ASSERT_TRUE(ended.ok()) << ended.error().context;
  EXPECT_EQ(*ended, StreamEnd::Quiet);
  EXPECT_EQ(receiver.text, "one");
}

TEST(CtlClientAlone, SaysWhereNoEngineIs) {
  const SystemClock clock;
  const test::TempDir directory;
  const std::string file = directory.file("file");
  std::ofstream(file) << "no socket";
  struct Case {
    std::string socket;
    ErrorCode code;
    const char* text;
  };
  for (const auto& [socket, code, text] : std::vector<Case>{
           {directory.file("absent"), ErrorCode::NotFound, "no engine is running there"},
           {file, ErrorCode::NotFound, "no engine is running there"},
           {"", ErrorCode::Usage, "no path that a socket can have"},
           {"/" + std::string(200, 'x'), ErrorCode::Usage, "no path that a socket can have"}}) {
    const auto answer = ApiClient(socket, kPatience, clock).call({.path = "/x"});
    ASSERT_FALSE(answer.ok()) << socket;
    EXPECT_EQ(answer.error().code, code) << socket;
    EXPECT_THAT(answer.error().context, HasSubstr(socket));
    EXPECT_THAT(answer.error().context, HasSubstr(text));
  }
}

TEST(UrlEncoded, LeavesOnlyWhatMeansItself) {
  EXPECT_EQ(url_encoded("web-1._~"), "web-1._~");
  EXPECT_EQ(url_encoded("a b/c?d&e=%+\xc3\xa4"), "a%20b%2Fc%3Fd%26e%3D%25%2B%C3%A4");
}

}  // namespace
}  // namespace weir::app
