// `weir run` when something is wrong: one clear error, and nothing half done.
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "integration/run_fixture.h"
#include "integration/small_disk.h"
#include "support/packet_builder.h"

namespace weir::test {
namespace {

// A VXLAN tunnel of its own for each number below 30000.
FrameBytes tunnel_frame(std::uint16_t number) {
  const auto port = static_cast<std::uint16_t>(30'000 + number);
  return PacketBuilder()
      .ethernet()
      .ipv4("192.0.2.1", "192.0.2.2")
      .udp(port, 4789)
      .vxlan(42)
      .ethernet()
      .ipv4("10.2.0.1", "10.2.0.2")
      .udp(port, 53)
      .payload(30)
      .build();
}

class RunFaults : public Run {
 protected:
  CommandResult run_once() { return run_weir({"run", "-c", config()}); }
};

TEST_F(RunFaults, WhatIsWrongWithTheFileIsSaidAtOnceAndWhole) {
  configure("[engine]\nstate_dri = \"x\"\n" + session("a", "filtre = \"udp\"\n"));
  const CommandResult ended = run_once();
  EXPECT_EQ(ended.status, 2);
  EXPECT_NE(ended.err.find("state_dir"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("filter"), std::string::npos) << ended.err;
  EXPECT_FALSE(std::filesystem::exists(socket()));
}

TEST_F(RunFaults, AnUnknownInterfaceIsNamed) {
  configure("[engine]\nstate_dir = \"" + dir_.file("state") +
            "\"\n[[interface]]\nname = \"eth77\"\n" + session("a"));
  const CommandResult ended = run_once();
  EXPECT_EQ(ended.status, 2);
  EXPECT_NE(ended.err.find("eth77"), std::string::npos) << ended.err;
}

TEST_F(RunFaults, TheFileMustBeThere) {
  const CommandResult ended = run_once();
  EXPECT_NE(ended.status, 0);
  EXPECT_NE(ended.err.find("weir.toml"), std::string::npos) << ended.err;
}

TEST_F(RunFaults, ASecondEngineDoesNotTakeTheStateOfTheFirst) {
  configure(head() + session("all"));
  start_engine();
  const CommandResult second = run_once();
  EXPECT_EQ(second.status, 2);
  EXPECT_NE(second.err.find("state"), std::string::npos) << second.err;
  send(10);
  wait_until_received(10);
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunFaults, AFullDiskFailsItsSessionAloneUntilThereIsRoomAgain) {
  std::filesystem::create_directory(dir_.file("disk"));
  const SmallDisk disk(dir_.file("disk"), "16m");
  configure(head() +
            session("disk", "[session.pcapng]\npath = \"" + dir_.file("disk/x.pcapng") + "\"\n") +
            session("all"));
  start_engine();
  // Nobody but this test fills it.
  {
    std::ofstream filler(dir_.file("disk/filler"));
    const std::string chunk(1 << 20, 'x');
    for (int i = 0; i < 15 && filler; ++i) filler << chunk << std::flush;
  }
  while (session_now("disk").at("state") != "failed") {
    send(500, 1400);
    wait_until_received(sent_);  // a slow engine's ring would run over
  }
  const nlohmann::json failed = session_now("disk");
  EXPECT_NE(failed.at("error").get<std::string>(), "") << failed;
  EXPECT_EQ(session_now("all").at("state"), "running");
  std::filesystem::remove(dir_.file("disk/filler"));
  for (const auto& entry : std::filesystem::directory_iterator(dir_.file("disk"))) {
    std::filesystem::remove(entry.path());
  }
  wait_until("disk", "running");
  send(10);
  wait_until_received(sent_);
  EXPECT_EQ(session_now("all").at("accepted").get<std::uint64_t>(), sent_);
  const CommandResult ended = stop_engine();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_NE(ended.err.find("session failed"), std::string::npos) << ended.err;
}

TEST_F(RunFaults, ALogWhoseDiskIsFullIsToldAndGoesOnWhenThereIsRoomAgain) {
  std::filesystem::create_directory(dir_.file("logs"));
  const SmallDisk disk(dir_.file("logs"), "1m");
  configure(head() + session("all", "[session.logs]\npath = \"" + dir_.file("logs") + "\"\n"));
  start_engine();
  {
    std::ofstream filler(dir_.file("logs/filler"));
    const std::string chunk(1 << 12, 'x');
    while (filler) filler << chunk << std::flush;
  }
  // A line each, at once.
  std::uint16_t tunnels = 0;
  const auto send_tunnels = [&](int count) {
    std::vector<FrameBytes> frames;
    for (int i = 0; i < count; ++i) frames.push_back(tunnel_frame(tunnels++));
    TrafficSocket("tap").send(frames);
    sent_ += static_cast<std::uint32_t>(count);
    wait_until_received(sent_);
  };
  const auto written = [&] {
    const nlohmann::json now = session_now("all");
    for (const nlohmann::json& output : now.at("outputs")) {
      if (output.at("path") == dir_.file("logs/tunnel.log")) {
        return output.at("written").get<std::uint64_t>();
      }
    }
    return std::uint64_t{0};
  };
  do {
    send_tunnels(10);
  } while (ctl({"events", "--after", "0"}).out.find("No space left on device") ==
           std::string::npos);
  EXPECT_EQ(session_now("all").at("state"), "running");
  const std::uint64_t before = written();
  std::filesystem::remove(dir_.file("logs/filler"));
  do {
    send_tunnels(1);
  } while (written() == before);
  EXPECT_EQ(session_now("all").at("accepted").get<std::uint64_t>(), sent_);
  const CommandResult ended = stop_engine();
  EXPECT_EQ(ended.status, 1) << "records are missing";
  EXPECT_NE(ended.err.find("tunnel.log: No space left on device"), std::string::npos) << ended.err;
}

TEST_F(RunFaults, AGenerationThatCannotBeStoredChangesNothing) {
  std::filesystem::create_directory(dir_.file("state"));
  const SmallDisk disk(dir_.file("state"), "12m");
  configure(head() + session("all"));
  start_engine();
  {
    std::ofstream filler(dir_.file("state/filler"));
    const std::string chunk(1 << 16, 'x');
    while (filler) filler << chunk << std::flush;
  }
  // A text that needs more pages than the store has.
  std::string rules;
  for (int i = 0; i < 2000; ++i) {
    rules += "[[session.rule]]\nport = " + std::to_string(1 + i) + "\naction = \"accept\"\n";
  }
  const HttpAnswer refused = post("/v1/sessions", session("big") + rules);
  EXPECT_GE(refused.status, 500) << refused.body;
  EXPECT_NE(refused.body.find("no_space"), std::string::npos) << refused.body;
  EXPECT_EQ(get("/v1/sessions/big").status, 404);
  EXPECT_EQ(get("/v1/status").json().at("generation").get<std::uint64_t>(), 1u);
  send(10);
  wait_until_received(10);
  std::filesystem::remove(dir_.file("state/filler"));
  EXPECT_EQ(post("/v1/sessions", session("big") + rules).status, 201);
  EXPECT_EQ(stop_engine().status, 0);
}

// Of the thread of this name.
pid_t thread_named(pid_t process, std::string_view wanted) {
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (name == wanted) return std::stoi(task.path().filename().string());
  }
  return -1;
}

// A debugger stops one thread alone.
class Frozen {
 public:
  explicit Frozen(pid_t thread) : thread_(thread) {
    EXPECT_EQ(::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr), 0) << std::strerror(errno);
    EXPECT_EQ(::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr), 0) << std::strerror(errno);
    EXPECT_EQ(::waitpid(thread, nullptr, __WALL), thread);
  }
  ~Frozen() { ::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr); }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;

 private:
  pid_t thread_;
};

TEST_F(RunFaults, AWorkerThatIsFrozenIsSeenAndLosesNothingOfWhatItsRingHolds) {
  configure(head() + session("all"));
  start_engine();
  send(10);
  wait_until_received(10);
  const auto health = [&] {
    const nlohmann::json now = get("/v1/status").json();
    for (const nlohmann::json& module : now.at("modules")) {
      if (module.at("name") == "worker tap/0") return module.at("health").get<std::string>();
    }
    return std::string("missing");
  };
  const auto wait_for_health = [&](std::string_view wanted) {
    while (health() != wanted) {
    }
  };
  wait_for_health("ok");
  const auto process = get("/v1/status").json().at("pid").get<pid_t>();
  {
    const Frozen worker(thread_named(process, "tap/0"));
    send(100);
    wait_for_health("stalled");
    // Who steers it is answered all the same.
    EXPECT_EQ(ctl({"health"}).status, 1);
    EXPECT_EQ(get("/healthz").status, 503);
    EXPECT_EQ(session_now("all").at("received").get<std::uint64_t>(), 10u);
  }
  wait_for_health("ok");
  wait_until_received(110);
  const std::string events = ctl({"events", "--after", "0"}).out;
  EXPECT_NE(events.find("worker tap/0 is stalled"), std::string::npos) << events;
  EXPECT_NE(events.find("worker tap/0 is ok"), std::string::npos) << events;
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_TRUE(law_holds(stats())) << stats();
}

TEST_F(RunFaults, WithoutItsLastInterfaceTheEngineFails) {
  configure(head() +
            session("all", "[session.pcapng]\npath = \"" + dir_.file("all.pcapng") + "\"\n"));
  start_engine();
  send(10);
  wait_until_received(10);
  ASSERT_EQ(run_command({"ip", "link", "del", "tap"}).status, 0);
  const CommandResult ended = engine_->wait();
  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.err.find("interface"), std::string::npos) << ended.err;
  EXPECT_EQ(stats().at("accepted").get<std::uint64_t>(), 10u);
}

}  // namespace
}  // namespace weir::test
