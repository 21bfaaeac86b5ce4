// A session of `weir run` that writes a pipe with a spill queue: a reader that sleeps, a change of
// the configuration meanwhile, what a killed engine leaves.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/run_fixture.h"

namespace weir::test {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

class RunSpill : public Run {
 protected:
  void SetUp() override {
    Run::SetUp();
    reader_ = make_fifo(fifo_);
  }
  // There before weir opens the other end.
  static UniqueFd make_fifo(const std::string& path) {
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    EXPECT_EQ(::fcntl(reader.get(), F_SETFL, 0), 0);
    return reader;
  }
  [[nodiscard]] std::string spilling(const std::string& fifo, std::string_view keys = "") const {
    return session("all", std::string(keys) + "[session.pcapng]\npath = \"" + fifo +
                              "\"\nspill = \"" + queue_ + "\"\n");
  }
  // Of its only output.
  [[nodiscard]] nlohmann::json row() const { return session_now("all").at("outputs").at(0); }
  void send_until_it_spills() {
    while (row().at("spilled").get<std::uint64_t>() < 3'000) {
      send(500, 1400);
      wait_until_received(sent_);
    }
  }
  void wait_for_events(const std::string& text, std::size_t count) const {
    while (count_of(ctl({"events", "--after", "0", "--json"}).out, text) < count) {
    }
  }
  [[nodiscard]] static std::size_t count_of(const std::string& text, const std::string& what) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) {
      ++count;
    }
    return count;
  }
  // Until all that is said to have been written has come.
  static std::string read_bytes(const UniqueFd& reader, std::uint64_t count) {
    std::string all;
    std::array<char, 65536> buffer;
    while (all.size() < count) {
      const ssize_t got = ::read(reader.get(), buffer.data(), buffer.size());
      if (got <= 0) break;
      all.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return all;
  }
  // What comes until nothing is on its way any more.
  std::string catch_up(const UniqueFd& reader) const {
    std::string all;
    for (;;) {
      const nlohmann::json now = row();
      if (now.at("pending") == 0 && all.size() >= now.at("written_bytes")) return all;
      const auto there = now.at("written_bytes").get<std::uint64_t>();
      all += read_bytes(reader, std::max<std::uint64_t>(there, all.size() + 1) - all.size());
    }
  }
  [[nodiscard]] std::vector<FrameBytes> frames_in(const std::string& stream) const {
    write_file(dir_.file("stream.pcapng"), stream);
    return frames_of(dir_.file("stream.pcapng"));
  }
  [[nodiscard]] static std::vector<FrameBytes> frames_from(std::uint32_t first, std::uint32_t end) {
    std::vector<FrameBytes> frames;
    for (std::uint32_t i = first; i < end; ++i) frames.push_back(udp_frame(i, 1400));
    return frames;
  }
  [[nodiscard]] std::size_t segments() const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(queue_)) {
      if (entry.path().extension() == ".pcapng") ++count;
    }
    return count;
  }

  const std::string fifo_ = dir_.file("fifo");
  const std::string queue_ = dir_.file("queue");
  UniqueFd reader_;
};

TEST_F(RunSpill, ASlowReaderGetsEverythingInOrderAndIsTold) {
  configure(head() + spilling(fifo_));
  start_engine();
  send_until_it_spills();
  const std::string labels = "{session=\"all\",path=\"" + fifo_ + "\"} ";
  const std::string metrics = get("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("weir_spill_packets_total" + labels));
  EXPECT_THAT(metrics, HasSubstr("weir_spill_bytes" + labels));
  EXPECT_EQ(count_of(metrics, "weir_spill_bytes" + labels + "0\n"), 0u);
  wait_for_events("\"to\":\"spilling\"", 1);
  // A key that is not the output's leaves queue and stream alone.
  configure(head() + spilling(fifo_, "snaplen = 65535\n"));
  EXPECT_EQ(post("/v1/config/reload").status, 200);
  send(500, 1400);
  wait_until_received(sent_);
  const auto frames = frames_in(catch_up(reader_));
  EXPECT_TRUE(frames == frames_from(0, sent_)) << frames.size() << " of " << sent_;
  wait_for_events("\"to\":\"writing\"", 1);
  EXPECT_THAT(ctl({"events", "--after", "0"}).out,
              HasSubstr(fifo_ + ": the reader of the pipe has caught up"));
  EXPECT_THAT(get("/metrics").body, HasSubstr("weir_spill_bytes" + labels + "0\n"));
  EXPECT_EQ(segments(), 0u);
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_TRUE(law_holds(stats())) << stats();
}

TEST_F(RunSpill, AnOutputThatReplacesAnotherHasItsQueueInTheSameDirectory) {
  configure(head() + spilling(fifo_));
  start_engine();
  send_until_it_spills();
  const std::string other = dir_.file("other");
  const UniqueFd other_reader = make_fifo(other);
  configure(head() + spilling(other));
  const HttpAnswer answer = post("/v1/config/reload");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const std::uint32_t before = sent_;
  EXPECT_EQ(row().at("path"), other);
  send_until_it_spills();
  const auto frames = frames_in(catch_up(other_reader));
  EXPECT_TRUE(frames == frames_from(before, sent_)) << frames.size() << " of " << sent_ - before;
  // What the first had in its queue went with it.
  reader_.reset();
  while (segments() != 0) {
  }
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_TRUE(law_holds(stats())) << stats();
}

TEST_F(RunSpill, AChangeThatIsRefusedLeavesStreamAndQueueAsTheyAre) {
  configure(head() + spilling(fifo_));
  start_engine();
  configure(head() + spilling(fifo_) + "spill_size = \"64MiB\"\n" +
            session("wrong", "[session.store]\npath = \"" + dir_.file("nowhere/store") + "\"\n"));
  const auto expect_refused = [&] {
    const HttpAnswer refused = post("/v1/config/reload");
    EXPECT_NE(refused.status, 200);
    EXPECT_THAT(refused.body, HasSubstr("nowhere/store"));
  };
  send(10, 1400);
  wait_until_received(sent_);
  expect_refused();  // there is room in the pipe
  send_until_it_spills();
  expect_refused();
  const auto frames = frames_in(catch_up(reader_));
  EXPECT_TRUE(frames == frames_from(0, sent_)) << frames.size() << " of " << sent_;
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunSpill, TheEndWaitsForNobodyAndCountsWhatIsInTheQueue) {
  configure(head() + spilling(fifo_));
  start_engine();
  send_until_it_spills();
  (void)stop_engine();
  EXPECT_TRUE(law_holds(stats())) << stats();
  const nlohmann::json output = stats()["sessions"][0]["outputs"][0];
  EXPECT_EQ(output["offered"], sent_);
  EXPECT_EQ(output["pending"], 0);
  EXPECT_GT(output["lost"]["closed"], 3'000);
  EXPECT_EQ(segments(), 0u);
}

TEST_F(RunSpill, WhatAKilledEngineLeavesIsToldAndIsNotDeleted) {
  configure(head() + spilling(fifo_));
  start_engine();
  send_until_it_spills();
  while (segments() == 0) {
  }
  engine_->signal(SIGKILL);
  (void)engine_->wait();
  const std::size_t left = segments();
  reader_.reset();
  fs::remove(fifo_);
  reader_ = make_fifo(fifo_);
  start_engine();
  wait_for_events(" of an earlier run, ", 1);
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_EQ(segments(), left);
}

TEST_F(RunSpill, IsForPipes) {
  configure(head() + spilling(dir_.file("all.pcapng")));
  const auto refused = run_weir({"run", "-c", config()});
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, HasSubstr("spill is for a pipe, which this is not"));
}

}  // namespace
}  // namespace weir::test
