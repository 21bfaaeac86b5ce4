// What a user is told who lacks a capability.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "security/rights.h"

namespace weir::security {
namespace {

constexpr const char* kProgram = "/usr/bin/weir";

TEST(HowToGrant, OneCommandGrantsAllThatACaptureCanUse) {
  const std::string command = ": run as root, or once: sudo setcap cap_net_raw,cap_bpf=eip ";
  EXPECT_EQ(how_to_grant(Capability::NetRaw, Standing{}, kProgram),
            "needs CAP_NET_RAW" + command + kProgram);
  EXPECT_EQ(how_to_grant(Capability::Bpf, Standing{}, kProgram),
            "needs CAP_BPF" + command + kProgram);
}

TEST(HowToGrant, AFileMustNotAskForMoreThanTheBoundingSetHas) {
  EXPECT_EQ(how_to_grant(Capability::NetRaw, {.bpf_too = false}, kProgram),
            "needs CAP_NET_RAW: run as root, or once: sudo setcap cap_net_raw=eip /usr/bin/weir");
}

TEST(HowToGrant, WhereTheCommandWouldNotHelpSomethingElseIsSaid) {
  struct Case {
    Capability capability;
    Standing standing;
    const char* answer;
  };
  const std::vector<Case> cases = {
      {Capability::Bpf, {.known = false, .bpf_too = false}, "kernels before 5.8 have no CAP_BPF"},
      {Capability::NetRaw, {.has = true}, "it does not count here"},
      {Capability::NetRaw, {.bounded = true}, "for a container: --cap-add=NET_RAW"},
      {Capability::Bpf, {.bounded = true, .no_new_privs = true}, "--cap-add=BPF"},
      {Capability::NetRaw, {.no_new_privs = true}, "AmbientCapabilities=CAP_NET_RAW"},
  };
  for (const auto& [capability, standing, answer] : cases) {
    const std::string text = how_to_grant(capability, standing, kProgram);
    EXPECT_THAT(text, testing::HasSubstr(answer));
    EXPECT_THAT(text, testing::Not(testing::HasSubstr("setcap")));
  }
}

TEST(HowToGrant, NamesThisProgram) {
  const std::string text = how_to_grant(Capability::NetRaw);
  EXPECT_THAT(text, testing::HasSubstr("CAP_NET_RAW"));
  if (text.find("setcap") != std::string::npos) {
    EXPECT_THAT(text, testing::HasSubstr("/security_test"));
  }
}

}  // namespace
}  // namespace weir::security
