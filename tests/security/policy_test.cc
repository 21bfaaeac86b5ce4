// What of a document is in force, and which document may come into force.
#include "security/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::security {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Timestamp kIssued = {1'700'000'000'000'000'000};
constexpr Timestamp kExpires = {1'700'000'100'000'000'000};
constexpr Timestamp kNow = {1'700'000'050'000'000'000};

PolicyDocument document() {
  PolicyDocument document{.version = 7, .issued = kIssued, .expires = kExpires};
  document.sources.interfaces = {"tap"};
  document.sources.deny_nets = {"192.0.2.0/24"};
  document.destinations.directories = {"/data"};
  document.levels[0].deny_vnis = {{5, 9}};
  document.levels[1].deny_nets = {"198.51.100.0/24"};
  document.levels[1].deny_macs = {"02:00:00:00:00:01"};
  document.levels[2].block = true;
  return document;
}

TEST(EffectivePolicy, IsTheDocumentWhileThereIsNoThreat) {
  const EffectivePolicy policy = effective_policy(document(), ThreatLevel::Normal);
  EXPECT_EQ(policy.sources, document().sources);
  EXPECT_EQ(policy.destinations, document().destinations);
}

TEST(EffectivePolicy, AddsWhatALevelAndThoseBelowItForbid) {
  const EffectivePolicy elevated = effective_policy(document(), ThreatLevel::Elevated);
  EXPECT_THAT(elevated.sources.deny_vnis, ElementsAre(VniRange{5, 9}));
  EXPECT_THAT(elevated.sources.deny_nets, ElementsAre("192.0.2.0/24"));
  EXPECT_THAT(elevated.sources.deny_macs, IsEmpty());
  const EffectivePolicy high = effective_policy(document(), ThreatLevel::High);
  EXPECT_THAT(high.sources.deny_vnis, ElementsAre(VniRange{5, 9}));
  EXPECT_THAT(high.sources.deny_nets, ElementsAre("192.0.2.0/24", "198.51.100.0/24"));
  EXPECT_THAT(high.sources.deny_macs, ElementsAre("02:00:00:00:00:01"));
  EXPECT_FALSE(high.sources.block);
  const EffectivePolicy critical = effective_policy(document(), ThreatLevel::Critical);
  EXPECT_TRUE(critical.sources.block);
  EXPECT_EQ(critical.sources.deny_nets, high.sources.deny_nets);
  EXPECT_EQ(critical.sources.interfaces, document().sources.interfaces);
}

TEST(EffectivePolicy, ABlockOfTheDocumentHoldsAtEveryLevel) {
  PolicyDocument blocked = document();
  blocked.sources.block = true;
  for (const ThreatLevel level :
       {ThreatLevel::Normal, ThreatLevel::Elevated, ThreatLevel::High, ThreatLevel::Critical}) {
    EXPECT_TRUE(effective_policy(blocked, level).sources.block);
  }
}

TEST(PolicyRefusals, ADocumentHoldsFromWhenItWasIssuedUntilItExpires) {
  EXPECT_FALSE(refusal_of(document(), "d", {}, kIssued));
  EXPECT_FALSE(refusal_of(document(), "d", {}, kNow));
  const auto early = refusal_of(document(), "d", {}, Timestamp{kIssued.ns - 1});
  ASSERT_TRUE(early);
  EXPECT_EQ(early->reason, PolicyRefusal::NotYet);
  EXPECT_THAT(early->error.context, HasSubstr("issued 2023-11-14T22:13:20"));
  EXPECT_FALSE(refusal_of(document(), "d", {}, Timestamp{kExpires.ns - 1}));
  const auto late = refusal_of(document(), "d", {}, kExpires);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->reason, PolicyRefusal::Expired);
  EXPECT_EQ(late->error.code, ErrorCode::Damaged);
}

TEST(PolicyRefusals, AnOlderVersionThanTheNewestIsADowngrade) {
  EXPECT_FALSE(refusal_of(document(), "d", {.version = 6, .digest = "x"}, kNow));
  const auto refused = refusal_of(document(), "d", {.version = 8, .digest = "x"}, kNow);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, PolicyRefusal::Downgraded);
  EXPECT_THAT(refused->error.context, HasSubstr("version 7: version 8 has been accepted here"));
}

TEST(PolicyRefusals, OneVersionHasOneText) {
  EXPECT_FALSE(refusal_of(document(), "d", {.version = 7, .digest = "d"}, kNow));
  const auto refused = refusal_of(document(), "d", {.version = 7, .digest = "x"}, kNow);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, PolicyRefusal::Downgraded);
}

TEST(PolicyMarks, AreReadAsTheyWereWritten) {
  const PolicyMark mark{.version = 18'446'744'073'709'551'615u, .digest = "ab"};
  EXPECT_EQ(text_of(mark), "18446744073709551615 ab");
  EXPECT_EQ(read_policy_mark(text_of(mark)), mark);
  for (const char* text : {"", "7", "x ab", "0 ab", "-1 ab", "18446744073709551616 ab"}) {
    EXPECT_EQ(read_policy_mark(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace weir::security
