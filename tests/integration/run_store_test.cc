// A session of `weir run` that writes a packet store: changed, stopped and begun again while
// packets flow, killed, and without room.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/run_fixture.h"
#include "integration/small_disk.h"
#include "integration/stored_packets.h"
#include "integration/stored_uids.h"

namespace weir::test {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

class RunStore : public Run {
 protected:
  [[nodiscard]] std::string stored(std::string_view name, std::string_view keys = "") const {
    return stored_in(store_, name, keys);
  }
  [[nodiscard]] static std::string stored_in(const std::string& store, std::string_view name,
                                             std::string_view keys = "") {
    return session(name, "[session.store]\npath = \"" + store + "\"\n" + std::string(keys));
  }
  // Of the first output.
  [[nodiscard]] nlohmann::json row(const std::string& name) const {
    return session_now(name).at("outputs").at(0);
  }
  void wait_until_written(const std::string& name, std::uint64_t packets) const {
    while (row(name).at("written").get<std::uint64_t>() < packets) {
    }
  }
  [[nodiscard]] std::string events() const { return ctl({"events", "--after", "0"}).out; }
  [[nodiscard]] static std::size_t count_of(const std::string& text, const std::string& what) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) {
      ++count;
    }
    return count;
  }
  void expect_verified() const {
    const auto verified = run_weir({"store", "verify", store_});
    EXPECT_EQ(verified.status, 0) << verified.out;
  }
  // Every frame that was sent, once.
  void expect_all_stored() const {
    auto frames = frames_in_store(store_);
    std::vector<FrameBytes> sent;
    for (std::uint32_t i = 0; i < sent_; ++i) sent.push_back(udp_frame(i, 100));
    std::sort(frames.begin(), frames.end());
    std::sort(sent.begin(), sent.end());
    EXPECT_TRUE(frames == sent) << frames.size() << " of " << sent.size();
  }

  const std::string store_ = dir_.file("packets");
};

TEST_F(RunStore, ASessionWritesItAndSaysSo) {
  configure(head() + stored("all") + session("none"));
  start_engine();
  send(300);
  wait_until_written("all", 300);
  const nlohmann::json now = row("all");
  EXPECT_EQ(now.at("kind"), "store");
  EXPECT_EQ(now.at("path"), store_);
  EXPECT_EQ(now.at("offered"), 300);
  EXPECT_THAT(ctl({"sessions", "--json"}).out, HasSubstr(store_));
  EXPECT_THAT(get("/metrics").body,
              HasSubstr("weir_output_written_packets_total{session=\"all\",kind=\"store\",path=\"" +
                        store_ + "\"} 300\n"));
  EXPECT_THAT(run_weir({"store", "ls", store_}).out, HasSubstr("open"));
  const CommandResult ended = stop_engine();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_TRUE(law_holds(stats())) << stats();
  expect_all_stored();
  for (const StoredFile& file : read_store(store_)) EXPECT_TRUE(file.sealed);
  expect_verified();
}

TEST_F(RunStore, ItsKeysAreChangedWhilePacketsFlowAndNoneIsMissing) {
  configure(head() + stored("all"));
  start_engine();
  std::atomic<bool> done = false;
  std::thread traffic([&] {
    const InNamespace same(*network_);
    while (!done) send(20);
  });
  constexpr int kRounds = 20;
  for (int i = 0; i < kRounds; ++i) {
    configure(head() + stored("all", i % 2 == 0 ? "chunk = \"64KiB\"\ncompression = \"zstd\"\n"
                                                : "segment = \"1MiB\"\ndurability = \"chunk\"\n"));
    const HttpAnswer answer = post("/v1/config/reload");
    EXPECT_EQ(answer.status, 200) << answer.body;
  }
  done = true;
  traffic.join();
  wait_until_received(sent_);
  const CommandResult ended = stop_engine();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_TRUE(law_holds(stats())) << stats();
  ASSERT_EQ(stats().at("dropped").at("kernel"), 0) << stats();
  expect_all_stored();
  const auto files = read_store(store_);
  EXPECT_GE(files.size(), 2u);
  for (std::size_t i = 0; i < files.size(); ++i) {
    EXPECT_TRUE(files[i].sealed) << files[i].path;
    EXPECT_TRUE(i == 0 || files[i - 1].sequence < files[i].sequence);
  }
  expect_verified();
}

// About 42 packets a chunk, 64 chunks a page.
TEST_F(RunStore, LogsThatComeWithAChangeAreInThePagesThatBeginAfterIt) {
  const std::string small = "chunk = \"64KiB\"\n";
  const std::string logs = "[session.logs]\npath = \"" + dir_.file("flows") + "\"\n";
  const auto send_chunks = [&](std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) send(32, 1500);
  };
  configure(head() + stored("all", small));
  start_engine();
  send_chunks(10);
  wait_until_received(sent_);
  configure(head() + stored("all", small + logs));
  EXPECT_EQ(post("/v1/config/reload").status, 200);
  send_chunks(100);
  wait_until_received(sent_);
  const CommandResult ended = stop_engine();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_TRUE(law_holds(stats())) << stats();
  ASSERT_EQ(stats().at("dropped").at("kernel"), 0) << stats();
  auto chunks = indexed_chunks(store_);
  ASSERT_GT(chunks.size(), 64u);
  EXPECT_FALSE(chunks.front().has_uids);
  EXPECT_TRUE(chunks.back().has_uids);
  std::erase_if(chunks, [](const IndexedChunk& chunk) { return !chunk.has_uids; });
  EXPECT_GT(expect_uids_found(chunks, log_rows(dir_.file("flows"), "conn"), {}), 500u);
}

TEST_F(RunStore, ASecondDirectoryComesAndGoesWhilePacketsFlowAndNoneIsMissing) {
  const std::string second = dir_.file("second");
  const auto with = [&](const std::string& path) {
    return head() + session("all", "[session.store]\nchunk = \"16KiB\"\npath = " + path + "\n");
  };
  const std::string one = "\"" + store_ + "\"";
  const std::string both = "[\"" + store_ + "\", \"" + second + "\"]";
  configure(with(one));
  start_engine();
  std::atomic<bool> done = false;
  std::thread traffic([&] {
    const InNamespace same(*network_);
    while (!done) send(50, 700);
  });
  for (int i = 0; i < 9; ++i) {
    configure(with(i % 2 == 0 ? both : one));
    const HttpAnswer answer = post("/v1/config/reload");
    EXPECT_EQ(answer.status, 200) << answer.body;
    const std::uint64_t received = get("/v1/status").json().at("received").get<std::uint64_t>();
    wait_until_received(received + 100);
  }
  done = true;
  traffic.join();
  wait_until_received(sent_);
  const nlohmann::json rows = session_now("all").at("outputs");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].at("path"), store_);
  EXPECT_EQ(rows[1].at("path"), second);
  const std::string metrics = get("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("weir_store_segments{store=\"" + store_ + "\"}"));
  EXPECT_THAT(metrics, HasSubstr("weir_store_segments{store=\"" + second + "\"}"));
  EXPECT_THAT(metrics, HasSubstr("kind=\"store\",path=\"" + second + "\"}"));
  const CommandResult ended = stop_engine();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_TRUE(law_holds(stats())) << stats();
  ASSERT_EQ(stats().at("dropped").at("kernel"), 0) << stats();
  auto frames = frames_in_store(store_);
  const auto rest = frames_in_store(second);
  EXPECT_FALSE(rest.empty());
  frames.insert(frames.end(), rest.begin(), rest.end());
  std::vector<FrameBytes> sent;
  for (std::uint32_t i = 0; i < sent_; ++i) sent.push_back(udp_frame(i, 700));
  std::sort(frames.begin(), frames.end());
  std::sort(sent.begin(), sent.end());
  EXPECT_TRUE(frames == sent) << frames.size() << " of " << sent.size();
  EXPECT_EQ(run_weir({"store", "verify", store_, second}).status, 0);
}

TEST_F(RunStore, OneDirectoryOfSeveralThatIsFullIsAnEventAndTheSessionGoesOn) {
  const std::string disk = dir_.file("disk");
  fs::create_directory(disk);
  const SmallDisk small(disk, "8m");
  const std::string full = disk + "/packets";
  configure(head() +
            session("all", "[session.store]\npath = [\"" + full + "\", \"" + store_ + "\"]\n"));
  start_engine();
  while (events().find("takes no more packets") == std::string::npos) send(500, 1514);
  send(100, 1514);
  wait_until_received(sent_);
  const nlohmann::json now = session_now("all");
  EXPECT_EQ(now.at("state"), "running");
  EXPECT_EQ(now.at("outputs").at(0).at("path"), full);
  EXPECT_GT(now.at("outputs").at(0).at("lost").at("no_space"), 0);
  std::istringstream lines(events());
  std::size_t told = 0;
  for (std::string line; std::getline(lines, line);) {
    told += line.find("takes no more packets") != std::string::npos ? 1u : 0u;
  }
  EXPECT_EQ(told, 1u) << events();
  (void)stop_engine();
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_EQ(run_weir({"store", "verify", full, store_}).status, 0);
}

TEST_F(RunStore, ASessionThatIsRemovedSealsItAndOneThatComesGoesOn) {
  configure(head() + stored("all") + session("other"));
  start_engine();
  send(50);
  wait_until_received(50);
  configure(head() + session("other"));
  EXPECT_EQ(post("/v1/config/reload").status, 200);
  while (run_weir({"store", "ls", store_}).out.find("sealed") == std::string::npos) {
  }
  configure(head() + stored("again") + session("other"));
  EXPECT_EQ(post("/v1/config/reload").status, 200);
  send(50);
  wait_until_received(100);
  EXPECT_EQ(stop_engine().status, 0);
  expect_all_stored();
  EXPECT_EQ(read_store(store_).size(), 2u);
  expect_verified();
}

TEST_F(RunStore, AChangeThatIsRefusedLeavesTheSessionAndItsStoreAsTheyAre) {
  configure(head() + stored("all"));
  start_engine();
  send(10);
  // What is staged first is discarded when the other cannot be opened.
  configure(head() + stored("all", "chunk = \"64KiB\"\n") +
            stored_in(dir_.file("nowhere/packets"), "wrong"));
  const HttpAnswer refused = post("/v1/config/reload");
  EXPECT_NE(refused.status, 200);
  EXPECT_THAT(refused.body, HasSubstr("nowhere/packets"));
  send(10);
  wait_until_received(20);
  EXPECT_EQ(session_now("all").at("state"), "running");
  EXPECT_EQ(stop_engine().status, 0);
  expect_all_stored();
  EXPECT_EQ(read_store(store_).size(), 1u);
  expect_verified();
}

TEST_F(RunStore, AStoreThatAnotherProcessHasRefusesTheConfiguration) {
  fs::create_directory(store_);
  const auto lock = storage::segment::StoreLock::take(store_);
  ASSERT_TRUE(lock.ok());
  configure(head() + stored("all"));
  const auto refused = run_weir({"run", "-c", config()});
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, HasSubstr("in use by process " + std::to_string(::getpid())));
}

TEST_F(RunStore, KilledItIsPutInOrderAtTheNextStartWhichSaysSo) {
  configure(head() + stored("all"));
  start_engine();
  send(100);
  wait_until_written("all", 100);
  engine_->signal(SIGKILL);
  (void)engine_->wait();
  EXPECT_FALSE(read_store(store_).at(0).sealed);
  start_engine();
  EXPECT_TRUE(read_store(store_).at(0).sealed);
  const std::string told = ctl({"events", "--after", "0", "--json"}).out;
  EXPECT_EQ(count_of(told, "\"segment_recovered\""), 1u) << told;
  EXPECT_THAT(told, HasSubstr("was not sealed, and is now: 100 packets"));
  send(100);
  wait_until_received(100);
  EXPECT_EQ(stop_engine().status, 0);
  expect_all_stored();
  expect_verified();
}

TEST_F(RunStore, ADamagedSegmentIsTold) {
  configure(head() + stored("all"));
  fs::create_directory(store_);
  write_file(store_ + "/20231114T221320Z_0000000005_0.pcapng", "no segment");
  start_engine();
  const std::string told = ctl({"events", "--after", "0", "--json"}).out;
  EXPECT_EQ(count_of(told, "\"segment_damaged\""), 1u) << told;
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunStore, AFullDiskFailsTheSessionAloneUntilThereIsRoomAgain) {
  fs::create_directory(dir_.file("disk"));
  const SmallDisk disk(dir_.file("disk"), "16m");
  const std::string store = dir_.file("disk/packets");
  // Under pressure it would do with less, and never fill the disk.
  configure(head() + stored_in(store, "disk") + session("all") + "[pressure]\nenabled = false\n");
  start_engine();
  while (session_now("disk").at("state") != "failed") {
    send(500, 1400);
    wait_until_received(sent_);  // a slow engine's ring would run over
  }
  EXPECT_THAT(session_now("disk").at("error").get<std::string>(),
              HasSubstr("No space left on device"));
  EXPECT_EQ(session_now("all").at("state"), "running");
  EXPECT_EQ(count_of(events(), "session disk is failed: "), 1u) << events();
  EXPECT_EQ(run_weir({"store", "verify", store}).status, 0)
      << run_weir({"store", "verify", store}).out;
  const auto before = frames_in_store(store);
  EXPECT_GT(before.size(), 1000u);
  disk.resize("256m");
  wait_until("disk", "running");
  const std::uint32_t sent = sent_;
  send(10);
  wait_until_received(sent_);
  EXPECT_EQ(session_now("all").at("accepted").get<std::uint64_t>(), sent_);
  const CommandResult ended = stop_engine();
  EXPECT_EQ(ended.status, 0) << ended.err;
  const auto frames = frames_in_store(store);
  ASSERT_GE(frames.size(), before.size() + 10);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), frames.begin()));
  for (std::uint32_t i = 0; i < 10; ++i) {
    EXPECT_EQ(frames[frames.size() - 10 + i], udp_frame(sent + i, 100));
  }
  EXPECT_EQ(run_weir({"store", "verify", store}).status, 0)
      << run_weir({"store", "verify", store}).out;
}

TEST_F(RunStore, AStoreThatIsRemovedIsMadeAnewAndTheSessionGoesOn) {
  configure(head() + stored("all", "segment = \"1MiB\"\n") + session("other"));
  start_engine();
  send(10);
  wait_until_written("all", 10);
  fs::remove_all(store_);
  while (session_now("all").at("state") != "failed") send(500, 1400);
  EXPECT_EQ(count_of(events(), "session all is failed: "), 1u) << events();
  wait_until("all", "running");
  EXPECT_EQ(session_now("other").at("state"), "running");
  const std::uint32_t sent = sent_;
  send(10);
  wait_until_received(sent_);
  EXPECT_EQ(stop_engine().status, 0);
  const auto frames = frames_in_store(store_);
  ASSERT_GE(frames.size(), 10u);
  EXPECT_EQ(frames.back(), udp_frame(sent + 9, 100));
  expect_verified();
}

}  // namespace
}  // namespace weir::test
