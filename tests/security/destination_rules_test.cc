#include "security/destination_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::security {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

DestinationRulesOf rules(std::vector<std::string> kinds, std::vector<std::string> directories) {
  return {.whose = "[security.destinations]",
          .rules = {.kinds = std::move(kinds), .directories = std::move(directories)}};
}

TEST(DestinationRules, EmptyListsAllowEverything) {
  EXPECT_EQ(refusal_of_kind(rules({}, {}), DestinationKind::Tail), "");
  EXPECT_EQ(refusal_of_path(rules({}, {}), "anything/../at/all"), "");
}

TEST(DestinationRules, KindsAreNamedAndASpillQueueIsOfItsPipe) {
  const auto only = rules({"pipe", "store"}, {});
  EXPECT_EQ(refusal_of_kind(only, DestinationKind::Store), "");
  EXPECT_EQ(refusal_of_kind(only, DestinationKind::Pipe), "");
  EXPECT_EQ(refusal_of_kind(only, DestinationKind::Spill), "");
  EXPECT_EQ(refusal_of_kind(only, DestinationKind::Pcapng),
            "'pcapng' is none of the kinds that [security.destinations] allows: pipe, store (add "
            "it to its kinds, or send packets elsewhere)");
}

TEST(DestinationRules, APathIsComparedByItsNames) {
  const auto below = rules({}, {"/data//weir/", "/srv/./x"});
  for (const char* good :
       {"/data/weir", "/data/weir/", "/data/weir/a", "//data/./weir//a/b", "/srv/x", "/srv/x/y"}) {
    EXPECT_EQ(refusal_of_path(below, good), "") << good;
  }
  for (const char* bad : {"/data", "/data/weir2", "/", "/srv/./y", "/data/wei"}) {
    EXPECT_THAT(refusal_of_path(below, bad), HasSubstr("/data//weir/, /srv/./x")) << bad;
  }
  for (const char* unclear : {"data/weir", "", "/data/weir/../weir", "/data/weir/.."}) {
    EXPECT_THAT(refusal_of_path(below, unclear), HasSubstr("not absolute")) << unclear;
  }
  EXPECT_EQ(refusal_of_path(rules({}, {"/"}), "/anywhere"), "");
}

TEST(DestinationRules, AllProblemsOfThemAreTold) {
  const auto problems = problems_in(
      {.kinds = {"store", "stores", "kafka"}, .directories = {"/ok", "relative", "/a/../b", ""}});
  std::vector<std::string> texts;
  for (const auto& one : problems) texts.push_back(one.list + " " + one.message);
  EXPECT_THAT(texts, ElementsAre(HasSubstr("kinds 'stores'"), HasSubstr("kinds 'kafka'"),
                                 HasSubstr("directories 'relative'"),
                                 HasSubstr("directories '/a/../b'"), HasSubstr("directories ''")));
}

TEST(DestinationRules, ARefusalIsToldFromWhatTheSystemRefuses) {
  EXPECT_TRUE(is_destination_refusal(destination_refusal("/x", "no")));
  EXPECT_EQ(destination_refusal("/x", "no").context, "security: /x: no");
  EXPECT_FALSE(is_destination_refusal({.code = ErrorCode::Permission, .context = "write /x: no"}));
  EXPECT_FALSE(is_destination_refusal(
      {.code = ErrorCode::NotFound, .context = "security: /x: no such directory"}));
}

}  // namespace
}  // namespace weir::security
