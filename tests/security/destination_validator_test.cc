// Where destinations may lie, on a file system of the test's own.
#include "security/destination_validator.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "support/temp_dir.h"

namespace weir::security {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using Kind = DestinationKind;

class DestinationValidation : public testing::Test {
 protected:
  DestinationValidation() {
    fs::create_directories(root() + "/a/b");
    fs::create_directories(outside());
  }
  // The directory of the test may be reached through links.
  [[nodiscard]] std::string base() const { return fs::canonical(dir_.path()).string(); }
  [[nodiscard]] std::string root() const { return base() + "/root"; }
  [[nodiscard]] std::string outside() const { return base() + "/outside"; }
  [[nodiscard]] DestinationValidator below_root(std::vector<std::string> kinds = {}) const {
    return DestinationValidator({{.whose = "[security.destinations]",
                                  .rules = {.kinds = std::move(kinds), .directories = {root()}}}});
  }
  [[nodiscard]] Result<DestinationGrant> granted(Kind kind, const std::string& path) const {
    return below_root().validate(kind, path);
  }
  [[nodiscard]] std::string refusal(Kind kind, const std::string& path) const {
    const auto grant = granted(kind, path);
    if (grant) return "granted";
    EXPECT_TRUE(is_destination_refusal(grant.error())) << grant.error().context;
    return grant.error().context;
  }
  static ino_t inode(const std::string& path) {
    struct stat facts {};
    EXPECT_EQ(::stat(path.c_str(), &facts), 0) << path;
    return facts.st_ino;
  }
  static bool empty(const std::string& path) { return fs::is_empty(path); }
  // A file made the way that outputs make theirs.
  static bool write_through(const DestinationGrant& grant, const std::string& name) {
    const int fd = ::openat(grant.directory(), name.c_str(),
                            O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return false;
    ::close(fd);
    return true;
  }

  test::TempDir dir_;
};

TEST_F(DestinationValidation, ADirectoryBelowAnAllowedOneIsGrantedAsADescriptorOfIt) {
  const auto grant = granted(Kind::Store, root() + "/a/b");
  ASSERT_TRUE(grant) << grant.error().context;
  EXPECT_TRUE(grant->confined());
  EXPECT_EQ(inode(grant->at()), inode(root() + "/a/b"));
  EXPECT_EQ(grant->path(), root() + "/a/b");
  EXPECT_TRUE(write_through(*grant, "x"));
  EXPECT_TRUE(fs::exists(root() + "/a/b/x"));
}

TEST_F(DestinationValidation, AFileIsInTheDirectoryThatIsGranted) {
  const auto grant = granted(Kind::Pcapng, root() + "/a/trace.pcapng");
  ASSERT_TRUE(grant) << grant.error().context;
  EXPECT_EQ(grant->kind(), Kind::Pcapng);
  std::ofstream(grant->at()) << "x";
  EXPECT_TRUE(fs::exists(root() + "/a/trace.pcapng"));
}

TEST_F(DestinationValidation, TheAllowedDirectoryItselfIsGranted) {
  for (const std::string& path : {root(), root() + "/", root() + "/."}) {
    const auto grant = granted(Kind::Logs, path);
    ASSERT_TRUE(grant) << grant.error().context;
    EXPECT_EQ(inode(grant->at()), inode(root()));
  }
  EXPECT_TRUE(granted(Kind::Pcapng, root() + "/x.pcapng"));
}

TEST_F(DestinationValidation, WhatIsNotBelowItIsRefusedAndTheErrorSaysWhereItMayBe) {
  EXPECT_THAT(refusal(Kind::Store, outside()),
              testing::AllOf(HasSubstr(outside()), HasSubstr("[security.destinations]"),
                             HasSubstr(root())));
  // A name that begins with that of the directory is another one.
  fs::create_directory(root() + "2");
  EXPECT_THAT(refusal(Kind::Store, root() + "2"), HasSubstr("below none"));
  EXPECT_THAT(refusal(Kind::Store, "root/a"), HasSubstr("not absolute"));
}

TEST_F(DestinationValidation, TwoDotsAreRefusedWhereverTheyLead) {
  for (const char* path : {"/a/../../outside", "/../outside", "/a/..", "/a/../a", "/.."}) {
    EXPECT_THAT(refusal(Kind::Store, root() + path), HasSubstr("'..'")) << path;
  }
  EXPECT_THAT(refusal(Kind::Pcapng, root() + "/a/.."), HasSubstr("names no file"));
}

TEST_F(DestinationValidation, ASymbolicLinkInTheMiddleIsRefused) {
  fs::create_directory_symlink(outside(), root() + "/link");
  fs::create_directory(outside() + "/x");
  EXPECT_THAT(refusal(Kind::Store, root() + "/link/x"), HasSubstr("symbolic link"));
  EXPECT_THAT(refusal(Kind::Store, root() + "/link/new"), HasSubstr("symbolic link"));
  EXPECT_THAT(refusal(Kind::Pcapng, root() + "/link/t.pcapng"), HasSubstr("symbolic link"));
  EXPECT_FALSE(fs::exists(outside() + "/new"));
}

TEST_F(DestinationValidation, ASymbolicLinkAtTheEndIsRefusedAlsoOneThatStaysInside) {
  fs::create_directory_symlink(outside(), root() + "/out");
  fs::create_directory_symlink("a", root() + "/in");
  fs::create_directory_symlink("../../outside", root() + "/a/up");
  fs::create_symlink(outside() + "/t.pcapng", root() + "/t.pcapng");
  for (const char* name : {"/out", "/in", "/a/up"}) {
    EXPECT_THAT(refusal(Kind::Store, root() + name), HasSubstr("symbolic link")) << name;
  }
  EXPECT_THAT(refusal(Kind::Pcapng, root() + "/t.pcapng"), HasSubstr("symbolic link"));
}

TEST_F(DestinationValidation, LinksOfProcAreRefused) {
  const DestinationValidator validator(
      {{.whose = "[security.destinations]", .rules = {.directories = {"/proc"}}}});
  const auto grant = validator.validate(Kind::Store, "/proc/1/root" + outside());
  ASSERT_FALSE(grant);
  const std::string self = "/proc/" + std::to_string(::getpid()) + "/cwd";
  const auto own = validator.validate(Kind::Store, self);
  ASSERT_FALSE(own);
  EXPECT_THAT(own.error().context, HasSubstr("symbolic link"));
}

TEST_F(DestinationValidation, AnAllowedDirectoryThatIsReachedThroughALinkAllowsNothing) {
  fs::create_directory_symlink(root(), base() + "/alias");
  const DestinationValidator validator(
      {{.whose = "[security.destinations]", .rules = {.directories = {base() + "/alias"}}}});
  const auto grant = validator.validate(Kind::Store, base() + "/alias/a");
  ASSERT_FALSE(grant);
  EXPECT_THAT(grant.error().context, HasSubstr("symbolic link"));
}

TEST_F(DestinationValidation, OnlyTheLastDirectoryIsMade) {
  const auto made = granted(Kind::Store, root() + "/a/new");
  ASSERT_TRUE(made) << made.error().context;
  EXPECT_EQ(inode(made->at()), inode(root() + "/a/new"));
  const auto missing = granted(Kind::Store, root() + "/no/new");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  EXPECT_FALSE(fs::exists(root() + "/no"));
  // Of a file none is made.
  const auto file = granted(Kind::Pcapng, root() + "/none/x.pcapng");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::NotFound);
  EXPECT_FALSE(fs::exists(root() + "/none"));
}

TEST_F(DestinationValidation, WhatIsNoDirectoryIsNone) {
  std::ofstream(root() + "/file") << "x";
  for (const char* path : {"/file", "/file/x"}) {
    const auto grant = granted(Kind::Store, root() + path);
    ASSERT_FALSE(grant);
    EXPECT_EQ(grant.error().code, ErrorCode::Exists) << grant.error().context;
  }
}

TEST_F(DestinationValidation, WhatStandsAtThePathOfAFileSaysWhetherItIsAPipe) {
  ASSERT_EQ(::mkfifo((root() + "/pipe").c_str(), 0600), 0);
  const auto pipe = granted(Kind::Pcapng, root() + "/pipe");
  ASSERT_TRUE(pipe) << pipe.error().context;
  EXPECT_EQ(pipe->kind(), Kind::Pipe);
  const auto refused = below_root({"pcapng", "store"}).validate(Kind::Pcapng, root() + "/pipe");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().context, HasSubstr("'pipe'"));
  EXPECT_THAT(refused.error().context, HasSubstr("pcapng, store"));
  EXPECT_TRUE(below_root({"pipe"}).validate(Kind::Pcapng, root() + "/pipe"));
  EXPECT_FALSE(below_root({"pipe"}).validate(Kind::Pcapng, root() + "/file"));
  EXPECT_TRUE(below_root({"pipe"}).validate(Kind::Spill, root() + "/queue"));
}

TEST_F(DestinationValidation, KindsHoldForClientsToo) {
  EXPECT_TRUE(below_root().allows(Kind::Tail));
  EXPECT_TRUE(below_root({"store", "query"}).allows(Kind::Query));
  const auto tail = below_root({"store", "query"}).allows(Kind::Tail);
  ASSERT_FALSE(tail);
  EXPECT_TRUE(is_destination_refusal(tail.error()));
}

TEST_F(DestinationValidation, WithoutDirectoriesAPathIsWhatItAlwaysWas) {
  fs::create_directory_symlink(outside(), root() + "/link");
  const DestinationValidator validator({});
  const auto grant = validator.validate(Kind::Store, root() + "/link");
  ASSERT_TRUE(grant) << grant.error().context;
  EXPECT_FALSE(grant->confined());
  EXPECT_EQ(grant->at(), root() + "/link");
  EXPECT_FALSE(grant->moved());
}

TEST_F(DestinationValidation, AllRulesMustAllow) {
  const DestinationRulesOf configured{.whose = "[security.destinations]",
                                      .rules = {.directories = {root(), outside()}}};
  const DestinationRulesOf policy{.whose = "the policy",
                                  .rules = {.kinds = {"store"}, .directories = {root() + "/a"}}};
  const DestinationValidator both({configured, policy}, 7);
  const auto grant = both.validate(Kind::Store, root() + "/a/b");
  ASSERT_TRUE(grant) << grant.error().context;
  EXPECT_EQ(grant->generation(), 7u);
  const auto elsewhere = both.validate(Kind::Store, outside());
  ASSERT_FALSE(elsewhere);
  EXPECT_THAT(elsewhere.error().context, HasSubstr("the policy"));
  EXPECT_FALSE(both.validate(Kind::Logs, root() + "/a/b"));
}

TEST_F(DestinationValidation, WhatIsGrantedStaysWhenItsDirectoryIsReplaced) {
  const auto grant = granted(Kind::Store, root() + "/a");
  ASSERT_TRUE(grant);
  EXPECT_FALSE(grant->moved());
  fs::rename(root() + "/a", root() + "/away");
  EXPECT_TRUE(grant->moved());
  fs::create_directory_symlink(outside(), root() + "/a");
  EXPECT_TRUE(grant->moved());
  EXPECT_TRUE(write_through(*grant, "x"));
  std::ofstream(grant->at() + "/y") << "y";
  EXPECT_TRUE(fs::exists(root() + "/away/x"));
  EXPECT_TRUE(fs::exists(root() + "/away/y"));
  EXPECT_TRUE(empty(outside()));
}

TEST_F(DestinationValidation, WhatIsGrantedStaysWhenTheAllowedDirectoryIsReplaced) {
  const auto grant = granted(Kind::Store, root() + "/a");
  ASSERT_TRUE(grant);
  fs::create_directory(outside() + "/a");
  fs::rename(root(), base() + "/away");
  fs::create_directory_symlink(outside(), root());
  EXPECT_TRUE(write_through(*grant, "x"));
  EXPECT_TRUE(fs::exists(base() + "/away/a/x"));
  EXPECT_TRUE(empty(outside() + "/a"));
  EXPECT_THAT(refusal(Kind::Store, root() + "/a"), HasSubstr("symbolic link"));
}

TEST_F(DestinationValidation, ACheckFindsWhatOtherRulesWouldRefuse) {
  const auto grant = granted(Kind::Store, root() + "/a");
  ASSERT_TRUE(grant);
  EXPECT_TRUE(below_root().check(*grant));
  EXPECT_FALSE(below_root({"logs"}).check(*grant));
  const DestinationValidator other(
      {{.whose = "[security.destinations]", .rules = {.directories = {outside()}}}});
  const auto refused = other.check(*grant);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(is_destination_refusal(refused.error()));
  // It is there all the same.
  fs::rename(root() + "/a", outside() + "/a");
  EXPECT_TRUE(below_root().check(*grant));
}

TEST_F(DestinationValidation, TextsShowThePathThatPeopleKnow) {
  const auto grant = granted(Kind::Store, root() + "/a/");
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->shown("write " + grant->at() + "/x: full, " + grant->at()),
            "write " + root() + "/a/x: full, " + root() + "/a");
  const auto file = granted(Kind::Pcapng, root() + "/t.pcapng");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->shown(file->at()), root() + "/t.pcapng");
}

// Somebody replaces a directory by a link, and back, again and again, while destinations are
// granted below it and written to.
TEST_F(DestinationValidation, NothingLandsOutsideWhileADirectoryIsSwappedForALink) {
  constexpr std::uint64_t kSeed = 42;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  constexpr int kRounds = 1500;
  fs::create_directories(outside() + "/b");
  fs::create_directory_symlink(outside(), base() + "/link");
  std::atomic<bool> done = false;
  std::atomic<int> swaps = 0;
  std::thread attacker([&] {
    const std::string target = root() + "/a";
    while (!done) {
      // One exchange: the path is never missing.
      if (::renameat2(AT_FDCWD, target.c_str(), AT_FDCWD, (base() + "/link").c_str(),
                      RENAME_EXCHANGE) == 0) {
        ++swaps;
      }
    }
  });
  while (swaps < 10) std::this_thread::yield();
  Prng prng(kSeed);
  const DestinationValidator validator = below_root();
  int allowed = 0;
  int refused = 0;
  for (int i = 0; i < kRounds; ++i) {
    const std::string name = "n" + std::to_string(i);
    const bool store = prng.chance(1, 2);
    const std::string path = root() + (prng.chance(1, 2) ? "/a/" : "/a/b/") + name;
    const auto grant = validator.validate(store ? Kind::Store : Kind::Pcapng, path);
    if (!grant) {
      ++refused;
      EXPECT_TRUE(is_destination_refusal(grant.error())) << grant.error().context;
      continue;
    }
    ++allowed;
    std::ofstream(store ? grant->at() + "/x" : grant->at()) << "x";
  }
  done = true;
  attacker.join();
  EXPECT_GT(allowed, 0);
  EXPECT_GT(refused, 0);
  EXPECT_THAT(fs::directory_iterator(outside() + "/b"),
              testing::Eq(fs::end(fs::directory_iterator())));
  std::vector<std::string> found;
  for (const auto& one : fs::directory_iterator(outside())) found.push_back(one.path().filename());
  EXPECT_THAT(found, testing::ElementsAre("b"));
}

}  // namespace
}  // namespace weir::security
