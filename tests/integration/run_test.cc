// `weir run` as its operator meets it: sessions by a file, changed while packets flow, steered by
// the socket, resumed after a crash.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "integration/run_fixture.h"

namespace weir::test {
namespace {

std::vector<std::string> files_like(const std::string& folder, const std::string& stem) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(stem + "_") && name.ends_with(".pcapng")) found.push_back(entry.path());
  }
  return found;
}

std::uint64_t number(const nlohmann::json& row, const char* key) {
  return row.at(key).get<std::uint64_t>();
}

TEST_F(Run, GivesEachSessionWhatItAskedForInOnePass) {
  configure(head() +
            session("all", "[session.pcapng]\npath = \"" + dir_.file("all.pcapng") + "\"\n") +
            session("small", "filter = \"less 200\"\nsnaplen = 60\n[session.pcapng]\npath = \"" +
                                 dir_.file("small.pcapng") + "\"\n") +
            session("none", "filter = \"tcp\"\n"));
  start_engine();
  send(300, 100);
  send(200, 900);
  wait_until_received(500);
  EXPECT_EQ(number(session_now("all"), "accepted"), 500u);
  EXPECT_EQ(number(session_now("small"), "accepted"), 300u);
  EXPECT_EQ(number(session_now("none"), "accepted"), 0u);
  const CommandResult ended = stop_engine();
  EXPECT_EQ(ended.status, 0) << ended.err;
  const nlohmann::json whole = stats();
  EXPECT_TRUE(law_holds(whole)) << whole;
  ASSERT_EQ(whole.at("sessions").size(), 3u);
  for (const auto& one : whole.at("sessions")) EXPECT_TRUE(law_holds(one)) << one;
  const auto all = files_like(dir_.path(), "all");
  const auto small = files_like(dir_.path(), "small");
  ASSERT_EQ(all.size(), 1u);
  ASSERT_EQ(small.size(), 1u);
  EXPECT_EQ(frames_of(all[0]).size(), 500u);
  const std::vector<FrameBytes> cut = frames_of(small[0]);
  ASSERT_EQ(cut.size(), 300u);
  for (const FrameBytes& frame : cut) EXPECT_EQ(frame.size(), 60u);
  for (const FrameBytes& frame : frames_of(all[0])) EXPECT_GE(frame.size(), 100u);
}

TEST_F(Run, RulesJudgeInsideASessionAndAreCounted) {
  configure(head() +
            session("web", "rules_otherwise = \"reject\"\n[session.pcapng]\npath = \"" +
                               dir_.file("web.pcapng") +
                               "\"\n[[session.rule]]\nname = \"large\"\nfilter = \"greater "
                               "500\"\naction = \"truncate\"\ntruncate = 64\n"
                               "[[session.rule]]\nname = \"udp\"\nprotocol = \"udp\"\naction = "
                               "\"headers-only\"\n"));
  start_engine();
  send(100, 900);
  send(50, 100);
  wait_until_received(150);
  const nlohmann::json now = session_now("web");
  ASSERT_EQ(now.at("rules").size(), 3u);
  EXPECT_EQ(number(now.at("rules")[0], "packets"), 100u);
  EXPECT_EQ(number(now.at("rules")[1], "packets"), 50u);
  EXPECT_EQ(number(now.at("rules")[2], "packets"), 0u);
  EXPECT_NE(get("/metrics")
                .body.find("weir_rule_packets_total{session=\"web\",rule=\"large\","
                           "action=\"truncate\"} 100\n"),
            std::string::npos);
  EXPECT_EQ(stop_engine().status, 0);
  const auto files = files_like(dir_.path(), "web");
  ASSERT_EQ(files.size(), 1u);
  std::multiset<std::size_t> sizes;
  for (const FrameBytes& frame : frames_of(files[0])) sizes.insert(frame.size());
  EXPECT_EQ(sizes.count(64), 100u);
  EXPECT_EQ(sizes.count(42), 50u) << "Ethernet, IPv4 and UDP headers";
}

TEST_F(Run, OfAFlowBehindItsCutoffTheHeadersAreStored) {
  configure(head() + session("web", "[session.pcapng]\npath = \"" + dir_.file("web.pcapng") +
                                        "\"\n[[session.rule]]\nname = \"begin\"\naction = "
                                        "\"cutoff\"\ncutoff = \"4KiB\"\n"));
  start_engine();
  send(100, 1066);
  wait_until_received(100);
  EXPECT_EQ(stop_engine().status, 0);
  const auto files = files_like(dir_.path(), "web");
  ASSERT_EQ(files.size(), 1u);
  std::multiset<std::size_t> sizes;
  for (const FrameBytes& frame : frames_of(files[0])) sizes.insert(frame.size());
  EXPECT_EQ(sizes.count(1066), 4u) << "1,024 bytes behind the headers, four times";
  EXPECT_EQ(sizes.count(42), 96u);
}

TEST_F(Run, ASessionThatIsPausedIsOfferedNothingUntilItIsResumed) {
  configure(head() + session("all"));
  start_engine();
  send(10);
  wait_until_received(10);
  EXPECT_EQ(post("/v1/sessions/all/pause").status, 200);
  send(20);
  wait_until_received(30);
  nlohmann::json now = session_now("all");
  EXPECT_EQ(now.at("state"), "paused");
  EXPECT_EQ(number(now, "accepted"), 10u);
  EXPECT_EQ(number(now.at("rejected"), "paused"), 20u);
  EXPECT_EQ(post("/v1/sessions/all/pause").status, 200) << "asked for twice, it stays so";
  EXPECT_EQ(post("/v1/sessions/all/resume").status, 200);
  send(5);
  wait_until_received(35);
  now = session_now("all");
  EXPECT_EQ(number(now, "accepted"), 15u);
  EXPECT_EQ(number(now, "received"), 35u);
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(Run, AFilterIsChangedWhilePacketsFlowAndAWrongOneChangesNothing) {
  configure(head() + session("all", "filter = \"less 200\"\n"));
  start_engine();
  const CommandResult wrong = ctl({"filter", "all", "udp prot 53"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_NE(wrong.err.find("session all"), std::string::npos) << wrong.err;
  EXPECT_EQ(session_now("all").at("filter"), "less 200");
  EXPECT_EQ(ctl({"filter", "all", "greater 200"}).status, 0);
  send(7, 100);
  send(3, 300);
  wait_until_received(3);
  EXPECT_EQ(number(session_now("all"), "accepted"), 3u);
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(Run, ASessionEndsWithItsLimitAndStaysSoAfterARestart) {
  configure(head() + session("few", "limit = {packets = 10}\n") + session("all"));
  start_engine();
  send(50);
  wait_until_received(50);
  wait_until("few", "finished");
  EXPECT_EQ(number(session_now("few"), "accepted"), 10u);
  EXPECT_EQ(number(session_now("all"), "accepted"), 50u);
  engine_->signal(SIGKILL);
  (void)engine_->wait();
  start_engine();
  EXPECT_EQ(session_now("few").at("state"), "finished");
  EXPECT_EQ(session_now("all").at("state"), "running");
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(Run, ABadFileIsRefusedWholeAndTheOldConfigurationStays) {
  const std::string good = head() + session("all");
  configure(good);
  start_engine();
  const auto refused = [&](const std::string& text, std::string_view word) {
    configure(text);
    const HttpAnswer answer = post("/v1/config/reload");
    EXPECT_GE(answer.status, 400) << text;
    EXPECT_NE(answer.body.find(word), std::string::npos) << answer.body;
    EXPECT_EQ(number(get("/v1/status").json(), "generation"), 1u);
    EXPECT_EQ(get("/v1/sessions").json().at("sessions").size(), 1u);
  };
  refused(head() + "[[session]\n", "weir.toml");
  refused(head() + session("all", "filtre = \"udp\"\n"), "filter");
  refused(head() + session("all") + session("b", "filter = \"udp prot 5\"\n"), "session b");
  refused(head() + session("all") + session("b", "interfaces = [\"eth7\"]\n"), "eth7");
  refused(head() + session("all") +
              session("b", "[session.pcapng]\npath = \"" + dir_.file("no/such/x.pcapng") + "\"\n"),
          "no/such");
  // The second of two new outputs cannot be opened: of the first nothing is left.
  refused(head() + session("all") +
              session("b", "[session.pcapng]\npath = \"" + dir_.file("b.pcapng") + "\"\n") +
              session("c", "[session.pcapng]\npath = \"" + dir_.file("no/such/x.pcapng") + "\"\n"),
          "no/such");
  EXPECT_TRUE(files_like(dir_.path(), "b").empty());
  // Another part refuses: the sessions stay as they are.
  std::string unknown_group = head();
  unknown_group.replace(unknown_group.find("[control]\n"), 10,
                        "[control]\nviewer_group = \"no-such-group\"\n");
  refused(unknown_group + session("all") + session("b"), "no-such-group");
  configure(good);
  EXPECT_EQ(post("/v1/config/reload").status, 200);
  send(5);
  wait_until_received(5);
  EXPECT_EQ(number(session_now("all"), "accepted"), 5u);
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(Run, GenerationsAreKeptAndOneIsReturnedTo) {
  configure(head() + session("all"));
  start_engine();
  EXPECT_EQ(post("/v1/sessions", session("two", "filter = \"udp\"\n")).status, 201);
  EXPECT_EQ(post("/v1/sessions", session("two")).status, 409) << "the name is taken";
  EXPECT_EQ(ask(socket(), "DELETE", "/v1/sessions/all").status, 200);
  EXPECT_EQ(get("/v1/sessions/all").status, 404);
  EXPECT_EQ(ctl({"rollback", "1"}).status, 0);
  EXPECT_EQ(session_now("all").at("state"), "running");
  EXPECT_EQ(get("/v1/sessions/two").status, 404);
  EXPECT_EQ(ctl({"rollback", "99"}).status, 1);
  const nlohmann::json rows = get("/v1/generations").json().at("generations");
  EXPECT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].at("current"), true);
  // Two operators: who read generation 1 does not overwrite what came since.
  const std::string text = get("/v1/config").body;
  EXPECT_EQ(ask(socket(), "PUT", "/v1/config", text, "If-Match: \"1\"\r\n").status, 412);
  EXPECT_EQ(ask(socket(), "PUT", "/v1/config", text).status, 428);
  EXPECT_EQ(ask(socket(), "PUT", "/v1/config", text, "If-Match: \"4\"\r\n").status, 200);
  EXPECT_EQ(stop_engine().status, 0);
}

// A thousand changes under traffic lose no packet, and judge none twice.
TEST_F(Run, AStormOfReloadsLosesNoPacket) {
  const std::string one = head() + session("all") + session("a", "filter = \"less 90\"\n");
  const std::string other = head() + session("all") + session("a", "filter = \"greater 90\"\n") +
                            session("b", "filter = \"udp\"\nsnaplen = 64\n");
  configure(one);
  start_engine();
  std::atomic<bool> done = false;
  std::thread traffic([&] {
    const InNamespace same(*network_);
    while (!done) send(64);
  });
  for (int i = 0; i < 1000; ++i) {
    configure(i % 2 == 0 ? other : one);
    const HttpAnswer answer = post("/v1/config/reload");
    EXPECT_EQ(answer.status, 200) << answer.body;
  }
  done = true;
  traffic.join();
  wait_until_received(sent_);
  const nlohmann::json now = get("/v1/status").json();
  EXPECT_EQ(number(now, "generation"), 1001u);
  const nlohmann::json metrics_of_all = session_now("all");
  std::uint64_t judged = 0;
  const nlohmann::json rows = get("/v1/generations").json();
  for (const auto& row : rows.at("generations")) judged += number(row, "packets");
  EXPECT_EQ(stop_engine().status, 0);
  const nlohmann::json whole = stats();
  EXPECT_TRUE(law_holds(whole)) << whole;
  EXPECT_EQ(number(whole, "received"), sent_);
  std::uint64_t dropped = 0;
  for (const auto& [reason, count] : whole.at("dropped").items()) {
    dropped += count.get<std::uint64_t>();
  }
  // The session that was there all the time has every packet that the kernel did not drop.
  EXPECT_EQ(number(metrics_of_all, "accepted") + dropped, sent_);
  // Only the last hundred generations are listed: none counts a packet twice.
  EXPECT_LE(judged, number(whole, "received"));
}

TEST_F(Run, ResumesItsSessionsAfterItWasKilled) {
  configure(head() +
            session("all", "[session.pcapng]\npath = \"" + dir_.file("all.pcapng") + "\"\n") +
            session("off"));
  start_engine();
  EXPECT_EQ(post("/v1/sessions", session("made", "filter = \"udp\"\n")).status, 201);
  EXPECT_EQ(post("/v1/sessions/off/pause").status, 200);
  for (int round = 0; round < 20; ++round) {
    const std::uint64_t generation = number(get("/v1/status").json(), "generation");
    send(10);
    engine_->signal(SIGKILL);
    EXPECT_EQ(engine_->wait().status, 128 + SIGKILL);
    start_engine();
    EXPECT_EQ(session_now("all").at("state"), "running") << round;
    EXPECT_EQ(session_now("off").at("state"), "paused") << round;
    EXPECT_EQ(session_now("made").at("state"), "running") << round;
    EXPECT_EQ(session_now("made").at("origin"), "api") << round;
    EXPECT_EQ(number(get("/v1/status").json(), "generation"), generation)
        << "nothing was changed, so it is the same";
  }
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_EQ(files_like(dir_.path(), "all").size(), 21u) << "each run has files of its own";
}

TEST_F(Run, AChangedFileCountsAfterARestartAndKeepsWhatTheApiMade) {
  configure(head() + session("all"));
  start_engine();
  EXPECT_EQ(post("/v1/sessions", session("made")).status, 201);
  engine_->signal(SIGKILL);
  (void)engine_->wait();
  configure(head() + session("other"));
  start_engine();
  EXPECT_EQ(get("/v1/sessions/all").status, 404);
  EXPECT_EQ(session_now("other").at("state"), "running");
  EXPECT_EQ(session_now("made").at("origin"), "api");
  // Reading the file again leaves it alone, too.
  EXPECT_EQ(post("/v1/config/reload").status, 200);
  EXPECT_EQ(session_now("made").at("state"), "running");
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(Run, SighupReadsTheFileAgain) {
  configure(head() + session("all"));
  start_engine();
  configure(head() + session("all") + session("new"));
  engine_->signal(SIGHUP);
  while (get("/v1/sessions/new").status != 200) {
  }
  wait_until("new", "running");
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(Run, ATailShowsWhatASessionAcceptsFromNowOn) {
  configure(head() + session("small", "filter = \"less 200\"\n"));
  start_engine();
  send(5, 100);
  wait_until_received(5);
  Process tail(weir({"ctl", "--socket", socket(), "tail", "small", "-w", dir_.file("t.pcapng")}));
  const auto tail_state = [&] {
    const nlohmann::json all = get("/v1/sessions").json();
    const nlohmann::json& sessions = all.at("sessions");
    return sessions.size() < 2 ? std::string() : sessions[1].at("state").get<std::string>();
  };
  while (tail_state() != "running") {
  }
  send(20, 100);
  send(20, 900);
  wait_until_received(45);
  while (!std::filesystem::exists(dir_.file("t.pcapng")) ||
         frames_of(dir_.file("t.pcapng")).size() < 20) {
  }
  tail.signal(SIGINT);
  EXPECT_EQ(tail.wait().status, 0);
  EXPECT_EQ(frames_of(dir_.file("t.pcapng")).size(), 20u);
  // The engine notices that nobody reads any more.
  while (get("/v1/sessions").json().at("sessions").size() > 1) {
    send(1, 100);
  }
  EXPECT_EQ(ctl({"tail", "nosuch", "-w", dir_.file("n.pcapng")}).status, 1);
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(Run, ATailWhoseReaderHasLeftIsNoFailureOfTheEngine) {
  configure(head() + session("all"));
  start_engine();
  const std::string path = dir_.file("t.pcapng");
  Process tail(weir({"ctl", "--socket", socket(), "tail", "all", "-w", path}));
  while (!std::filesystem::exists(path)) {
    send(1);
  }
  tail.signal(SIGINT);
  EXPECT_EQ(tail.wait().status, 0);
  send(20, 900);
  const CommandResult end = stop_engine();
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_EQ(end.err.find("Broken pipe"), std::string::npos) << end.err;
}

TEST_F(Run, DrainsWhenItIsAskedTo) {
  configure(head() + session("all"));
  start_engine();
  send(100);
  EXPECT_EQ(ctl({"drain"}).status, 0);
  EXPECT_EQ(engine_->wait().status, 0);
  EXPECT_EQ(number(stats(), "accepted"), 100u) << "what was received before is still processed";
}

TEST_F(Run, TellsOfEveryTransitionInItsJournal) {
  configure(head() + session("all"));
  start_engine();
  EXPECT_EQ(post("/v1/sessions/all/pause").status, 200);
  const nlohmann::json rows = get("/v1/journal?limit=100").json().at("journal");
  const auto has = [&](std::string_view machine, std::string_view to, std::string_view who) {
    for (const auto& row : rows) {
      if (row.at("machine") == machine && row.at("to") == to &&
          row.at("who").get<std::string>().find(who) != std::string::npos) {
        return true;
      }
    }
    return false;
  };
  EXPECT_TRUE(has("engine", "running", "supervisor")) << rows;
  EXPECT_TRUE(has("session all", "running", "engine")) << rows;
  EXPECT_TRUE(has("session all", "paused", "uid")) << rows;
  EXPECT_TRUE(has("module api", "up", "supervisor")) << rows;
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(Run, TellsOfItsLifeInEvents) {
  configure(head() + session("all"));
  start_engine();
  EXPECT_EQ(post("/v1/sessions/all/pause").status, 200);
  Process listener(weir({"ctl", "--socket", socket(), "--json", "events", "--after", "0"}));
  const CommandResult told = listener.wait();
  EXPECT_EQ(told.status, 0) << told.err;
  for (const std::string_view word :
       {"engine_started", "engine_state", "session all is paused", "config_committed"}) {
    EXPECT_NE(told.out.find(word), std::string::npos) << word << told.out;
  }
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(Run, KeepsTheHistoryOfItsMetrics) {
  configure(head() + "[telemetry]\nsample_interval = \"1s\"\n" + session("all"));
  start_engine();
  send(77);
  wait_until_received(77);
  nlohmann::json series;
  do {
    const HttpAnswer answer = get("/v1/history?metric=weir_session_accepted_packets_total");
    ASSERT_TRUE(answer.status == 200 || answer.status == 404) << answer.body;
    series = answer.json();
  } while (!series.contains("series") || series.at("series").empty() ||
           series.at("series")[0].at("points").back()[1] != 77);
  // It survives the engine.
  engine_->signal(SIGKILL);
  (void)engine_->wait();
  start_engine();
  const nlohmann::json later = get("/v1/history?metric=weir_session_accepted_packets_total").json();
  EXPECT_GE(later.at("series")[0].at("points").size(), 1u) << later;
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(Run, SystemdIsToldWhenItIsReadyAndWhenItStops) {
  const std::string path = dir_.file("notify");
  const UniqueFd notify(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  ASSERT_EQ(::bind(notify.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  configure(head() + session("all"));
  start_engine({"env", "NOTIFY_SOCKET=" + path});
  EXPECT_EQ(stop_engine().status, 0);
  std::string told;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::recv(notify.get(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0;) {
    told.append(buffer, static_cast<std::size_t>(n)).append("\n");
  }
  EXPECT_NE(told.find("READY=1"), std::string::npos) << told;
  EXPECT_NE(told.find("STOPPING=1"), std::string::npos) << told;
}

// Of OTLP reports, on a loopback port: a connection for each.
class ReportReceiver {
 public:
  ReportReceiver() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_.get(), any, bytes), 0);
    EXPECT_EQ(::getsockname(fd_.get(), any, &bytes), 0);
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/v1/metrics";
  }
  // Until then nobody can connect.
  void begin() const { EXPECT_EQ(::listen(fd_.get(), 16), 0); }
  // The body of the next request.
  [[nodiscard]] std::string take() const {
    const UniqueFd peer(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::string text;
    std::size_t wanted = std::string::npos;
    char buffer[65536];
    while (text.size() < wanted) {
      const ssize_t n = ::read(peer.get(), buffer, sizeof buffer);
      if (n <= 0) break;
      text.append(buffer, static_cast<std::size_t>(n));
      const std::size_t head = text.find("\r\n\r\n");
      const std::size_t length = text.find("Content-Length: ");
      if (head != std::string::npos && length < head) {
        wanted = head + 4 + std::stoul(text.substr(length + 16));
      }
    }
    constexpr std::string_view kAnswer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        "Connection: close\r\n\r\n{}";
    (void)::send(peer.get(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
    return text.substr(text.find("\r\n\r\n") + 4);
  }

 private:
  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

// The metrics of a report by their names.
std::map<std::string, nlohmann::json> metrics_of(const std::string& report) {
  std::map<std::string, nlohmann::json> found;
  const nlohmann::json all = nlohmann::json::parse(report);
  if (!all.contains("resourceMetrics")) return found;
  for (const auto& metric : all["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]) {
    found[metric["name"]] = metric;
  }
  return found;
}

TEST_F(Run, ReportsToAControlPlaneThatWasAwayAtFirst) {
  ip({"link", "set", "lo", "up"});
  const ReportReceiver receiver;
  configure(head() + "[telemetry]\nreport_interval = \"1s\"\nreport_url = \"" + receiver.url() +
            "\"\n" + session("all"));
  start_engine();
  send(77);
  wait_until_received(77);
  while (ctl({"events", "--after", "0"}).out.find("the receiver of reports is away") ==
         std::string::npos) {
  }
  receiver.begin();
  std::map<std::string, nlohmann::json> metrics;
  double accepted = 0;
  do {
    metrics = metrics_of(receiver.take());
    if (!metrics.contains("weir_session_accepted_packets_total")) continue;
    accepted = metrics["weir_session_accepted_packets_total"]["sum"]["dataPoints"][0]["asDouble"];
  } while (accepted != 77);
  const nlohmann::json sizes =
      metrics.at("weir_worker_batch_packets").at("histogram").at("dataPoints").at(0);
  EXPECT_EQ(sizes.at("sum"), 77.0) << sizes;
  EXPECT_EQ(sizes.at("bucketCounts").size(), sizes.at("explicitBounds").size() + 1) << sizes;
  std::uint64_t batches = 0;
  for (const auto& count : sizes.at("bucketCounts")) {
    batches += std::stoul(count.get<std::string>());
  }
  EXPECT_EQ(std::to_string(batches), sizes.at("count").get<std::string>()) << sizes;
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(Run, PrometheusScrapesIt) {
  ASSERT_EQ(run_command({"ip", "link", "set", "lo", "up"}).status, 0);
  configure(head() + "[telemetry]\nlisten = \"127.0.0.1:9478\"\n" +
            session("all", "[session.pcapng]\npath = \"" + dir_.file("all.pcapng") +
                               "\"\n[session.logs]\npath = \"" + dir_.file("logs") + "\"\n"));
  start_engine();
  send(123);
  wait_until_received(123);
  const HttpAnswer metrics = get("/metrics");
  EXPECT_EQ(metrics.status, 200);
  for (const std::string_view line :
       {"weir_interface_received_packets_total{interface=\"tap\",mode=\"afpacket\"} 123",
        "weir_capture_accepted_packets_total 123", "weir_worker_batches_total{interface=\"tap\"",
        "weir_output_offered_packets_total{session=\"all\",kind=\"pcapng\"",
        "weir_flows_begun_total{session=\"all\",kind=\"udp\"}", "weir_journal_written_rows_total",
        "weir_health_state{module=\"worker tap/0\",state=\"ok\"} 1"}) {
    EXPECT_NE(metrics.body.find(line), std::string::npos) << line;
  }
  CommandOptions input;
  input.input = metrics.body;
  const CommandResult checked = run_command({"promtool", "check", "metrics"}, input);
  EXPECT_EQ(checked.status, 0) << checked.out << checked.err;
  write_file(dir_.file("prometheus.yml"),
             "scrape_configs:\n  - job_name: weir\n    scrape_interval: 1s\n"
             "    static_configs:\n      - targets: [\"127.0.0.1:9478\"]\n");
  Process prometheus({"prometheus", "--config.file=" + dir_.file("prometheus.yml"),
                      "--storage.tsdb.path=" + dir_.file("tsdb"),
                      "--web.listen-address=127.0.0.1:9490", "--log.level=info"});
  ASSERT_TRUE(prometheus.wait_for_stderr("Server is ready to receive web requests"));
  const std::vector<std::string> query = {
      "curl", "-s", "http://127.0.0.1:9490/api/v1/query?query=weir_session_accepted_packets_total"};
  std::string answer;
  while (answer.find("\"123\"") == std::string::npos) {
    answer = run_command(query).out;
    ASSERT_NE(answer.find("success"), std::string::npos) << answer;
  }
  prometheus.signal(SIGTERM);
  (void)prometheus.wait();
  EXPECT_EQ(stop_engine().status, 0);
}

}  // namespace
}  // namespace weir::test
