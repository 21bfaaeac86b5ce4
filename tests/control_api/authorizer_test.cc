#include "control/authorizer.h"

#include <grp.h>
#include <unistd.h>

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::control {
namespace {

// Groups that every Debian has.
constexpr const char* kViewers = "audio";
constexpr const char* kOperators = "video";
constexpr const char* kAdmins = "adm";
constexpr uid_t kEngine = 4711;

gid_t gid(const char* name) { return *group_of(name); }

Principal somebody(std::vector<gid_t> groups) {
  return {.uid = 1234, .gid = 1234, .groups = std::move(groups)};
}

class AuthorizerTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto set =
        authorizer_.set_groups({.viewer = kViewers, .operators = kOperators, .admin = kAdmins});
    ASSERT_TRUE(set.ok()) << set.error().context;
  }
  Authorizer authorizer_{kEngine};
};

TEST_F(AuthorizerTest, GivesRolesByGroup) {
  EXPECT_EQ(authorizer_.role_of(somebody({})), Role::Nobody);
  EXPECT_EQ(authorizer_.role_of(somebody({gid(kViewers)})), Role::Viewer);
  EXPECT_EQ(authorizer_.role_of(somebody({gid(kOperators)})), Role::Operator);
  EXPECT_EQ(authorizer_.role_of(somebody({gid(kAdmins)})), Role::Admin);
  EXPECT_EQ(authorizer_.role_of(somebody({gid(kViewers), gid(kAdmins)})), Role::Admin);
  EXPECT_EQ(authorizer_.role_of({.uid = 1234, .gid = gid(kOperators)}), Role::Operator);
}

TEST_F(AuthorizerTest, TakesRootAndTheEnginesUserForAdmins) {
  EXPECT_EQ(authorizer_.role_of({.uid = 0, .gid = 0}), Role::Admin);
  EXPECT_EQ(authorizer_.role_of({.uid = kEngine, .gid = kEngine}), Role::Admin);
  authorizer_.set_engine_uid(kEngine + 1);
  EXPECT_EQ(authorizer_.role_of({.uid = kEngine, .gid = kEngine}), Role::Nobody);
}

TEST_F(AuthorizerTest, LetsEachRoleDoItsActionsAndNoOthers) {
  struct Row {
    Action action;
    bool viewer;
    bool operators;
  };
  // Admins may everything.
  const std::vector<Row> rows = {
      {Action::Scrape, true, true},       {Action::Read, true, true},
      {Action::Tail, false, true},        {Action::ChangeSession, false, true},
      {Action::SetLogLevel, false, true}, {Action::Reload, false, true},
      {Action::Configure, false, false},  {Action::Rollback, false, false},
      {Action::Drain, false, false},
  };
  ASSERT_EQ(rows.size(), action_table().size());
  for (const Row& row : rows) {
    const auto allowed = [&](const Principal& principal) {
      return authorizer_.allowed(principal, row.action, "", "all");
    };
    EXPECT_FALSE(allowed(somebody({})));
    EXPECT_EQ(allowed(somebody({gid(kViewers)})), row.viewer);
    EXPECT_EQ(allowed(somebody({gid(kOperators)})), row.operators);
    EXPECT_TRUE(allowed(somebody({gid(kAdmins)})));
  }
}

TEST_F(AuthorizerTest, LetsTheLoopbackScrapeWhoeverItIs) {
  for (const ActionInfo& info : action_table()) {
    EXPECT_EQ(authorizer_.allowed({.door = Door::Loopback, .uid = 0}, info.action, "", ""),
              info.action == Action::Scrape);
  }
}

TEST_F(AuthorizerTest, ChangesNothingForAGroupThatIsNotThere) {
  const auto set =
      authorizer_.set_groups({.viewer = "no-such-group", .operators = "", .admin = ""});
  ASSERT_FALSE(set.ok());
  EXPECT_EQ(set.error().code, ErrorCode::Usage);
  EXPECT_NE(set.error().context.find("no-such-group"), std::string::npos);
  EXPECT_EQ(authorizer_.role_of(somebody({gid(kOperators)})), Role::Operator);
  ASSERT_TRUE(authorizer_.set_groups({}).ok());
  EXPECT_EQ(authorizer_.role_of(somebody({gid(kOperators)})), Role::Nobody);
}

TEST(Who, NamesTheUserAndTheNumber) {
  EXPECT_EQ(who({.uid = 0}), "root (uid 0)");
  EXPECT_EQ(who({.uid = 3'999'999'999}), "uid 3999999999");
}

}  // namespace
}  // namespace weir::control
