// The rule action cutoff: what is kept of the packets of a flow, in their order.
#include "capture/flow_cutoff.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/headers/parse_batch.h"
#include "support/packet_builder.h"

namespace weir::capture {
namespace {

using filter::kKeepAll;
using filter::RuleAction;
using test::PacketBuilder;
using testing::Each;
using testing::ElementsAre;

constexpr std::uint32_t kHeaders = 14 + 20 + 20;

class FlowCutoffTest : public testing::Test {
 protected:
  static filter::RuleSet rule(std::uint32_t cutoff_bytes) {
    return filter::RuleSet::compile(std::vector<filter::RuleSpec>{{.protocols = {{6, 6}},
                                                                   .action = RuleAction::Cutoff,
                                                                   .cutoff_bytes = cutoff_bytes}},
                                    RuleAction::Accept, filter::Scope::Frame)
        .value();
  }

  void add(std::vector<std::uint8_t> frame, std::int64_t second = 1'700'000'000) {
    frames_.push_back(std::make_unique<std::vector<std::uint8_t>>(std::move(frame)));
    const auto bytes = static_cast<std::uint32_t>(frames_.back()->size());
    batch_->packets[batch_->count++] = {.data = frames_.back()->data(),
                                        .time = {second * 1'000'000'000},
                                        .captured_bytes = bytes,
                                        .wire_bytes = bytes,
                                        .link_type = LinkType::Ethernet,
                                        .has_time = true};
  }
  static std::vector<std::uint8_t> tcp(const char* from, const char* to, std::uint16_t port,
                                       std::size_t payload) {
    return PacketBuilder().ethernet().ipv4(from, to).tcp(port, 443).payload(payload).build();
  }

  // Judges what was added; what is kept of each.
  std::vector<std::uint32_t> kept(std::uint64_t bound = 1000) {
    filter::RuleSet rules = rule(static_cast<std::uint32_t>(bound));
    EXPECT_TRUE(rules.prepare(LinkType::Ethernet).ok());
    filter::RuleCounters counters(rules.size());
    protocol::parse_batch(*batch_, *headers_, *keys_);
    verdicts_->wanted.fill(1);
    rules.evaluate(*batch_, *headers_, *keys_, 1, *verdicts_, *outcomes_, counters);
    cutoff_.apply(*batch_, *headers_, *verdicts_, 1, {.rules = &rules}, *outcomes_);
    std::vector<std::uint32_t> kept(outcomes_->keep_bytes.begin(),
                                    outcomes_->keep_bytes.begin() + batch_->count);
    batch_->count = 0;
    frames_.clear();
    return kept;
  }

  FlowCutoff cutoff_ = FlowCutoff::make().value();
  std::vector<std::unique_ptr<std::vector<std::uint8_t>>> frames_;
  std::unique_ptr<PacketBatch> batch_ = std::make_unique<PacketBatch>();
  std::unique_ptr<HeadersArray> headers_ = std::make_unique<HeadersArray>();
  std::unique_ptr<KeysArray> keys_ = std::make_unique<KeysArray>();
  std::unique_ptr<Verdicts> verdicts_ = std::make_unique<Verdicts>();
  std::unique_ptr<filter::RuleOutcomes> outcomes_ = std::make_unique<filter::RuleOutcomes>();
};

TEST_F(FlowCutoffTest, PacketsThatBeginBehindTheBoundKeepTheirHeadersAlone) {
  for (int i = 0; i < 4; ++i) add(tcp("10.0.0.1", "10.0.0.2", 1000, 400));
  EXPECT_THAT(kept(), ElementsAre(kKeepAll, kKeepAll, kKeepAll, kHeaders));
  add(tcp("10.0.0.1", "10.0.0.2", 1000, 400));
  EXPECT_THAT(kept(), ElementsAre(kHeaders)) << "also in a later batch";
}

TEST_F(FlowCutoffTest, BothDirectionsCountAndOtherFlowsDoNot) {
  add(tcp("10.0.0.1", "10.0.0.2", 1000, 900));
  add(PacketBuilder().ethernet().ipv4("10.0.0.2", "10.0.0.1").tcp(443, 1000).payload(200).build());
  add(tcp("10.0.0.1", "10.0.0.2", 1000, 10));
  add(tcp("10.0.0.1", "10.0.0.2", 1001, 10));
  EXPECT_THAT(kept(), ElementsAre(kKeepAll, kKeepAll, kHeaders, kKeepAll));
}

TEST_F(FlowCutoffTest, PacketsWithoutPayloadStayWholeForEver) {
  add(tcp("10.0.0.1", "10.0.0.2", 1000, 1400));
  add(tcp("10.0.0.1", "10.0.0.2", 1000, 0));
  EXPECT_THAT(kept(), ElementsAre(kKeepAll, kKeepAll));
}

TEST_F(FlowCutoffTest, ANewConnectionOfTheSamePortsBeginsAnew) {
  add(tcp("10.0.0.1", "10.0.0.2", 1000, 1400));
  auto syn = tcp("10.0.0.1", "10.0.0.2", 1000, 0);
  syn[14 + 20 + 13] = 0x02;
  add(syn);
  add(tcp("10.0.0.1", "10.0.0.2", 1000, 900));
  add(tcp("10.0.0.1", "10.0.0.2", 1000, 900));
  add(tcp("10.0.0.1", "10.0.0.2", 1000, 900));
  EXPECT_THAT(kept(), ElementsAre(kKeepAll, kKeepAll, kKeepAll, kKeepAll, kHeaders));
}

TEST_F(FlowCutoffTest, AFlowThatWasSilentForFiveMinutesBeginsAnew) {
  add(tcp("10.0.0.1", "10.0.0.2", 1000, 1400), 1000);
  add(tcp("10.0.0.1", "10.0.0.2", 1000, 1400), 1300);
  add(tcp("10.0.0.1", "10.0.0.2", 1000, 1400), 1601);
  EXPECT_THAT(kept(), ElementsAre(kKeepAll, kHeaders, kKeepAll));
}

TEST_F(FlowCutoffTest, PacketsOfOtherRulesAndWithoutIpAreLeftAlone) {
  for (int i = 0; i < 3; ++i) {
    add(PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload(1400).build());
    add(std::vector<std::uint8_t>(1000));
  }
  EXPECT_THAT(kept(1), Each(kKeepAll));
}

TEST_F(FlowCutoffTest, TheSameAddressesInAnotherTenantAreAnotherFlow) {
  const auto in_vlan = [](std::uint16_t vlan) {
    return PacketBuilder()
        .ethernet()
        .vlan(vlan)
        .ipv4("10.0.0.1", "10.0.0.2")
        .tcp(1000, 443)
        .payload(1400)
        .build();
  };
  add(in_vlan(1));
  add(in_vlan(2));
  add(in_vlan(1));
  EXPECT_THAT(kept(), ElementsAre(kKeepAll, kKeepAll, kHeaders + 4));
}

TEST_F(FlowCutoffTest, ABoundOfEveryFlowNeedsNoRules) {
  for (int i = 0; i < 3; ++i) {
    add(tcp("10.0.0.1", "10.0.0.2", 1000, 400));
    add(PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload(400).build());
    add(std::vector<std::uint8_t>(1000));
  }
  protocol::parse_batch(*batch_, *headers_, *keys_);
  verdicts_->wanted.fill(1);
  verdicts_->wanted[6] = 2;
  outcomes_->keep_bytes.fill(kKeepAll);
  cutoff_.apply(*batch_, *headers_, *verdicts_, 1, {.every_flow = 700}, *outcomes_);
  EXPECT_THAT(std::vector(outcomes_->keep_bytes.begin(), outcomes_->keep_bytes.begin() + 9),
              ElementsAre(kKeepAll, kKeepAll, kKeepAll, kKeepAll, kKeepAll, kKeepAll, kKeepAll,
                          14 + 20 + 8, kKeepAll))
      << "the third of the connection is another session's";
}

TEST_F(FlowCutoffTest, MoreFlowsThanItRemembersAreStoredWholeRatherThanCut) {
  const auto flow = [](std::size_t number, std::size_t payload) {
    const std::string from = "10." + std::to_string(number >> 16) + "." +
                             std::to_string(number >> 8 & 255) + "." + std::to_string(number & 255);
    return tcp(from.c_str(), "192.0.2.1", 1000, payload);
  };
  add(flow(0, 1400));
  (void)kept();
  std::int64_t second = 1'700'000'001;
  for (std::size_t number = 1; number <= 4 * FlowCutoff::kFlows; ++number) {
    add(flow(number, 10), second);
    if (batch_->count == kBatchPacketsMax) {
      ASSERT_THAT(kept(), Each(kKeepAll));
      second += number % 4096 == 0 ? 1 : 0;
    }
  }
  add(flow(0, 1400), second);
  EXPECT_THAT(kept(), ElementsAre(kKeepAll)) << "forgotten by now, so it begins anew";
}

}  // namespace
}  // namespace weir::capture
