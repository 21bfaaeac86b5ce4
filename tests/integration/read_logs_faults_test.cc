// `weir read --logs` where it may not write, or finds no room.
#include <sys/stat.h>

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/frames.h"
#include "integration/small_disk.h"
#include "integration/weir_logs.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST(ReadLogsFaults, AFullDiskIsAnErrorWithExactCountsAndWholeLines) {
  const TempDir dir;
  const std::string input = dir.file("many.pcap");
  write_file(input, pcap_bytes(frames_of_flows(5000)));
  const std::string small = dir.file("small");
  ASSERT_EQ(::mkdir(small.c_str(), 0700), 0);
  const SmallDisk disk(small, "512k");
  for (const char* workers : {"1", "2"}) {
    SCOPED_TRACE(workers);
    const std::filesystem::path logs = small + "/logs";

    const auto result = run_weir(
        {"read", input, "--logs", logs, "--overwrite", "--workers", workers, "--stats-json", "-"});

    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("No space left on device"));
    const json stats = json::parse(result.out);
    EXPECT_TRUE(law_holds(stats)) << stats;
    EXPECT_EQ(stats["error_code"], "no_space") << stats;
    ASSERT_FALSE(stats["outputs"].empty());
    const json& conn = stats["outputs"][0];
    EXPECT_EQ(conn["offered"], 5000);
    EXPECT_GT(conn["lost"]["no_space"], 0);
    const Rows rows = log_rows(logs, "conn");
    EXPECT_EQ(conn["written"], rows.size());
    EXPECT_GT(rows.size(), 500u);
    for (const json& row : rows) ASSERT_TRUE(row.is_object());
  }
}

TEST(ReadLogsFaults, ADirectoryThatMayNotBeWrittenIsNamed) {
  const TempDir dir;
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  const std::string input = dir.file("in.pcap");
  write_file(input, pcap_bytes(frames_with_dns(10, 2)));
  const std::string closed = dir.file("closed");
  ASSERT_EQ(::mkdir(closed.c_str(), 0755), 0);
  for (const std::string& logs : {closed, closed + "/logs"}) {
    std::vector<std::string> words = {"setpriv", "--reuid=65534", "--regid=65534",
                                      "--clear-groups"};
    const auto read = weir({"read", input, "--logs", logs});
    words.insert(words.end(), read.begin(), read.end());
    const auto result = run_command(words);
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("--logs " + logs + ": Permission denied"));
    EXPECT_TRUE(std::filesystem::is_empty(closed));
  }
}

}  // namespace
}  // namespace weir::test
