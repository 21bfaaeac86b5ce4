// A store of `weir run` that is kept within its bounds, and says so.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/run_fixture.h"
#include "integration/small_disk.h"
#include "storage/segment/store_directory.h"

namespace weir::test {
namespace {

using testing::HasSubstr;

class RunRetention : public Run {
 protected:
  [[nodiscard]] std::string stored(const std::string& keys) const {
    return session("all", "[session.store]\npath = \"" + store_ +
                              "\"\nsegment = \"1MiB\"\nchunk = \"64KiB\"\n" + keys);
  }
  [[nodiscard]] std::size_t segments() const {
    return storage::segment::list_store(store_).value().segments.size();
  }
  [[nodiscard]] std::string metrics() const { return get("/metrics").body; }

  const std::string store_ = dir_.file("packets");
};

// 8 MB of packets, in segments of 1 MiB.
TEST_F(RunRetention, TheOldestSegmentsGoAndEachIsAnEventAndCounted) {
  configure(head() + stored("keep_size = \"3MiB\"\n"));
  start_engine();
  for (int i = 0; i < 8; ++i) send(1000, 1000);
  while (ctl({"events", "--after", "0"}).out.find("deleted for the size of the store") ==
         std::string::npos) {
  }
  stop_engine();
  EXPECT_LE(segments(), 4u);
  EXPECT_GE(segments(), 2u);
  EXPECT_EQ(run_weir({"store", "verify", store_}).status, 0);
}

TEST_F(RunRetention, ItsMetricsTellOfTheStore) {
  configure(head() + stored(""));
  start_engine();
  send(100);
  while (session_now("all").at("outputs").at(0).at("written").get<std::uint64_t>() < 100) {
  }
  const std::string label = "{store=\"" + store_ + "\"}";
  EXPECT_THAT(metrics(), HasSubstr("weir_store_segments" + label + " 1\n"));
  EXPECT_THAT(metrics(), HasSubstr("weir_store_free_bytes" + label));
  EXPECT_THAT(metrics(), HasSubstr("weir_store_expired_segments_total{store=\"" + store_ +
                                   "\",reason=\"age\"} 0\n"));
  stop_engine();
}

// From the disk to the journal of states.
TEST_F(RunRetention, ADiskThatIsSoonFullIsPressure) {
  std::filesystem::create_directory(dir_.file("disk"));
  const SmallDisk disk(dir_.file("disk"), "16m");
  const std::string store = dir_.file("disk/packets");
  // Without ladders nothing is done about it, here or elsewhere: the disk does fill.
  configure(head() + "[pressure]\noutput = []\ncpu = []\n" +
            session("all", "[session.store]\npath = \"" + store +
                               "\"\nsegment = \"1MiB\"\nchunk = \"64KiB\"\n"));
  start_engine();
  const auto told = [&](std::vector<std::string> words, const std::string& what) {
    return ctl(std::move(words)).out.find(what) != std::string::npos;
  };
  while (!told({"events", "--after", "0"}, "store " + store + " is under ")) send(700, 1400);
  EXPECT_THAT(metrics(),
              testing::ContainsRegex("weir_pressure_level\\{resource=\"output\",place=\"store " +
                                     store + "\"\\} [123]\n"));
  // Rows of the journal follow by a thread of their own.
  while (!told({"journal"}, "pressure output store " + store)) {
  }
  stop_engine();
}

}  // namespace
}  // namespace weir::test
