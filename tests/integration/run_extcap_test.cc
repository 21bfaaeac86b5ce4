// A running engine among the interfaces of tshark.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/extcap_folder.h"
#include "integration/run_fixture.h"

namespace weir::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class RunExtcap : public Run {
 protected:
  // Until a tail has its packets.
  void wait_for_tail() const {
    const auto runs = [&] {
      const nlohmann::json all = get("/v1/sessions").json();
      for (const auto& one : all.at("sessions")) {
        if (one.at("origin") == "tail" && one.at("state") == "running") return true;
      }
      return false;
    };
    while (!runs()) {
    }
  }
  // The engine notices that nobody reads any more.
  void wait_until_no_tail(std::size_t sessions) {
    while (get("/v1/sessions").json().at("sessions").size() > sessions) send(1);
  }
};

TEST_F(RunExtcap, TsharkShowsASessionAsItGoesOnAndItsStoreFromTheBeginning) {
  const std::string store = dir_.file("packets");
  configure(head() + session("all", "[session.store]\npath = \"" + store + "\"\n"));
  start_engine();
  send(5);
  wait_until_received(5);
  const ExtcapFolder folder({"--socket", socket()});
  const auto listed = folder.tshark({"-D"});
  EXPECT_THAT(listed.out, HasSubstr(". weir_session_all (weir: session all (live))\n"));
  const std::size_t begin = listed.out.find("weir_store_");
  ASSERT_NE(begin, std::string::npos) << listed.out << listed.err;
  const std::string of_store = listed.out.substr(begin, listed.out.find(' ', begin) - begin);
  EXPECT_THAT(listed.out, HasSubstr(of_store + " (weir: store " + store + ")\n"));

  const std::string live = dir_.file("live.pcapng");
  Process tshark(folder.words({"-i", "weir_session_all", "-c", "20", "-w", live}));
  wait_for_tail();
  send(20);
  const CommandResult result = tshark.wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("Error")));
  std::vector<FrameBytes> sent;
  for (std::uint32_t i = 5; i < 25; ++i) sent.push_back(udp_frame(i, 100));
  EXPECT_EQ(frames_of(live), sent);
  wait_until_no_tail(1);
  EXPECT_EQ(stop_engine().status, 0);

  // Without the engine: the store by its directory.
  const ExtcapFolder alone({"--socket", socket(), "--store", store});
  const std::string all = dir_.file("all.pcapng");
  const auto read = alone.tshark({"-i", of_store, "-w", all});
  EXPECT_EQ(read.status, 0) << read.err;
  EXPECT_EQ(frames_of(all).size(), sent_);
}

TEST_F(RunExtcap, ACaptureFilterIsTheEnginesWork) {
  configure(head() + session("small", "filter = \"less 200\"\n"));
  start_engine();
  const ExtcapFolder folder({"--socket", socket()});
  const std::string live = dir_.file("live.pcapng");
  Process tshark(folder.words(
      {"-i", "weir_session_small", "-f", "udp and greater 90", "-c", "7", "-w", live}));
  wait_for_tail();
  send(3, 80);
  send(7, 100);
  send(3, 900);
  EXPECT_EQ(tshark.wait().status, 0);
  std::vector<FrameBytes> wanted;
  for (std::uint32_t i = 3; i < 10; ++i) wanted.push_back(udp_frame(i, 100));
  EXPECT_EQ(frames_of(live), wanted);
  wait_until_no_tail(1);
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunExtcap, ATailsFilterMeansWhatItMeansAlone) {
  // Behind `vlan`, in one expression, `udp` would look behind the tag.
  configure(head() + session("tagged",
                             "filter = \"vlan 7 or less 90\"\n[[session.rule]]\n"
                             "filter = \"less 70\"\naction = \"reject\"\n"));
  start_engine();
  const std::string path = dir_.file("t.pcapng");
  Process tail(weir({"ctl", "--socket", socket(), "tail", "tagged", "-w", path, "udp"}));
  wait_for_tail();
  TrafficSocket("tap").send(std::vector<FrameBytes>{with_tag(udp_frame(1, 100), 0x8100, 7),
                                                    udp_frame(2, 80), udp_frame(3, 64),
                                                    udp_frame(4, 100)});
  wait_until_received(4);
  while (!std::filesystem::exists(path) || std::filesystem::file_size(path) == 0 ||
         frames_of(path).empty()) {
  }
  tail.signal(SIGINT);
  EXPECT_EQ(tail.wait().status, 0);
  EXPECT_EQ(frames_of(path), std::vector<FrameBytes>{udp_frame(2, 80)});
  const CommandResult end = stop_engine();
  EXPECT_EQ(end.status, 0) << end.err;
}

TEST_F(RunExtcap, ATailsFilterCannotWidenTheSessions) {
  configure(head() + session("small", "filter = \"less 200\"\n"));
  start_engine();
  for (const char* filter : {"udp) or (greater 1", "host and"}) {
    const auto refused = ctl({"tail", "small", "-w", dir_.file("t.pcapng"), filter});
    EXPECT_EQ(refused.status, 2) << filter;
    EXPECT_THAT(refused.err, HasSubstr("can't parse filter expression"));
  }
  EXPECT_EQ(get("/v1/sessions").json().at("sessions").size(), 1u);
  EXPECT_EQ(stop_engine().status, 0);
}

}  // namespace
}  // namespace weir::test
