#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/report.h"

namespace weir::app {
namespace {

Report example() {
  Report report{.command = "read", .source = "x.pcap", .capture_mode = "file", .filter = "udp"};
  report.ledger.received = 10;
  report.ledger.accepted = 6;
  report.ledger.rejected[static_cast<std::size_t>(RejectReason::Filter)] = 3;
  report.ledger.dropped[static_cast<std::size_t>(DropReason::Kernel)] = 1;
  report.ledger.malformed[static_cast<std::size_t>(MalformedReason::None)] = 8;
  report.ledger.malformed[static_cast<std::size_t>(MalformedReason::TooDeep)] = 2;
  report.times = {{1'700'000'000'000'000'001}, {1'700'000'001'000'000'000}};
  report.outputs.push_back(
      {.kind = "pcapng", .path = "y.pcapng", .offered = 6, .written = 5, .written_bytes = 700});
  report.outputs[0].lost[static_cast<std::size_t>(LostReason::NoSpace)] = 1;
  report.elapsed = Duration(1'234'000'000);
  // Two workers, whose ledgers add up to the whole.
  WorkerReport first{.interface = "eth0", .queue = 0, .core = 1, .ledger = report.ledger};
  first.ledger.received -= 2;
  first.ledger.accepted -= 2;
  WorkerReport second{.interface = "eth0", .queue = 1};
  second.ledger.received = 2;
  second.ledger.accepted = 2;
  report.workers = {first, second};
  report.upstream = {{.name = "nic", .count = 3, .exact = true}};
  return report;
}

TEST(StatsJson, HasTheShapeOfTheContract) {
  const auto json = nlohmann::json::parse(stats_json(example()));
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["command"], "read");
  EXPECT_EQ(json["capture_mode"], "file");
  EXPECT_EQ(json["received"], 10);
  EXPECT_EQ(json["rejected"], (nlohmann::json{{"filter", 3}}));
  EXPECT_EQ(json["dropped"], (nlohmann::json{{"kernel", 1}}));
  EXPECT_EQ(json["malformed"], (nlohmann::json{{"too_deep", 2}}));
  EXPECT_EQ(json["in_flight"], 0);
  EXPECT_EQ(json["filter"]["text"], "udp");
  EXPECT_EQ(json["filter"]["where"], "user");
  EXPECT_EQ(json["outputs"][0]["lost"], (nlohmann::json{{"no_space", 1}}));
  EXPECT_EQ(json["first_ts"], "1700000000.000000001");
  EXPECT_EQ(json["last_ts"], "1700000001.000000000");
  EXPECT_DOUBLE_EQ(json["elapsed_s"], 1.234);
  EXPECT_EQ(json["exit_reason"], "eof");
  EXPECT_FALSE(json.contains("error"));
}

TEST(StatsJson, TheLawHoldsInTheWholeInEverySessionAndInEveryWorker) {
  const auto json = nlohmann::json::parse(stats_json(example()));
  std::vector<nlohmann::json> rows = {json};
  for (const auto& row : json["sessions"]) rows.push_back(row);
  for (const auto& row : json["per_worker"]) rows.push_back(row);
  ASSERT_EQ(rows.size(), 4u);
  for (const auto& row : rows) {
    std::uint64_t sum =
        row["accepted"].get<std::uint64_t>() + row["in_flight"].get<std::uint64_t>();
    for (const auto& [reason, count] : row["rejected"].items()) sum += count.get<std::uint64_t>();
    for (const auto& [reason, count] : row["dropped"].items()) sum += count.get<std::uint64_t>();
    EXPECT_EQ(row["received"], sum);
  }
}

TEST(StatsJson, WorkersSayWhereTheyRun) {
  const auto json = nlohmann::json::parse(stats_json(example()));
  const auto& workers = json["per_worker"];
  EXPECT_EQ(workers[0]["worker"], 0);
  EXPECT_EQ(workers[0]["core"], 1);
  EXPECT_EQ(workers[0]["interface"], "eth0");
  EXPECT_EQ(workers[1]["queue"], 1);
  EXPECT_FALSE(workers[1].contains("core")) << "the scheduler decides";
}

TEST(StatsJson, WhatTheKernelLeftOutAndWhatWasLostBeforeStandApart) {
  Report report = example();
  report.prefilter = {.place = interface::FilterPlace::Kernel, .counted = false};
  report.timestamps = "kernel";
  const auto json = nlohmann::json::parse(stats_json(report));
  EXPECT_EQ(json["filter"],
            (nlohmann::json{{"text", "udp"}, {"where", "kernel"}, {"below_counted", false}}));
  EXPECT_EQ(json["upstream"], (nlohmann::json{{"nic", {{"count", 3}, {"exact", true}}}}));
  EXPECT_EQ(json["timestamps"], "kernel");
}

TEST(StatsJson, AnErrorAndOddBytesStayValidJson) {
  Report report = example();
  report.source = "caf\xe9.pcap";
  report.reason = capture::ExitReason::Error;
  report.error =
      Error{.code = ErrorCode::Damaged, .sys_errno = 0, .context = "x.pcap: offset 7: \"odd\""};
  const auto json = nlohmann::json::parse(stats_json(report));
  EXPECT_EQ(json["error"], "x.pcap: offset 7: \"odd\"");
  EXPECT_EQ(json["error_code"], "damaged");
  EXPECT_EQ(json["exit_reason"], "error");
}

}  // namespace
}  // namespace weir::app
