// What the engine says, as values and as text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/ctl/answers.h"
#include "app/ctl/render.h"

namespace weir::app {
namespace {

using testing::HasSubstr;

constexpr const char* kSession =
    R"({"name":"web","state":"running","origin":"config","interfaces":["eth0","eth1"],)"
    R"("filter":"tcp","inner":true,"snaplen":96,"priority":50,"relief":"sample 1/2",)"
    R"("generation":7,)"
    R"("since":"1700000000.000000000","received":1000,"received_bytes":2048,"accepted":900,)"
    R"("accepted_bytes":1048576,"truncated":12,"rejected":{"filter":90},)"
    R"("dropped":{"kernel":10},)"
    R"("outputs":[{"kind":"pcapng","path":"/data/web.pcapng","offered":900,"written":890,)"
    R"("written_bytes":12345,"pending":3,"spilled":21,"lost":{"no_space":7}}],)"
    R"("rules":[{"name":"dns","action":"headers-only","packets":5,"bytes":600}],"error":"",)"
    R"("a field of a later version":[{}]})";

TEST(CtlAnswers, APolicyIsReadAndShown) {
  const auto policy = read_policy_status(
      R"({"state":"expired","path":"/p","version":7,"digest":"ab","issued":"1700000000",)"
      R"("expires":"1700003600","newest_version":8,"level":"high","block":true,)"
      R"("refused":{"forged":2,"downgraded":1},"refusal":"no","threat":{"level":"normal",)"
      R"("since":"1700000001","why":"quiet","received":1000,"malformed":3,"refused_sources":4,)"
      R"("refused_requests":5,"policy_refusals":6}})");
  ASSERT_TRUE(policy.ok());
  EXPECT_EQ(policy->newest_version, 8u);
  EXPECT_EQ(text_of(*policy),
            "policy      version 7, expired\n"
            "path        /p\n"
            "issued      2023-11-14 22:13:20 UTC\n"
            "expires     2023-11-14 23:13:20 UTC\n"
            "digest      ab\n"
            "in force    tables up to high, nothing is let in\n"
            "refused     3 (forged 2, downgraded 1)\n"
            "refusal     no\n"
            "threat      normal, since 2023-11-14 22:13:21 UTC\n"
            "why         quiet\n"
            "lately      3 of 1,000 packets malformed, 4 of refused sources; 5 refused requests, 6 "
            "refused policies\n");
  EXPECT_FALSE(read_policy_status(R"({"version":"7"})").ok());
}

TEST(CtlAnswers, ASessionIsReadAsAWhole) {
  const auto session = read_session(kSession);
  ASSERT_TRUE(session.ok()) << session.error().context;
  EXPECT_EQ(session->name, "web");
  EXPECT_EQ(session->interfaces, (std::vector<std::string>{"eth0", "eth1"}));
  EXPECT_TRUE(session->inner);
  EXPECT_EQ(session->snaplen, 96u);
  EXPECT_EQ(session->since, Timestamp{1'700'000'000'000'000'000});
  EXPECT_EQ(session->truncated, 12u);
  EXPECT_EQ(session->dropped, (control::Counts{{"kernel", 10}}));
  ASSERT_EQ(session->outputs.size(), 1u);
  EXPECT_EQ(session->outputs[0].spilled, 21u);
  EXPECT_EQ(session->outputs[0].lost, (control::Counts{{"no_space", 7}}));
  ASSERT_EQ(session->rules.size(), 1u);
  EXPECT_EQ(session->rules[0].action, "headers-only");
  EXPECT_EQ(text_of(*session),
            "session     web\n"
            "state       running\n"
            "since       2023-11-14 22:13:20 UTC\n"
            "origin      config, generation 7\n"
            "interfaces  eth0, eth1\n"
            "filter      tcp (of the innermost frame)\n"
            "snaplen     96\n"
            "priority    50\n"
            "relief      sample 1/2\n"
            "received    1,000 packets, 2.0 KiB\n"
            "accepted    900 packets, 1.0 MiB\n"
            "rejected    90 (filter 90)\n"
            "dropped     10 (kernel 10) = 1 % of what was received\n"
            "\n"
            "OUTPUT  WRITTEN     BYTES  PENDING  LOST            PATH\n"
            "pcapng      890  12.1 KiB        3  7 (no_space 7)  /data/web.pcapng\n"
            "\n"
            "RULE  ACTION        PACKETS  BYTES\n"
            "dns   headers-only        5  600 B\n");
}

TEST(CtlAnswers, PressureIsWhatIsShortAndWhatSessionsDo) {
  const auto status = read_pressure(
      R"({"enabled":true,"places":[{"resource":"cpu","place":"","level":"normal",)"
      R"("since":"1700000000.000000000","fill":3,"step":0,"steps":8,"sessions":["low","web"]},)"
      R"({"resource":"output","place":"pipe /run/x","level":"critical",)"
      R"("since":"1700000000.000000000","fill":100,"step":2,"steps":5,"sessions":["low"]}],)"
      R"("sessions":[{"session":"low","priority":10,"relief":"cutoff 64KiB, truncate 128",)"
      R"("since":"1700000001.000000000"},)"
      R"({"session":"web","priority":100,"relief":"","since":"0.000000000"}]})");
  ASSERT_TRUE(status.ok()) << status.error().context;
  EXPECT_EQ(text_of(*status),
            "RESOURCE  PLACE        LEVEL     FILL  STEP    SINCE (UTC)          SESSIONS\n"
            "cpu       -            normal      3%  0 of 8  2023-11-14 22:13:20  low, web\n"
            "output    pipe /run/x  critical  100%  2 of 5  2023-11-14 22:13:20  low\n"
            "\n"
            "SESSION  PRIORITY  RELIEF                      SINCE (UTC)\n"
            "low            10  cutoff 64KiB, truncate 128  2023-11-14 22:13:21\n"
            "web           100  none                        -\n");
}

TEST(CtlAnswers, SessionsAreATable) {
  const auto sessions =
      read_sessions(R"({"sessions":[)" + std::string(kSession) +
                    R"(,{"name":"dead","state":"failed","error":"disk\nfull"}]})");
  ASSERT_TRUE(sessions.ok()) << sessions.error().context;
  EXPECT_EQ(text_of(*sessions),
            "SESSION  STATE    ACCEPTED    BYTES  REJECTED  DROPPED  LOST  SINCE (UTC)          "
            "FILTER\n"
            "web      running       900  1.0 MiB        90       10     7  2023-11-14 22:13:20  "
            "tcp\n"
            "dead     failed          0      0 B         0        0     0  -                    -\n"
            "dead: disk full\n");
  const auto none = read_sessions(R"({"sessions":[]})");
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(text_of(*none), "no sessions\n");
}

TEST(CtlAnswers, TheStatusNamesModules) {
  const auto status = read_status(
      R"({"version":"0.1.0","state":"running","pid":7,"started":"1700000000.000000000",)"
      R"("generation":3,"sessions":2,"received":18446744073709551615,"received_bytes":0,)"
      R"("accepted":1,"accepted_bytes":1,"rejected":{},"dropped":{},"in_flight":4,"modules":)"
      R"([{"name":"output","state":"running","health":"late","reason":"slow disk"}]})");
  ASSERT_TRUE(status.ok()) << status.error().context;
  EXPECT_EQ(status->received, 18446744073709551615u);
  const std::string text = text_of(*status);
  EXPECT_THAT(text, HasSubstr("engine      weir 0.1.0, running (pid 7)\n"));
  EXPECT_THAT(text, HasSubstr("in flight   4\n"));
  EXPECT_THAT(text, HasSubstr("output  running  late    slow disk\n"));
}

TEST(CtlAnswers, SecurityIsWhatWasRefusedAndTheRules) {
  const auto security = read_security(
      R"({"refused_sources":{"mac":4,"vni":1200},"filter_place":"user","below_counted":true,)"
      R"("source_rules":[{"origin":"config","block":false,"interfaces":["eth0"],"macs":[],)"
      R"("nets":["10.0.0.0/8","2001:db8::/32"],"vnis":["7","100-199"],"gwlb_endpoints":[],)"
      R"("deny_macs":[],"deny_nets":["10.66.0.0/16"],"deny_vnis":[]}]})");
  ASSERT_TRUE(security.ok()) << security.error().context;
  EXPECT_EQ(text_of(*security),
            "refused     1,204 (mac 4, vni 1,200)\n"
            "looked at   every packet\n"
            "rules of    config\n"
            "  ifaces    eth0\n"
            "  nets      10.0.0.0/8, 2001:db8::/32\n"
            "  vnis      7, 100-199\n"
            "  deny nets 10.66.0.0/16\n");
  EXPECT_EQ(text_of(control::SecurityStatus{.filter_place = "kernel"}),
            "refused     0\n"
            "looked at   what the kernel's filter lets through; the rest is kernel_filter\n"
            "rules       none: packets may come from anywhere\n");
  control::SourceRulesStatus many{.origin = "config", .block = true};
  for (int i = 0; i < 20; ++i) many.vnis.push_back(std::to_string(i));
  EXPECT_THAT(
      text_of(control::SecurityStatus{.filter_place = "user", .source_rules = {many}}),
      HasSubstr("rules of    config\n  block     everything\n"
                "  vnis      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 4 more\n"));
  EXPECT_FALSE(read_security(R"({"source_rules":[{"nets":"10.0.0.0/8"}]})").ok());
}

TEST(CtlAnswers, InterfacesGenerationsAndHealth) {
  const auto interfaces =
      read_interfaces(R"({"interfaces":[{"name":"eth0","state":"up","mode":"afpacket","workers":2,)"
                      R"("filter_place":"kernel","received":5,"received_bytes":6,"accepted":3,)"
                      R"("rejected":{"filter":1},"dropped":{"kernel":1},"in_flight":0}]})");
  ASSERT_TRUE(interfaces.ok()) << interfaces.error().context;
  EXPECT_THAT(text_of(*interfaces), HasSubstr("eth0       up     afpacket        2  kernel"));
  EXPECT_THAT(text_of(*interfaces), HasSubstr("1 (kernel 1)\n"));

  const auto generations = read_generations(
      R"j({"generations":[{"number":2,"when":"1700000000.000000000","who":"alice (uid 1000)",)j"
      R"("why":"reload","packets":1234,"current":true},{"number":1,"who":"","why":"start"}]})");
  ASSERT_TRUE(generations.ok()) << generations.error().context;
  EXPECT_EQ(text_of(*generations),
            "GENERATION  WHEN (UTC)           PACKETS  WHO               WHY\n"
            "       * 2  2023-11-14 22:13:20    1,234  alice (uid 1000)  reload\n"
            "         1  -                          0  -                 start\n");

  const auto health =
      read_health(R"({"health":"stalled","state":"degraded","modules":[{"name":"worker 1",)"
                  R"("health":"stalled"}]})");
  ASSERT_TRUE(health.ok()) << health.error().context;
  EXPECT_THAT(text_of(*health), HasSubstr("stalled (the engine: degraded)\n\nMODULE"));
}

TEST(CtlAnswers, CommandsSayWhatWaitsForARestart) {
  const auto result = read_command_result(
      R"({"id":5,"generation":8,"message":"reloaded","needs_restart":["engine.user",)"
      R"("control.socket"]})");
  ASSERT_TRUE(result.ok()) << result.error().context;
  EXPECT_EQ(text_of(*result),
            "reloaded (generation 8)\n"
            "waits for a restart of the engine: engine.user, control.socket\n");
}

TEST(CtlAnswers, JournalHistoryAndEventsAreLines) {
  const auto journal = read_journal(
      R"({"journal":[{"id":4,"when":"1700000000.250000000","machine":"session web",)"
      R"("from":"running","event":"pause","to":"paused","who":"alice","why":"asked"}],"next":0})");
  ASSERT_TRUE(journal.ok()) << journal.error().context;
  ASSERT_EQ(journal->size(), 1u);
  EXPECT_EQ(text_of((*journal)[0].row),
            "2023-11-14 22:13:20.250  session web: running -> paused (pause) by alice: asked\n");
  EXPECT_EQ((*journal)[0].json,
            R"({"id":4,"when":"1700000000.250000000","machine":"session web","from":"running",)"
            R"("event":"pause","to":"paused","who":"alice","why":"asked"})");

  const auto history =
      read_history(R"({"series":[{"metric":"m","labels":{"session":"web"},"points":)"
                   R"([[1700000000,10000000000],[1700000060.5,0.25],[1700000120,null]]},)"
                   R"({"metric":"m","labels":{},"points":[]}]})");
  ASSERT_TRUE(history.ok()) << history.error().context;
  EXPECT_EQ(text_of(*history),
            "m{session=\"web\"}\n"
            "TIME (UTC)                 VALUE\n"
            "2023-11-14 22:13:20  10000000000\n"
            "2023-11-14 22:14:20         0.25\n"
            "\n"
            "m\n"
            "TIME (UTC)  VALUE\n");
  EXPECT_EQ(text_of(std::vector<control::HistorySeries>{}), "no values in this time\n");

  const auto event = read_event(
      R"({"id":1,"time":"1700000000.000000000","module":"output","kind":"loss",)"
      R"("severity":"warning","text":"disk is slow","fields":{"session":"web","lost":"7"}})");
  ASSERT_TRUE(event.ok()) << event.error().context;
  EXPECT_EQ(text_of(*event),
            "2023-11-14 22:13:20.000  warning  output: disk is slow (session=web, lost=7)\n");
}

TEST(CtlAnswers, WhatIsNotUnderstoodIsSaid) {
  struct Case {
    const char* answer;
    const char* problem;
  };
  for (const auto& [answer, problem] : std::vector<Case>{
           {"", "no JSON"},
           {"<html>", "no JSON"},
           {R"({"sessions":[{"name":"web")", "no JSON"},
           {"[]", "'answer' is not an object"},
           {"{}", "'sessions' is not there"},
           {R"({"sessions":{}})", "'sessions' is not a list"},
           {R"({"sessions":[7]})", "'answer' is not an object"},
           {R"({"sessions":[{"name":7}]})", "'name' is not a text"},
           {R"({"sessions":[{"accepted":-1}]})", "'accepted' is not a whole number"},
           {R"({"sessions":[{"snaplen":4294967296}]})", "'snaplen' is not a smaller number"},
           {R"({"sessions":[{"since":"yesterday"}]})", "'since' is not a point in time"},
           {R"({"sessions":[{"dropped":{"kernel":"x"}}]})", "'dropped' is not whole numbers"},
           {R"({"sessions":[{"rules":[{"packets":1.5}]}]})", "'packets' is not a whole number"}}) {
    const auto sessions = read_sessions(answer);
    ASSERT_FALSE(sessions.ok()) << answer;
    EXPECT_EQ(sessions.error().code, ErrorCode::Damaged);
    EXPECT_THAT(sessions.error().context, HasSubstr(problem)) << answer;
  }
}

TEST(CtlAnswers, DeepNestingIsNoDanger) {
  const std::string deep = R"({"sessions":)" + std::string(100'000, '[');
  EXPECT_FALSE(read_sessions(deep).ok());
}

TEST(CtlAnswers, ARefusalKeepsItsReasonAndItsCode) {
  const Error conflict =
      refusal_of({.status = 412,
                  .body = R"({"title":"T","detail":"generation 7 is gone","code":"conflict"})"});
  EXPECT_EQ(conflict.code, ErrorCode::Conflict);
  EXPECT_EQ(conflict.context, "generation 7 is gone");
  const Error filter = refusal_of({.status = 400, .body = R"({"detail":"d","code":"bad_filter"})"});
  EXPECT_EQ(filter.code, ErrorCode::BadFilter);
}

TEST(CtlAnswers, ARefusalWithoutAReasonMeansWhatItsStatusMeans) {
  struct Case {
    int status;
    ErrorCode code;
  };
  for (const auto& [status, code] : std::vector<Case>{{400, ErrorCode::Usage},
                                                      {403, ErrorCode::Permission},
                                                      {404, ErrorCode::NotFound},
                                                      {409, ErrorCode::Conflict},
                                                      {412, ErrorCode::Conflict},
                                                      {503, ErrorCode::Resource},
                                                      {504, ErrorCode::TimedOut},
                                                      {500, ErrorCode::Internal},
                                                      {302, ErrorCode::Internal}}) {
    const Error error = refusal_of({.status = status, .body = "<html>"});
    EXPECT_EQ(error.code, code) << status;
    EXPECT_THAT(error.context, HasSubstr("HTTP status " + std::to_string(status)));
  }
}

}  // namespace
}  // namespace weir::app
