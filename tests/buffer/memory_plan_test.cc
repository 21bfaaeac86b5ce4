// How ring memory follows from what is there and what was wished for.
#include "buffer/memory_plan.h"

#include <fstream>

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace weir::buffer {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

AvailableMemory memory(std::uint64_t bytes) {
  return {.bytes = bytes, .limited_by = "MemAvailable"};
}

TEST(MemoryPlan, AWishThatFitsIsGranted) {
  EXPECT_EQ(plan_rings(memory(16 * kGiB), 4, 0).ring_bytes, 64 * kMiB);
  EXPECT_EQ(plan_rings(memory(16 * kGiB), 4, 512 * kMiB).ring_bytes, 512 * kMiB);
  EXPECT_EQ(plan_rings(memory(16 * kGiB), 4, 512 * kMiB).reason, "");
}

TEST(MemoryPlan, AllRingsTogetherTakeAtMostAnEighth) {
  const RingPlan plan = plan_rings(memory(kGiB), 4, 0);
  EXPECT_EQ(plan.ring_bytes, 32 * kMiB);
  EXPECT_EQ(plan.reason,
            "32 MiB a worker instead of 64 MiB: 4 rings may take an eighth of the 1024 MiB that "
            "are available (MemAvailable)");
}

TEST(MemoryPlan, PlannedRingsAreWholeMebibytes) {
  EXPECT_EQ(plan_rings(memory(100 * kMiB + 12'345), 1, 0).ring_bytes, 12 * kMiB);
}

TEST(MemoryPlan, NoRingIsSmallerThanIsUseful) {
  const RingPlan plan = plan_rings(memory(64 * kMiB), 4, 0);
  EXPECT_EQ(plan.ring_bytes, kRingBytesMin);
  EXPECT_EQ(plan.reason,
            "4 MiB a worker instead of 64 MiB: the smallest useful ring, although 4 rings may take "
            "an eighth of the 64 MiB that are available (MemAvailable)");
}

TEST(MemoryPlan, WhoWishesForLessGetsIt) {
  const RingPlan plan = plan_rings(memory(64 * kMiB), 4, 2 * kMiB);
  EXPECT_EQ(plan.ring_bytes, 2 * kMiB);
  EXPECT_EQ(plan.reason, "");
}

TEST(MemoryPlan, WhereNothingIsKnownTheWishStands) {
  EXPECT_EQ(plan_rings({}, 8, 0).ring_bytes, kRingBytesDefault);
}

class AvailableMemoryTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = directory_.file(name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  [[nodiscard]] MemoryFiles files() const {
    return {.meminfo = directory_.file("meminfo"),
            .own_cgroup = directory_.file("own"),
            .cgroup_root = directory_.file("cgroup")};
  }

 private:
  test::TempDir directory_;
};

TEST_F(AvailableMemoryTest, IsWhatTheKernelSays) {
  write("meminfo", "MemTotal:       16000000 kB\nMemFree: 7 kB\nMemAvailable:    2048 kB\n");
  EXPECT_EQ(available_memory(files()).bytes, 2 * kMiB);
  EXPECT_EQ(available_memory(files()).limited_by, "MemAvailable");
}

TEST_F(AvailableMemoryTest, OrWhatAControlGroupLeaves) {
  write("meminfo", "MemAvailable:    1048576 kB\n");
  write("own", "1:cpu:/other\n0::/system.slice/weir.service\n");
  write("cgroup/system.slice/weir.service/memory.max", "max\n");
  write("cgroup/system.slice/weir.service/memory.current", "1048576\n");
  EXPECT_EQ(available_memory(files()).bytes, kGiB) << "a group without a limit";

  write("cgroup/system.slice/memory.max", "104857600\n");
  write("cgroup/system.slice/memory.current", "4194304\n");
  EXPECT_EQ(available_memory(files()).bytes, 96 * kMiB) << "the limit of the group above";
  EXPECT_EQ(available_memory(files()).limited_by, "memory.max of cgroup /system.slice");

  write("cgroup/system.slice/memory.current", "204857600\n");
  EXPECT_EQ(available_memory(files()).bytes, 1u) << "nothing is left, which is not unknown";
}

TEST_F(AvailableMemoryTest, IsUnknownWithoutTheFilesAndWithOthersInTheirPlace) {
  EXPECT_EQ(available_memory(files()).bytes, 0u);
  write("meminfo", "MemAvailable: lots\n");
  write("own", "nonsense\n");
  EXPECT_EQ(available_memory(files()).bytes, 0u);
}

TEST(AvailableMemoryOfThisMachine, IsThere) { EXPECT_GT(available_memory().bytes, kMiB); }

}  // namespace
}  // namespace weir::buffer
