// A thread that has given up its rights: what the kernel says of it, and what still works.
#include <sys/prctl.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "interface_live/live_capture.h"
#include "security/capability_sets.h"
#include "security/privileged_operations.h"
#include "security/rights.h"
#include "support/command.h"
#include "support/frames.h"
#include "support/network_namespace.h"
#include "support/traffic_socket.h"

namespace weir::security {
namespace {

using test::InNamespace;
using test::NetworkNamespace;
using testing::HasSubstr;

class DroppedRights : public testing::Test {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_NAMESPACES(); }
};

void expect_no_rights() {
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_EQ(status_field(set), kNoCapabilities) << set;
  EXPECT_EQ(status_field("NoNewPrivs"), "1");
}

TEST_F(DroppedRights, NoneIsLeftInAnySet) {
  in_a_thread([] {
    ASSERT_TRUE(has(Capability::NetRaw));
    const auto dropped = drop_capabilities();
    EXPECT_TRUE(dropped.ok()) << dropped.error().context;
    expect_no_rights();
    EXPECT_FALSE(has(Capability::NetRaw));
    EXPECT_FALSE(has(Capability::Bpf));
  });
  EXPECT_TRUE(has(Capability::NetRaw)) << "other threads keep theirs";
}

TEST_F(DroppedRights, AmbientAndInheritableOnesGoToo) {
  in_a_thread([] {
    const cap_value_t raw = CAP_NET_RAW;
    const cap_t sets = cap_get_proc();
    ASSERT_EQ(cap_set_flag(sets, CAP_INHERITABLE, 1, &raw, CAP_SET), 0);
    ASSERT_EQ(cap_set_proc(sets), 0);
    cap_free(sets);
    ASSERT_EQ(cap_set_ambient(raw, CAP_SET), 0);
    EXPECT_TRUE(drop_capabilities().ok());
    expect_no_rights();
  });
}

TEST_F(DroppedRights, WhatIsKeptIsKeptAndNothingElse) {
  in_a_thread([] {
    const std::vector keep = {Capability::DacOverride};
    EXPECT_TRUE(drop_capabilities(keep).ok());
    const std::string only_dac_override = "0000000000000002";
    EXPECT_EQ(status_field("CapPrm"), only_dac_override);
    EXPECT_EQ(status_field("CapEff"), only_dac_override);
    EXPECT_EQ(status_field("CapBnd"), only_dac_override);
    EXPECT_EQ(status_field("CapInh"), kNoCapabilities);
    EXPECT_TRUE(drop_capabilities(keep).ok()) << "twice is once";
    EXPECT_TRUE(drop_capabilities().ok());
    EXPECT_EQ(status_field("CapPrm"), kNoCapabilities);
  });
}

TEST_F(DroppedRights, WhatIsToBeKeptButWasNeverThereIsNotWon) {
  in_a_thread([] {
    lose({CAP_DAC_OVERRIDE});
    EXPECT_TRUE(drop_capabilities(std::vector{Capability::DacOverride}).ok());
    EXPECT_EQ(status_field("CapPrm"), kNoCapabilities);
  });
}

// So it is with a program that has its rights from its file.
TEST_F(DroppedRights, TheBoundingSetStaysWhereItMayNotBeChanged) {
  in_a_thread([] {
    lose({CAP_SETPCAP});
    const std::string before = status_field("CapBnd");
    EXPECT_TRUE(drop_capabilities().ok());
    EXPECT_EQ(status_field("CapBnd"), before);
    EXPECT_EQ(status_field("CapPrm"), kNoCapabilities);
    EXPECT_EQ(status_field("CapEff"), kNoCapabilities);
    EXPECT_EQ(status_field("NoNewPrivs"), "1");
  });
}

TEST_F(DroppedRights, ThreadsAndProgramsThatAreStartedLaterHaveNoneEither) {
  in_a_thread([] {
    lose({CAP_SETPCAP});  // a program that root starts would otherwise get its bounding set
    ASSERT_TRUE(drop_capabilities().ok());
    in_a_thread([] { EXPECT_EQ(status_field("CapPrm"), kNoCapabilities); });
    const auto program = test::run_command({"cat", "/proc/self/status"});
    EXPECT_EQ(status_field("CapPrm", program.out), kNoCapabilities) << program.err;
    EXPECT_EQ(status_field("CapEff", program.out), kNoCapabilities);
  });
}

TEST_F(DroppedRights, AnOpenRingGoesOnToItsExactEnd) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  in_a_thread([] {
    interface::LiveCapture capture({.interface = "left"});
    test::TrafficSocket sender("left");
    ASSERT_TRUE(drop_capabilities().ok());

    std::vector<test::FrameBytes> sent;
    for (std::uint32_t i = 0; i < 500; ++i) sent.push_back(test::udp_frame(i));
    capture.exchange(sender, sent);
    sender.send(sent);
    // Attaches a filter, binds anew, and reads the kernel's counters.
    capture.source().close_intake();
    EXPECT_EQ(capture.drain(), interface::Pull::End);

    const interface::Ledger ledger = interface::ledger_of(capture.source());
    EXPECT_EQ(ledger.received, 1000u);
    ASSERT_EQ(ledger.delivered, 1000u);
    EXPECT_TRUE(ledger.law_holds());
    const std::vector<test::FrameBytes> stored = capture.bytes();
    interface::expect_same_frames({stored.begin(), stored.begin() + 500}, sent);
    interface::expect_same_frames({stored.begin() + 500, stored.end()}, sent);
  });
}

TEST_F(DroppedRights, NoPacketSocketIsOpenedAnyMore) {
  in_a_thread([] {
    ASSERT_TRUE(drop_capabilities().ok());
    const auto opened = InProcessPrivileges().open_packet_socket(PacketSocketKind::Frames);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, ErrorCode::Permission);
    EXPECT_THAT(opened.error().context,
                HasSubstr("open a packet socket: Operation not permitted (needs CAP_NET_RAW, which "
                          "the bounding set of this process excludes"));
  });
}

TEST_F(DroppedRights, WithoutTheRightTheErrorNamesItAndHowToGrantIt) {
  in_a_thread([] {
    lose();
    const auto opened = InProcessPrivileges().open_packet_socket(PacketSocketKind::Frames);
    ASSERT_FALSE(opened.ok());
    const Error& error = opened.error();
    EXPECT_EQ(error.code, ErrorCode::Permission);
    EXPECT_EQ(error.sys_errno, EPERM);
    EXPECT_THAT(error.context, HasSubstr("Operation not permitted (needs CAP_NET_RAW: "));
    EXPECT_THAT(error.context, HasSubstr("sudo setcap cap_net_raw,cap_bpf=eip /"));
  });
}

}  // namespace
}  // namespace weir::security
