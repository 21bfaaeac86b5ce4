// `weir read --store` as a user runs it, and what other tools make of the segments.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/pcap_bytes.h"
#include "integration/stored_packets.h"
#include "integration/weir_command.h"
#include "support/frames.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// What tshark prints of the packets of a file.
std::string packets_by_tshark(const std::string& path) {
  const auto result =
      run_command({"tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.time_epoch", "-e",
                   "frame.len", "-e", "frame.cap_len", "-e", "ip.id", "-e", "udp.payload"});
  EXPECT_EQ(result.status, 0) << path << ": " << result.err;
  return result.out;
}

std::uint64_t number_in(const std::string& text) {
  const std::size_t at = text.find_first_of("0123456789");
  return at == std::string::npos ? 0 : std::stoull(text.substr(at));
}

std::uint64_t count_by_tcpdump(const std::string& path) {
  const auto result = run_command({"tcpdump", "-n", "-r", path, "--count"});
  EXPECT_EQ(result.status, 0) << path << ": " << result.err;
  return number_in(result.out);
}

std::uint64_t count_by_capinfos(const std::string& path) {
  const auto result = run_command({"capinfos", "-M", "-c", path});
  EXPECT_EQ(result.status, 0) << path << ": " << result.err;
  const std::size_t at = result.out.find("Number of packets:");
  return at == std::string::npos ? 0 : number_in(result.out.substr(at));
}

class ReadStore : public testing::Test {
 protected:
  std::string input(std::uint32_t count, std::size_t frame_bytes = 700) {
    std::vector<FrameBytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) frames.push_back(udp_frame(i, frame_bytes));
    write_file(dir_.file("in.pcap"), pcap_bytes(frames));
    return dir_.file("in.pcap");
  }
  CommandResult read(std::vector<std::string> words) {
    words.insert(words.begin(), {"read"});
    words.insert(words.end(), {"--store", store_, "--stats-json", dir_.file("stats.json")});
    return run_weir(std::move(words));
  }
  json stats() { return json::parse(read_file(dir_.file("stats.json"))); }
  [[nodiscard]] CommandResult verify() const { return run_weir({"store", "verify", store_}); }

  TempDir dir_;
  const std::string store_ = dir_.file("packets");
};

TEST_F(ReadStore, EveryToolSeesInTheSegmentsWhatItSeesInAPlainFileWrittenBeside) {
  const auto result =
      read({input(5000), "--store-segment", "1MiB", "-w", dir_.file("plain.pcapng")});
  EXPECT_EQ(result.status, 0) << result.err;
  const auto files = read_store(store_);
  ASSERT_GE(files.size(), 4u) << "3.5 MB";
  std::string seen;
  std::uint64_t tcpdump = 0;
  std::uint64_t capinfos = 0;
  for (const StoredFile& file : files) {
    EXPECT_TRUE(file.sealed);
    EXPECT_EQ(file.lane, 0u);
    seen += packets_by_tshark(file.path);
    tcpdump += count_by_tcpdump(file.path);
    capinfos += count_by_capinfos(file.path);
  }
  EXPECT_TRUE(seen == packets_by_tshark(dir_.file("plain.pcapng")));
  EXPECT_EQ(tcpdump, 5000u);
  EXPECT_EQ(capinfos, 5000u);
  EXPECT_EQ(verify().status, 0) << verify().out;
}

TEST_F(ReadStore, ReadBackItGivesTheSamePackets) {
  ASSERT_EQ(read({input(5000), "--store-segment", "1MiB"}).status, 0);
  std::vector<std::string> words = {"read"};
  for (const StoredFile& file : read_store(store_)) words.push_back(file.path);
  words.insert(words.end(), {"-w", dir_.file("back.pcapng")});
  ASSERT_EQ(run_weir(words).status, 0);
  EXPECT_TRUE(packets_by_tshark(dir_.file("back.pcapng")) ==
              packets_by_tshark(dir_.file("in.pcap")));
}

TEST_F(ReadStore, TheStatisticsHaveARowOfTheStoreThatBalances) {
  const auto result = read({input(1000), "udp"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(law_holds(stats())) << stats();
  const json row = stats()["outputs"][0];
  EXPECT_EQ(row["kind"], "store");
  EXPECT_EQ(row["path"], store_);
  EXPECT_EQ(row["offered"], 1000);
  EXPECT_EQ(row["written"], 1000);
  std::uint64_t bytes = 0;
  for (const StoredFile& file : read_store(store_)) bytes += std::filesystem::file_size(file.path);
  EXPECT_EQ(row["written_bytes"], bytes);
  EXPECT_THAT(result.err, HasSubstr("weir: wrote 1,000 packets, "));
}

TEST_F(ReadStore, CountEndsItWithThatManyPackets) {
  EXPECT_EQ(read({input(1000), "-c", "300"}).status, 0);
  EXPECT_EQ(frames_in_store(store_).size(), 300u);
  EXPECT_TRUE(law_holds(stats())) << stats();
}

TEST_F(ReadStore, ASecondRunAddsToIt) {
  ASSERT_EQ(read({input(100)}).status, 0);
  ASSERT_EQ(read({input(100)}).status, 0);
  const auto files = read_store(store_);
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].sequence, 1u);
  EXPECT_EQ(files[1].sequence, 2u);
  EXPECT_TRUE(files[0].frames == files[1].frames);
}

TEST_F(ReadStore, CompressedItIsSmallerAndVerified) {
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < 5000; ++i) frames.push_back(udp_frame(i % 10, 700));
  write_file(dir_.file("in.pcap"), pcap_bytes(frames));
  ASSERT_EQ(read({dir_.file("in.pcap"), "--store-compression", "zstd"}).status, 0);
  EXPECT_LT(stats()["outputs"][0]["written_bytes"].get<std::uint64_t>(), 1'000'000u) << "of 3.5 MB";
  EXPECT_EQ(verify().status, 0) << verify().out;
  EXPECT_TRUE(frames_in_store(store_) == frames);
}

TEST_F(ReadStore, ReadBackACompressedOneGivesTheSamePackets) {
  ASSERT_EQ(read({input(5000), "--store-compression", "zstd"}).status, 0);
  const auto files = read_store(store_);
  ASSERT_EQ(files.size(), 1u);
  const auto back = run_weir({"read", files[0].path, "-w", dir_.file("back.pcapng")});
  ASSERT_EQ(back.status, 0) << back.err;
  EXPECT_TRUE(packets_by_tshark(dir_.file("back.pcapng")) ==
              packets_by_tshark(dir_.file("in.pcap")));
}

TEST_F(ReadStore, ReadBackADamagedOneGivesThePacketsBeforeTheDamageAndSaysWhere) {
  ASSERT_EQ(read({input(3000), "--store-chunk", "64KiB"}).status, 0);
  const std::string path = read_store(store_).at(0).path;
  const auto whole = run_weir({"read", path, "--stats-json", dir_.file("whole.json")});
  ASSERT_EQ(whole.status, 0) << whole.err;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(1'000'000);
  file.put('!');
  file.close();
  const auto result = run_weir({"read", path, "--stats-json", dir_.file("stats.json")});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("bad checksum"));
  const auto received = stats()["received"].get<std::uint64_t>();
  EXPECT_GT(received, 1000u);
  EXPECT_LT(received, 1500u);
}

TEST_F(ReadStore, ReadBackOneThatWasCutEndsWithItsLastWholeChunk) {
  ASSERT_EQ(read({input(3000), "--store-chunk", "64KiB"}).status, 0);
  const std::string path = read_store(store_).at(0).path;
  std::filesystem::resize_file(path, 1'000'000);
  const auto result = run_weir({"read", path, "--stats-json", dir_.file("stats.json")});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_GT(stats()["received"].get<std::uint64_t>(), 1000u);
}

TEST_F(ReadStore, EachSegmentThatItsBoundsDeleteIsTold) {
  const auto result = read({input(12'000), "--store-segment", "1MiB", "--store-keep-size", "4MiB"});
  EXPECT_EQ(result.status, 0) << result.err;
  const auto files = read_store(store_);
  ASSERT_GE(files.size(), 2u);
  for (std::uint64_t number = 1; number < files.front().sequence; ++number) {
    EXPECT_THAT(result.err, testing::ContainsRegex("_000000000" + std::to_string(number) +
                                                   "_0.pcapng: deleted for the size"));
  }
  EXPECT_GT(files.front().sequence, 3u);
}

TEST_F(ReadStore, EveryDurabilityStoresTheSame) {
  const std::string file = input(3000);
  for (const char* durability : {"none", "chunk", "segment"}) {
    std::filesystem::remove_all(store_);
    ASSERT_EQ(read({file, "--store-durability", durability, "--store-chunk", "64KiB",
                    "--store-segment", "1MiB"})
                  .status,
              0);
    EXPECT_EQ(frames_in_store(store_).size(), 3000u) << durability;
  }
}

TEST_F(ReadStore, AnEmptyCaptureLeavesAnEmptyStore) {
  write_file(dir_.file("empty.pcap"), pcap_bytes({}));
  EXPECT_EQ(read({dir_.file("empty.pcap")}).status, 0);
  EXPECT_TRUE(read_store(store_).empty());
  EXPECT_EQ(verify().status, 0);
}

TEST_F(ReadStore, OptionsOfAStoreNeedOneAndAreBounded) {
  const std::string file = input(1);
  const auto refused = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"read", file});
    const auto result = run_weir(words);
    EXPECT_EQ(result.status, 2) << result.err;
    return result.err;
  };
  for (const char* option : {"--store-segment", "--store-chunk"}) {
    EXPECT_THAT(refused({option, "1MiB"}), HasSubstr("without a store (say where: --store DIR)"));
  }
  EXPECT_THAT(refused({"--store-durability", "chunk"}), HasSubstr("without a store"));
  EXPECT_THAT(refused({"--store-compression", "zstd"}), HasSubstr("without a store"));
  EXPECT_THAT(refused({"--store", store_, "--store-segment", "2GiB"}), HasSubstr("not from"));
  EXPECT_THAT(refused({"--store", store_, "--store-segment", "1000"}), HasSubstr("not from"));
  EXPECT_THAT(refused({"--store", store_, "--store-chunk", "2MiB"}), HasSubstr("not from"));
  EXPECT_THAT(refused({"--store", store_, "--store-chunk", "much"}), HasSubstr("--store-chunk"));
  EXPECT_THAT(refused({"--store", store_, "--store-compression", "lzma"}), HasSubstr("lzma"));
  EXPECT_FALSE(std::filesystem::exists(store_)) << "nothing was begun";
}

TEST_F(ReadStore, ADirectoryThatCannotBeMadeIsNamed) {
  const std::string file = input(1);
  const auto failed = [&](const std::string& store) {
    const auto result = run_weir({"read", file, "--store", store});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr(store));
  };
  failed(dir_.file("nowhere/packets"));
  write_file(dir_.file("a-file"), "x");
  failed(dir_.file("a-file"));
  failed(dir_.file("a-file/packets"));
}

TEST_F(ReadStore, AStoreThatIsInUseIsLeftAlone) {
  std::filesystem::create_directory(store_);
  const auto lock = storage::segment::StoreLock::take(store_);
  ASSERT_TRUE(lock.ok());
  const auto result = read({input(1)});
  EXPECT_EQ(result.status, 2) << "something is in the way";
  EXPECT_THAT(result.err,
              HasSubstr("store " + store_ + ": in use by process " + std::to_string(::getpid())));
  EXPECT_TRUE(read_store(store_).empty());
}

TEST_F(ReadStore, WhatWasCutShortIsMendedAndToldAtTheNextStart) {
  ASSERT_EQ(read({input(1000), "--store-chunk", "64KiB"}).status, 0);
  const auto whole = read_store(store_);
  std::filesystem::resize_file(whole[0].path, 300'000);
  const auto before = frames_in_store(store_);
  EXPECT_EQ(verify().status, 1);
  EXPECT_THAT(verify().out, HasSubstr("are torn off or damaged"));
  const auto result = read({input(1)});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr("was not sealed, and is now: " + std::to_string(before.size()) +
                                    " packets; "));
  EXPECT_THAT(result.err, HasSubstr(" bytes of an incomplete end were cut off"));
  const auto files = read_store(store_);
  ASSERT_EQ(files.size(), 2u);
  EXPECT_TRUE(files[0].sealed);
  EXPECT_TRUE(files[0].frames == before);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), whole[0].frames.begin()));
  EXPECT_EQ(verify().status, 0) << verify().out;
}

TEST_F(ReadStore, AForeignFileIsNamedAndLeftAlone) {
  std::filesystem::create_directory(store_);
  write_file(store_ + "/notes.txt", "mine");
  write_file(store_ + "/20231114T221320Z_0000000005_0.pcapng", "no segment");
  const auto result = read({input(10)});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("no segment of a packet store (left as it is"));
  EXPECT_EQ(read_file(store_ + "/notes.txt"), "mine");
  EXPECT_EQ(read_file(store_ + "/20231114T221320Z_0000000005_0.pcapng"), "no segment");
  const auto verified = verify();
  EXPECT_EQ(verified.status, 1);
  EXPECT_THAT(verified.out, HasSubstr("no segment of a packet store"));
  EXPECT_THAT(verified.out, HasSubstr("notes.txt does not belong to the store"));
  EXPECT_EQ(frames_in_store(store_).size(), 10u);
}

TEST_F(ReadStore, BesideAFailedFileTheStoreHasEverything) {
  const auto result = read({input(1000), "-w", "/dev/full"});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(frames_in_store(store_).size(), 1000u);
  EXPECT_TRUE(law_holds(stats())) << stats();
}

}  // namespace
}  // namespace weir::test
