// `weir ctl` as people and scripts run it: what it asks, prints and exits with.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/ctl/api_client.h"
#include "app/fake_engine.h"
#include "integration/weir_command.h"
#include "security/capability_sets.h"
#include "support/command.h"
#include "support/skip.h"

namespace weir::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr const char* kDone =
    R"({"id":5,"generation":8,"message":"it is done","needs_restart":[]})";

std::string little_endian(std::uint32_t word) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(word >> shift & 0xff);
  return bytes;
}

std::string block(std::uint32_t type, const std::string& body) {
  const std::string length = little_endian(static_cast<std::uint32_t>(12 + body.size()));
  return little_endian(type) + length + body + length;
}

std::string section() {
  return block(0x0a0d0d0a, little_endian(0x1a2b3c4d) + little_endian(1) + std::string(8, '\xff'));
}

std::string content(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class CtlCommand : public testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> words(const std::vector<std::string>& more) const {
    std::vector<std::string> all = {"ctl", "--socket", engine.socket()};
    all.insert(all.end(), more.begin(), more.end());
    return weir(all);
  }
  CommandResult ctl(const std::vector<std::string>& more,
                    const CommandOptions& options = {}) const {
    return run_command(words(more), options);
  }

  FakeEngine engine;
  TempDir directory;
};

TEST_F(CtlCommand, EveryCommandAsksAndPrintsTheAnswer) {
  struct Case {
    std::vector<std::string> words;
    const char* line;
    std::string json;
    const char* text;
  };
  const std::vector<Case> cases = {
      {{"status"}, "GET /v1/status", R"({"version":"9.9","state":"running"})", "weir 9.9, running"},
      {{"sessions"}, "GET /v1/sessions", R"({"sessions":[{"name":"web"}]})", "\nweb "},
      {{"session", "web"}, "GET /v1/sessions/web", R"({"name":"web"})", "session     web\n"},
      {{"create", "-"}, "POST /v1/sessions", kDone, "it is done (generation 8)\n"},
      {{"pause", "web"}, "POST /v1/sessions/web/pause", kDone, "it is done"},
      {{"resume", "web"}, "POST /v1/sessions/web/resume", kDone, "it is done"},
      {{"stop", "web"}, "DELETE /v1/sessions/web", kDone, "it is done"},
      {{"filter", "web", "udp", "or", "tcp"}, "PUT /v1/sessions/web/filter", kDone, "it is done"},
      {{"interfaces"}, "GET /v1/interfaces", R"({"interfaces":[{"name":"eth0"}]})", "\neth0 "},
      {{"pressure"},
       "GET /v1/pressure",
       R"({"enabled":true,"places":[{"resource":"cpu","level":"high","fill":85}]})",
       "cpu       -      high    85%"},
      {{"generations"}, "GET /v1/generations", R"({"generations":[{"number":3}]})", "3"},
      {{"reload"}, "POST /v1/config/reload", kDone, "it is done"},
      {{"rollback", "3"}, "POST /v1/config/rollback", kDone, "it is done"},
      {{"drain"}, "POST /v1/drain", kDone, "it is done"},
      {{"log-level", "debug"}, "PUT /v1/log-level", kDone, "it is done"},
      {{"journal"},
       "GET /v1/journal",
       R"({"journal":[{"id":1,"machine":"engine"}],"next":0})",
       "engine: "},
      {{"queries"},
       "GET /v1/queries",
       R"({"queries":[{"id":7,"state":"running","session":"web"}]})",
       "running  web"},
      {{"cancel-query", "7"},
       "DELETE /v1/queries/7",
       R"({"id":7,"state":"running"})",
       "query       7, running\n"},
      {{"policy"},
       "GET /v1/policy",
       R"({"state":"loaded","version":7,"level":"high","block":true,"threat":{"level":"high",)"
       R"("why":"5 refused policies","received":10,"malformed":3}})",
       "policy      version 7, loaded\n"},
      {{"history", "m"}, "GET /v1/history", R"({"series":[]})", "no values"},
      {{"health"}, "GET /v1/health", R"({"health":"ok","state":"running","modules":[]})", "ok "},
  };
  for (const Case& one : cases) {
    engine.answer(one.line, json_answer(one.json));
    const CommandResult human = ctl(one.words);
    EXPECT_EQ(human.status, 0) << one.line << human.err;
    EXPECT_THAT(human.out, HasSubstr(one.text)) << one.line;
    EXPECT_THAT(human.err, IsEmpty());
    EXPECT_THAT(engine.last().line, StartsWith(one.line));

    std::vector<std::string> with_json = one.words;
    with_json.insert(with_json.begin(), "--json");
    const CommandResult machine = ctl(with_json);
    EXPECT_EQ(machine.status, 0) << one.line << machine.err;
    EXPECT_EQ(machine.out, one.json + "\n");
  }
}

TEST_F(CtlCommand, MetricsAndConfigurationAreTextAlsoInsideJson) {
  engine.answer("GET /metrics", http(200, "text/plain", "# TYPE a counter\na 1\n"));
  EXPECT_EQ(ctl({"metrics"}).out, "# TYPE a counter\na 1\n");
  EXPECT_EQ(ctl({"metrics", "--json"}).out, "{\"metrics\":\"# TYPE a counter\\na 1\\n\"}\n");

  engine.answer("GET /v1/config", http(200, "application/toml", "[engine]\n", "ETag: \"7\"\r\n"));
  EXPECT_EQ(ctl({"config"}).out, "# weir configuration, etag \"7\"\n[engine]\n");
  EXPECT_EQ(ctl({"config", "--json"}).out, R"({"etag":"\"7\"","toml":"[engine]\n"})"
                                           "\n");
  const CommandResult to_file = ctl({"config", "-o", directory.file("weir.toml")});
  EXPECT_EQ(to_file.status, 0) << to_file.err;
  EXPECT_EQ(content(directory.file("weir.toml")), "# weir configuration, etag \"7\"\n[engine]\n");
}

TEST_F(CtlCommand, ApplyReplacesWhatTheFileWasMadeFrom) {
  const std::string path = directory.file("weir.toml");
  engine.answer("PUT /v1/config", json_answer(kDone));
  std::ofstream(path) << "# weir configuration, etag \"7\"\n[engine]\n";
  EXPECT_EQ(ctl({"apply", path}).status, 0);
  EXPECT_THAT(engine.last().head, HasSubstr("If-Match: \"7\"\r\n"));
  EXPECT_EQ(engine.last().body, "[engine]\n") << "without the line of ours";

  // One that was written by hand replaces what is there now.
  engine.answer("GET /v1/config", http(200, "application/toml", "", "ETag: \"9\"\r\n"));
  std::ofstream(path) << "[engine]\n";
  EXPECT_EQ(ctl({"apply", path}).status, 0);
  EXPECT_THAT(engine.last().head, HasSubstr("If-Match: \"9\"\r\n"));

  engine.answer("PUT /v1/config",
                problem_answer(412, "conflict", "the configuration is generation 10 by now"));
  const CommandResult conflict = ctl({"apply", path});
  EXPECT_EQ(conflict.status, 2);
  EXPECT_EQ(conflict.err, "weir: " + path + ": the configuration is generation 10 by now\n");
  EXPECT_THAT(conflict.out, IsEmpty());
}

TEST_F(CtlCommand, CreateSendsAFileOrStandardInput) {
  engine.answer("POST /v1/sessions", http(201, "application/json", kDone));
  EXPECT_EQ(ctl({"create", "-"}, {.input = "[[session]]\nname = \"web\"\n"}).status, 0);
  EXPECT_EQ(engine.last().body, "[[session]]\nname = \"web\"\n");
  const std::size_t asked = engine.seen().size();
  const CommandResult absent = ctl({"create", directory.file("absent.toml")});
  EXPECT_EQ(absent.status, 1);
  EXPECT_THAT(absent.err, HasSubstr("No such file or directory"));
  std::ofstream(directory.file("large.toml")) << std::string(1'100'000, '#');
  const CommandResult large = ctl({"create", directory.file("large.toml")});
  EXPECT_EQ(large.status, 2);
  EXPECT_THAT(large.err, HasSubstr("larger than 1 MiB"));
  EXPECT_EQ(engine.seen().size(), asked) << "nothing was sent";
}

TEST_F(CtlCommand, TheClassOfARefusalDecidesTheExitStatus) {
  struct Case {
    int http_status;
    const char* code;
    int status;
  };
  for (const auto& [http_status, code, status] : std::vector<Case>{{400, "usage", 2},
                                                                   {400, "bad_filter", 2},
                                                                   {409, "exists", 2},
                                                                   {403, "permission", 1},
                                                                   {404, "not_found", 1},
                                                                   {504, "timed_out", 1},
                                                                   {500, "internal", 1},
                                                                   {507, "no_space", 1}}) {
    engine.answer("POST /v1/config/reload", problem_answer(http_status, code, "no: why (hint)"));
    const CommandResult refused = ctl({"reload"});
    EXPECT_EQ(refused.status, status) << code;
    EXPECT_EQ(refused.err, "weir: no: why (hint)\n");
    EXPECT_THAT(refused.out, IsEmpty());
  }
}

TEST_F(CtlCommand, AnEngineThatIsNotWellIsExitStatusOne) {
  engine.answer("GET /v1/health",
                http(503, "application/json", R"({"health":"stalled","state":"degraded"})"));
  const CommandResult ill = ctl({"health"});
  EXPECT_EQ(ill.status, 1);
  EXPECT_EQ(ill.out, "stalled (the engine: degraded)\n");
  EXPECT_THAT(ill.err, IsEmpty());
  engine.answer("GET /v1/health", problem_answer(503, "resource", "too busy"));
  const CommandResult busy = ctl({"health"});
  EXPECT_EQ(busy.status, 1);
  EXPECT_EQ(busy.err, "weir: too busy\n");
}

TEST_F(CtlCommand, BadAnswersAreSaidAndNothingIsPrinted) {
  for (const std::string& raw :
       {std::string("hello"), json_answer("<html>"), json_answer(R"({"sessions":7})"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"sessions\":[")}) {
    engine.answer("GET /v1/sessions", raw);
    const CommandResult result = ctl({"sessions"});
    EXPECT_EQ(result.status, 1) << raw;
    EXPECT_THAT(result.err, StartsWith("weir: ")) << raw;
    EXPECT_THAT(result.out, IsEmpty()) << raw;
  }
}

TEST_F(CtlCommand, WithoutAnEngineTheErrorNamesTheSocketAndHowToStartOne) {
  const CommandResult result = run_weir({"ctl", "--socket", "/no/such", "status"});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err,
            "weir: connect to /no/such: No such file or directory (no engine is running there: "
            "systemctl start weir, or weir run -c weir.toml; another socket: --socket PATH)\n");
}

TEST_F(CtlCommand, WhoMayNotConnectIsToldWhichGroupMay) {
  WEIR_SKIP_BECAUSE(security::why_not_root(), UnderCi::Fail);
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
  // Debian's group for reading logs: any that is not root's.
  constexpr gid_t kAdm = 4;
  ASSERT_EQ(::chown(engine.socket().c_str(), 0, kAdm), 0);
  ASSERT_EQ(::chmod(engine.socket().c_str(), 0660), 0);
  ASSERT_EQ(::chmod(engine.socket().substr(0, engine.socket().rfind('/')).c_str(), 0755), 0);
  const SystemClock clock;
  app::ApiClient client(engine.socket(), std::chrono::seconds(30), clock);
  ASSERT_EQ(::seteuid(65534), 0);
  const auto answer = client.call({.path = "/v1/status"});
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::Permission);
  EXPECT_THAT(answer.error().context,
              HasSubstr("members of the group adm may: sudo usermod -aG adm"));
}

TEST_F(CtlCommand, ATailWritesPacketsAndEndsWithTheSession) {
  const std::string stream = section() + block(1, std::string(8, 'i')) + block(6, "packet..");
  engine.answer("GET /v1/sessions/all/tail", chunked_head("application/x-pcapng") +
                                                 chunk(stream.substr(0, 33)) +
                                                 chunk(stream.substr(33)) + kLastChunk);
  const CommandResult to_pipe = ctl({"tail", "all", "-w", "-"});
  EXPECT_EQ(to_pipe.status, 0) << to_pipe.err;
  EXPECT_EQ(to_pipe.out, stream);
  const CommandResult to_file = ctl({"tail", "all", "-w", directory.file("x.pcapng")});
  EXPECT_EQ(to_file.status, 0) << to_file.err;
  EXPECT_EQ(content(directory.file("x.pcapng")), stream);
}

TEST_F(CtlCommand, ATailThatBreaksOffEndsBehindAWholeBlock) {
  const std::string whole = section() + block(6, "packet..");
  engine.answer("GET /v1/sessions/all/tail",
                chunked_head("application/x-pcapng") + chunk(whole + std::string("\x06\0\0", 3)));
  const CommandResult result = ctl({"tail", "all"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("ended the stream in the middle"));
  EXPECT_EQ(result.out, whole);
}

constexpr const char* kQueryHead =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-pcapng\r\nWeir-Query: 7\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";

TEST_F(CtlCommand, AQueryWritesPacketsAndSaysWhatIsMissing) {
  const std::string stream = section() + block(6, "packet..");
  const std::string state =
      R"({"id":7,"state":"done","packets":1,"bytes":8,"complete":false,"ended":"1700000002.0",)"
      R"("lost":{"packets":3,"first":"1700000000.0","last":"1700000001.0"},)"
      R"("missing":["3 packets are missing","segment x was deleted meanwhile"]})";
  engine.answer("POST /v1/queries", kQueryHead + chunk(stream) + kLastChunk);
  engine.answer("GET /v1/queries/7", json_answer(state));
  const CommandResult to_pipe = ctl({"query", "all", "udp"});
  EXPECT_EQ(to_pipe.status, 0);
  EXPECT_EQ(to_pipe.out, stream);
  EXPECT_EQ(to_pipe.err,
            "weir: found 1 packet, 8 B (query 7, done)\n"
            "weir: 3 packets are missing\n"
            "weir: segment x was deleted meanwhile\n");
  const CommandResult to_file = ctl({"query", "all", "-w", directory.file("x.pcapng"), "--json"});
  EXPECT_EQ(to_file.status, 0) << to_file.err;
  EXPECT_EQ(content(directory.file("x.pcapng")), stream);
  EXPECT_EQ(to_file.out, state + "\n");
}

TEST_F(CtlCommand, AQueryThatBreaksOffSaysWhyAndKeepsWhatCame) {
  const std::string whole = section() + block(6, "packet..");
  engine.answer("POST /v1/queries", kQueryHead + chunk(whole + std::string("\x06\0\0", 3)));
  engine.answer("GET /v1/queries/7", json_answer(R"({"id":7,"state":"cancelled","packets":1,)"
                                                 R"("error":"cancelled by bob"})"));
  const CommandResult result = ctl({"query", "all"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("weir: the answer is not whole: cancelled by bob\n"));
  EXPECT_EQ(result.out, whole);
}

TEST_F(CtlCommand, AQueryThatIsRefusedLeavesTheFileAlone) {
  const std::string path = directory.file("precious.pcapng");
  std::ofstream(path) << "precious";
  engine.answer("POST /v1/queries", problem_answer(400, "bad_filter", "syntax error"));
  const CommandResult refused = ctl({"query", "all", "-w", path, "tcp", "prot"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_EQ(refused.err, "weir: syntax error\n");
  EXPECT_EQ(content(path), "precious");
}

TEST_F(CtlCommand, ATailThatIsRefusedLeavesTheFileAlone) {
  const std::string path = directory.file("precious.pcapng");
  std::ofstream(path) << "precious";
  const CommandResult refused = ctl({"tail", "nosuch", "-w", path});
  EXPECT_EQ(refused.status, 1);
  EXPECT_EQ(refused.err, "weir: nothing is there\n");
  EXPECT_EQ(content(path), "precious");
}

TEST_F(CtlCommand, ATailOfNoPacketsIsRefused) {
  engine.answer("GET /v1/sessions/all/tail",
                chunked_head("application/x-pcapng") + chunk("<html>...</html>") + kLastChunk);
  const CommandResult result = ctl({"tail", "all"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("no pcapng"));
  EXPECT_THAT(result.out, IsEmpty());
}

TEST_F(CtlCommand, ATerminalGetsNoPackets) {
  const std::vector<std::string> all = words({"tail", "all"});
  std::string line;
  for (const std::string& word : all) line += "'" + word + "' ";
  const CommandResult result = run_command({"script", "-qec", line, "/dev/null"});
  EXPECT_EQ(result.status, 2) << result.out;
  EXPECT_THAT(result.out, HasSubstr("packets are not written to a terminal"));
  EXPECT_THAT(engine.seen(), IsEmpty());
}

TEST_F(CtlCommand, SignalsEndATailWellAndTheFileIsWhole) {
  const std::string whole = section() + block(6, "packet..");
  engine.answer_and_hold(
      "GET /v1/sessions/all/tail",
      chunked_head("application/x-pcapng") + chunk(whole + std::string("\x06\0\0\0", 4)));
  std::size_t requests = 0;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    Process tail(words({"tail", "all", "-w", "-"}));
    ASSERT_TRUE(tail.started());
    engine.wait_for(++requests);
    tail.signal(number);
    const CommandResult result = tail.wait();
    EXPECT_EQ(result.status, 0) << number << result.err;
    EXPECT_THAT(result.err, IsEmpty());
    EXPECT_TRUE(result.out.empty() || result.out == section() || result.out == whole) << number;
  }
}

// The link is quiet: nothing is written that could fail.
TEST_F(CtlCommand, ATailEndsWithWhoeverReadIt) {
  engine.answer_and_hold("GET /v1/sessions/all/tail",
                         chunked_head("application/x-pcapng") + chunk(section()));
  std::string line;
  for (const std::string& word : words({"tail", "all", "-w", "-"})) line += "'" + word + "' ";
  const CommandResult result =
      run_command({"bash", "-c", line + "| head -c 4 | wc -c; echo ${PIPESTATUS[0]}"});
  EXPECT_EQ(result.out, "4\n0\n");
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(CtlCommand, ATailIntoANamedPipeEndsWithItsReader) {
  engine.answer_and_hold("GET /v1/sessions/all/tail",
                         chunked_head("application/x-pcapng") + chunk(section()));
  const std::string fifo = directory.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  Process tail(words({"tail", "all", "-w", fifo}));
  UniqueFd reader(::open(fifo.c_str(), O_RDONLY | O_CLOEXEC));
  char first[4] = {};
  ASSERT_EQ(::read(reader.get(), first, sizeof first), 4);
  reader.reset();
  const CommandResult result = tail.wait();
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(CtlCommand, ATailThatWaitsForTheReaderOfItsPipeAsksNothingAndCanBeEnded) {
  const std::string fifo = directory.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  Process tail(words({"tail", "all", "-w", fifo}));
  ASSERT_TRUE(tail.started());
  tail.signal(SIGTERM);
  EXPECT_EQ(tail.wait().status, 128 + SIGTERM);
  EXPECT_THAT(engine.seen(), IsEmpty());
}

constexpr const char* kEvents =
    ": events of weir\n\nid: 1\ndata: "
    "{\"id\":1,\"time\":\"1700000000.000000000\",\"module\":\"output\","
    "\"severity\":\"warning\",\"text\":\"slow\"}\n\nevent: missed\ndata: {\"missed\":3}\n\n";

TEST_F(CtlCommand, EventsEndWhenAllAreTold) {
  engine.answer_and_hold("GET /v1/events", chunked_head("text/event-stream") + chunk(kEvents));
  const CommandResult human = ctl({"events"});
  EXPECT_EQ(human.status, 0) << human.err;
  EXPECT_EQ(human.out,
            "2023-11-14 22:13:20.000  warning  output: slow\n"
            "events were missed, as they came too fast: {\"missed\":3}\n");
  EXPECT_EQ(engine.last().line, "GET /v1/events?after=0");
  const CommandResult machine = ctl({"events", "--json"});
  EXPECT_EQ(machine.status, 0) << machine.err;
  EXPECT_THAT(machine.out, testing::EndsWith("\"text\":\"slow\"}\n{\"missed\":3}\n"));
}

TEST_F(CtlCommand, EventsAreFollowedUntilASignal) {
  engine.answer_and_hold("GET /v1/events", chunked_head("text/event-stream") + chunk(kEvents));
  Process follow(words({"events", "--follow"}));
  engine.wait_for(1);
  follow.signal(SIGINT);
  const CommandResult result = follow.wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(engine.last().line, "GET /v1/events");
}

TEST_F(CtlCommand, TheJournalIsShownOldestFirstAndFollowed) {
  engine.answer(
      "GET /v1/journal",
      json_answer(R"({"journal":[{"id":2,"machine":"b"},{"id":1,"machine":"a"}],"next":0})"));
  const CommandResult once = ctl({"journal", "-n", "7"});
  EXPECT_EQ(once.status, 0) << once.err;
  EXPECT_EQ(once.out, "-  a:  ->  ()\n-  b:  ->  ()\n");
  EXPECT_EQ(engine.last().line, "GET /v1/journal?limit=7");

  Process follow(words({"journal", "--follow", "--json"}));
  engine.wait_for(3);  // asks again
  follow.signal(SIGINT);
  const CommandResult followed = follow.wait();
  EXPECT_EQ(followed.status, 0) << followed.err;
  EXPECT_EQ(followed.out, "{\"id\":1,\"machine\":\"a\"}\n{\"id\":2,\"machine\":\"b\"}\n")
      << "every row once";
}

TEST_F(CtlCommand, AFullDiskIsAnError) {
  engine.answer("GET /metrics", http(200, "text/plain", "a 1\n"));
  const CommandResult result = ctl({"metrics"}, {.out_path = "/dev/full"});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "weir: write to standard output: No space left on device\n");
}

}  // namespace
}  // namespace weir::test
