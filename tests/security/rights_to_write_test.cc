// Whether CAP_DAC_OVERRIDE must stay so that files can be made later.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "security/capability_sets.h"
#include "security/rights.h"
#include "support/skip.h"
#include "support/temp_dir.h"

namespace weir::security {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class RightsToWrite : public testing::Test {
 protected:
  static constexpr uid_t kSomebody = 65534;
  void SetUp() override { WEIR_SKIP_BECAUSE(why_not_root(), test::UnderCi::Fail); }

  // The path of a file in a directory with this owner and mode.
  std::string file_in_directory(uid_t owner, mode_t mode) {
    const std::string directory = dir_.file("of-" + std::to_string(owner));
    EXPECT_EQ(::mkdir(directory.c_str(), 0755), 0);
    EXPECT_EQ(::chown(directory.c_str(), owner, owner), 0);
    EXPECT_EQ(::chmod(directory.c_str(), mode), 0);
    return directory + "/file";
  }

  test::TempDir dir_;
};

bool can_write(const std::string& path) { return std::ofstream(path).is_open(); }

TEST_F(RightsToWrite, InADirectoryOfOnesOwnNothingIsKept) {
  const std::string path = file_in_directory(::geteuid(), 0755);
  EXPECT_THAT(capabilities_to_write_beside(path), IsEmpty());
  in_a_thread([&] {
    ASSERT_TRUE(drop_capabilities(capabilities_to_write_beside(path)).ok());
    EXPECT_EQ(status_field("CapPrm"), kNoCapabilities);
    EXPECT_TRUE(can_write(path));
  });
}

TEST_F(RightsToWrite, InADirectoryOfSomebodyElseItIsKeptAndEnough) {
  const std::string path = file_in_directory(kSomebody, 0755);
  EXPECT_THAT(capabilities_to_write_beside(path), ElementsAre(Capability::DacOverride));
  in_a_thread([&] {
    ASSERT_TRUE(drop_capabilities().ok());
    EXPECT_FALSE(can_write(path)) << "else there would be no need to keep it";
  });
  in_a_thread([&] {
    ASSERT_TRUE(drop_capabilities(capabilities_to_write_beside(path)).ok());
    EXPECT_TRUE(can_write(path));
  });
}

TEST_F(RightsToWrite, WhereEverybodyMayWriteNothingIsKept) {
  EXPECT_THAT(capabilities_to_write_beside(file_in_directory(kSomebody, 01777)), IsEmpty());
}

TEST_F(RightsToWrite, AParentThatMayNotBeSearchedCountsToo) {
  const std::string path = file_in_directory(kSomebody, 0777);
  ASSERT_EQ(::chown(dir_.path().c_str(), kSomebody, kSomebody), 0);
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0700), 0);
  EXPECT_THAT(capabilities_to_write_beside(path), ElementsAre(Capability::DacOverride));
}

TEST_F(RightsToWrite, AskingLeavesTheThreadAsItWas) {
  const std::string before = status_field("CapEff");
  (void)capabilities_to_write_beside(file_in_directory(kSomebody, 0755));
  EXPECT_EQ(status_field("CapEff"), before);
}

TEST_F(RightsToWrite, WhoHasNotGotItCannotKeepIt) {
  const std::string path = file_in_directory(kSomebody, 0755);
  in_a_thread([&] {
    lose({CAP_DAC_OVERRIDE});
    EXPECT_THAT(capabilities_to_write_beside(path), IsEmpty());
  });
}

TEST_F(RightsToWrite, ANameAloneLiesInTheWorkingDirectory) {
  in_a_thread([&] {
    const std::string elsewhere = file_in_directory(kSomebody, 0755);
    ASSERT_EQ(::unshare(CLONE_FS), 0);  // a working directory of this thread's own
    ASSERT_EQ(::chdir(std::filesystem::path(elsewhere).parent_path().c_str()), 0);
    EXPECT_THAT(capabilities_to_write_beside("file"), ElementsAre(Capability::DacOverride));
  });
}

}  // namespace
}  // namespace weir::security
