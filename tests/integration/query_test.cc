// `weir query` as a user runs it, held against tcpdump over the same packets.
#include <filesystem>
#include <fstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/retrieval/store_writer.h"
#include "integration/pcap_bytes.h"
#include "integration/stored_packets.h"
#include "integration/weir_command.h"
#include "support/data_set.h"
#include "support/frames.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::int64_t kBegin = 1'700'000'000'000'000'000;

// What tcpdump prints of a file: times, link layer and every byte.
std::string by_tcpdump(const std::string& path, const std::string& expression = "") {
  std::vector<std::string> words = {"tcpdump", "-nn", "-tt", "-e", "-xx", "-r", path};
  if (!expression.empty()) words.push_back(expression);
  const auto result = run_command(words);
  EXPECT_EQ(result.status, 0) << result.err;
  return result.out;
}

class Query : public testing::Test {
 protected:
  // Frames of four kinds in turn, one each millisecond.
  void fill(std::uint32_t count, const std::vector<std::string>& more = {}) {
    std::vector<FrameBytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) {
      FrameBytes frame = udp_frame(i, 200 + i % 700);
      if (i % 4 == 1) frame = with_tag(frame, 0x8100, static_cast<std::uint16_t>(10 + i % 8));
      if (i % 40 == 2) frame = in_vxlan(frame, 77);
      frames.push_back(std::move(frame));
    }
    write_file(input_, pcap_bytes(frames));
    std::vector<std::string> words = {"read", input_, "--store", store_, "--store-chunk", "8KiB"};
    words.insert(words.end(), more.begin(), more.end());
    const auto result = run_weir(words);
    ASSERT_EQ(result.status, 0) << result.err;
  }
  CommandResult query(std::vector<std::string> words) {
    words.insert(words.begin(), {"query", store_});
    return run_weir(std::move(words));
  }
  json ask(std::vector<std::string> words, int status = 0) {
    words.insert(words.begin(), "--json");
    const auto result = query(std::move(words));
    EXPECT_EQ(result.status, status) << result.err;
    return json::parse(result.out);
  }

  TempDir dir_;
  const std::string store_ = dir_.file("packets");
  const std::string input_ = dir_.file("in.pcap");
  const std::string out_ = dir_.file("out.pcapng");
};

TEST_F(Query, WritesWhatTcpdumpFindsInTheSamePackets) {
  fill(3000, {"--store-segment", "1MiB"});
  for (const char* expression :
       {"udp", "vlan", "vlan 11 and udp", "udp port 4789", "less 300", "not vlan",
        "ether[0] & 1 = 0 and greater 850", "ip[8] > 1 and len < 220"}) {
    const auto result = query({"-w", out_, "-f", expression});
    EXPECT_EQ(result.status, 0) << result.err;
    const std::string found = by_tcpdump(out_);
    EXPECT_GT(found.size(), 1000u) << expression;
    EXPECT_TRUE(found == by_tcpdump(input_, expression)) << expression;
  }
}

TEST_F(Query, FromACompressedStoreTheyAreTheSame) {
  fill(1000, {"--store-compression", "zstd"});
  ASSERT_EQ(query({"-w", out_, "vlan", "11"}).status, 0);
  EXPECT_TRUE(by_tcpdump(out_) == by_tcpdump(input_, "vlan 11"));
}

TEST_F(Query, WritesAPipeAndAFileAtOnce) {
  fill(500);
  const auto result = query({"-w", "-", "-w", out_, "udp"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(result.out == read_file(out_));
}

TEST_F(Query, CountsWhereNothingIsWritten) {
  fill(400);
  const auto result = query({"vlan"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("weir: found 100 packets, "));
}

TEST_F(Query, NothingFoundIsNoFailure) {
  fill(100);
  const json found = ask({"host", "192.0.2.200"});
  EXPECT_EQ(found["packets"], 0);
  EXPECT_EQ(found["complete"], true);
}

TEST_F(Query, AnAnswerOfNoPacketsIsACaptureThatTcpdumpReads) {
  fill(100);
  ASSERT_EQ(query({"-w", out_, "host", "192.0.2.200"}).status, 0);
  const auto read = run_command({"tcpdump", "-r", out_});
  EXPECT_EQ(read.status, 0) << read.err;
  EXPECT_THAT(read.err, HasSubstr("link-type EN10MB"));
}

TEST_F(Query, TheAskedTimeMayBeWrittenInSeveralWays) {
  fill(3000);
  for (const auto& [since, until] : std::vector<std::pair<std::string, std::string>>{
           {"2023-11-14T22:13:21Z", "2023-11-14T22:13:21.499Z"},
           {"1700000001", "1700000001.499"}}) {
    EXPECT_EQ(ask({"--since", since, "--until", until})["packets"], 500) << since;
  }
  EXPECT_EQ(ask({"--since", "1h"})["packets"], 0);
  EXPECT_EQ(ask({"--until", "15m ago"})["packets"], 3000);
  EXPECT_EQ(ask({"--until=-15m"})["packets"], 3000);
}

TEST_F(Query, ExplainsThePlanAsItRan) {
  fill(3000);
  const json plan = ask({"--explain", "udp", "port", "4789"})["plan"];
  EXPECT_EQ(plan["index"], true);
  EXPECT_EQ(plan["segments"]["considered"], 1);
  const auto chunks = plan["chunks"]["considered"].get<std::uint64_t>();
  const auto read = plan["chunks"]["read"].get<std::uint64_t>();
  const auto skipped = plan["chunks"]["skipped"]["protocols"].get<std::uint64_t>();
  EXPECT_GT(skipped, 0u);
  EXPECT_EQ(read + skipped, chunks);
  const auto result = query({"--explain", "udp", "port", "4789"});
  EXPECT_THAT(result.err, HasSubstr("plan, as it ran:\n  segments: 1 of 1 read\n"));
  EXPECT_THAT(result.err, HasSubstr("skipped by: protocols "));
  EXPECT_THAT(query({"greater", "1"}).err, HasSubstr("the index tells nothing of this expression"));
}

TEST_F(Query, ATenantIsAskedForByWhatHeadersSay) {
  fill(400);
  EXPECT_EQ(ask({"--vni", "77"})["packets"], 10);
  EXPECT_EQ(ask({"--vlan", "11"})["packets"], 50);
  EXPECT_EQ(ask({"vlan", "11"})["packets"], 50);
  EXPECT_EQ(ask({"--vlan", "11", "--vni", "77"})["packets"], 0);
  EXPECT_EQ(ask({"--gwlb-endpoint", "00000000000000ab"})["packets"], 0);
}

TEST_F(Query, CountEndsItAndTheOutcomeSaysSo) {
  fill(1000);
  const json found = ask({"-c", "7", "-w", out_, "udp"});
  EXPECT_EQ(found["packets"], 7);
  EXPECT_EQ(found["limited"], true);
  EXPECT_EQ(found["complete"], false);
  EXPECT_EQ(found["outputs"][0]["written"], 7);
}

TEST_F(Query, AsksSeveralStoresAtOnce) {
  fill(1000);
  const std::string other = dir_.file("other");
  ASSERT_EQ(run_weir({"read", input_, "--store", other}).status, 0);
  const auto result = run_weir({"query", store_, other, "--json", "vlan", "11"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(json::parse(result.out)["packets"], 250);
}

TEST_F(Query, WhatTheCaptureLostIsToldAndIsNoFailure) {
  {
    StoreWriter writer(store_, {});
    writer.add(0, {.frame = udp_frame(1), .time_ns = kBegin});
    writer.add(0, {.frame = udp_frame(2), .time_ns = kBegin + 1'000'000'000, .lost_before = 1234});
    writer.close(1);
  }
  const auto result = query({"--json"});
  EXPECT_EQ(result.status, 0);
  const json found = json::parse(result.out);
  EXPECT_EQ(found["packets"], 2);
  EXPECT_EQ(found["complete"], false);
  EXPECT_EQ(found["lost"]["packets"], 1234);
  EXPECT_THAT(result.err, HasSubstr("weir: 1,234 packets are missing in this range: the capture "
                                    "lost them between 2023-11-14 22:13:20.000 and "
                                    "2023-11-14 22:13:21.000 UTC\n"));
}

TEST_F(Query, DamageFailsItAfterAllThatIsGoodWasWritten) {
  fill(1000);
  const std::string path = read_store(store_).at(0).path;
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(4096 + 3 * 8192 + 1000);
    file.put('\x5a');
    file.put('\x5b');
  }
  const auto result = query({"-w", out_, "--json"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr(path + ": at byte 28672: bad checksum of a unit"));
  const json found = json::parse(result.out);
  EXPECT_EQ(found["complete"], false);
  EXPECT_EQ(found["damaged"].size(), 1u);
  const auto lost = found["damaged_packets"].get<std::uint64_t>();
  EXPECT_GT(lost, 0u);
  EXPECT_EQ(found["packets"], 1000 - lost);
  EXPECT_EQ(found["outputs"][0]["written"], 1000 - lost);
}

TEST_F(Query, BesideACaptureItFindsWhatIsInTheFiles) {
  StoreWriter writer(store_, {.chunk_bytes = 4096});
  for (int i = 0; i < 100; ++i) {
    writer.add(0, {.frame = udp_frame(static_cast<std::uint32_t>(i), 1000), .time_ns = kBegin + i});
  }
  writer.flush(0);
  EXPECT_EQ(ask({"udp"})["packets"], 100);
  writer.add(0, {.frame = udp_frame(100), .time_ns = kBegin + 100});
  writer.close(1);
  EXPECT_EQ(ask({"udp"})["packets"], 101);
}

TEST_F(Query, WrongUsageIsToldBeforeAnythingIsTouched) {
  fill(10);
  const auto refusal = [&](std::vector<std::string> words, int status = 2) {
    const auto result = query(std::move(words));
    EXPECT_EQ(result.status, status) << result.err;
    return result.err;
  };
  EXPECT_THAT(refusal({"--since", "1h", "--until", "2h"}), HasSubstr("--since is after --until"));
  EXPECT_THAT(refusal({"--since", "yesterday"}), HasSubstr("no time"));
  EXPECT_THAT(refusal({"-f", "udp", "tcp"}), HasSubstr("filter given twice"));
  EXPECT_THAT(refusal({"--json", "-w", "-"}), HasSubstr("both want standard output"));
  EXPECT_THAT(refusal({"-w", store_ + "/x.pcapng"}), HasSubstr("lies in the store"));
  EXPECT_THAT(refusal({"-w", out_, "host", "and"}), HasSubstr("can't parse filter expression"));
  EXPECT_FALSE(std::filesystem::exists(out_));
  EXPECT_THAT(refusal({"--community-id", "7"}), HasSubstr("no Community ID"));
  EXPECT_THAT(refusal({"--vlan", "4096"}), HasSubstr("--vlan"));
  EXPECT_THAT(refusal({"--vni", "16777216"}), HasSubstr("--vni"));
  for (const char* endpoint : {"0", "0x7f", "12345678901234567"}) {
    EXPECT_THAT(refusal({"--gwlb-endpoint", endpoint}), HasSubstr("no endpoint")) << endpoint;
  }
  EXPECT_EQ(run_weir({"query", dir_.file("nowhere")}).status, 1);
}

// Every capture of the data set, half of them in one store and half in another.
TEST(QueryOfTheDataSet, FindsAsManyPacketsAsTcpdumpForEveryExpression) {
  WEIR_SKIP_WITHOUT_DATA();
  std::ifstream in(data_set_dir() / "expected/filters.json");
  const json expected = json::parse(in);
  const auto expressions = expected["expressions"].get<std::vector<std::string>>();
  TempDir dir;
  std::vector<std::uint64_t> sums(expressions.size());
  std::vector<std::vector<std::string>> words = {{"read"}, {"read"}};
  std::size_t files = 0;
  for (const auto& [file, numbers] : expected["counts"].items()) {
    const json& errors = expected["errors"];
    if (!numbers[0].is_number() || (errors.contains(file) && errors[file].contains("0"))) continue;
    words[files++ % 2].push_back((data_set_dir() / file).string());
    for (std::size_t i = 0; i < sums.size(); ++i) {
      if (numbers[i].is_number()) sums[i] += numbers[i].get<std::uint64_t>();
    }
  }
  ASSERT_GT(files, 300u);
  const std::vector<std::string> stores = {dir.file("one"), dir.file("two")};
  for (std::size_t i = 0; i < 2; ++i) {
    words[i].insert(words[i].end(),
                    {"--store", stores[i], "--store-chunk", "64KiB", "--store-durability", "none"});
    const auto result = run_weir(words[i]);
    ASSERT_EQ(result.status, 0) << result.err;
  }
  std::uint64_t skipped = 0;
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    const auto result =
        run_weir({"query", stores[0], stores[1], "--json", "--explain", "-f", expressions[i]});
    ASSERT_EQ(result.status, 0) << expressions[i] << ": " << result.err;
    const json found = json::parse(result.out);
    EXPECT_EQ(found["packets"], sums[i]) << expressions[i];
    EXPECT_EQ(found["out_of_order"], 0) << expressions[i];
    const json& chunks = found["plan"]["chunks"];
    skipped += chunks["considered"].get<std::uint64_t>() - chunks["read"].get<std::uint64_t>();
  }
  EXPECT_GT(skipped, 1000u) << "of all expressions together";
}

}  // namespace
}  // namespace weir::test
