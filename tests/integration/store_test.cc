// `weir store` as a user runs it.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/weir_command.h"
#include "storage/segment/store_directory.h"
#include "support/segment_bytes.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kFirst = "20231114T221320Z_0000000007_0.pcapng";
constexpr const char* kSecond = "20231114T221320Z_0000000008_1.pcapng";
constexpr std::size_t kTail = 61'440;  // of a small segment

SegmentBytes segment_of(std::uint64_t sequence, std::uint32_t lane) {
  return small_segment({.sequence = sequence, .lane = lane});
}

// A store of one sealed segment and an open one.
class StoreCommand : public testing::Test {
 protected:
  StoreCommand() : first_(segment_of(7, 0)), second_(segment_of(8, 1)) {
    std::filesystem::create_directory(store_);
    second_.bytes().resize(kTail);
    write();
  }
  void write() {
    first_.write(file(kFirst));
    second_.write(file(kSecond));
  }
  [[nodiscard]] std::string file(const std::string& name) const { return store_ + "/" + name; }

  TempDir dir_;
  const std::string store_ = dir_.file("packets");
  SegmentBytes first_;
  SegmentBytes second_;
};

TEST_F(StoreCommand, LsListsWhatSegmentsHold) {
  const auto result = run_weir({"store", "ls", store_});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(
      result.out,
      "SEGMENT                               FIRST (UTC)              LAST (UTC)               "
      "PACKETS      SIZE  LOST  STATE\n"
      "20231114T221320Z_0000000007_0.pcapng  2023-11-14 22:13:20.000  2023-11-14 22:13:20.000  "
      "     27  64.0 KiB     7  sealed\n"
      "20231114T221320Z_0000000008_1.pcapng  2023-11-14 22:13:20.000  2023-11-14 22:13:20.000  "
      "     27  60.0 KiB     7  unsealed\n"
      "2 segments, 54 packets, 124.0 KiB, 14 lost\n");
}

TEST_F(StoreCommand, LsAsJson) {
  std::ofstream(file("notes.txt")) << "x";
  const auto result = run_weir({"store", "ls", "--json", store_});
  EXPECT_EQ(result.status, 0);
  const json told = json::parse(result.out);
  EXPECT_EQ(told["store"], store_);
  EXPECT_EQ(told["in_use"], false);
  EXPECT_EQ(told["foreign"], json::array({"notes.txt"}));
  ASSERT_EQ(told["segments"].size(), 2u);
  EXPECT_EQ(told["segments"][0],
            json::parse(R"({"file": "20231114T221320Z_0000000007_0.pcapng", "sequence": 7,
                "lane": 0, "begun": "1700000000.000000000", "state": "sealed",
                "first": "1700000000.000000003", "last": "1700000000.000000200", "units": 8,
                "chunks": 4, "pages": 2, "packets": 27, "wire_bytes": 57223, "bytes": 65536,
                "lost": 7, "recovered": false, "cut_bytes": 0})"));
  EXPECT_EQ(told["segments"][1]["state"], "unsealed");
}

TEST_F(StoreCommand, LsTellsOfWhatItCannotRead) {
  first_.bytes()[kTail + 100] ^= 1;
  second_.bytes().assign(100, 'x');
  write();
  const auto result = run_weir({"store", "ls", store_});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, HasSubstr("-  damaged\n"));
  EXPECT_THAT(result.out, HasSubstr("-  foreign\n"));
  EXPECT_THAT(result.out, HasSubstr(file(kFirst) + ": at byte 61440: bad checksum of a unit\n"));
  EXPECT_THAT(result.out, HasSubstr(file(kSecond) + ": no segment of a packet store\n"));
  EXPECT_THAT(result.out, HasSubstr("2 segments, 0 packets"));
}

TEST_F(StoreCommand, VerifySaysThatAStoreIsGood) {
  const auto result = run_weir({"store", "verify", store_});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "2 segments, 54 packets, 124.0 KiB: good\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(StoreCommand, VerifyFindsDamageAndNotesForeignFiles) {
  first_.bytes()[5000] ^= 1;
  write();
  std::ofstream(file("notes.txt")) << "x";
  const auto result = run_weir({"store", "verify", store_});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out, file(kFirst) +
                            ": at byte 4096: bad checksum of a unit; 4096 bytes cannot be used; "
                            "behind them 6 good units with 24 packets\n"
                            "note: " +
                            file("notes.txt") +
                            " does not belong to the store\n"
                            "2 segments, 51 packets, 124.0 KiB: 1 finding\n");
  const auto as_json = run_weir({"store", "verify", "--json", store_});
  EXPECT_EQ(as_json.status, 1);
  const json told = json::parse(as_json.out);
  EXPECT_EQ(told["segments"][0]["state"], "damaged");
  EXPECT_EQ(told["segments"][0]["findings"][0]["offset"], 4096);
  EXPECT_THAT(told["segments"][0]["findings"][0]["what"].get<std::string>(),
              StartsWith("bad checksum"));
  EXPECT_EQ(told["segments"][1]["state"], "open");
  EXPECT_EQ(told["segments"][1]["findings"], json::array());
}

TEST_F(StoreCommand, VerifyFindsFilesThatAreNotWhatTheirNamesSay) {
  first_ = segment_of(9, 0);
  second_.bytes().assign(100, 'x');
  write();
  const auto result = run_weir({"store", "verify", store_});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr(file(kFirst) + ": at byte 0: its head says that it is segment "
                                                   "9 of lane 0\n"));
  EXPECT_THAT(result.out, HasSubstr(file(kSecond) + ": at byte 0: no segment of a packet store\n"));
}

TEST_F(StoreCommand, BesideAnEngineAnUnfinishedEndIsNoFinding) {
  second_.bytes().resize(kTail - 100);
  write();
  const auto alone = run_weir({"store", "verify", store_});
  EXPECT_EQ(alone.status, 1);
  EXPECT_THAT(alone.out, HasSubstr("at byte 57344: the file ends within a unit; the last 3996 "
                                   "bytes are torn off or damaged\n"));
  const auto lock = storage::segment::StoreLock::take(store_);
  ASSERT_TRUE(lock);
  const std::string user = "; in use by process " + std::to_string(::getpid()) + "\n";
  const auto beside = run_weir({"store", "verify", store_});
  EXPECT_EQ(beside.status, 0);
  EXPECT_EQ(beside.out, "2 segments, 54 packets, 123.9 KiB: good" + user);
  const auto listed = run_weir({"store", "ls", store_});
  EXPECT_THAT(listed.out, HasSubstr("  open\n"));
  EXPECT_THAT(listed.out, testing::EndsWith(", 14 lost" + user));
  const json told = json::parse(run_weir({"store", "ls", store_, "--json"}).out);
  EXPECT_EQ(told["in_use"], true);
  EXPECT_EQ(told["process"], ::getpid());
  EXPECT_EQ(told["segments"][1]["state"], "open");
}

TEST_F(StoreCommand, RepairSealsWhatWasLeftAndThenFindsNothing) {
  second_.bytes().resize(kTail - 100);
  write();
  const auto result = run_weir({"store", "repair", store_});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(std::string(kSecond) + ": was not sealed, and is now: "));
  EXPECT_THAT(result.out, HasSubstr("3996 bytes of an incomplete end were cut off"));
  EXPECT_THAT(result.out, HasSubstr("1 segment put in order, 0 damaged\n"));
  EXPECT_EQ(run_weir({"store", "verify", store_}).status, 0);
  EXPECT_EQ(run_weir({"store", "repair", store_}).out, "0 segments put in order, 0 damaged\n");
  const json told = json::parse(run_weir({"store", "ls", "--json", store_}).out);
  EXPECT_EQ(told["segments"][1]["state"], "sealed");
  EXPECT_EQ(told["segments"][1]["recovered"], true);
  EXPECT_EQ(told["segments"][1]["cut_bytes"], 3996);
}

TEST_F(StoreCommand, RepairTellsOfDamageAndLeavesItAlone) {
  first_.bytes()[40] ^= 1;  // of its head
  write();
  const auto result = run_weir({"store", "repair", "--json", store_});
  EXPECT_EQ(result.status, 1);
  const json told = json::parse(result.out);
  EXPECT_EQ(told["recovered"].size(), 1u);
  ASSERT_EQ(told["damaged"].size(), 1u);
  EXPECT_THAT(told["damaged"][0].get<std::string>(), HasSubstr(kFirst));
  EXPECT_EQ(std::filesystem::file_size(file(kFirst)), 65'536u);
}

TEST_F(StoreCommand, GcDeletesTheOldestAndNotWhatIsPinned) {
  second_ = segment_of(8, 1);
  write();
  const auto dry = run_weir({"store", "gc", "--keep-size", "1MiB", "--dry-run", store_});
  EXPECT_EQ(dry.status, 0) << dry.err;
  EXPECT_EQ(dry.out, "0 segments would be deleted, 0 B; there are 2 segments, 128.0 KiB\n");
  ASSERT_EQ(run_weir({"store", "pin", store_, "--since", "2023-11-14T22:13:20Z", "--until",
                      "2023-11-14T22:13:21Z", "--note", "case 17"})
                .out,
            "pin 1\n");
  const auto held = run_weir({"store", "gc", "--keep", "1h", store_});
  EXPECT_EQ(held.status, 0) << held.err;
  EXPECT_EQ(held.out, "0 segments deleted, 0 B; there are 2 segments, 128.0 KiB\n");
  EXPECT_THAT(run_weir({"store", "pins", store_}).out, HasSubstr("case 17"));
  ASSERT_EQ(run_weir({"store", "unpin", store_, "1"}).status, 0);
  EXPECT_EQ(run_weir({"store", "pins", store_}).out, "no pins\n");
  const json told = json::parse(run_weir({"store", "gc", "--keep", "1h", "--json", store_}).out);
  ASSERT_EQ(told["deleted"].size(), 2u);
  EXPECT_EQ(told["deleted"][0]["file"], kFirst);
  EXPECT_EQ(told["deleted"][0]["reason"], "age");
  EXPECT_EQ(told["segments"], 0);
  EXPECT_FALSE(std::filesystem::exists(file(kFirst)));
}

TEST_F(StoreCommand, WhatChangesAStoreDoesNotDisturbAnEngine) {
  const auto lock = storage::segment::StoreLock::take(store_);
  ASSERT_TRUE(lock);
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"store", "repair", store_}, {"store", "gc", "--keep", "1h", store_}}) {
    const auto result = run_weir(words);
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.err, HasSubstr("in use by process " + std::to_string(::getpid())));
  }
  EXPECT_EQ(run_weir({"store", "pin", store_, "--since", "1700000000"}).status, 0);
}

TEST_F(StoreCommand, WrongUseOfWhatChangesAStore) {
  EXPECT_EQ(run_weir({"store", "gc", store_}).status, 2);
  EXPECT_EQ(run_weir({"store", "gc", "--keep-size", "1", store_}).status, 2);
  EXPECT_EQ(run_weir({"store", "pin", store_}).status, 2);
  EXPECT_EQ(run_weir({"store", "pin", store_, "--since", "yesterday"}).status, 2);
  EXPECT_EQ(run_weir({"store", "pin", store_, "--since", "5", "--until", "4"}).status, 2);
  EXPECT_EQ(run_weir({"store", "unpin", store_, "7"}).status, 1);
  for (const char* const verb : {"repair", "pins"}) {
    const auto result = run_weir({"store", verb, dir_.file("nothing")});
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.err, "weir: store " + dir_.file("nothing") + ": No such file or directory\n");
    EXPECT_FALSE(std::filesystem::exists(dir_.file("nothing")));
  }
}

TEST_F(StoreCommand, AStoreThatIsNotThereAndWrongUse) {
  for (const char* const verb : {"ls", "verify"}) {
    const auto result = run_weir({"store", verb, dir_.file("nothing")});
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err, "weir: store " + dir_.file("nothing") + ": No such file or directory\n");
    EXPECT_EQ(run_weir({"store", verb}).status, 2);
  }
  EXPECT_EQ(run_weir({"store"}).status, 2);
  const auto empty = dir_.file("empty");
  std::filesystem::create_directory(empty);
  EXPECT_EQ(run_weir({"store", "verify", empty}).out, "0 segments, 0 packets, 0 B: good\n");
  EXPECT_EQ(run_weir({"store", "ls", empty}).out, "0 segments, 0 packets, 0 B, 0 lost\n");
}

}  // namespace
}  // namespace weir::test
