// Queries over the control API of a running engine: the packets of its stores while it captures.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control_api/raw_client.h"
#include "integration/run_fixture.h"
#include "integration/stored_packets.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

namespace fs = std::filesystem;

// The content of an answer in chunks; `whole`: its last chunk is there.
struct Content {
  std::string bytes;
  bool whole = false;
};
Content content_of(const std::string& answer) {
  Content content;
  std::string_view rest = answer;
  rest.remove_prefix(std::min(rest.size(), answer.find("\r\n\r\n") + 4));
  while (!rest.empty()) {
    const std::size_t line = rest.find("\r\n");
    if (line == std::string_view::npos) return content;
    const std::size_t size = std::strtoul(std::string(rest.substr(0, line)).c_str(), nullptr, 16);
    rest.remove_prefix(line + 2);
    if (size == 0) {
      content.whole = rest == "\r\n";
      return content;
    }
    content.bytes += rest.substr(0, size);
    rest.remove_prefix(std::min(rest.size(), size + 2));
  }
  return content;
}

std::string header_of(const std::string& answer, const std::string& name) {
  const std::size_t at = answer.find("\r\n" + name + ": ");
  if (at == std::string::npos || at > answer.find("\r\n\r\n")) return {};
  const std::size_t begin = at + name.size() + 4;
  return answer.substr(begin, answer.find("\r\n", begin) - begin);
}

std::string request_of(const json& query) {
  const std::string body = query.dump();
  return "POST /v1/queries HTTP/1.1\r\nHost: weir\r\nConnection: close\r\nContent-Type: "
         "application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

class RunQuery : public Run {
 protected:
  // Of many segments.
  [[nodiscard]] std::string stored(std::string_view name = "all") const {
    return session(name, "[session.store]\npath = \"" + store_ +
                             "\"\nchunk = \"16KiB\"\nsegment = \"1MiB\"\n");
  }
  [[nodiscard]] std::string limited_head(int queries_max) const {
    std::string text = head();
    const std::string control = "[control]\n";
    return text.insert(text.find(control) + control.size(),
                       "queries_max = " + std::to_string(queries_max) + "\n");
  }
  // Packets of 1,400 bytes, of which whole chunks are in the store.
  void fill(std::uint32_t packets) {
    for (std::uint32_t i = 0; i < packets; i += 100) send(100, 1400);
    wait_until_received(sent_);
    while (found({}) < packets - 100) {
    }
  }
  [[nodiscard]] json by_weir_query(std::vector<std::string> words) const {
    words.insert(words.begin(), {"query", store_, "--json"});
    const auto result = run_weir(std::move(words));
    EXPECT_EQ(result.status, 0) << result.err;
    return json::parse(result.out);
  }
  [[nodiscard]] std::uint64_t found(std::vector<std::string> words) const {
    return by_weir_query(std::move(words)).at("packets").get<std::uint64_t>();
  }
  // The whole exchange.
  [[nodiscard]] std::string query(const json& asked) const {
    RawClient client(socket());
    client.send(request_of(asked));
    return client.read_all();
  }
  // A query whose client takes no more than the head of the answer: its id.
  struct Waiting {
    std::unique_ptr<RawClient> client;
    std::string id;
  };
  [[nodiscard]] Waiting begin_and_wait(const json& asked) const {
    Waiting waiting{.client = std::make_unique<RawClient>(socket()), .id = {}};
    waiting.client->send(request_of(asked));
    EXPECT_TRUE(waiting.client->read_until("\r\n\r\n"));
    waiting.id = header_of(waiting.client->buffered(), "Weir-Query");
    EXPECT_EQ(status_of(waiting.client->buffered()), 200) << waiting.client->buffered();
    return waiting;
  }
  [[nodiscard]] json state_of(const std::string& id) const {
    return get("/v1/queries/" + id).json();
  }
  [[nodiscard]] json ended(const std::string& id, std::string_view state) const {
    json now = state_of(id);
    while (now.at("state") == "running") now = state_of(id);
    EXPECT_EQ(now.at("state"), state) << now;
    return now;
  }
  [[nodiscard]] std::string told(std::string_view command) const {
    return ctl({std::string(command), "--json"}).out;
  }

  const std::string store_ = dir_.file("packets");
};

TEST_F(RunQuery, AnswersAsWeirQueryDoesWhileTheEngineCaptures) {
  configure(head() + stored());
  start_engine();
  fill(2000);
  std::atomic<bool> done = false;
  std::thread traffic([&] {
    const InNamespace same(*network_);
    while (!done) send(20, 700);
  });
  // Of a time that is over.
  std::vector<std::int64_t> times;
  for (const StoredFile& file : read_store(store_)) {
    times.insert(times.end(), file.times.begin(), file.times.end());
  }
  std::ranges::sort(times);
  ASSERT_GT(times.size(), 1500u);
  const std::string until = epoch_seconds({times[1000]});
  for (const std::string expression : {"", "udp and greater 1000", "less 100", "host 192.0.2.77"}) {
    const auto file = run_weir({"query", store_, "--until", until, "-w", "-", "-f", expression});
    ASSERT_EQ(file.status, 0) << file.err;
    const std::string answer =
        query({{"session", "all"}, {"until", until}, {"filter", expression}});
    EXPECT_EQ(status_of(answer), 200) << answer.substr(0, 500);
    const Content content = content_of(answer);
    EXPECT_TRUE(content.whole);
    EXPECT_TRUE(content.bytes == file.out)
        << expression << ": " << content.bytes.size() << ", " << file.out.size();
    const json state = state_of(header_of(answer, "Weir-Query"));
    EXPECT_EQ(state.at("state"), "done");
    EXPECT_EQ(state.at("complete"), true) << state;
  }
  done = true;
  traffic.join();
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_TRUE(law_holds(stats())) << stats();
}

TEST_F(RunQuery, ATimeIsAskedForAsInWeirQuery) {
  configure(head() + stored());
  start_engine();
  fill(1000);
  const auto files = read_store(store_);
  const std::vector<std::int64_t>& times = files.at(0).times;
  ASSERT_GT(times.size(), 200u);
  const std::string since = epoch_seconds({times[50]});
  const std::string until = epoch_seconds({times[150]});
  const std::string answer =
      query({{"session", "all"}, {"since", since}, {"until", until}, {"filter", "udp"}});
  const auto file =
      run_weir({"query", store_, "--since", since, "--until", until, "-w", "-", "-f", "udp"});
  EXPECT_TRUE(content_of(answer).bytes == file.out);
  const json state = state_of(header_of(answer, "Weir-Query"));
  EXPECT_GE(state.at("packets"), 101);
  EXPECT_EQ(state.at("since"), since);
  EXPECT_EQ(state.at("complete"), true) << state;
  EXPECT_EQ(state.at("limited"), false);
  EXPECT_EQ(state.at("read_bytes"), state.at("total_bytes"));
  EXPECT_EQ(state.at("stores"), json::array({store_}));
  EXPECT_THAT(told("events"), HasSubstr("query 1 by root"));
  EXPECT_THAT(told("events"), HasSubstr("; complete\""));
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunQuery, ALimitIsSaid) {
  configure(head() + stored());
  start_engine();
  fill(500);
  const std::string answer = query({{"session", "all"}, {"limit", 7}});
  EXPECT_TRUE(content_of(answer).whole);
  const json state = state_of(header_of(answer, "Weir-Query"));
  EXPECT_EQ(state.at("packets"), 7);
  EXPECT_EQ(state.at("limited"), true);
  EXPECT_EQ(state.at("complete"), false);
  EXPECT_EQ(state.at("state"), "done");
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunQuery, OneWhoseClientReadsNothingWaitsIsListedAndCancelled) {
  configure(head() + stored());
  start_engine();
  fill(4000);
  Waiting waiting = begin_and_wait({{"session", "all"}, {"filter", "udp"}});
  while (state_of(waiting.id).at("packets") == 0) {
  }
  const json listed = get("/v1/queries").json().at("queries");
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].at("id").dump(), waiting.id);
  EXPECT_EQ(listed[0].at("state"), "running");
  EXPECT_THAT(listed[0].at("who").get<std::string>(), HasSubstr("uid 0"));
  EXPECT_EQ(listed[0].at("session"), "all");
  EXPECT_EQ(listed[0].at("filter"), "udp");
  EXPECT_LT(listed[0].at("packets"), 4000 - 100) << "the answer stands while nobody takes it";
  EXPECT_GT(listed[0].at("total_bytes"), 0);
  EXPECT_EQ(listed[0].at("complete"), false);
  EXPECT_THAT(get("/metrics").body, HasSubstr("weir_queries_running 1\n"));
  // The engine captures on.
  send(100, 1400);
  wait_until_received(sent_);

  EXPECT_EQ(ask(socket(), "DELETE", "/v1/queries/" + waiting.id).status, 200);
  const json state = ended(waiting.id, "cancelled");
  EXPECT_THAT(state.at("error").get<std::string>(), HasSubstr("cancelled by root"));
  EXPECT_EQ(state.at("complete"), false);
  const Content content = content_of(waiting.client->read_all());
  EXPECT_FALSE(content.whole);
  EXPECT_FALSE(content.bytes.empty());
  EXPECT_EQ(ask(socket(), "DELETE", "/v1/queries/" + waiting.id).status, 409);
  EXPECT_EQ(ask(socket(), "DELETE", "/v1/queries/77").status, 404);
  const std::string metrics = get("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("weir_queries_running 0\n"));
  EXPECT_THAT(metrics, HasSubstr("weir_queries_total{state=\"cancelled\"} 1\n"));
  EXPECT_THAT(told("events"), HasSubstr("\"query_ended\""));
  const std::string journal = ctl({"journal"}).out;
  EXPECT_THAT(journal, HasSubstr("query " + waiting.id));
  EXPECT_THAT(journal, HasSubstr("session all: udp"));
  EXPECT_THAT(journal, HasSubstr("not complete: cancelled by root"));
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunQuery, AClientThatGoesEndsItsQuery) {
  configure(head() + stored());
  start_engine();
  fill(4000);
  Waiting waiting = begin_and_wait({{"session", "all"}});
  while (state_of(waiting.id).at("packets") == 0) {
  }
  waiting.client->close();
  const json state = ended(waiting.id, "client_gone");
  EXPECT_THAT(state.at("error").get<std::string>(), HasSubstr("its client is gone"));
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunQuery, OneMoreThanMayRunIsRefusedUntilOneHasEnded) {
  configure(limited_head(2) + stored());
  start_engine();
  fill(4000);
  const Waiting first = begin_and_wait({{"session", "all"}});
  Waiting second = begin_and_wait({{"session", "all"}});
  const std::string refused = query({{"session", "all"}, {"limit", 1}});
  EXPECT_EQ(status_of(refused), 503);
  EXPECT_EQ(header_of(refused, "Retry-After"), "1");
  EXPECT_THAT(refused, HasSubstr("2 are running, as many as may"));
  EXPECT_THAT(refused, HasSubstr("control.queries_max"));
  EXPECT_EQ(ask(socket(), "DELETE", "/v1/queries/" + first.id).status, 200);
  (void)ended(first.id, "cancelled");
  EXPECT_TRUE(content_of(query({{"session", "all"}, {"limit", 1}})).whole);
  // The other one has waited unharmed, and is whole when it is taken.
  const Content content = content_of(second.client->read_all());
  EXPECT_TRUE(content.whole);
  EXPECT_EQ(ended(second.id, "done").at("complete"), true);
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunQuery, WhatCannotBeAskedIsRefusedWithTheReason) {
  configure(head() + stored() + session("none"));
  start_engine();
  fill(200);
  struct Case {
    json asked;
    int status;
    const char* why;
  };
  for (const Case& one :
       std::vector<Case>{{{{"session", "all"}, {"filter", "tcp prot 80"}}, 400, "syntax error"},
                         {{{"session", "nowhere"}}, 404, "there is no such session"},
                         {{{"session", store_}}, 404, "there is no such session"},
                         {{{"session", "none"}}, 400, "it has no store"},
                         {{{"session", "all"}, {"community_id", "2:x"}}, 400, "no Community ID"},
                         {{{"session", "all"}, {"store", "/"}}, 400, "is not known"}}) {
    const std::string answer = query(one.asked);
    EXPECT_EQ(status_of(answer), one.status) << answer;
    EXPECT_THAT(answer, HasSubstr(one.why)) << one.asked;
  }
  EXPECT_TRUE(get("/v1/queries").json().at("queries").empty());
  EXPECT_THAT(ctl({"journal"}).out, HasSubstr("refused")) << "who asked wrongly is known too";
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunQuery, AStrangerMayNotAsk) {
  configure(head() + stored());
  start_engine();
  fill(200);
  fs::permissions(dir_.path(), fs::perms::all);
  fs::permissions(socket(), fs::perms::all);
  const std::string copy = dir_.file("weir");
  fs::copy_file(std::string(std::getenv("WEIR_BINARY_DIR")) + "/bin/weir", copy);
  const CommandResult stranger =
      run_command({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy, "ctl",
                   "--socket", socket(), "query", "all", "-w", "-"});
  EXPECT_EQ(stranger.status, 1);
  EXPECT_EQ(stranger.out, "");
  EXPECT_THAT(stranger.err, HasSubstr("needs the role operator"));
  EXPECT_TRUE(get("/v1/queries").json().at("queries").empty());
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunQuery, DamageIsToldAndTheAnswerBreaksOff) {
  configure(head() + stored());
  start_engine();
  fill(4000);
  const auto files = read_store(store_);
  ASSERT_GT(files.size(), 2u);
  ASSERT_TRUE(files[0].sealed);
  {
    std::fstream segment(files[0].path, std::ios::in | std::ios::out | std::ios::binary);
    segment.seekp(static_cast<std::streamoff>(fs::file_size(files[0].path) / 2));
    segment.write("damaged!", 8);
  }
  const std::string answer = query({{"session", "all"}});
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_FALSE(content_of(answer).whole);
  const json state = ended(header_of(answer, "Weir-Query"), "failed");
  EXPECT_EQ(state.at("complete"), false);
  EXPECT_THAT(state.at("missing").dump(), HasSubstr("bad checksum of a unit"));
  EXPECT_GT(state.at("damaged_packets"), 0);
  EXPECT_GT(state.at("packets"), 3000);
  const CommandResult by_ctl = ctl({"query", "all", "-w", dir_.file("out.pcapng")});
  EXPECT_EQ(by_ctl.status, 1);
  EXPECT_THAT(by_ctl.err, HasSubstr("could not be read, of which some may match"));
  EXPECT_THAT(by_ctl.err, HasSubstr("the answer is not whole: "));
  // What is good is in the file.
  EXPECT_EQ(run_weir({"read", dir_.file("out.pcapng")}).status, 0);
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunQuery, AnEngineThatEndsCutsItsQueries) {
  configure(head() + stored());
  start_engine();
  fill(4000);
  Waiting waiting = begin_and_wait({{"session", "all"}});
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_FALSE(content_of(waiting.client->read_all()).whole);
  EXPECT_TRUE(law_holds(stats())) << stats();
}

TEST_F(RunQuery, TheLastThatHaveEndedAreRemembered) {
  configure(head() + stored());
  start_engine();
  fill(200);
  for (int i = 0; i < 66; ++i) {
    EXPECT_EQ(status_of(query({{"session", "all"}, {"limit", 1}})), 200);
  }
  const json all = get("/v1/queries").json().at("queries");
  ASSERT_EQ(all.size(), 64u);
  EXPECT_EQ(all.front().at("id"), 3);
  EXPECT_EQ(all.back().at("id"), 66);
  EXPECT_EQ(get("/v1/queries/2").status, 404);
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunQuery, CtlAsksListsAndCancels) {
  configure(head() + stored());
  start_engine();
  fill(4000);
  const std::string out = dir_.file("out.pcapng");
  const CommandResult asked =
      ctl({"query", "all", "--since", "1h", "-c", "1000", "-w", out, "udp", "and", "ip"});
  EXPECT_EQ(asked.status, 0) << asked.err;
  EXPECT_EQ(asked.out, "");
  EXPECT_THAT(asked.err, HasSubstr("weir: found 1,000 packets, "));
  EXPECT_THAT(asked.err, HasSubstr("there may be more packets: -c ended it"));
  EXPECT_TRUE(read_file(out) ==
              run_weir({"query", store_, "-c", "1000", "-w", "-", "udp", "and", "ip"}).out);
  const CommandResult as_json = ctl({"query", "all", "-c", "5", "-w", out, "--json"});
  EXPECT_EQ(as_json.status, 0);
  EXPECT_EQ(json::parse(as_json.out).at("packets"), 5);

  const CommandResult wrong = ctl({"query", "all", "tcp", "prot", "80"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, HasSubstr("syntax error"));

  const Waiting waiting = begin_and_wait({{"session", "all"}, {"filter", "udp"}});
  const std::string listed = ctl({"queries"}).out;
  EXPECT_THAT(listed, HasSubstr("running"));
  EXPECT_THAT(listed, HasSubstr("udp and ip"));
  EXPECT_EQ(ctl({"cancel-query", waiting.id}).status, 0);
  (void)ended(waiting.id, "cancelled");
  const CommandResult again = ctl({"cancel-query", waiting.id});
  EXPECT_EQ(again.status, 2);
  EXPECT_THAT(again.err, HasSubstr("it has ended already"));
  EXPECT_EQ(stop_engine().status, 0);
}

}  // namespace
}  // namespace weir::test
