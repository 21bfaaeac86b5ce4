// Queries of a store while `weir capture` writes into it.
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/human.h"
#include "integration/capture_fixture.h"
#include "integration/stored_packets.h"
#include "integration/weir_logs.h"

namespace weir::test {
namespace {

using nlohmann::json;

class CaptureBesideQueries : public Capture {
 protected:
  static void wait_until_received(Process& process, std::size_t count) {
    do {
      process.signal(SIGUSR1);
    } while (!process.wait_for_stderr_for("received " + app::count_text(count) + ",", 50));
  }

  const std::string store_ = dir_.file("packets");
};

// What is under way at a time fits into the ring of the capture ten times over: a loss would be a
// capture that stands still.
TEST_F(CaptureBesideQueries, NothingIsLostAndEachFindsAtLeastWhatTheOneBeforeFound) {
  constexpr std::size_t kRounds = 8;
  auto process = start({"--workers", "2", "--store", store_, "--store-chunk", "64KiB",
                        "--store-segment", "2MiB", "--stats-json", dir_.file("stats.json")});
  const auto frames = mixed_frames(4000);
  std::size_t sent = 0;
  std::uint64_t found = 0;
  for (std::size_t round = 0; round < kRounds; ++round) {
    Process query(weir({"query", store_, "--json", "-w", dir_.file("found.pcapng")}));
    Process logs(weir({"read", store_, "--logs", dir_.file("logs"), "--overwrite"}));
    TrafficSocket("tap").send(frames);
    sent += frames.size();
    wait_until_received(*process, sent);
    const auto answer = query.wait();
    ASSERT_EQ(answer.status, 0) << answer.err;
    const json told = json::parse(answer.out);
    EXPECT_EQ(told["complete"], true) << told;
    EXPECT_GE(told["packets"].get<std::uint64_t>(), found);
    found = told["packets"].get<std::uint64_t>();
    EXPECT_LE(found, sent);
    EXPECT_EQ(logs.wait().status, 0);
  }
  process->signal(SIGINT);
  const auto result = process->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  const json counts = stats();
  EXPECT_TRUE(law_holds(counts)) << counts;
  EXPECT_EQ(counts["received"], sent);
  EXPECT_EQ(counts["accepted"], sent) << counts["dropped"];
  EXPECT_EQ(counts["outputs"][0]["written"], sent);
  EXPECT_GT(found, 0u);
  EXPECT_EQ(json::parse(run_weir({"query", store_, "--json"}).out)["packets"], sent);
}

}  // namespace
}  // namespace weir::test
