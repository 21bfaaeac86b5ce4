// The whole API over its sockets, with the clients that people use.
#include "control/api_server.h"

#include <httplib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "control/api_routes.h"
#include "control_api/fake_engine.h"
#include "control_api/raw_client.h"
#include "support/command.h"
#include "support/temp_dir.h"

namespace weir::control {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::RawClient;
using test::run_command;
using test::status_of;
using testing::HasSubstr;

class ApiServerTest : public testing::Test {
 protected:
  void start(ApiOptions options = {}) {
    path_ = dir_.file("weir.sock");
    options.socket = path_;
    options.metrics_listen = "127.0.0.1:0";
    auto server = ApiServer::open(options, engine_, feed_, clock_);
    ASSERT_TRUE(server.ok()) << server.error().context;
    server_ = std::move(*server);
    ASSERT_TRUE(server_->start().ok());
  }
  // Status and body.
  std::pair<std::string, std::string> curl(std::vector<std::string> words,
                                           const std::vector<std::string>& before = {}) {
    std::vector<std::string> all = before;
    for (const char* word :
         {"curl", "-sS", "--max-time", "20", "-o", "-", "-w", "\n%{http_code}"}) {
      all.emplace_back(word);
    }
    all.insert(all.end(), words.begin(), words.end());
    const auto result = run_command(all);
    const std::size_t at = result.out.rfind('\n');
    if (at == std::string::npos) return {"", result.err};
    return {result.out.substr(at + 1), result.out.substr(0, at)};
  }
  std::pair<std::string, std::string> curl_socket(const std::string& target,
                                                  std::vector<std::string> words = {},
                                                  const std::vector<std::string>& before = {}) {
    words.insert(words.begin(), {"--unix-socket", path_, "http://weir" + target});
    return curl(std::move(words), before);
  }

  test::TempDir dir_;
  SystemClock clock_;
  test::FakeEngine engine_;
  test::FakeFeed feed_;
  std::string path_;
  std::unique_ptr<ApiServer> server_;
};

TEST_F(ApiServerTest, SpeaksWithCurl) {
  start();
  const auto [status, body] = curl_socket("/v1/status");
  EXPECT_EQ(status, "200");
  EXPECT_EQ(json::parse(body)["pid"], 4242);
  EXPECT_EQ(curl_socket("/v1/config/reload?deadline=5s", {"-X", "POST"}).first, "200");
  EXPECT_EQ(curl_socket("/v1/sessions/web", {"-X", "DELETE"}).first, "200");
  const auto [filter, result] = curl_socket(
      "/v1/sessions/web/filter",
      {"-X", "PUT", "-H", "Content-Type: application/json", "-d", R"({"filter": "udp port 53"})"});
  EXPECT_EQ(filter, "200") << result;
  EXPECT_EQ(engine_.commands().back().text, "udp port 53");
  std::ofstream(dir_.file("toml")) << std::string(200'000, '#');
  EXPECT_EQ(curl_socket("/v1/config", {"-X", "PUT", "-H", "Content-Type: application/toml", "-H",
                                       "If-Match: \"3\"", "-H", "Transfer-Encoding: chunked",
                                       "--data-binary", "@" + dir_.file("toml")})
                .first,
            "200");
  EXPECT_EQ(engine_.commands().back().text.size(), 200'000u);
  EXPECT_EQ(engine_.commands().back().generation, 3u);
  EXPECT_EQ(curl_socket("/v1/status", {"-I"}).first, "200");
  EXPECT_EQ(curl_socket("/../../etc/passwd", {"--path-as-is"}).first, "400");
}

TEST_F(ApiServerTest, SpeaksWithHttplib) {
  start();
  httplib::Client client(path_, 80);
  client.set_address_family(AF_UNIX);
  client.set_keep_alive(true);
  client.set_default_headers({{"Host", "weir"}});
  for (int i = 0; i < 10; ++i) {
    const auto status = client.Get("/v1/status");
    ASSERT_TRUE(status) << httplib::to_string(status.error());
    EXPECT_EQ(status->status, 200);
    const auto level = client.Put("/v1/log-level", R"({"level":"debug"})", "application/json");
    ASSERT_TRUE(level) << httplib::to_string(level.error());
    EXPECT_EQ(level->status, 200) << level->body;
  }
  const auto missing = client.Get("/v1/sessions/none");
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(missing->get_header_value("Content-Type"), "application/problem+json");
}

TEST_F(ApiServerTest, ServesMetricsOnTheLoopback) {
  start();
  const std::string base = "http://127.0.0.1:" + std::to_string(server_->metrics_port());
  const auto [status, body] = curl({base + "/metrics"});
  EXPECT_EQ(status, "200");
  EXPECT_EQ(body, engine_.metrics_text);
  EXPECT_EQ(curl({base + "/healthz"}).second, "ok\n");
  EXPECT_EQ(curl({base + "/v1/status"}).first, "404");
  EXPECT_EQ(curl({base + "/v1/drain", "-X", "POST"}).first, "404");
  EXPECT_EQ(curl({base + "/metrics", "-X", "POST"}).first, "405");
}

TEST_F(ApiServerTest, StreamsEventsAsTheyHappen) {
  start();
  RawClient client(path_);
  client.send("GET /v1/events HTTP/1.1\r\nHost: weir\r\n\r\n");
  ASSERT_TRUE(client.read_until(": events of weir\n\n"));
  for (int i = 1; i <= 3; ++i) {
    feed_.publish("event " + std::to_string(i));
    server_->event_came();
    ASSERT_TRUE(client.read_until("\"event " + std::to_string(i) + "\""));
  }
  RawClient later(path_);
  later.send("GET /v1/events HTTP/1.1\r\nHost: weir\r\nLast-Event-ID: 2\r\n\r\n");
  ASSERT_TRUE(later.read_until("\"event 3\""));
  EXPECT_EQ(later.buffered().find("\"event 2\""), std::string::npos);
}

TEST_F(ApiServerTest, StreamsPacketsUntilEitherSideHasEnough) {
  start();
  RawClient client(path_);
  client.send("GET /v1/sessions/all/tail?filter=udp%20port%2053 HTTP/1.1\r\nHost: weir\r\n\r\n");
  ASSERT_TRUE(client.read_until("application/x-pcapng"));
  auto writers = engine_.take_writers();
  ASSERT_EQ(writers.size(), 1u);
  EXPECT_EQ(engine_.tail_request().session, "all");
  EXPECT_EQ(engine_.tail_request().filter, "udp port 53");
  EXPECT_THAT(engine_.tail_request().who, HasSubstr("(uid " + std::to_string(::getuid()) + ")"));
  ASSERT_EQ(::write(writers[0].get(), "packets", 7), 7);
  ASSERT_TRUE(client.read_until("7\r\npackets\r\n"));
  writers.clear();
  ASSERT_TRUE(client.read_until("\r\n0\r\n\r\n"));
  EXPECT_EQ(client.read_all().substr(0, 12), "HTTP/1.1 200");

  RawClient leaves(path_);
  leaves.send("GET /v1/sessions/all/tail HTTP/1.1\r\nHost: weir\r\n\r\n");
  ASSERT_TRUE(leaves.read_until("\r\n\r\n"));
  writers = engine_.take_writers();
  ASSERT_EQ(writers.size(), 1u);
  leaves.close();
  // The engine sees that nobody reads any more.
  pollfd gone{.fd = writers[0].get(), .events = 0, .revents = 0};
  ASSERT_EQ(::poll(&gone, 1, test::kPatienceMs), 1);
  EXPECT_NE(gone.revents & POLLERR, 0);
}

TEST_F(ApiServerTest, CountsWhatItAnswers) {
  start({.listeners_max = 1});
  RawClient client(path_);
  client.get("/v1/status");
  client.get("/v1/status");
  client.get("/v1/nothing");
  client.get("/v1/status?x=1");
  // The count of an answer may come just after the answer itself.
  client.get("/v1/health");
  server_->stop();
  const auto& statistics = server_->statistics();
  const auto& status = statistics.routes[static_cast<std::size_t>(RouteId::Status)];
  EXPECT_EQ(status.answers[1].value(), 2u);
  EXPECT_EQ(status.answers[3].value(), 1u);
  EXPECT_EQ(statistics.routes[0].answers[3].value(), 1u);
  std::uint64_t times = 0;
  for (std::size_t i = 0; i < AnswerTimes::buckets(); ++i)
    times += statistics.answer_times.bucket(i);
  EXPECT_EQ(times, 5u);
  EXPECT_GT(statistics.answer_times.sum_seconds(), 0.0);
}

TEST_F(ApiServerTest, RefusesWhomItDoesNotKnow) {
  start();
  server_->set_engine_uid(::getuid() + 4711);
  const std::string expected = ::getuid() == 0 ? "200" : "403";  // root always may
  EXPECT_EQ(curl_socket("/v1/status").first, expected);
}

// What somebody with these groups is answered, in the order of the paths.
TEST_F(ApiServerTest, LetsEachUserDoWhatTheirGroupsMay) {
  if (::getuid() != 0) {
    // Only root can be somebody else; AuthorizerTest has the same table without a socket.
    SUCCEED();
    return;
  }
  start({.groups = {.viewer = "audio", .operators = "video", .admin = "adm"}});
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
  const auto as = [&](const std::string& groups, const std::string& target,
                      const std::string& method) {
    std::vector<std::string> before = {"setpriv", "--reuid=12345", "--regid=12345"};
    before.push_back(groups.empty() ? "--clear-groups" : "--groups=" + groups);
    return curl_socket(target, {"-X", method}, before).first;
  };
  struct Row {
    std::string groups;
    std::string get;
    std::string pause;
    std::string drain;
  };
  const std::string viewer = std::to_string(*group_of("audio"));
  const std::string operators = viewer + "," + std::to_string(*group_of("video"));
  const std::string admin = viewer + "," + std::to_string(*group_of("adm"));
  for (const Row& row : std::vector<Row>{{"", "000", "000", "000"},  // the file's mode
                                         {viewer, "200", "403", "403"},
                                         {operators, "200", "200", "403"},
                                         {admin, "200", "200", "200"}}) {
    EXPECT_EQ(as(row.groups, "/v1/status", "GET"), row.get) << row.groups;
    EXPECT_EQ(as(row.groups, "/v1/sessions/web/pause", "POST"), row.pause) << row.groups;
    EXPECT_EQ(as(row.groups, "/v1/drain", "POST"), row.drain) << row.groups;
  }
  EXPECT_EQ(engine_.commands().back().who, "uid 12345");
  // A change of the groups takes effect at once, for the file too.
  ASSERT_TRUE(server_->set_groups({.viewer = "adm", .operators = "", .admin = ""}).ok());
  EXPECT_EQ(as(viewer, "/v1/status", "GET"), "000");
  EXPECT_EQ(as(admin, "/v1/status", "GET"), "200");
  EXPECT_EQ(as(admin, "/v1/drain", "POST"), "403");
  EXPECT_FALSE(server_->set_groups({.viewer = "no-such-group", .operators = "", .admin = ""}).ok());
  EXPECT_EQ(as(admin, "/v1/status", "GET"), "200");
}

TEST_F(ApiServerTest, AnswersStatusWhileOperatorsWait) {
  std::mutex mutex;
  std::condition_variable changed;
  bool go = false;
  engine_.on_execute = [&](const Command&) -> Result<CommandResult> {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return go; });
    return CommandResult{};
  };
  start();
  std::vector<std::unique_ptr<RawClient>> operators;
  for (int i = 0; i < 20; ++i) {
    operators.push_back(std::make_unique<RawClient>(path_));
    operators.back()->send("POST /v1/config/reload HTTP/1.1\r\nHost: weir\r\n\r\n");
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(status_of(RawClient(path_).get("/v1/status")), 200);
  {
    const std::lock_guard lock(mutex);
    go = true;
  }
  changed.notify_all();
  int done = 0;
  for (auto& each : operators) {
    const int status = status_of(each->read_answer());
    EXPECT_TRUE(status == 200 || status == 503) << status;
    done += status == 200 ? 1 : 0;
  }
  EXPECT_GE(done, 6);
}

TEST(ApiServerOpen, SaysWhatItCannotDo) {
  const test::TempDir dir;
  const SystemClock clock;
  test::FakeEngine engine;
  test::FakeFeed feed;
  const auto code = [&](const ApiOptions& options) {
    const auto server = ApiServer::open(options, engine, feed, clock);
    return server ? ErrorCode::Internal : server.error().code;
  };
  EXPECT_EQ(code({.socket = dir.file("s"), .metrics_listen = "0.0.0.0:1"}), ErrorCode::Usage);
  EXPECT_EQ(code({.socket = dir.file("s"),
                  .groups = {.viewer = "no-such-group", .operators = "", .admin = ""}}),
            ErrorCode::Usage);
  EXPECT_EQ(code({.socket = dir.file("a/b/s")}), ErrorCode::NotFound);
}

}  // namespace
}  // namespace weir::control
