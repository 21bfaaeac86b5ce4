// How much of its memory a cgroup takes, from files as the kernel shows them.
#include "app/engine/cgroup_memory.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace weir::app {
namespace {

class CgroupFiles : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(dir_.file(path)).parent_path());
    std::ofstream(dir_.file(path)) << text;
  }
  void level(const std::string& path, const std::string& current, const std::string& max,
             const std::string& stat) {
    write(path + "/memory.current", current + "\n");
    write(path + "/memory.max", max + "\n");
    write(path + "/memory.stat", stat);
  }
  void level_of_version_1(const std::string& path, const std::string& usage,
                          const std::string& limit, const std::string& stat) {
    write(path + "/memory.usage_in_bytes", usage + "\n");
    write(path + "/memory.limit_in_bytes", limit + "\n");
    write(path + "/memory.stat", stat);
  }
  [[nodiscard]] CgroupMemory open() const {
    return CgroupMemory({.self = dir_.file("self"), .root = dir_.file("root")});
  }

  test::TempDir dir_;
};

TEST_F(CgroupFiles, TheLevelWithTheLeastLeftCounts) {
  write("self", "0::/system.slice/weir.service\n");
  level("root/system.slice/weir.service", "300", "1000", "");
  level("root/system.slice", "800", "1000", "anon 800\ninactive_file 0\nactive_file 0\n");
  EXPECT_EQ(open().fill(), 0.8);
}

TEST_F(CgroupFiles, FilePagesDoNotCountForTheKernelCanTakeThemBack) {
  write("self", "0::/a\n");
  level("root/a", "1000", "1000", "anon 200\nfile 800\ninactive_file 500\nactive_file 200\n");
  const CgroupMemory memory = open();
  EXPECT_EQ(memory.fill(), 0.3);
  level("root/a", "1000", "1000", "anon 990\ninactive_file 10\nactive_file 0\n");
  EXPECT_EQ(memory.fill(), 0.99);
}

TEST_F(CgroupFiles, WithoutALimitThereIsNothingToTell) {
  write("self", "0::/a\n");
  level("root/a", "1000", "max", "");
  EXPECT_EQ(open().fill(), std::nullopt);
}

TEST_F(CgroupFiles, WhereVersion1HasTheMemoryItIsReadThere) {
  write("self", "12:cpu,cpuacct:/b\n7:memory:/a/weir\n0::/\n");
  level_of_version_1("root/memory/a/weir", "300", "1000", "");
  level_of_version_1("root/memory/a", "900", "1000",
                     "inactive_file 1\nactive_file 2\ntotal_inactive_file 60\n"
                     "total_active_file 40\n");
  // No level has this one's limit.
  level_of_version_1("root/memory", "5000", "9223372036854771712", "");
  EXPECT_EQ(open().fill(), 0.8);
}

TEST_F(CgroupFiles, ThePathOfAnotherControllerIsNotTheMemorys) {
  write("self", "12:memory_of_another:/a\nbroken\n5:memory\n7:memory:relative\n0::/\n");
  level_of_version_1("root/memory/a", "300", "1000", "");
  EXPECT_EQ(open().fill(), std::nullopt);
}

TEST_F(CgroupFiles, WithoutCgroupsNeither) { EXPECT_EQ(open().fill(), std::nullopt); }

TEST_F(CgroupFiles, ALimitThatIsLoweredIsSeen) {
  write("self", "0::/a\n");
  level("root/a", "100", "1000", "");
  const CgroupMemory memory = open();
  EXPECT_EQ(memory.fill(), 0.1);
  level("root/a", "100", "50", "inactive_file 10\n");
  EXPECT_EQ(memory.fill(), 1.0);
}

}  // namespace
}  // namespace weir::app
