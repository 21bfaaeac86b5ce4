// An engine of which one disk answers no more for a while: a file system that is frozen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/pressure_fixture.h"
#include "integration/small_disk.h"
#include "integration/stored_packets.h"

namespace weir::test {
namespace {

class RunSlowDisk : public RunUnderPressure {
 protected:
  void SetUp() override {
    WEIR_SKIP_BECAUSE(Ext4Disk::why_not(), UnderCi::Skip);
    RunUnderPressure::SetUp();
    add_veth_pair("tap2", "far2");
    wait_until_running("tap2");
    disk_ = std::make_unique<Ext4Disk>(dir_.file("disk"), 512 << 20);
  }
  // Nothing of it may be in use.
  void TearDown() override {
    if (disk_ != nullptr) disk_->thaw();
    engine_.reset();
    disk_.reset();
  }
  static std::string stored(std::string_view name, std::string_view interface,
                            const std::string& store) {
    return session(name, "interfaces = [\"" + std::string(interface) +
                             "\"]\n[session.store]\npath = \"" + store +
                             "\"\nchunk = \"64KiB\"\nsegment = \"8MiB\"\n");
  }
  // One place of all, besides pipes and stores.
  [[nodiscard]] nlohmann::json disk_of(const std::string& session) const {
    const nlohmann::json now = pressure();
    for (const auto& place : now.at("places")) {
      const auto names = place.at("sessions").get<std::vector<std::string>>();
      const std::string name = place.at("place");
      if (name.starts_with("disk ") && std::ranges::find(names, session) != names.end()) {
        return place;
      }
    }
    return {{"level", "none"}, {"place", ""}};
  }
  [[nodiscard]] std::uint64_t lost_by_the_kernel() const {
    return get("/v1/status").json().at("dropped").value("kernel", std::uint64_t{0});
  }
  void send_apart(std::uint32_t count) {
    std::vector<FrameBytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) frames.push_back(udp_frame(apart_ + i, 1400));
    TrafficSocket("tap2").send(frames);
    apart_ += count;
  }
  [[nodiscard]] std::uint64_t accepted(const std::string& name) const {
    return session_now(name).at("accepted").get<std::uint64_t>();
  }
  // A second interface has its own packets.
  void wait_for_all() const { wait_until_received(sent_ + apart_); }

  std::unique_ptr<Ext4Disk> disk_;
  const std::string store_ = dir_.file("disk/packets");
  const std::string other_ = dir_.file("packets");
  std::uint32_t apart_ = 0;
};

TEST_F(RunSlowDisk, CostsItsOwnSessionsWhatTheRingCannotHoldAndNobodyElse) {
  configure(head() + "[[interface]]\nname = \"tap2\"\nring = \"16MiB\"\n" + std::string(kQuick) +
            stored("slow", "tap", store_) + filed("beside", "interfaces = [\"tap\"]\n") +
            stored("apart", "tap2", other_));
  start_engine();
  send(200, 1400);
  send_apart(200);
  wait_for_all();
  const std::string place = disk_of("slow").at("place");
  EXPECT_EQ(relief_of("slow"), "");
  EXPECT_NE(place, disk_of("beside").at("place").get<std::string>());

  disk_->freeze();
  while (relief_of("slow") != "drop") {
    send(200, 1400);
    send_apart(200);
  }
  EXPECT_THAT(disk_of("slow").at("level"), testing::AnyOf("high", "critical"));
  EXPECT_EQ(relief_of("beside"), "");
  EXPECT_EQ(relief_of("apart"), "");
  EXPECT_EQ(place_now("cpu", "").at("level"), "normal") << "the disk is the cause";
  // As long as it lasts.
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t before = accepted("apart");
    send_apart(100);
    while (accepted("apart") < before + 100) {
    }
  }
  // More than the ring has room for. Who waits for the disk cannot tell of it yet.
  for (int i = 0; i < 40; ++i) send(500, 1400);
  disk_->thaw();

  wait_for_all();
  while (!relief_of("slow").empty() || disk_of("slow").at("level") != "normal") {
  }
  const std::uint64_t lost = lost_by_the_kernel();
  EXPECT_GT(lost, 0);
  EXPECT_EQ(accepted("beside"), sent_ - lost) << "what the ring held has come";
  EXPECT_EQ(accepted("apart"), apart_);
  const std::uint64_t before = accepted("slow");
  send(100, 1400);
  wait_for_all();
  EXPECT_EQ(accepted("slow"), before + 100);
  const auto levels = journal("pressure output " + place, " > normal");
  expect_chain(levels, "pressure output " + place, "normal");
  const auto reliefs = journal("relief ", " > none");
  EXPECT_THAT(reliefs, testing::Each(testing::StartsWith("relief slow: ")));
  expect_chain(reliefs, "relief slow", "none");
  EXPECT_THAT(reliefs.front(), testing::StartsWith("relief slow: none > cutoff 64KiB"));

  EXPECT_EQ(stop_engine().status, 0);
  const nlohmann::json end = stats();
  EXPECT_TRUE(law_holds(end)) << end;
  EXPECT_EQ(end.at("received"), sent_ + apart_);
  EXPECT_EQ(end.at("dropped").at("kernel"), lost);
  EXPECT_EQ(frames_in_store(other_).size(), apart_);
  for (const std::string& store : {store_, other_}) {
    const auto verified = run_weir({"store", "verify", store});
    EXPECT_EQ(verified.status, 0) << verified.out;
  }
}

}  // namespace
}  // namespace weir::test
