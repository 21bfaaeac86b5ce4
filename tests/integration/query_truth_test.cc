// What `weir query` says of packets that are not in its answer: on standard error, in JSON, in the
// file, and by its exit status.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/retrieval/store_writer.h"
#include "integration/query_fixture.h"
#include "integration/stored_packets.h"
#include "storage/segment/store_directory.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kBegin = 1'700'000'000'000'000'000;

class QueryTruth : public QueryFixture {};

TEST_F(QueryTruth, LossesAreInTheFileForEveryReaderAndAFailureWhereThatIsAsked) {
  {
    StoreWriter writer(store_, {});
    writer.add(0, {.frame = udp_frame(1), .time_ns = kBegin});
    writer.add(0, {.frame = udp_frame(2), .time_ns = kBegin + 1'000'000'000, .lost_before = 1234});
    writer.close(1);
  }
  const json found = ask({"-w", out_});
  EXPECT_EQ(found["complete"], false);
  EXPECT_EQ(found["lost"]["packets"], 1234);
  EXPECT_EQ(
      found["lost"]["gaps"],
      json::parse(
          R"([{"packets":1234,"first":"1700000000.000000000","last":"1700000001.000000000"}])"));
  EXPECT_EQ(found["expired"]["segments"], 0);
  EXPECT_EQ(found["growing"], json::parse(R"({"segments":0})"));
  EXPECT_THAT(capinfos(out_), HasSubstr("Capture comment:     weir query: 1,234 packets are "
                                        "missing in this range: the capture lost them between "));
  EXPECT_THAT(capinfos(out_), HasSubstr("Number of packets:   2\n"));
  EXPECT_EQ(packets_in(out_), 2u);
  const auto comments = run_command({"tshark", "-r", out_, "-T", "fields", "-e", "frame.comment"});
  EXPECT_EQ(comments.out, "\nweir: 1234 packets lost before this one (kernel: ring full)\n");
  EXPECT_EQ(ask({"--fail-on-loss"}, 1)["packets"], 2);
  EXPECT_EQ(ask({"--fail-on-loss", "--until", "1700000000"}, 1)["packets"], 1)
      << "the chunk that tells of the loss is of this time";
  EXPECT_EQ(ask({"--fail-on-loss", "--since", "1700000002"})["packets"], 0);
}

TEST_F(QueryTruth, WhatRetentionDeletedIsKnown) {
  fill(9000, {"--store-segment", "1MiB"});
  const auto files = read_store(store_);
  ASSERT_GT(files.size(), 3u);
  EXPECT_EQ(ask({"--fail-on-loss"})["complete"], true);
  const auto collected = run_weir({"store", "gc", store_, "--keep-size", "2MiB"});
  ASSERT_EQ(collected.status, 0) << collected.err;
  const std::size_t left = read_store(store_).size();
  ASSERT_LT(left, files.size());
  std::uint64_t deleted = 0;
  for (std::size_t i = 0; i < files.size() - left; ++i) deleted += files[i].frames.size();

  const json found = ask({"-w", out_, "--fail-on-loss"}, 1);
  EXPECT_EQ(found["packets"], 9000 - deleted);
  EXPECT_EQ(found["complete"], false);
  EXPECT_EQ(found["expired"]["segments"], files.size() - left);
  EXPECT_EQ(found["expired"]["packets"], deleted);
  EXPECT_EQ(found["expired"]["packets_at_most"], deleted);
  EXPECT_EQ(found["expired"]["reasons"], json({{"size", files.size() - left}}));
  EXPECT_EQ(found["expired"]["first"], "1700000000.000000000");
  EXPECT_THAT(capinfos(out_), HasSubstr(" were deleted for the size of the store "));
  EXPECT_EQ(packets_in(out_), 9000 - deleted);
  // Of a time that is still there nothing is missing.
  EXPECT_EQ(ask({"--since", "1700000008.999", "--fail-on-loss"})["complete"], true);
  // The first segment lies in it in part.
  const json some = ask({"--since", "1700000000.001", "--until", "1700000000.002"});
  EXPECT_EQ(some["expired"]["packets"], 0);
  EXPECT_EQ(some["expired"]["packets_at_most"], files[0].frames.size());
  EXPECT_THAT(query({"--until", "1700000000.002"}).err, HasSubstr("weir: at most "));
  // Who looks after the store is not disturbed.
  EXPECT_EQ(run_weir({"store", "verify", store_}).status, 0);
  EXPECT_THAT(run_weir({"store", "verify", store_}).out, Not(HasSubstr("does not belong")));
}

TEST_F(QueryTruth, WhatSomebodyDeletedIsKnownFromTheNextStartOfAnEngineOn) {
  fill(100);
  fill(100);
  const auto files = read_store(store_);
  ASSERT_EQ(files.size(), 2u);
  std::filesystem::remove(files[0].path);
  ASSERT_EQ(run_weir({"store", "repair", store_}).status, 0);
  const json found = ask({});
  EXPECT_EQ(found["packets"], 100);
  EXPECT_EQ(found["expired"]["packets"], 100);
  EXPECT_EQ(found["expired"]["reasons"], json({{"others", 1}}));
}

TEST_F(QueryTruth, ACompleteAnswerHasNoComments) {
  fill(100);
  EXPECT_EQ(ask({"-w", out_, "--fail-on-loss"})["complete"], true);
  EXPECT_THAT(capinfos(out_), Not(HasSubstr("comment")));
}

TEST_F(QueryTruth, ACutSegmentAnswersUpToItsCut) {
  fill(1000);
  const std::string path = read_store(store_).at(0).path;
  std::filesystem::resize_file(path, 4096 + 3 * 8192 + 5000);
  const json found = ask({"-w", out_});
  EXPECT_EQ(found["complete"], false);
  EXPECT_EQ(found["unsealed"].size(), 1u);
  EXPECT_THAT(found["unsealed"][0].get<std::string>(), HasSubstr("after byte 28672 is lost"));
  EXPECT_GT(found["packets"].get<std::uint64_t>(), 0u);
  EXPECT_EQ(packets_in(out_), found["packets"]);
}

TEST_F(QueryTruth, AnIndexThatLiesIsNotBelieved) {
  fill(2000);
  const std::string path = read_store(store_).at(0).path;
  const auto segment = storage::segment::SegmentFile::open(path).value();
  const auto page = segment.tail().value()->directory.pages.at(0);
  const std::string before = read_file(path);
  const auto change = [&](std::uint64_t from, std::uint64_t bytes) {
    std::string changed = before;
    for (std::uint64_t at = from; at < from + bytes; ++at)
      changed[at] = static_cast<char>(~changed[at]);
    write_file(path, changed);
  };
  const std::vector<std::string> expressions = {"udp", "not udp", "host 192.0.2.77", "less 300",
                                                ""};
  std::vector<json> expected;
  for (const std::string& one : expressions) expected.push_back(ask({"-f", one})["packets"]);
  // All columns, the table of columns, the directory, the length at the end.
  for (const auto& [from, bytes] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {page.offset + 256, page.unit_bytes - 260},
           {page.offset + 84, 24},
           {before.size() - 2000, 1000},
           {before.size() - 4, 4}}) {
    change(from, bytes);
    for (std::size_t i = 0; i < expressions.size(); ++i) {
      const json found = ask({"-f", expressions[i]});
      EXPECT_EQ(found["packets"], expected[i]) << expressions[i] << ", byte " << from;
      EXPECT_TRUE(found["damaged"].empty()) << found["damaged"];
    }
    EXPECT_GE(ask({})["notes"].size(), 1u) << from;
  }
}

TEST_F(QueryTruth, FiltersThatMatchEverythingGiveAll) {
  fill(500);
  for (const char* expression : {"greater 0", "not host 192.0.2.77", "udp or not udp", "ip or ip6",
                                 "less 65535", "ether[0] >= 0"}) {
    EXPECT_EQ(ask({"-f", expression})["packets"], 500) << expression;
  }
}

TEST_F(QueryTruth, ADirectoryThatIsNoStoreIsAnError) {
  std::filesystem::create_directory(store_);
  std::ofstream(store_ + "/notes.txt") << "x";
  const auto result = query({});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("there are no segments in it"));
  EXPECT_EQ(run_weir({"query", "/dev/null"}).status, 1);
}

TEST_F(QueryTruth, AFullDiskFailsItAndSaysWhatWasWritten) {
  fill(3000);
  const json found = ask({"-w", "/dev/full"}, 1);
  EXPECT_EQ(found["complete"], false);
  EXPECT_THAT(found["error"].get<std::string>(), HasSubstr("No space left on device"));
  EXPECT_EQ(found["outputs"][0]["written"], 0);
}

TEST_F(QueryTruth, ThousandsOfTinySegmentsAreOneAnswer) {
  fill_with_small_segments(3000);
  EXPECT_EQ(ask({"-w", out_})["packets"], 3000 * kSmallPackets);
  EXPECT_THAT(capinfos(out_), HasSubstr("Number of packets:   81 k"));
}

}  // namespace
}  // namespace weir::test
