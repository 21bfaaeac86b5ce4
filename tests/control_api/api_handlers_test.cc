#include "control/api_handlers.h"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "control/http_stream.h"
#include "control_api/api_fixture.h"

namespace weir::control {
namespace {

using nlohmann::json;
using test::ApiFixture;
using testing::HasSubstr;

class ApiHandlersTest : public testing::Test, protected ApiFixture {};

TEST_F(ApiHandlersTest, TellsOfTheEngine) {
  const HttpResponse response = ask("GET", "/v1/status");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  const json status = json::parse(response.body);
  EXPECT_EQ(status["state"], "running");
  EXPECT_EQ(status["started"], "1700000000.000000000");
  EXPECT_EQ(status["rejected"]["filter"], 3);
  EXPECT_EQ(status["modules"][0]["health"], "ok");
}

TEST_F(ApiHandlersTest, TellsOfSessions) {
  EXPECT_EQ(json::parse(ask("GET", "/v1/sessions").body)["sessions"].size(), 2u);
  const json web = json::parse(ask("GET", "/v1/sessions/web").body);
  EXPECT_EQ(web["name"], "web");
  EXPECT_EQ(web["since"], "1700000000.000000001");
  EXPECT_EQ(web["outputs"][0]["path"], "/data/\"a\".pcapng");
  EXPECT_EQ(web["rules"][0]["action"], "accept");
  const HttpResponse none = ask("GET", "/v1/sessions/no%20such");
  EXPECT_EQ(none.status, 404);
  EXPECT_EQ(none.content_type, "application/problem+json");
  const json problem = json::parse(none.body);
  EXPECT_EQ(problem["code"], "not_found");
  EXPECT_EQ(problem["status"], 404);
  EXPECT_EQ(problem["title"], "Not Found");
  EXPECT_THAT(problem["detail"].get<std::string>(), HasSubstr("no such"));
}

TEST_F(ApiHandlersTest, TurnsRequestsIntoCommands) {
  EXPECT_EQ(send_toml("POST", "/v1/sessions", "[[session]]\nname=\"x\"").status, 201);
  EXPECT_EQ(ask("DELETE", "/v1/sessions/web?deadline=250ms").status, 200);
  EXPECT_EQ(ask("POST", "/v1/sessions/web/pause").status, 200);
  EXPECT_EQ(ask("POST", "/v1/sessions/web/resume").status, 200);
  EXPECT_EQ(send_json("PUT", "/v1/sessions/web/filter", R"({"filter":"udp"})").status, 200);
  EXPECT_EQ(send_toml("PUT", "/v1/config", "[engine]", "If-Match: \"3\"\r\n").status, 200);
  EXPECT_EQ(ask("POST", "/v1/config/reload").status, 200);
  EXPECT_EQ(send_json("POST", "/v1/config/rollback", R"({"generation":2})").status, 200);
  EXPECT_EQ(ask("POST", "/v1/config/rollback").status, 200);
  EXPECT_EQ(ask("POST", "/v1/drain").status, 200);
  EXPECT_EQ(send_json("PUT", "/v1/log-level", R"({"module":"capture","level":"debug"})").status,
            200);
  const auto commands = engine.commands();
  const std::vector<CommandKind> kinds = {
      CommandKind::CreateSession, CommandKind::StopSession, CommandKind::PauseSession,
      CommandKind::ResumeSession, CommandKind::SetFilter,   CommandKind::Configure,
      CommandKind::Reload,        CommandKind::Rollback,    CommandKind::Rollback,
      CommandKind::Drain,         CommandKind::SetLogLevel};
  ASSERT_EQ(commands.size(), kinds.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    EXPECT_EQ(commands[i].kind, kinds[i]);
    EXPECT_EQ(commands[i].who, "root (uid 0)");
    EXPECT_EQ(commands[i].deadline,
              i == 1 ? Duration(std::chrono::milliseconds(250)) : std::chrono::seconds(10));
  }
  EXPECT_EQ(commands[0].text, "[[session]]\nname=\"x\"");
  EXPECT_EQ(commands[1].name, "web");
  EXPECT_EQ(commands[4].text, "udp");
  EXPECT_EQ(commands[5].generation, 3u);
  EXPECT_EQ(commands[5].text, "[engine]");
  EXPECT_EQ(commands[7].generation, 2u);
  EXPECT_EQ(commands[8].generation, 0u);
  EXPECT_EQ(commands[10].name, "capture");
  EXPECT_EQ(commands[10].text, "debug");
}

TEST_F(ApiHandlersTest, SaysWhatCameOfACommand) {
  const json result = json::parse(ask("POST", "/v1/config/reload").body);
  EXPECT_EQ(result["id"], 1);
  EXPECT_EQ(result["generation"], 4);
  EXPECT_EQ(result["message"], "config.reload done");
  EXPECT_EQ(result["needs_restart"], json::array({"engine.user"}));
}

TEST_F(ApiHandlersTest, HasAStatusForEveryErrorOfTheEngine) {
  for (const ErrorInfo& info : error_table()) {
    engine.error = Error{.code = info.code, .context = "reload: \"why\" (hint)"};
    const HttpResponse response = ask("POST", "/v1/config/reload");
    EXPECT_EQ(response.status, status_for(info.code));
    EXPECT_GE(response.status, 400);
    const json problem = json::parse(response.body);
    EXPECT_EQ(problem["code"], info.name);
    EXPECT_EQ(problem["detail"], "reload: \"why\" (hint)");
    EXPECT_NE(problem["title"], "Unknown");
  }
  EXPECT_EQ(status_for(ErrorCode::TimedOut), 504);
  EXPECT_EQ(status_for(ErrorCode::Conflict), 409);
  EXPECT_EQ(status_for(ErrorCode::BadFilter), 400);
}

TEST_F(ApiHandlersTest, GuardsTheConfigurationByItsTag) {
  const HttpResponse config = ask("GET", "/v1/config");
  EXPECT_EQ(config.content_type, "application/toml");
  EXPECT_EQ(config.body, engine.config_toml);
  EXPECT_EQ(header(config, "ETag"), "\"3\"");
  EXPECT_EQ(ask("GET", "/v1/config", "", "If-None-Match: \"3\"\r\n").status, 304);
  EXPECT_EQ(ask("GET", "/v1/config", "", "If-None-Match: \"2\"\r\n").status, 200);
  EXPECT_EQ(send_toml("PUT", "/v1/config", "x").status, 428);
  EXPECT_EQ(send_toml("PUT", "/v1/config", "x", "If-Match: W/\"3\"\r\n").status, 400);
  EXPECT_TRUE(engine.commands().empty());
  const HttpResponse changed = send_toml("PUT", "/v1/config", "x", "If-Match: *\r\n");
  EXPECT_EQ(changed.status, 200);
  EXPECT_EQ(header(changed, "ETag"), "\"4\"");
  engine.error = Error{.code = ErrorCode::Conflict, .context = "it is generation 4 now"};
  EXPECT_EQ(send_toml("PUT", "/v1/config", "x", "If-Match: \"3\"\r\n").status, 412);
  EXPECT_EQ(ask("POST", "/v1/config/reload").status, 409);
}

TEST_F(ApiHandlersTest, RefusesBodiesThatItCannotRead) {
  EXPECT_EQ(ask("PUT", "/v1/config", "x", "If-Match: *\r\n").status, 415);
  EXPECT_EQ(send_json("POST", "/v1/sessions", "{}").status, 415);
  EXPECT_EQ(send_toml("PUT", "/v1/log-level", "x").status, 415);
  EXPECT_EQ(send_toml("POST", "/v1/sessions", "").status, 400);
  EXPECT_EQ(send_json("PUT", "/v1/log-level", "[1]").status, 400);
  EXPECT_EQ(ask("POST", "/v1/config/reload", "x").status, 400);
  EXPECT_EQ(ask("GET", "/v1/status", "x").status, 400);
  EXPECT_EQ(
      ask("POST", "/v1/sessions", "x", "Content-Type: Application/TOML; charset=utf-8\r\n").status,
      201);
  EXPECT_EQ(engine.commands().size(), 1u);
}

TEST_F(ApiHandlersTest, RefusesDeadlinesThatAreNone) {
  for (const char* bad : {"0s", "11m", "soon", "-5s", ""}) {
    EXPECT_EQ(ask("POST", std::string("/v1/drain?deadline=") + bad).status, 400) << bad;
  }
  EXPECT_TRUE(engine.commands().empty());
}

TEST_F(ApiHandlersTest, KnowsPathsAndMethods) {
  EXPECT_EQ(ask("GET", "/v1/nothing").status, 404);
  EXPECT_EQ(ask("GET", "/v2/status").status, 404);
  EXPECT_EQ(ask("GET", "/v1/sessions/web/pause/x").status, 404);
  const HttpResponse wrong = ask("PATCH", "/v1/sessions/web");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(header(wrong, "Allow"), "GET, HEAD, DELETE");
  EXPECT_EQ(header(ask("DELETE", "/v1/config"), "Allow"), "GET, HEAD, PUT");
  EXPECT_EQ(ask("HEAD", "/v1/status").status, 200);
  EXPECT_EQ(ask("HEAD", "/v1/config/reload").status, 405);
  EXPECT_EQ(ask("GET", "/v1/status/").status, 200);
}

TEST_F(ApiHandlersTest, AnswersHeadOfStreamsWithoutStartingThem) {
  EXPECT_EQ(ask("HEAD", "/v1/events").stream, nullptr);
  const HttpResponse tail = ask("HEAD", "/v1/sessions/web/tail");
  EXPECT_EQ(tail.status, 200);
  EXPECT_EQ(tail.stream, nullptr);
  EXPECT_TRUE(engine.take_writers().empty());
  EXPECT_EQ(ask("HEAD", "/v1/sessions/none/tail").status, 404);
}

TEST_F(ApiHandlersTest, ReadsWhatAQueryAsks) {
  const HttpResponse begun = send_json(
      "POST", "/v1/queries",
      R"({"session":"web","since":"1700000000","until":"2023-11-14T22:13:21Z","filter":"udp",)"
      R"("inner":true,"community_id":"1:x","limit":5})");
  EXPECT_EQ(begun.status, 200) << begun.body;
  EXPECT_EQ(begun.content_type, "application/x-pcapng");
  EXPECT_EQ(header(begun, "Weir-Query"), "7");
  ASSERT_NE(begun.stream, nullptr);
  const PacketQuery query = engine.packet_query();
  EXPECT_EQ(query.who, "root (uid 0)");
  EXPECT_EQ(query.session, "web");
  EXPECT_EQ(query.since, Timestamp{1'700'000'000'000'000'000});
  EXPECT_EQ(query.until, Timestamp{1'700'000'001'000'000'000});
  EXPECT_EQ(query.filter, "udp");
  EXPECT_TRUE(query.inner);
  EXPECT_EQ(query.community_id, "1:x");
  EXPECT_EQ(query.packets_max, 5u);
  EXPECT_EQ(send_json("POST", "/v1/queries", R"({"session":"web"})").status, 200);
  EXPECT_EQ(engine.packet_query().since, std::nullopt);
  EXPECT_EQ(engine.packet_query().until, std::nullopt);
}

TEST_F(ApiHandlersTest, RefusesQueriesThatItCannotRead) {
  const std::string long_name(257, 'x');
  const std::string long_filter(65'537, 'x');
  for (const std::string& body :
       {std::string(R"({})"), std::string(R"({"session":1})"),
        std::string(R"({"session":"web","inner":"yes"})"),
        std::string(R"({"session":"web","since":"soon"})"),
        std::string(R"({"session":"web","since":"1700000001","until":"1700000000"})"),
        std::string(R"({"session":"web","path":"/data"})"), R"({"session":")" + long_name + R"("})",
        R"({"session":"web","filter":")" + long_filter + R"("})"}) {
    EXPECT_EQ(send_json("POST", "/v1/queries", body).status, 400) << body.substr(0, 100);
  }
  EXPECT_EQ(engine.packet_query().session, "") << "nothing was begun";
}

TEST_F(ApiHandlersTest, AQueryNeedsAClientThatSeesWhereTheAnswerBreaksOff) {
  HttpParser parser({});
  const std::string text =
      "POST /v1/queries HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: "
      "17\r\n\r\n{\"session\":\"web\"}";
  std::size_t taken = 0;
  ASSERT_EQ(parser.feed(text, taken), HttpParser::State::Complete);
  EXPECT_EQ(handlers.handle(parser.request(), root()).status, 505);
}

TEST_F(ApiHandlersTest, TellsOfThePolicyAndTheThreat) {
  const json policy = json::parse(ask("GET", "/v1/policy").body);
  EXPECT_EQ(policy["state"], "loaded");
  EXPECT_EQ(policy["version"], 7);
  EXPECT_EQ(policy["expires"], "1800000000.000000000");
  EXPECT_EQ(policy["refused"]["forged"], 2);
  EXPECT_EQ(policy["threat"]["level"], "high");
  EXPECT_EQ(policy["threat"]["refused_requests"], 5);
}

TEST_F(ApiHandlersTest, TellsOfQueriesAndCancelsThem) {
  const json all = json::parse(ask("GET", "/v1/queries").body);
  ASSERT_EQ(all["queries"].size(), 1u);
  EXPECT_EQ(all["queries"][0], json::parse(ask("GET", "/v1/queries/1").body));
  EXPECT_EQ(all["queries"][0]["lost"]["packets"], 2);
  EXPECT_EQ(all["queries"][0]["missing"][0], "segment x: damaged");
  EXPECT_EQ(ask("GET", "/v1/queries/2").status, 404);
  EXPECT_EQ(ask("GET", "/v1/queries/one").status, 400);
  EXPECT_EQ(ask("DELETE", "/v1/queries/1").status, 200);
  EXPECT_EQ(engine.cancelled_by(), "root (uid 0)");
  engine.error = Error{.code = ErrorCode::Conflict, .context = "query 1: it has ended already"};
  EXPECT_EQ(ask("DELETE", "/v1/queries/1").status, 409);
  engine.error = Error{.code = ErrorCode::Resource, .context = "query: 4 are running"};
  const HttpResponse many = send_json("POST", "/v1/queries", R"({"session":"web"})");
  EXPECT_EQ(many.status, 503);
  EXPECT_EQ(header(many, "Retry-After"), "1");
}

TEST_F(ApiHandlersTest, TellsOfHealth) {
  engine.health = "late";
  EXPECT_EQ(ask("GET", "/v1/health").status, 200);
  EXPECT_EQ(ask("GET", "/healthz").body, "late\n");
  engine.health = "stalled";
  const HttpResponse stalled = ask("GET", "/v1/health");
  EXPECT_EQ(stalled.status, 503);
  const json health = json::parse(stalled.body);
  EXPECT_EQ(health["health"], "stalled");
  ASSERT_EQ(health["modules"].size(), 1u);
  EXPECT_EQ(health["modules"][0]["name"], "storage");
  EXPECT_EQ(ask("GET", "/healthz").status, 503);
  engine.health = "on fire";
  EXPECT_EQ(json::parse(ask("GET", "/v1/health").body)["health"], "failing");
}

TEST_F(ApiHandlersTest, PagesThroughTheJournal) {
  json page = json::parse(ask("GET", "/v1/journal?limit=2").body);
  EXPECT_EQ(page["journal"].size(), 2u);
  EXPECT_EQ(page["journal"][0]["id"], 5);
  EXPECT_EQ(page["next"], 4);
  page = json::parse(ask("GET", "/v1/journal?limit=4&before=4").body);
  EXPECT_EQ(page["journal"].size(), 3u);
  EXPECT_EQ(page["next"], 0);
  EXPECT_EQ(ask("GET", "/v1/journal?limit=0").status, 400);
  EXPECT_EQ(ask("GET", "/v1/journal?limit=1001").status, 400);
}

TEST_F(ApiHandlersTest, ReadsTheHistory) {
  const json history = json::parse(ask("GET", "/v1/history?metric=weir_packets_total").body);
  EXPECT_EQ(history["series"][0]["labels"]["session"], "all");
  EXPECT_EQ(history["series"][0]["points"], json::parse("[[1700000000.5,1.5],[1700000010.5,7]]"));
  EXPECT_EQ(engine.last_query().until, clock.wall());
  EXPECT_EQ(engine.last_query().since, clock.wall() + -std::chrono::hours(1));
  EXPECT_EQ(ask("GET", "/v1/history?metric=a&since=100&until=200.5&step=2m").status, 200);
  EXPECT_EQ(engine.last_query().since.ns, 100'000'000'000);
  EXPECT_EQ(engine.last_query().until.ns, 200'500'000'000);
  EXPECT_EQ(engine.last_query().step, std::chrono::minutes(2));
  EXPECT_EQ(ask("GET", "/v1/history?metric=weir_unknown").status, 404);
  EXPECT_EQ(ask("GET", "/v1/history").status, 400);
  EXPECT_EQ(ask("GET", "/v1/history?metric=a&since=200&until=100").status, 400);
}

TEST_F(ApiHandlersTest, RefusesWhoMayNotAndSaysWhatIsNeeded) {
  const Principal somebody{.uid = 1234, .gid = 1234};
  const HttpResponse response = ask("POST", "/v1/drain", "", "", somebody);
  EXPECT_EQ(response.status, 403);
  const json problem = json::parse(response.body);
  EXPECT_EQ(problem["code"], "permission");
  EXPECT_THAT(problem["detail"].get<std::string>(), HasSubstr("needs the role admin"));
  EXPECT_THAT(problem["detail"].get<std::string>(), HasSubstr("uid 1234 has none"));
  EXPECT_TRUE(engine.commands().empty());
  EXPECT_EQ(statistics.refused_authorisation.value(), 1u);
}

TEST_F(ApiHandlersTest, ServesTheLoopbackMetricsAndHealthOnly) {
  const Principal anybody{.door = Door::Loopback};
  EXPECT_EQ(ask("GET", "/metrics", "", "", anybody).body, engine.metrics_text);
  EXPECT_EQ(ask("HEAD", "/metrics", "", "", anybody).status, 200);
  EXPECT_EQ(ask("GET", "/healthz", "", "", anybody).status, 200);
  for (const Route& route : route_table()) {
    if (route.action == Action::Scrape) continue;
    EXPECT_EQ(ask(std::string(route.method), std::string(route.path), "", "", anybody).status, 404);
  }
}

TEST_F(ApiHandlersTest, LetsSoManyCommandsWaitAndNoMore) {
  std::mutex mutex;
  std::condition_variable changed;
  int waiting = 0;
  bool go = false;
  engine.on_execute = [&](const Command&) -> Result<CommandResult> {
    std::unique_lock lock(mutex);
    ++waiting;
    changed.notify_all();
    changed.wait(lock, [&] { return go; });
    return CommandResult{};
  };
  std::vector<std::thread> operators;
  for (int i = 0; i < 2; ++i) {
    operators.emplace_back([&] { EXPECT_EQ(ask("POST", "/v1/config/reload").status, 200); });
  }
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting == 2; });
  }
  const HttpResponse third = ask("POST", "/v1/config/reload");
  EXPECT_EQ(third.status, 503);
  EXPECT_EQ(header(third, "Retry-After"), "1");
  EXPECT_EQ(statistics.refused_busy.value(), 1u);
  EXPECT_EQ(ask("GET", "/v1/status").status, 200);
  {
    const std::lock_guard lock(mutex);
    go = true;
  }
  changed.notify_all();
  for (std::thread& each : operators) each.join();
  EXPECT_EQ(ask("POST", "/v1/config/reload").status, 200);
}

std::string run_stream(HttpResponse& response, std::size_t writes_max) {
  test::MemoryWriter writer(writes_max);
  response.stream->run(writer);
  return writer.text;
}

TEST_F(ApiHandlersTest, TellsEventsFromWhereTheReaderWants) {
  for (const char* text : {"one", "two", "three"}) feed.publish(text);
  HttpResponse all = ask("GET", "/v1/events?after=0");
  EXPECT_EQ(all.content_type, "text/event-stream");
  const std::string text = run_stream(all, 3);
  EXPECT_THAT(text, HasSubstr("id: 1\ndata: {\"id\":1,"));
  EXPECT_THAT(text, HasSubstr("\n\nid: 3\n"));
  EXPECT_THAT(text, HasSubstr("\n\n:\n\n"));  // nothing more came in time
  HttpResponse last = ask("GET", "/v1/events", "", "Last-Event-ID: 2\r\n");
  const std::string from_two = run_stream(last, 2);
  EXPECT_EQ(from_two.find("id: 2\n"), std::string::npos);
  EXPECT_THAT(from_two, HasSubstr("id: 3\n"));
  HttpResponse now = ask("GET", "/v1/events");
  EXPECT_EQ(run_stream(now, 2).find("id:"), std::string::npos);
  HttpResponse anew = ask("GET", "/v1/events?after=99");  // of an engine before this one
  EXPECT_THAT(run_stream(anew, 2), HasSubstr("id: 1\n"));
  EXPECT_EQ(ask("GET", "/v1/events?after=x").status, 400);
}

TEST(ApiEvents, SayHowManyWereMissed) {
  test::FakeFeed feed(2);
  EventBells bells;
  ApiStatistics statistics;
  for (int i = 1; i <= 5; ++i) feed.publish(std::to_string(i));
  const auto told = [&](EventsFrom from) {
    auto stream = make_event_stream(feed, bells, from, statistics);
    test::MemoryWriter writer(2);
    (*stream)->run(writer);
    return writer.text;
  };
  EXPECT_THAT(told({.after = 1}), HasSubstr("event: missed\ndata: {\"missed\":2}\n\nid: 4\n"));
  EXPECT_EQ(statistics.missed_events.value(), 2u);
  EXPECT_EQ(told({.after = 0, .oldest = true}).find("missed"), std::string::npos);
}

}  // namespace
}  // namespace weir::control
