// `weir query` of a store that cannot be written to, and to a disk that is full.
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/query_fixture.h"
#include "integration/small_disk.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class QueryDisk : public QueryFixture {};

TEST_F(QueryDisk, AStoreOnAReadOnlyFileSystemAnswersWithAllThatIsMissing) {
  std::filesystem::create_directory(store_);
  const SmallDisk disk(store_, "64m");
  fill(9000, {"--store-segment", "1MiB"});
  ASSERT_EQ(run_weir({"store", "gc", store_, "--keep-size", "3MiB"}).status, 0);
  const json before = ask({});
  ASSERT_EQ(::mount("none", store_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr), 0)
      << std::strerror(errno);
  const json found = ask({"-w", out_, "udp"});
  EXPECT_GT(found["packets"].get<std::uint64_t>(), 0u);
  EXPECT_EQ(found["packets"], before["packets"]);
  EXPECT_EQ(found["expired"], before["expired"]);
  EXPECT_EQ(
      found["packets"].get<std::uint64_t>() + found["expired"]["packets"].get<std::uint64_t>(),
      9000u);
}

TEST_F(QueryDisk, AFullDiskFailsItAndWhatIsInTheFileIsWhole) {
  fill(9000);
  const std::string small = dir_.file("small");
  std::filesystem::create_directory(small);
  const SmallDisk disk(small, "1m");
  const std::string out = small + "/out.pcapng";
  const json found = ask({"-w", out}, 1);
  EXPECT_EQ(found["complete"], false);
  EXPECT_THAT(found["error"].get<std::string>(), HasSubstr("No space left on device"));
  const auto written = found["outputs"][0]["written"].get<std::uint64_t>();
  EXPECT_LT(written, 9000u);
  EXPECT_EQ(packets_in(out), written);
}

}  // namespace
}  // namespace weir::test
