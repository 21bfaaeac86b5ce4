#include "filter/session_filters.h"

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "filter/frame_filter.h"
#include "filter/kernel_filter.h"
#include "filter/pcap_compiler.h"
#include "kernel_frames.h"
#include "support/headers_of.h"
#include "support/typical_filters.h"

namespace weir::filter {
namespace {

using Frame = std::vector<std::uint8_t>;

struct Workspace {
  PacketBatch batch;
  HeadersArray headers{};
  KeysArray keys;
  Verdicts verdicts;
  Verdicts expected;
};

// Fills the batch with typical frames, some of them cut or damaged; they live in `frames`.
void fill(Prng& prng, Workspace& workspace, std::vector<Frame>& frames) {
  frames.clear();
  for (std::size_t i = 0; i < kBatchPacketsMax; ++i) {
    Frame& frame = frames.emplace_back(test::typical_frame(prng));
    const auto full_bytes = static_cast<std::uint32_t>(frame.size());
    if (prng.chance(1, 8)) frame.resize(prng.below(frame.size() + 1));
    for (std::uint64_t damage = prng.chance(1, 4) ? prng.below(4) : 0; damage > 0; --damage) {
      if (!frame.empty()) frame[prng.below(frame.size())] = static_cast<std::uint8_t>(prng.next());
    }
    frame.shrink_to_fit();
    Packet& packet = workspace.batch.packets[i];
    packet.data = frame.data();
    packet.captured_bytes = static_cast<std::uint32_t>(frame.size());
    packet.wire_bytes = full_bytes;
  }
  workspace.batch.count = kBatchPacketsMax;
  protocol::parse_batch(workspace.batch, workspace.headers, workspace.keys);
}

TEST(SessionFilters, EverySessionGetsWhatItsOwnFilterAccepts) {
  Prng prng(21);
  const auto workspace = std::make_unique<Workspace>();
  std::vector<Frame> frames;
  for (int round = 0; round < 40; ++round) {
    SessionFilters filters;
    std::vector<FrameFilter> alone;
    const std::uint32_t sessions = 1 + static_cast<std::uint32_t>(prng.below(kSessionsMax));
    for (std::uint32_t bit = 0; bit < sessions; ++bit) {
      const std::string expression =
          prng.chance(1, 10) ? "" : test::kTypicalFilters[prng.below(test::kTypicalFilters.size())];
      const Scope scope = prng.chance(1, 4) ? Scope::Innermost : Scope::Frame;
      ASSERT_TRUE(filters.add(bit, expression, scope).ok());
      alone.emplace_back(expression, scope);
      ASSERT_TRUE(alone.back().prepare(LinkType::Ethernet).ok());
    }
    ASSERT_TRUE(filters.prepare(LinkType::Ethernet).ok());
    const SessionFilters clone = filters.clone();
    fill(prng, *workspace, frames);
    workspace->expected.wanted.fill(0);
    for (std::uint32_t bit = 0; bit < sessions; ++bit) {
      (void)alone[bit].evaluate(workspace->batch, workspace->headers, SessionMask{1} << bit,
                                workspace->expected);
    }
    workspace->verdicts.wanted.fill(~SessionMask{0});
    (round % 2 == 0 ? filters : clone)
        .evaluate(workspace->batch, workspace->headers, workspace->verdicts);
    for (std::size_t i = 0; i < kBatchPacketsMax; ++i) {
      ASSERT_EQ(workspace->verdicts.wanted[i], workspace->expected.wanted[i])
          << "seed 21, round " << round << ", packet " << i;
    }
  }
}

TEST(SessionFilters, KnowsEveryLinkTypeThatWasPrepared) {
  SessionFilters filters;
  ASSERT_TRUE(filters.add(0, "udp", Scope::Frame).ok());
  ASSERT_TRUE(filters.prepare(LinkType::Ethernet).ok());
  ASSERT_TRUE(filters.prepare(LinkType::Raw).ok());
  const Frame ethernet =
      test::PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload(20).build();
  const auto workspace = std::make_unique<Workspace>();
  workspace->batch.count = 2;
  workspace->batch.packets[0].data = ethernet.data();
  workspace->batch.packets[1].data = ethernet.data() + 14;
  for (std::uint32_t i = 0; i < 2; ++i) {
    Packet& packet = workspace->batch.packets[i];
    packet.captured_bytes = packet.wire_bytes =
        static_cast<std::uint32_t>(ethernet.size()) - 14 * i;
  }
  workspace->batch.packets[1].link_type = LinkType::Raw;
  filters.evaluate(workspace->batch, workspace->headers, workspace->verdicts);
  EXPECT_EQ(workspace->verdicts.wanted[0], 1u);
  EXPECT_EQ(workspace->verdicts.wanted[1], 1u);
}

TEST(SessionFilters, RefusesABitTwiceAndNamesAllThatDoNotCompile) {
  SessionFilters filters;
  ASSERT_TRUE(filters.add(3, "udp", Scope::Frame).ok());
  EXPECT_EQ(filters.add(3, "tcp", Scope::Frame).error().code, ErrorCode::Exists);
  EXPECT_EQ(filters.add(64, "tcp", Scope::Frame).error().code, ErrorCode::Internal);
  EXPECT_EQ(filters.sessions(), 0b1000u);
  ASSERT_TRUE(filters.add(4, "hst a", Scope::Frame).ok());
  ASSERT_TRUE(filters.add(5, "prt b", Scope::Frame).ok());
  const auto prepared = filters.prepare(LinkType::Ethernet);
  ASSERT_FALSE(prepared.ok());
  EXPECT_EQ(prepared.error().code, ErrorCode::BadFilter);
  EXPECT_NE(prepared.error().context.find("hst a"), std::string::npos);
  EXPECT_NE(prepared.error().context.find("prt b"), std::string::npos);
}

std::string united(const std::vector<std::string>& expressions, Scope scope = Scope::Frame) {
  SessionFilters filters;
  std::uint32_t bit = 0;
  for (const std::string& expression : expressions) {
    EXPECT_TRUE(filters.add(bit++, expression, scope).ok());
  }
  return filters.kernel_expression();
}

TEST(SessionFilters, GivesTheKernelTheUnion) {
  EXPECT_EQ(united({}), "");
  EXPECT_EQ(united({"tcp"}), "tcp");
  EXPECT_EQ(united({"tcp", "tcp"}), "tcp");
  EXPECT_EQ(united({"tcp", "ip"}), "(less 54) or (tcp) or (ip)");
  EXPECT_EQ(united({"tcp", "port 53 or 443"}),
            "(less 57) or (ip and ((ip[0] & 15) << 2) + 18 > len) or (tcp) or (port 53 or 443)");
  EXPECT_EQ(united({"tcp", ""}), "");
  EXPECT_EQ(united({"tcp"}, Scope::Innermost), "");
  EXPECT_EQ(united({"tcp", std::string(3000, ' ') + "udp"}), "");
  std::vector<std::string> many;
  for (int port = 1; port <= 8; ++port) many.push_back("port " + std::to_string(port));
  EXPECT_NE(united(many), "");
  many.emplace_back("port 9");
  EXPECT_EQ(united(many), "");
}

TEST(SessionFilters, PutsWhatMovesTheRestOfAnExpressionLast) {
  EXPECT_EQ(united({"vlan 5 and udp", "arp"}), "(less 14) or (arp) or (vlan 5 and udp)");
  EXPECT_EQ(united({"vlan 5 and udp", "tcp", "mpls 3"}), "");
}

TEST(SessionFilters, NoBareNameOrNumberBeginsAnExpression) {
  // It would take over "tcp port" from the expression before it in a union.
  for (const char* expression : {"443", "(443)", "not 443", "10.0.0.1", "not (10.0.0.1)"}) {
    FrameFilter filter(expression, Scope::Frame);
    EXPECT_FALSE(filter.prepare(LinkType::Ethernet).ok()) << expression;
  }
}

TEST(SessionFilters, TheUnionAcceptsWhatAnySessionWants) {
  Prng prng(22);
  const auto workspace = std::make_unique<Workspace>();
  std::vector<Frame> frames;
  int unions = 0;
  int rejected = 0;
  for (int round = 0; round < 200; ++round) {
    SessionFilters filters;
    const auto sessions = static_cast<std::uint32_t>(2 + prng.below(4));
    for (std::uint32_t bit = 0; bit < sessions; ++bit) {
      const char* expression = test::kTypicalFilters[prng.below(test::kTypicalFilters.size())];
      ASSERT_TRUE(filters.add(bit, expression, Scope::Frame).ok());
    }
    const std::string expression = filters.kernel_expression();
    if (expression.empty()) continue;
    ++unions;
    FrameFilter whole(expression, Scope::Frame);
    ASSERT_TRUE(whole.prepare(LinkType::Ethernet).ok()) << expression;
    ASSERT_TRUE(filters.prepare(LinkType::Ethernet).ok());
    const auto kernel = kernel_filter(
        std::get<CbpfProgram>(compile(expression, LinkType::Ethernet)), {.copied_bytes = 1});
    ASSERT_TRUE(kernel.has_value());
    fill(prng, *workspace, frames);
    for (Packet& packet : workspace->batch.packets) packet.wire_bytes = packet.captured_bytes;
    filters.evaluate(workspace->batch, workspace->headers, workspace->verdicts);
    workspace->expected.wanted.fill(0);
    (void)whole.evaluate(workspace->batch, workspace->headers, 1, workspace->expected);
    for (std::size_t i = 0; i < kBatchPacketsMax; ++i) {
      if (workspace->verdicts.wanted[i] != 0) {
        ASSERT_EQ(workspace->expected.wanted[i], 1u)
            << "seed 22, round " << round << ", packet " << i << ": " << expression;
        ASSERT_NE(test::run(*kernel, test::as_received(workspace->batch.packets[i].frame())), 0u)
            << "seed 22, round " << round << ", packet " << i << ": " << expression;
      } else {
        rejected +=
            test::run(*kernel, test::as_received(workspace->batch.packets[i].frame())) == 0 ? 1 : 0;
      }
    }
  }
  EXPECT_GT(unions, 20);
  EXPECT_GT(rejected, 1000);
}

}  // namespace
}  // namespace weir::filter
