// `weir read STORE` as a user runs it, held against `weir read` of the files that the store was
// made from.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/frames.h"
#include "capture/retrieval/store_writer.h"
#include "integration/stored_packets.h"
#include "integration/weir_logs.h"
#include "support/capture_expectations.h"
#include "support/data_set.h"
#include "support/frames.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::int64_t kBegin = 1'700'000'000'000'000'000;
constexpr std::int64_t kApart = 1'000'000;  // as pcap_bytes() has it

class ReadOfStores : public testing::Test {
 protected:
  std::string file_of(const std::vector<FrameBytes>& frames, const std::string& name = "in.pcap") {
    write_file(dir_.file(name), pcap_bytes(frames));
    return dir_.file(name);
  }
  void fill(const std::string& store, const std::string& file, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"read", file, "--store", store});
    const auto result = run_weir(more);
    ASSERT_EQ(result.status, 0) << result.err;
  }
  CommandResult read(std::vector<std::string> words) {
    words.insert(words.begin(), "read");
    words.insert(words.end(), {"--stats-json", dir_.file("stats.json")});
    return run_weir(std::move(words));
  }
  json stats() { return json::parse(read_file(dir_.file("stats.json"))); }
  std::map<std::string, std::string> logs_of(std::vector<std::string> words, int status = 0) {
    std::filesystem::remove_all(dir_.file("logs"));
    words.insert(words.end(), {"--logs", dir_.file("logs")});
    const auto result = read(std::move(words));
    EXPECT_EQ(result.status, status) << result.err;
    EXPECT_TRUE(law_holds(stats())) << stats();
    return log_files(dir_.file("logs"));
  }
  // Of a pcapng file, whatever wrote it.
  std::vector<FrameBytes> frames_of(const std::string& path) {
    std::filesystem::remove_all(dir_.file("frames"));
    fill(dir_.file("frames"), path);
    return frames_in_store(dir_.file("frames"));
  }

  TempDir dir_;
  const std::string store_ = dir_.file("packets");
};

TEST_F(ReadOfStores, LogsAreThoseOfTheFileWhateverTheStoreLooksLike) {
  const std::string file = file_of(frames_with_dns(5000, 10));
  const auto expected = logs_of({file});
  ASSERT_TRUE(expected.contains("conn.log"));
  for (const std::vector<std::string>& how :
       {std::vector<std::string>{},
        {"--store-compression", "zstd"},
        {"--store-segment", "1MiB", "--store-chunk", "8KiB"},
        {"--store-segment", "1MiB", "--store-chunk", "16KiB", "--store-compression", "zstd"}}) {
    std::filesystem::remove_all(store_);
    fill(store_, file, how);
    EXPECT_TRUE(logs_of({store_}) == expected);
    EXPECT_EQ(stats()["received"], 5000);
    EXPECT_TRUE(logs_of({store_, "--workers", "2"}) == expected);
  }
}

TEST_F(ReadOfStores, PacketsOfSeveralLanesAndSegmentsComeByTime) {
  std::vector<FrameBytes> frames = frames_of_flows(3000);
  const std::string file = file_of(frames);
  {
    StoreWriter writer(store_, {.lanes = 3, .segment_bytes = 64 * 1024, .chunk_bytes = 8192});
    for (std::size_t i = 0; i < frames.size(); ++i) {
      writer.add(i % 7 % 3,
                 {.frame = frames[i], .time_ns = kBegin + static_cast<std::int64_t>(i) * kApart});
    }
    writer.close(3);
  }
  EXPECT_GE(read_store(store_).size(), 6u);
  EXPECT_TRUE(logs_of({store_}) == logs_of({file}));
  ASSERT_EQ(read({store_, "-w", dir_.file("out.pcapng")}).status, 0);
  EXPECT_TRUE(frames_of(dir_.file("out.pcapng")) == frames);
}

TEST_F(ReadOfStores, DirectoriesThatOneCaptureWroteInTurnsAreOne) {
  const std::string file = file_of(frames_of_flows(3000));
  const std::string other = dir_.file("other");
  fill(store_, file, {"--store", other, "--store-segment", "1MiB", "--store-chunk", "8KiB"});
  ASSERT_FALSE(read_store(other).empty());
  EXPECT_TRUE(logs_of({store_, other}) == logs_of({file}));
}

TEST_F(ReadOfStores, BesideACaptureItReadsWhatIsInTheFiles) {
  const auto frames = frames_with_dns(100, 10);
  const std::string file = file_of(frames);
  StoreWriter writer(store_, {.chunk_bytes = 4096});
  for (std::size_t i = 0; i < frames.size(); ++i) {
    writer.add(0, {.frame = frames[i], .time_ns = kBegin + static_cast<std::int64_t>(i) * kApart});
  }
  writer.flush(0);
  EXPECT_TRUE(logs_of({store_}) == logs_of({file}));
  writer.close(1);
}

TEST_F(ReadOfStores, FilesAndStoresComeInTheOrderOfTheCommandLine) {
  // The store's packets are older than neither file's: all begin at one time.
  const auto first = file_of({udp_frame(1, 100), udp_frame(2, 100)}, "first.pcap");
  const auto last = file_of({udp_frame(5, 100)}, "last.pcap");
  fill(store_, file_of({udp_frame(3, 100), udp_frame(4, 100)}));
  const auto result = read({first, store_, last, "-w", dir_.file("out.pcapng")});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(stats()["received"], 5);
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_TRUE(frames_of(dir_.file("out.pcapng")) ==
              (std::vector<FrameBytes>{udp_frame(1, 100), udp_frame(2, 100), udp_frame(3, 100),
                                       udp_frame(4, 100), udp_frame(5, 100)}));
  EXPECT_TRUE(logs_of({first, store_, last}) ==
              logs_of({first, file_of({udp_frame(3, 100), udp_frame(4, 100)}), last}));
}

TEST_F(ReadOfStores, TheFilterIsThePipelinesAndTheLedgerHasEveryPacket) {
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < 100; ++i) {
    frames.push_back(i % 4 == 0 ? in_vxlan(udp_frame(i, 200), 77) : udp_frame(i, 200));
  }
  const std::string file = file_of(frames);
  fill(store_, file);
  for (const std::vector<std::string>& how : {std::vector<std::string>{"udp port 4789"},
                                              {"--inner", "-f", "udp port 4789"},
                                              {"host 192.0.2.77"},
                                              {"-c", "7", "udp"}}) {
    std::vector<std::string> words = {file};
    words.insert(words.end(), how.begin(), how.end());
    ASSERT_EQ(read(words).status, 0);
    const json of_file = stats();
    words.front() = store_;
    ASSERT_EQ(read(words).status, 0);
    for (const char* key : {"received", "accepted", "rejected", "accepted_bytes", "first_ts"}) {
      EXPECT_EQ(stats()[key], of_file[key]) << key;
    }
    EXPECT_TRUE(law_holds(stats())) << stats();
  }
}

TEST_F(ReadOfStores, AFilterThatIsNoneLeavesTheOutputAlone) {
  fill(store_, file_of({udp_frame(1, 100)}));
  write_file(dir_.file("out.pcapng"), "mine");
  EXPECT_EQ(read({store_, "-w", dir_.file("out.pcapng"), "-f", "host and"}).status, 2);
  EXPECT_EQ(read_file(dir_.file("out.pcapng")), "mine");
}

TEST_F(ReadOfStores, DamageFailsItAfterAllThatIsGoodWasRead) {
  fill(store_, file_of(frames_with_dns(1000, 10)), {"--store-chunk", "8KiB"});
  const std::string path = read_store(store_).at(0).path;
  {
    std::fstream bytes(path, std::ios::binary | std::ios::in | std::ios::out);
    bytes.seekp(4096 + 3 * 8192 + 1000);
    bytes.put('\x5a');
    bytes.put('\x5b');
  }
  const auto result = read({store_});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr(path + ": at byte 28672: bad checksum of a unit"));
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_EQ(stats()["exit_reason"], "error");
  const auto received = stats()["received"].get<std::uint64_t>();
  EXPECT_GT(received, 800u) << "also those behind it";
  EXPECT_LT(received, 1000u);
}

TEST_F(ReadOfStores, WhatTheCaptureLostIsTold) {
  {
    StoreWriter writer(store_, {});
    writer.add(0, {.frame = udp_frame(1, 100), .time_ns = kBegin});
    writer.add(0, {.frame = udp_frame(2, 100), .time_ns = kBegin + kApart, .lost_before = 1234});
    writer.close(1);
  }
  const auto result = read({store_});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr("weir: 1,234 packets are missing in this range"));
}

TEST_F(ReadOfStores, IntoAnotherStoreItCopies) {
  fill(store_, file_of(frames_of_flows(2000)), {"--store-chunk", "8KiB"});
  fill(dir_.file("copy"), store_);
  EXPECT_TRUE(frames_in_store(dir_.file("copy")) == frames_in_store(store_));
}

TEST_F(ReadOfStores, AStoreWithoutAPacketIsReadAsNothing) {
  fill(store_, file_of({}));
  EXPECT_EQ(read({store_}).status, 0);
  EXPECT_EQ(stats()["received"], 0);
}

TEST_F(ReadOfStores, ADirectoryThatIsNoStoreIsRefused) {
  std::filesystem::create_directory(dir_.file("captures"));
  write_file(dir_.file("captures") + "/a.pcap", pcap_bytes({udp_frame(1, 100)}));
  const auto result = read({dir_.file("captures")});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr(dir_.file("captures") +
                                    ": it is a directory, and no store of packets (name the "
                                    "capture files in it)"));
}

TEST_F(ReadOfStores, NothingIsWrittenIntoAStoreThatIsRead) {
  fill(store_, file_of({udp_frame(1, 100)}));
  const auto refused = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"read", store_ + "/"});
    const auto result = run_weir(words);
    EXPECT_EQ(result.status, 2) << result.err;
    return result.err;
  };
  EXPECT_THAT(refused({"--store", store_}), HasSubstr("is the store that is read"));
  EXPECT_THAT(refused({"--logs", store_, "--append"}), HasSubstr("is the store that is read"));
  EXPECT_THAT(refused({"-w", store_ + "/x.pcapng"}), HasSubstr("lies in a store that is read"));
  EXPECT_THAT(refused({"--stats-json", store_ + "/x.json"}),
              HasSubstr("lies in a store that is read"));
  EXPECT_EQ(read_store(store_).size(), 1u);
}

// Every capture of the data set that is in order, of the first ones.
TEST(ReadOfStoresOfTheDataSet, LogsAreThoseOfTheFiles) {
  WEIR_SKIP_WITHOUT_DATA();
  TempDir dir;
  int compared = 0;
  for (const CaptureExpectation& capture : load_capture_expectations()) {
    if (compared == 25) break;
    const std::string file = (data_set_dir() / capture.file).string();
    const auto order = run_command({"capinfos", "-M", "-o", file});
    if (order.out.find("Strict time order:   True") == std::string::npos) continue;
    const std::string name = dir.file(std::to_string(compared));
    const auto read = run_weir({"read", file, "--logs", name + ".file", "--store", name,
                                "--store-chunk", "8KiB", "--store-durability", "none"});
    if (read.status != 0) continue;
    const auto again = run_weir({"read", name, "--logs", name + ".store"});
    EXPECT_EQ(again.status, 0) << capture.file << ": " << again.err;
    EXPECT_TRUE(log_files(name + ".store") == without_refs(log_files(name + ".file")))
        << capture.file;
    ++compared;
    std::filesystem::remove_all(name);
  }
  EXPECT_EQ(compared, 25);
}

}  // namespace
}  // namespace weir::test
