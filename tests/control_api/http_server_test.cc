// The HTTP server over a real socket: bounds, deadlines, hostile clients.
#include "control/http_server.h"

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/prng.h"
#include "control/http_connection.h"
#include "control/http_poll.h"
#include "control/http_stream.h"
#include "control_api/raw_client.h"
#include "support/temp_dir.h"

namespace weir::control {
namespace {

using namespace std::chrono_literals;
using test::body_of;
using test::RawClient;
using test::status_of;
using testing::HasSubstr;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: weir\r\n\r\n";

// Says what was asked.
class Echo final : public HttpHandler {
 public:
  HttpResponse handle(const HttpRequest& request, const Principal& principal) override {
    if (on_handle) return on_handle(request);
    HttpResponse response;
    response.content_type = "text/plain";
    response.body = request.method;
    for (const std::string& segment : request.path) response.body += "/" + segment;
    response.body += " " + request.body + " uid " + std::to_string(principal.uid);
    return response;
  }
  void answered(std::size_t /*tag*/, int /*status*/, Duration took) noexcept override {
    answers.fetch_add(1);
    if (took < Duration::zero()) negative.store(true);
  }
  std::function<HttpResponse(const HttpRequest&)> on_handle;
  std::atomic<int> answers{0};
  std::atomic<bool> negative{false};
};

class HttpServerTest : public testing::Test {
 protected:
  void start(const HttpLimits& limits = {}) {
    path_ = dir_.file("s");
    auto server = HttpServer::open({.socket = path_, .loopback = "127.0.0.1:0", .limits = limits},
                                   echo_, clock_);
    ASSERT_TRUE(server.ok()) << server.error().context;
    server_ = std::move(*server);
    ASSERT_TRUE(server_->start().ok());
  }
  void TearDown() override {
    if (server_) server_->stop();
    EXPECT_FALSE(echo_.negative.load());
  }

  test::TempDir dir_;
  SystemClock clock_;
  Echo echo_;
  std::string path_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersManyRequestsOnOneConnection) {
  start();
  RawClient client(path_);
  for (int i = 0; i < 100; ++i) {
    const std::string answer = client.get("/a/" + std::to_string(i));
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(body_of(answer),
              "GET/a/" + std::to_string(i) + "  uid " + std::to_string(::getuid()));
  }
  EXPECT_EQ(server_->counts().accepted, 1u);
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  RawClient client(path_);
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  }
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(body_of(client.read_answer()), HasSubstr("POST/" + std::to_string(i) + " abc"));
  }
}

TEST_F(HttpServerTest, ClosesWhenTheClientWantsItTo) {
  start();
  RawClient client(path_);
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_all(), HasSubstr("Connection: close\r\n"));
  RawClient old(path_);
  old.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(status_of(old.read_all()), 200);
}

TEST_F(HttpServerTest, AnswersHeadWithoutABody) {
  start();
  RawClient client(path_);
  client.send("HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, HasSubstr("Content-Length: "));
  EXPECT_EQ(body_of(answer), "");
}

TEST_F(HttpServerTest, TellsAClientThatWaitsToGoOn) {
  start();
  RawClient client(path_);
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  ASSERT_TRUE(client.read_until("HTTP/1.1 100 Continue\r\n\r\n"));
  client.send("hi");
  ASSERT_TRUE(client.read_until("PUT hi uid"));
}

TEST_F(HttpServerTest, RefusesTheMalformedAndCloses) {
  start();
  for (const char* bad :
       {"\x16\x03\x01\x02\r\n\r\n", "GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n"}) {
    RawClient client(path_);
    client.send(bad);
    const std::string answer = client.read_all();
    EXPECT_EQ(status_of(answer), 400) << answer;
    EXPECT_THAT(answer, HasSubstr("application/problem+json"));
  }
  EXPECT_EQ(server_->counts().bad_requests, 3u);
  EXPECT_EQ(echo_.answers.load(), 3);
}

TEST_F(HttpServerTest, GivesTheAnswerToAClientThatStillSends) {
  start();
  RawClient client(path_);
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
  const std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 100 && client.send(piece); ++i) {
  }
  EXPECT_EQ(status_of(client.read_all()), 413);
}

TEST_F(HttpServerTest, TakesBodiesUpToTheLimit) {
  start();
  RawClient client(path_);
  const std::string body(1024 * 1024, 'x');
  const std::string answer =
      client.ask("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n" + body);
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_GT(body_of(answer).size(), body.size());
}

TEST_F(HttpServerTest, AnswersASlowClientWithinItsDeadline) {
  start();
  RawClient client(path_);
  for (const char c : kGet) ASSERT_TRUE(client.send({&c, 1}));
  EXPECT_EQ(status_of(client.read_answer()), 200);
}

TEST_F(HttpServerTest, DropsARequestThatIsNotWholeInTimeHoweverOftenSomethingComes) {
  start({.request_deadline = 150ms});
  RawClient client(path_);
  const MonotonicTime began = clock_.monotonic();
  // A byte whenever the server has had 10 ms for the one before.
  pollfd answer{.fd = client.fd(), .events = POLLIN, .revents = 0};
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  head.append(5000, 'x');
  for (const char c : head) {
    if (!client.send({&c, 1}) || ::poll(&answer, 1, 10) > 0) break;
  }
  EXPECT_EQ(status_of(client.read_all()), 408);
  EXPECT_GE(clock_.monotonic() - began, 150ms);
  EXPECT_EQ(server_->counts().late_requests, 1u);
}

TEST_F(HttpServerTest, SlowClientsBlockNobody) {
  start({.workers = 1, .request_deadline = 60s});
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(std::make_unique<RawClient>(path_));
    slow.back()->send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
  }
  EXPECT_EQ(status_of(RawClient(path_).get("/")), 200);
}

TEST_F(HttpServerTest, ClosesIdleConnections) {
  start({.idle_max = 100ms});
  RawClient fresh(path_);
  EXPECT_EQ(fresh.read_all(), "");
  RawClient used(path_);
  EXPECT_EQ(status_of(used.get("/")), 200);
  EXPECT_EQ(used.read_all(), "");
  EXPECT_EQ(server_->counts().late_requests, 0u);
}

TEST_F(HttpServerTest, DropsAClientThatDoesNotTakeItsAnswer) {
  echo_.on_handle = [](const HttpRequest&) {
    HttpResponse response;
    response.content_type = "text/plain";
    response.body.assign(8 * 1024 * 1024, 'x');
    return response;
  };
  start({.workers = 1, .response_deadline = 150ms});
  RawClient slow(path_);
  slow.send(kGet);
  RawClient other(path_);
  EXPECT_EQ(body_of(other.get("/")).size(), 8u * 1024 * 1024);  // the one worker is free
  const std::string begun = slow.read_all();
  EXPECT_LE(begun.size(), 8u * 1024 * 1024 + 1000);
}

TEST_F(HttpServerTest, CountsAnswersThatAreNotTaken) {
  echo_.on_handle = [](const HttpRequest&) {
    HttpResponse response;
    response.content_type = "text/plain";
    response.body.assign(8 * 1024 * 1024, 'x');
    return response;
  };
  start({.response_deadline = 100ms});
  RawClient slow(path_);
  slow.send(kGet);
  pollfd closed{.fd = slow.fd(), .events = POLLRDHUP, .revents = 0};
  ASSERT_EQ(::poll(&closed, 1, test::kPatienceMs), 1);
  EXPECT_EQ(server_->counts().late_responses, 1u);
  EXPECT_LT(slow.read_all().size(), 8u * 1024 * 1024);
}

TEST_F(HttpServerTest, AnswersOneConnectionTooManyAndCloses) {
  start({.connections_max = 4});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<RawClient>(path_));
    EXPECT_EQ(status_of(clients.back()->get("/")), 200);
  }
  for (int i = 0; i < 100; ++i) {
    RawClient more(path_);
    more.send(kGet);
    const std::string answer = more.read_all();
    EXPECT_EQ(status_of(answer), 503);
    EXPECT_THAT(answer, HasSubstr("Retry-After: 1\r\n"));
  }
  EXPECT_EQ(server_->counts().refused_connections, 100u);
  EXPECT_EQ(status_of(clients[0]->get("/")), 200);
  // One that goes makes room for another.
  clients.pop_back();
  for (int i = 0; i < 1000; ++i) {
    if (status_of(RawClient(path_).get("/")) == 200) return;
  }
  FAIL() << "no room was made";
}

TEST_F(HttpServerTest, TurnsExceptionsIntoAnswers) {
  echo_.on_handle = [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("boom"); };
  start();
  RawClient client(path_);
  const std::string answer = client.get("/");
  EXPECT_EQ(status_of(answer), 500);
  EXPECT_THAT(answer, HasSubstr("\"internal\""));
  EXPECT_EQ(status_of(client.get("/")), 500);
}

TEST_F(HttpServerTest, ServesManyClientsAtOnce) {
  start();
  std::atomic<int> good{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&, i] {
      RawClient client(path_);
      const std::string body(static_cast<std::size_t>(i) * 1000, 'x');
      for (int k = 0; k < 100; ++k) {
        const std::string answer = client.ask("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                                              std::to_string(body.size()) + "\r\n\r\n" + body);
        if (body_of(answer).starts_with("POST/p " + body + " uid")) good.fetch_add(1);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good.load(), 1600);
}

TEST_F(HttpServerTest, SurvivesRandomBytes) {
  start({.request_deadline = 200ms});
  constexpr std::uint64_t kSeed = 20261121;
  Prng prng(kSeed);
  const std::vector<std::string> words = {"GET ",
                                          "POST ",
                                          "/",
                                          "?a=b",
                                          " HTTP/1.1",
                                          "\r\n",
                                          "\r\n\r\n",
                                          "Host: a\r\n",
                                          "Content-Length: 3\r\n",
                                          "Transfer-Encoding: chunked\r\n",
                                          "Connection: close\r\n",
                                          "%41",
                                          "\n",
                                          "3\r\nabc\r\n",
                                          "0\r\n",
                                          std::string(1, '\0'),
                                          "\xff\xfe",
                                          "Expect: 100-continue\r\n"};
  for (int i = 0; i < 300; ++i) {
    RawClient client(path_);
    std::string text;
    const std::uint64_t count = prng.next() % 20;
    for (std::uint64_t k = 0; k < count; ++k) text += words[prng.next() % words.size()];
    client.send(text);
  }
  EXPECT_EQ(status_of(RawClient(path_).get("/")), 200);
}

// Writes until nobody takes it, or waits.
class Endless final : public HttpStream {
 public:
  explicit Endless(bool waits) : waits_(waits) {}
  Ending run(StreamWriter& out) override {
    if (!out.write("begun\n")) return Ending::Whole;
    const std::string piece(10'000, 'x');
    if (waits_) {
      while (out.wait(-1, 1h) == StreamWriter::Wake::TimedOut) {
      }
    } else {
      while (out.write(piece)) {
      }
    }
    return Ending::Whole;
  }

 private:
  bool waits_;
};

// Its end is not the end of the answer.
class Broken final : public HttpStream {
 public:
  Ending run(StreamWriter& out) override {
    (void)out.write("begun\n");
    return Ending::Cut;
  }
};

// Writes, or waits, until its descriptor is readable.
class Ended final : public HttpStream {
 public:
  Ended(UniqueFd end, bool waits) : end_(std::move(end)), waits_(waits) {}
  Ending run(StreamWriter& out) override {
    if (!out.write("begun\n")) return Ending::Cut;
    const std::string piece(10'000, 'x');
    if (waits_) {
      while (out.wait(-1, 1h) == StreamWriter::Wake::TimedOut) {
      }
    } else {
      while (out.write(piece)) {
      }
    }
    return Ending::Cut;
  }
  [[nodiscard]] int end_fd() const noexcept override { return end_.get(); }

 private:
  UniqueFd end_;
  bool waits_;
};

class HttpStreamTest : public HttpServerTest {
 protected:
  void SetUp() override {
    echo_.on_handle = [](const HttpRequest& request) {
      HttpResponse response;
      response.content_type = "text/plain";
      if (!request.path.empty()) {
        response.stream = std::make_unique<Endless>(request.path[0] == "wait");
      }
      return response;
    };
  }
};

constexpr std::string_view kWait = "GET /wait HTTP/1.1\r\nHost: weir\r\n\r\n";
constexpr std::string_view kFlood = "GET /flood HTTP/1.1\r\nHost: weir\r\n\r\n";

TEST_F(HttpStreamTest, MoreListenersThanThreadsBlockNobody) {
  start({.workers = 2, .streams_max = 5});
  std::vector<std::unique_ptr<RawClient>> listeners;
  for (int i = 0; i < 5; ++i) {
    listeners.push_back(std::make_unique<RawClient>(path_));
    listeners.back()->send(i % 2 == 0 ? kWait : kFlood);
    ASSERT_TRUE(listeners.back()->read_until("begun\n"));
  }
  EXPECT_EQ(server_->counts().streams, 5u);
  RawClient more(path_);
  const std::string answer = more.ask(kWait);
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_THAT(answer, HasSubstr("too many event streams, tails and queries"));
  EXPECT_EQ(server_->counts().refused_streams, 1u);
  EXPECT_EQ(status_of(more.get("/")), 200);  // the connection is as good as before
  // A listener that goes makes room.
  listeners[0]->close();
  for (int i = 0; i < 10'000; ++i) {
    RawClient next(path_);
    next.send(kWait);
    if (next.read_until("\r\n\r\n") && status_of(next.buffered()) == 200) return;
  }
  FAIL() << "no room was made";
}

TEST_F(HttpStreamTest, StopsAtOnceWithOpenStreams) {
  start({.streams_max = 32});
  std::vector<std::unique_ptr<RawClient>> listeners;
  for (int i = 0; i < 32; ++i) {
    listeners.push_back(std::make_unique<RawClient>(path_));
    listeners.back()->send(i % 2 == 0 ? kWait : kFlood);
    ASSERT_TRUE(listeners.back()->read_until("begun\n"));
  }
  const MonotonicTime began = clock_.monotonic();
  server_->stop();
  EXPECT_LT(clock_.monotonic() - began, 100ms);
  EXPECT_FALSE(RawClient(path_).connected());
  EXPECT_THAT(listeners[0]->read_all(), testing::EndsWith("0\r\n\r\n"));
}

TEST_F(HttpStreamTest, EndsAStreamWhoseClientTakesNothing) {
  start({.streams_max = 1, .stream_stall_max = 100ms});
  RawClient slow(path_);
  slow.send(kFlood);
  ASSERT_TRUE(slow.read_until("begun\n"));
  pollfd closed{.fd = slow.fd(), .events = POLLRDHUP, .revents = 0};
  EXPECT_EQ(::poll(&closed, 1, test::kPatienceMs), 1);
}

TEST_F(HttpStreamTest, AStreamThatBreaksOffHasNoLastChunk) {
  echo_.on_handle = [](const HttpRequest&) {
    HttpResponse response;
    response.content_type = "text/plain";
    response.stream = std::make_unique<Broken>();
    return response;
  };
  start();
  RawClient client(path_);
  client.send(kWait);
  EXPECT_THAT(client.read_all(), testing::EndsWith("\r\n\r\n6\r\nbegun\n\r\n"));
}

TEST(HttpConnectionWriter, TheEndOfAnAnswerReachesAClientWhoseSocketIsFull) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd client(ends[1]);
  HttpConnection connection(UniqueFd{ends[0]}, {}, {});
  while (::send(connection.fd.get(), "x", 1, MSG_DONTWAIT) == 1) {
  }
  const SystemClock clock;
  std::thread stream([&] {
    ConnectionWriter writer(connection, -1, -1, 20s, clock, true);
    writer.finish();
    connection.fd.reset();
  });
  std::string text;
  std::array<char, 65536> bytes{};
  for (ssize_t count = 0; (count = ::read(client.get(), bytes.data(), bytes.size())) > 0;) {
    text.append(bytes.data(), static_cast<std::size_t>(count));
  }
  stream.join();
  EXPECT_THAT(text.substr(text.find_last_of('x') + 1), testing::StrEq("0\r\n\r\n"));
}

TEST_F(HttpStreamTest, AStreamEndsByItsDescriptorWhetherItWaitsOrItsClientTakesNothing) {
  for (const bool waits : {true, false}) {
    auto bell = make_bell();
    ASSERT_TRUE(bell.ok());
    UniqueFd mine(::dup(bell->get()));
    UniqueFd theirs = std::move(*bell);
    echo_.on_handle = [&](const HttpRequest&) {
      HttpResponse response;
      response.content_type = "text/plain";
      response.stream = std::make_unique<Ended>(std::move(theirs), waits);
      return response;
    };
    start();
    RawClient client(path_);
    client.send(kWait);
    ASSERT_TRUE(client.read_until("begun\n"));
    ring(mine.get());
    pollfd closed{.fd = client.fd(), .events = POLLRDHUP, .revents = 0};
    EXPECT_EQ(::poll(&closed, 1, test::kPatienceMs), 1) << waits;
    server_->stop();
  }
}

TEST_F(HttpStreamTest, WritesChunksOrToTheEndForOldClients) {
  start();
  RawClient old(path_);
  old.send("GET /wait HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(old.read_until("\r\n\r\nbegun\n"));
  RawClient fresh(path_);
  fresh.send(kWait);
  ASSERT_TRUE(fresh.read_until("\r\n\r\n6\r\nbegun\n\r\n"));
}

TEST_F(HttpServerTest, ServesTheLoopback) {
  start();
  EXPECT_NE(server_->loopback_port(), 0);
}

TEST(HttpServerStop, IsHarmlessBeforeTheStart) {
  const test::TempDir dir;
  const SystemClock clock;
  Echo echo;
  auto server = HttpServer::open({.socket = dir.file("s")}, echo, clock);
  ASSERT_TRUE(server.ok());
  (*server)->stop();
  (*server)->stop();
}

}  // namespace
}  // namespace weir::control
