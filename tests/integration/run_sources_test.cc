// Where packets may come from, as the operator of `weir run` meets it: what is stored, what is
// counted, who is told, and how it changes while packets flow.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "integration/run_fixture.h"
#include "support/packet_builder.h"

namespace weir::test {
namespace {

// From 02:00:00:00:00:01, as all of the builder.
FrameBytes frame_from(const std::string& address) {
  return PacketBuilder().ethernet().ipv4(address, "192.0.2.9").udp(1000, 53).payload(30).build();
}
FrameBytes in_vni(std::uint32_t vni) {
  return PacketBuilder()
      .ethernet()
      .ipv4("10.0.0.5", "192.0.2.9")
      .udp(40000, 4789)
      .vxlan(vni)
      .ethernet()
      .ipv4("172.16.0.1", "172.16.0.2")
      .udp(1000, 53)
      .payload(30)
      .build();
}
FrameBytes from_another_mac() {
  FrameBytes frame = frame_from("10.0.0.1");
  frame[11] = 0x66;
  return frame;
}

class RunSources : public Run {
 protected:
  void configure_sources(const std::string& keys) {
    configure(head() +
              session("all", "[session.pcapng]\npath = \"" + dir_.file("all.pcapng") + "\"\n") +
              (keys.empty() ? "" : "[security.sources]\n" + keys));
  }
  void send_times(std::uint32_t count, const FrameBytes& frame) {
    TrafficSocket("tap").send(std::vector<FrameBytes>(count, frame));
    sent_ += count;
  }
  [[nodiscard]] nlohmann::json security() const { return get("/v1/security").json(); }
  [[nodiscard]] std::vector<FrameBytes> stored() const {
    std::vector<FrameBytes> frames;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      const std::string name = entry.path().filename();
      if (!name.starts_with("all_")) continue;
      const auto more = frames_of(entry.path());
      frames.insert(frames.end(), more.begin(), more.end());
    }
    return frames;
  }
  // The events that tell of refused sources.
  [[nodiscard]] std::vector<nlohmann::json> events() const {
    Process listener(weir({"ctl", "--socket", socket(), "--json", "events", "--after", "0"}));
    std::vector<nlohmann::json> found;
    const CommandResult told = listener.wait();
    std::istringstream lines(told.out);
    for (std::string line; std::getline(lines, line);) {
      auto event = nlohmann::json::parse(line);
      if (event.at("kind") == "source_refused") found.push_back(std::move(event));
    }
    return found;
  }
  // The last one of this kind; waits for it.
  [[nodiscard]] nlohmann::json event_of(const std::string& kind) const {
    nlohmann::json last;
    while (last.is_null()) {
      for (const auto& event : events()) {
        if (event.at("fields").at("kind") == kind) last = event;
      }
    }
    return last;
  }
};

TEST_F(RunSources, OnlyWhatComesFromAllowedSourcesIsStored) {
  configure_sources(
      "macs = [\"02:00:00:00:00:01\", \"02:00:00:00:00:02\"]\nnets = [\"10.0.0.0/8\"]\n"
      "deny_nets = [\"10.66.0.0/16\"]\ndeny_vnis = \"200-299\"\n");
  start_engine();
  send_times(10, frame_from("10.0.0.1"));
  send_times(7, frame_from("10.66.0.1"));
  send_times(5, frame_from("192.0.2.1"));
  send_times(4, from_another_mac());
  send_times(6, in_vni(100));
  send_times(3, in_vni(250));
  wait_until_received(35);

  const nlohmann::json now = security();
  EXPECT_EQ(now.at("refused_sources"), nlohmann::json({{"mac", 4}, {"address", 12}, {"vni", 3}}));
  ASSERT_EQ(now.at("source_rules").size(), 1u);
  EXPECT_EQ(now.at("source_rules")[0].at("origin"), "config");
  EXPECT_EQ(now.at("source_rules")[0].at("deny_vnis"), nlohmann::json({"200-299"}));
  const nlohmann::json all = session_now("all");
  EXPECT_EQ(all.at("received"), 16);
  EXPECT_EQ(all.at("accepted"), 16);
  const std::string metrics = get("/metrics").body;
  EXPECT_NE(metrics.find("weir_source_refused_packets_total{kind=\"address\"} 12\n"),
            std::string::npos);
  EXPECT_NE(metrics.find("weir_capture_rejected_packets_total{reason=\"source\"} 19\n"),
            std::string::npos);
  const CommandResult shown = ctl({"security"});
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_NE(shown.out.find("refused     19 (mac 4, address 12, vni 3)\n"), std::string::npos)
      << shown.out;
  EXPECT_NE(shown.out.find("10.66.0.0/16"), std::string::npos) << shown.out;

  EXPECT_EQ(stop_engine().status, 0);
  const std::vector<FrameBytes> frames = stored();
  EXPECT_EQ(frames.size(), 16u);
  EXPECT_EQ(std::count(frames.begin(), frames.end(), frame_from("10.0.0.1")), 10);
  EXPECT_EQ(std::count(frames.begin(), frames.end(), in_vni(100)), 6);
  const nlohmann::json whole = stats();
  EXPECT_TRUE(law_holds(whole)) << whole;
  EXPECT_EQ(whole.at("rejected").at("source"), 19);
  for (const auto& one : whole.at("sessions")) EXPECT_TRUE(law_holds(one)) << one;
}

TEST_F(RunSources, AnEventTellsOfEachKindWithAnExample) {
  configure_sources("nets = [\"10.0.0.0/8\"]\nvnis = [\"100-199\"]\n");
  start_engine();
  send_times(3, frame_from("192.0.2.77"));
  send_times(2, in_vni(250));
  wait_until_received(5);
  const nlohmann::json address = event_of("address");
  EXPECT_EQ(address.at("module"), "security");
  EXPECT_EQ(address.at("severity"), "warning");
  const nlohmann::json& fields = address.at("fields");
  EXPECT_EQ(fields.at("interface"), "tap");
  EXPECT_EQ(fields.at("mac"), "02:00:00:00:00:01");
  EXPECT_EQ(fields.at("address"), "192.0.2.77");
  const nlohmann::json vni = event_of("vni");
  EXPECT_EQ(vni.at("fields").at("vni"), "250");
  EXPECT_EQ(vni.at("fields").at("address"), "10.0.0.5") << "the outer one";
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunSources, AReloadChangesThemWhilePacketsFlow) {
  configure_sources("");
  start_engine();
  EXPECT_TRUE(security().at("source_rules").empty());
  send_times(5, frame_from("10.0.0.1"));
  wait_until_received(5);

  configure_sources("deny_nets = \"10.0.0.0/24\"\n");
  EXPECT_EQ(post("/v1/config/reload").status, 200);
  send_times(7, frame_from("10.0.0.1"));
  send_times(1, frame_from("10.0.1.1"));
  wait_until_received(13);
  EXPECT_EQ(security().at("refused_sources"), nlohmann::json({{"address", 7}}));

  // What is wrong changes nothing, and everything that is wrong is told.
  configure_sources("macs = \"eth0\"\nnets = [\"10.0.0.1/8\"]\ninterfaces = [\"tip\"]\n");
  const HttpAnswer refused = post("/v1/config/reload");
  EXPECT_EQ(refused.status, 400);
  for (const char* what : {"security.sources.macs", "security.sources.nets"}) {
    EXPECT_NE(refused.body.find(what), std::string::npos) << refused.body;
  }
  configure_sources("interfaces = [\"tip\"]\n");
  EXPECT_NE(post("/v1/config/reload").body.find("did you mean 'tap'?"), std::string::npos);
  send_times(2, frame_from("10.0.0.1"));
  wait_until_received(15);
  EXPECT_EQ(security().at("refused_sources"), nlohmann::json({{"address", 9}}));

  configure_sources("");
  EXPECT_EQ(post("/v1/config/reload").status, 200);
  EXPECT_TRUE(security().at("source_rules").empty());
  send_times(4, frame_from("10.0.0.1"));
  wait_until_received(19);
  EXPECT_EQ(security().at("refused_sources"), nlohmann::json({{"address", 9}}));
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_EQ(stored().size(), 10u);
  EXPECT_TRUE(law_holds(stats())) << stats();
}

TEST_F(RunSources, AFloodIsCountedExactlyAndToldSeldom) {
  constexpr std::uint32_t kRounds = 40;
  constexpr std::uint32_t kPackets = 500;
  configure_sources("nets = [\"10.0.0.0/8\"]\n");
  start_engine();
  const MonotonicTime began = SystemClock().monotonic();
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    send_times(kPackets, frame_from("192.0.2." + std::to_string(round)));
    send_times(1, frame_from("10.0.0.1"));
    wait_until_received((round + 1) * (kPackets + 1));
  }
  EXPECT_EQ(security().at("refused_sources"), nlohmann::json({{"address", kRounds * kPackets}}));
  EXPECT_EQ(session_now("all").at("accepted"), kRounds);
  (void)event_of("address");
  const auto told = events();
  const Duration took = SystemClock().monotonic() - began;
  EXPECT_LE(told.size(), 1u + static_cast<std::size_t>(took / std::chrono::seconds(5)));
  std::uint64_t sum = 0;
  for (const auto& event : told) {
    sum += std::stoull(event.at("fields").at("packets").get<std::string>());
  }
  EXPECT_EQ(std::to_string(sum), told.back().at("fields").at("total").get<std::string>());
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_EQ(stored().size(), kRounds);
  EXPECT_TRUE(law_holds(stats())) << stats();
}

}  // namespace
}  // namespace weir::test
