// [security.destinations] of `weir run`: what is refused at the start, by the API, by a reload and
// while it runs; directories that are swapped for links while packets are written.
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control_api/raw_client.h"
#include "integration/run_fixture.h"
#include "integration/stored_packets.h"

namespace weir::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

std::uint64_t number(const nlohmann::json& row, const char* key) {
  return row.at(key).get<std::uint64_t>();
}

class RunDestinations : public Run {
 protected:
  void SetUp() override {
    Run::SetUp();
    for (const std::string& path : {root(), other(), outside()}) fs::create_directory(path);
  }
  // The directory of the test may be reached through links.
  [[nodiscard]] std::string base() const { return fs::canonical(dir_.path()).string(); }
  [[nodiscard]] std::string root() const { return base() + "/root"; }
  [[nodiscard]] std::string other() const { return base() + "/other"; }
  [[nodiscard]] std::string outside() const { return base() + "/outside"; }

  [[nodiscard]] static std::string list_of(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "\"" : ", \"") + word + "\"";
    return "[" + text + "]";
  }
  [[nodiscard]] static std::string rules(const std::vector<std::string>& directories,
                                         const std::vector<std::string>& kinds = {}) {
    return "[security.destinations]\nkinds = " + list_of(kinds) +
           "\ndirectories = " + list_of(directories) + "\n";
  }
  [[nodiscard]] static std::string stored(std::string_view name, const std::string& path) {
    return session(
        name, "[session.store]\npath = \"" + path + "\"\nsegment = \"1MiB\"\nchunk = \"64KiB\"\n");
  }
  [[nodiscard]] static std::string rotated(std::string_view name, const std::string& path) {
    return session(name,
                   "[session.pcapng]\npath = \"" + path + "\"\nrotate = { size = \"1MiB\" }\n");
  }
  [[nodiscard]] static std::string logged(std::string_view name, const std::string& path) {
    return session(name, "[session.logs]\npath = \"" + path + "\"\n");
  }
  [[nodiscard]] CommandResult refused_start() const { return run_weir({"run", "-c", config()}); }
  [[nodiscard]] std::string events() const { return ctl({"events", "--after", "0", "--json"}).out; }
  void wait_for_event(const std::string& text) const {
    while (events().find(text) == std::string::npos) {
    }
  }
  HttpAnswer reload(const std::string& text) const {
    configure(text);
    return post("/v1/config/reload");
  }
  // Of the first output.
  [[nodiscard]] std::uint64_t written(const std::string& name) const {
    const nlohmann::json outputs = session_now(name).at("outputs");
    return outputs.empty() ? 0 : outputs.at(0).at("written").get<std::uint64_t>();
  }
  // A session that is running again is offered packets from the next plan on.
  void send_until_written(const std::string& name, std::uint64_t packets) {
    while (written(name) < packets) send(10);
  }
  // The directory goes elsewhere, and a link out of all that is allowed takes its place.
  void swap_for_link(const std::string& directory) const {
    const std::string target = outside() + "/" + fs::path(directory).filename().string();
    fs::create_directory(target);
    fs::rename(directory, directory + ".old");
    fs::create_directory_symlink(target, directory);
  }
  [[nodiscard]] std::vector<std::string> files_outside() const {
    std::vector<std::string> files;
    for (const auto& one : fs::recursive_directory_iterator(outside())) {
      if (!one.is_directory()) files.push_back(one.path().string());
    }
    return files;
  }
  [[nodiscard]] std::vector<FrameBytes> sent_frames(std::size_t bytes) const {
    std::vector<FrameBytes> frames;
    for (std::uint32_t i = 0; i < sent_; ++i) frames.push_back(udp_frame(i, bytes));
    std::sort(frames.begin(), frames.end());
    return frames;
  }
};

TEST_F(RunDestinations, AConfigurationWhoseSessionsDoNotFitIsRefusedWithAllThatIsWrong) {
  configure(head() + stored("web", outside() + "/web") + logged("dns", root() + "/../dns") +
            rotated("all", root() + "/t.pcapng") + rules({root()}, {"store", "logs", "stores"}));
  const CommandResult refused = refused_start();
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("session web"), HasSubstr(outside() + "/web"),
                                 HasSubstr("[security.destinations]"), HasSubstr(root())));
  EXPECT_THAT(refused.err, AllOf(HasSubstr("session dns"), HasSubstr("'..'")));
  EXPECT_THAT(refused.err, AllOf(HasSubstr("session all"), HasSubstr("'pcapng' is none")));
  EXPECT_THAT(refused.err, HasSubstr("'stores'"));
  const CommandResult checked = run_weir({"config", "check", config()});
  EXPECT_EQ(checked.status, 2);
  EXPECT_THAT(checked.err, HasSubstr("session.store.path"));
}

TEST_F(RunDestinations, ALinkOnTheWayIsFoundAtTheStart) {
  fs::create_directory_symlink(outside(), root() + "/link");
  configure(head() + stored("web", root() + "/link/web") + rules({root()}));
  const CommandResult refused = refused_start();
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("session web: security: " + root() + "/link/web"),
                                 HasSubstr("symbolic link")));
  EXPECT_TRUE(fs::is_empty(outside()));
}

TEST_F(RunDestinations, WithoutTheSectionLinksAreFollowedAsEver) {
  fs::create_directory_symlink(outside(), root() + "/link");
  configure(head() + stored("web", root() + "/link/web"));
  start_engine();
  send(300);
  wait_until_received(300);
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_EQ(frames_in_store(outside() + "/web").size(), 300u);
}

TEST_F(RunDestinations, TheApiMakesNoSessionTailOrQueryThatIsNotAllowed) {
  configure(head() + stored("all", root() + "/all") + rules({root()}, {"store", "pcapng"}));
  start_engine();
  const auto refused = [&](const std::string& text, const std::string& why) {
    const HttpAnswer answer = post("/v1/sessions", text);
    EXPECT_EQ(answer.status, 403) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(why));
  };
  refused(stored("out", outside() + "/x"), "below none");
  refused(stored("up", root() + "/../outside/x"), "'..'");
  refused(logged("logs", root() + "/logs"), "'logs' is none");
  fs::create_directory_symlink(outside(), root() + "/link");
  refused(rotated("link", root() + "/link/t.pcapng"), "symbolic link");
  ASSERT_EQ(::mkfifo((root() + "/pipe").c_str(), 0600), 0);
  refused(session("pipe", "[session.pcapng]\npath = \"" + root() + "/pipe\"\n"), "'pipe' is none");
  EXPECT_EQ(post("/v1/sessions", rotated("good", root() + "/t.pcapng")).status, 201);
  EXPECT_THAT(events(), AllOf(HasSubstr("\"kind\":\"destination_refused\""),
                              HasSubstr("\"session\":\"out\""), HasSubstr("\"session\":\"pipe\"")));
  EXPECT_THAT(get("/metrics").body, HasSubstr("weir_destinations_refused_total 5\n"));

  const CommandResult tail = ctl({"tail", "all", "-w", dir_.file("t.pcapng")});
  EXPECT_EQ(tail.status, 1);
  EXPECT_THAT(tail.err, HasSubstr("'tail' is none"));
  RawClient client(socket());
  const std::string body = "{\"session\":\"all\"}";
  client.send(
      "POST /v1/queries HTTP/1.1\r\nHost: weir\r\nConnection: close\r\nContent-Type: "
      "application/json\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_THAT(client.read_all(), AllOf(HasSubstr("403"), HasSubstr("'query' is none")));
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_TRUE(fs::is_empty(outside()));
}

TEST_F(RunDestinations, AReloadWithASessionThatDoesNotFitChangesNothing) {
  const std::string sessions = stored("all", root() + "/all") + stored("two", other() + "/two");
  configure(head() + sessions + rules({root(), other()}));
  start_engine();
  const HttpAnswer refused = reload(head() + sessions + rules({root()}));
  EXPECT_EQ(refused.status, 400) << refused.body;
  EXPECT_THAT(refused.body, AllOf(HasSubstr("session two"), HasSubstr(other() + "/two")));
  EXPECT_EQ(number(get("/v1/status").json(), "generation"), 1u);
  EXPECT_THAT(events(), HasSubstr("\"kind\":\"config_refused\""));
  send(200);
  wait_until_received(200);
  EXPECT_EQ(session_now("two").at("state"), "running");
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_EQ(frames_in_store(other() + "/two").size(), 200u);
}

TEST_F(RunDestinations, WhenRulesAreTightenedASessionOfTheApiFailsAndOthersGoOn) {
  const std::string sessions = stored("in", root() + "/in");
  configure(head() + sessions + rules({root(), other()}));
  start_engine();
  ASSERT_EQ(post("/v1/sessions", stored("out", other() + "/out")).status, 201);
  send(100);
  wait_until_received(100);
  const HttpAnswer tightened = reload(head() + sessions + rules({root()}));
  EXPECT_EQ(tightened.status, 200) << tightened.body;
  // No packet is offered to it once the change is in force. It is tried again now and then.
  wait_until("out", "failed");
  EXPECT_THAT(session_now("out").at("error").get<std::string>(),
              AllOf(HasSubstr("security: " + other() + "/out"), HasSubstr(root())));
  EXPECT_THAT(events(), HasSubstr("\"kind\":\"destination_refused\""));
  send(100);
  wait_until_received(200);
  EXPECT_EQ(session_now("in").at("state"), "running");
  EXPECT_EQ(number(session_now("in"), "accepted"), 200u);
  EXPECT_EQ(number(session_now("out"), "received"), 100u);

  // Its operator's session does not keep others from being changed, nor the engine from starting.
  EXPECT_EQ(post("/v1/sessions/in/pause").status, 200);
  EXPECT_EQ(post("/v1/sessions/in/resume").status, 200);
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_EQ(frames_in_store(other() + "/out").size(), 100u);
  start_engine();
  wait_until("out", "failed");
  EXPECT_EQ(session_now("in").at("state"), "running");

  EXPECT_EQ(reload(head() + sessions + rules({root(), other()})).status, 200);
  wait_until("out", "running");
  send_until_written("out", 50);
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_GE(frames_in_store(other() + "/out").size(), 150u);
}

TEST_F(RunDestinations, RunningSessionsAreConfinedWhenDirectoriesAreNamed) {
  const std::string sessions = stored("all", root() + "/all");
  configure(head() + sessions);
  start_engine();
  send(100);
  wait_until_received(100);
  EXPECT_EQ(reload(head() + sessions + rules({root()})).status, 200);
  wait_for_event("opened anew");
  wait_until("all", "running");
  swap_for_link(root() + "/all");
  send_until_written("all", 100);
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_GE(frames_in_store(root() + "/all.old").size(), 200u);
  EXPECT_THAT(files_outside(), testing::IsEmpty());
}

TEST_F(RunDestinations, NotAByteGoesWhereALinkLeadsThatIsPutInThePlaceOfADirectory) {
  constexpr std::size_t kBytes = 1400;
  fs::create_directory(root() + "/pcapng");
  configure(head() + rotated("files", root() + "/pcapng/t.pcapng") +
            stored("stored", root() + "/store") + logged("logged", root() + "/logs") +
            rules({root()}));
  start_engine();
  std::atomic<bool> done = false;
  std::atomic<bool> begun = false;
  std::thread traffic([&] {
    const InNamespace same(*network_);
    while (!done || sent_ < 6'000) {
      send(50, kBytes);
      if (sent_ >= 1'500) begun = true;
      wait_until_received(sent_);
    }
  });
  while (!begun) std::this_thread::yield();
  for (const char* name : {"/pcapng", "/store", "/logs"}) swap_for_link(root() + name);
  for (const char* path : {"/pcapng/t.pcapng", "/store", "/logs"}) {
    wait_for_event(root() + path + " leads elsewhere");
  }
  done = true;
  traffic.join();
  const std::string shown = get("/v1/sessions").body + events() + get("/metrics").body;
  EXPECT_THAT(shown, Not(HasSubstr("/proc/")));
  EXPECT_THAT(shown, HasSubstr("path=\"" + root() + "/store\""));
  const CommandResult ended = stop_engine();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.err, Not(HasSubstr("/proc/")));
  EXPECT_TRUE(law_holds(stats())) << stats();
  ASSERT_EQ(stats().at("dropped").at("kernel"), 0) << stats();

  EXPECT_THAT(files_outside(), testing::IsEmpty());
  const std::vector<FrameBytes> sent = sent_frames(kBytes);
  auto in_store = frames_in_store(root() + "/store.old");
  std::sort(in_store.begin(), in_store.end());
  EXPECT_TRUE(in_store == sent) << in_store.size() << " of " << sent.size();
  std::vector<FrameBytes> in_files;
  std::size_t files = 0;
  for (const auto& one : fs::directory_iterator(root() + "/pcapng.old")) {
    const auto frames = frames_of(one.path().string());
    in_files.insert(in_files.end(), frames.begin(), frames.end());
    ++files;
  }
  std::sort(in_files.begin(), in_files.end());
  EXPECT_TRUE(in_files == sent) << in_files.size() << " of " << sent.size();
  EXPECT_GE(files, 6u);
  EXPECT_GE(read_store(root() + "/store.old").size(), 6u);
  EXPECT_TRUE(fs::exists(root() + "/logs.old/conn.log"));
  EXPECT_EQ(run_weir({"store", "verify", root() + "/store.old"}).status, 0);
}

// A link in the place of a file that will be made, within a directory that is allowed.
TEST_F(RunDestinations, ALinkInThePlaceOfALogIsNotFollowed) {
  fs::create_directory(root() + "/logs");
  fs::create_symlink(outside() + "/conn.log", root() + "/logs/conn.log");
  configure(head() + logged("all", root() + "/logs") + rules({root()}));
  const CommandResult refused = refused_start();
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("conn.log is no regular file"));
  EXPECT_TRUE(fs::is_empty(outside()));
}

TEST_F(RunDestinations, ALinkInThePlaceOfTheManifestOfAStoreIsNotFollowed) {
  fs::create_directory(root() + "/store");
  fs::create_symlink(outside() + "/x", root() + "/store/weir-store.db");
  configure(head() + stored("all", root() + "/store") + rules({root()}));
  const CommandResult refused = refused_start();
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, AllOf(HasSubstr(root() + "/store"), Not(HasSubstr("/proc/"))));
  EXPECT_TRUE(fs::is_empty(outside()));
}

}  // namespace
}  // namespace weir::test
