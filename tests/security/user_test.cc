// Users and groups, and a process that becomes another user: what the kernel says of it afterwards,
// and what it can no longer do.
#include "security/user.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <functional>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "security/capability_sets.h"
#include "security/privileged_operations.h"
#include "support/skip.h"
#include "support/temp_dir.h"

namespace weir::security {
namespace {

using testing::HasSubstr;

TEST(User, IsFoundByNameOrNumber) {
  const auto root = resolve_user("root");
  ASSERT_TRUE(root.ok()) << root.error().context;
  EXPECT_EQ(root->uid, 0u);
  const auto nobody = resolve_user("nobody");
  ASSERT_TRUE(nobody.ok()) << nobody.error().context;
  const auto by_number = resolve_user(std::to_string(nobody->uid));
  ASSERT_TRUE(by_number.ok()) << by_number.error().context;
  EXPECT_EQ(by_number->name, "nobody");
  EXPECT_EQ(by_number->gid, nobody->gid);
}

TEST(User, OneThatIsNotThereComesWithTheCommandThatMakesIt) {
  for (const char* name : {"no-such-user", "", "4294967295", "4000000000", "-1", "0x0"}) {
    const auto user = resolve_user(name);
    ASSERT_FALSE(user.ok()) << name;
    EXPECT_EQ(user.error().code, ErrorCode::NotFound);
    EXPECT_THAT(user.error().context, HasSubstr("no such user (make it: sudo useradd --system"));
  }
}

TEST(Group, IsFoundByNameOrNumber) {
  const auto root = resolve_group("root");
  ASSERT_TRUE(root.ok()) << root.error().context;
  EXPECT_EQ(*root, 0u);
  EXPECT_EQ(name_of_group(0), "root");
  const auto number = resolve_group("0");
  ASSERT_TRUE(number.ok()) << number.error().context;
  EXPECT_EQ(*number, 0u);
  EXPECT_EQ(name_of_group(4'000'000'000), "4000000000");
  const auto absent = resolve_group("no-such-group");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, ErrorCode::NotFound);
  EXPECT_THAT(absent.error().context, HasSubstr("sudo groupadd --system no-such-group"));
}

// Runs `body` in a child, where an id that is lost for good is lost to nobody else. What it returns
// is what went wrong; empty: nothing.
std::string in_a_child(const std::function<std::string()>& body) {
  std::array<int, 2> pipe{};
  EXPECT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string problem = body();
    const auto written = ::write(pipe[1], problem.data(), problem.size());
    ::_exit(written == static_cast<ssize_t>(problem.size()) ? 0 : 1);
  }
  ::close(pipe[1]);
  std::string problem;
  std::array<char, 4096> bytes{};
  for (ssize_t count = 0; (count = ::read(pipe[0], bytes.data(), bytes.size())) > 0;)
    problem.append(bytes.data(), static_cast<std::size_t>(count));
  ::close(pipe[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "the child did not end well";
  return problem;
}

std::string all_ids(const char* field) {
  const std::ifstream file("/proc/self/status");
  std::ostringstream text;
  text << file.rdbuf();
  const std::string status = text.str();
  const std::size_t begin = status.find(std::string("\n") + field + ":\t");
  if (begin == std::string::npos) return "?";
  const std::size_t from = status.find('\t', begin) + 1;
  return status.substr(from, status.find('\n', from) - from);
}

class BecomeUser : public testing::Test {
 protected:
  void SetUp() override { WEIR_SKIP_BECAUSE(why_not_root(), test::UnderCi::Fail); }
};

TEST_F(BecomeUser, ChangesEveryIdAndKeepsNothing) {
  const auto nobody = resolve_user("nobody");
  ASSERT_TRUE(nobody.ok());
  const std::string uid = std::to_string(nobody->uid);
  const std::string gid = std::to_string(nobody->gid);
  EXPECT_EQ(in_a_child([&]() -> std::string {
              // Groups of whoever started it.
              const gid_t foreign = 0;
              if (::setgroups(1, &foreign) != 0) return "setgroups";
              if (auto became = become_user("nobody"); !became.ok()) return became.error().context;
              if (all_ids("Uid") != uid + "\t" + uid + "\t" + uid + "\t" + uid)
                return "uid " + all_ids("Uid");
              if (all_ids("Gid") != gid + "\t" + gid + "\t" + gid + "\t" + gid)
                return "gid " + all_ids("Gid");
              if (all_ids("Groups") != gid + " ") return "groups " + all_ids("Groups");
              for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
                if (status_field(set) != kNoCapabilities) return set + status_field(set);
              }
              if (status_field("NoNewPrivs") != "1") return "no_new_privs";
              if (::setuid(0) == 0 || ::setresuid(0, 0, 0) == 0) return "became root again";
              if (::open("/etc/shadow", O_RDONLY) >= 0) return "reads what root reads";
              return "";
            }),
            "");
}

TEST_F(BecomeUser, WhatIsKeptIsEffective) {
  EXPECT_EQ(in_a_child([]() -> std::string {
              const std::array keep = {Capability::NetRaw, Capability::Bpf};
              if (auto became = become_user("nobody", keep); !became.ok())
                return became.error().context;
              const std::string raw_and_bpf = "0000008000002000";
              for (const char* set : {"CapPrm", "CapEff", "CapBnd"}) {
                if (status_field(set) != raw_and_bpf) return set + status_field(set);
              }
              if (status_field("CapAmb") != kNoCapabilities) return "ambient";
              auto opened = InProcessPrivileges().open_packet_socket(PacketSocketKind::Frames);
              return opened.ok() ? "" : opened.error().context;
            }),
            "");
}

TEST_F(BecomeUser, OpenDescriptorsGoOnAndFilesBelongToTheUser) {
  const test::TempDir directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0777), 0);
  const auto nobody = resolve_user("nobody");
  ASSERT_TRUE(nobody.ok());
  EXPECT_EQ(in_a_child([&]() -> std::string {
              const int roots = ::open(directory.file("roots").c_str(), O_WRONLY | O_CREAT, 0600);
              if (auto became = become_user("nobody"); !became.ok()) return became.error().context;
              if (::write(roots, "x", 1) != 1) return "the open file";
              if (::open(directory.file("roots").c_str(), O_RDONLY) >= 0) return "opened anew";
              const int own = ::open(directory.file("own").c_str(), O_WRONLY | O_CREAT, 0600);
              struct stat facts {};
              if (::fstat(own, &facts) != 0 || facts.st_uid != nobody->uid) return "the owner";
              return "";
            }),
            "");
}

TEST_F(BecomeUser, WhoIsThatUserAlreadyOnlyLosesRights) {
  EXPECT_EQ(in_a_child([]() -> std::string {
              const std::array keep = {Capability::NetRaw};
              if (auto became = become_user("nobody", keep); !became.ok())
                return became.error().context;
              if (auto again = become_user("nobody"); !again.ok()) return again.error().context;
              return status_field("CapPrm") == kNoCapabilities ? "" : "rights remain";
            }),
            "");
}

TEST_F(BecomeUser, RootIsNobodyElse) {
  EXPECT_EQ(in_a_child([]() -> std::string {
              for (const char* name : {"root", "0"}) {
                const auto became = become_user(name);
                if (became.ok()) return "became root";
                if (became.error().code != ErrorCode::Usage) return became.error().context;
              }
              return has(Capability::NetRaw) ? "" : "rights are gone after a refusal";
            }),
            "");
}

TEST_F(BecomeUser, WithoutTheRightToChangeTheErrorSaysWhatToDo) {
  EXPECT_EQ(in_a_child([]() -> std::string {
              lose();
              const auto became = become_user("nobody");
              if (became.ok()) return "changed";
              if (became.error().code != ErrorCode::Permission) return became.error().context;
              const std::string& text = became.error().context;
              return text.find("become the user nobody") != std::string::npos &&
                             text.find("AmbientCapabilities=") != std::string::npos
                         ? ""
                         : text;
            }),
            "");
}

}  // namespace
}  // namespace weir::security
