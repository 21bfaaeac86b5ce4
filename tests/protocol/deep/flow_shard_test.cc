// How flows of all kinds begin, live and end: timeouts to the nanosecond, lingering, reports of
// long flows, tunnels, bounds of memory.
#include "protocol/deep/flow_shard.h"

#include "protocol/deep/flow_story.h"

namespace weir::protocol {
namespace {

using namespace std::chrono_literals;

FlowPacket packet_of(FlowKind kind, std::uint16_t port = 50'001, End sender = End::Low) {
  const std::uint8_t protocol = kind == FlowKind::Udp ? 17 : kind == FlowKind::Icmp ? 1 : 50;
  return {.key = story_key(50'000, port, protocol),
          .sender = sender,
          .kind = kind,
          .ip_bytes = 128,
          .payload_bytes = 100,
          .stated_payload_bytes = 100};
}

// A packet that comes `timeout` after the last one begins another flow; 1 ns earlier it does not.
template <typename First, typename Next>
void expect_timeout(Duration timeout, std::uint16_t port, First first, Next next) {
  Story before({}, 50'000, port);
  first(before);
  const Duration last = Duration(0);
  before.at(last + timeout - 1ns);
  next(before);
  EXPECT_EQ(before.end().size(), 1u);

  Story at({}, 50'000, port);
  first(at);
  at.at(last + timeout);
  next(at);
  const std::vector<ConnRecord> conns = at.end();
  ASSERT_EQ(conns.size(), 2u);
  EXPECT_EQ(conns[0].end, FlowEnd::Timeout);
}

TEST(FlowTimeout, OfAnAttemptIsFiveSecondsFromItsFirstPacket) {
  const auto syn = [](Story& tcp) { tcp.client({.flags = kSyn, .sequence = 100}); };
  expect_timeout(
      5s, 50'001, [&](Story& tcp) { syn(tcp.at(0ms)); }, syn);
  expect_timeout(
      5s, 50'001,
      [&](Story& tcp) {
        syn(tcp.at(0ms));
        syn(tcp.at(4s));
      },
      syn);
}

TEST(FlowTimeout, OfUnusablePacketsIsThatOfAnAttempt) {
  const auto broken = [](Story& tcp) { tcp.client({.bad_header = true}); };
  expect_timeout(
      5s, 50'001, [&](Story& tcp) { broken(tcp.at(0ms)); }, broken);
}

TEST(FlowTimeout, OfAnAnswerWithoutASynIsAMinute) {
  const auto answer = [](Story& tcp) {
    tcp.at(-10ms).server({.flags = kSyn | kAck, .sequence = 500, .acknowledgement = 101});
    tcp.at(0ms).server({.sequence = 501, .acknowledgement = 101});
  };
  const auto more = [](Story& tcp) { tcp.server({.sequence = 501, .acknowledgement = 101}); };
  expect_timeout(1min, 50'001, answer, more);
}

TEST(FlowTimeout, OfAnEstablishedConnectionIsFiveMinutes) {
  const auto begin = [](Story& tcp) { tcp.at(-20ms).handshake(); };
  const auto more = [](Story& tcp) { tcp.client({.sequence = 101, .acknowledgement = 501}); };
  expect_timeout(5min, 50'001, begin, more);
}

TEST(FlowTimeout, OfAnInteractiveConnectionIsAnHour) {
  const auto begin = [](Story& tcp) { tcp.at(-20ms).handshake(); };
  const auto more = [](Story& tcp) { tcp.client({.sequence = 101, .acknowledgement = 501}); };
  for (const std::uint16_t port : std::array<std::uint16_t, 4>{21, 22, 23, 513}) {
    Story tcp({.report_interval = 0s}, 50'000, port);
    begin(tcp);
    more(tcp.at(1h - 1ns));
    EXPECT_EQ(tcp.end().size(), 1u) << port;
    Story late({.report_interval = 0s}, 50'000, port);
    begin(late);
    more(late.at(1h));
    EXPECT_EQ(late.end().size(), 2u) << port;
  }
}

TEST(FlowTimeout, OfAClosedConnectionIsFiveSecondsWhateverComes) {
  const auto end = [](Story& tcp) {
    tcp.at(-40ms).handshake();
    tcp.client({.flags = kFin | kAck, .sequence = 101, .acknowledgement = 501});
    tcp.server({.flags = kFin | kAck, .sequence = 501, .acknowledgement = 102});
    tcp.at(4s).client({.sequence = 102, .acknowledgement = 502});
  };
  const auto more = [](Story& tcp) {
    tcp.server({.flags = kFin | kAck, .sequence = 501, .acknowledgement = 102});
  };
  expect_timeout(5s, 50'001, end, more);
}

TEST(FlowTimeout, OfUdpIcmpAndOthersIsAMinute) {
  for (const FlowKind kind : {FlowKind::Udp, FlowKind::Icmp, FlowKind::Other}) {
    const auto one = [&](Story& story) { story.take(packet_of(kind)); };
    expect_timeout(
        1min, 50'001, [&](Story& story) { one(story.at(0ms)); }, one);
  }
}

TEST(FlowTimeout, CountsFromTheFlowClockForPacketsThatComeLate) {
  Story story({.report_interval = 0s});
  story.take(packet_of(FlowKind::Udp));
  for (const Duration lag : {Duration(1h), Duration(24h * 10), Duration(24h * 900)}) {
    story.at(1s).late_by(lag).take(packet_of(FlowKind::Udp, 1));
    story.at(2s).late_by(lag).take(packet_of(FlowKind::Udp, 1));
  }
  const std::vector<ConnRecord> conns = story.end();
  ASSERT_EQ(conns.size(), 2u);
  EXPECT_EQ(conns[0].packets[0] + conns[1].packets[0], 7u);
}

TEST(FlowDuration, LeavesOutWhatComesAfterBothHaveClosed) {
  Story tcp;
  tcp.at(0s).client({.flags = kSyn, .sequence = 100});
  tcp.at(1s).server({.flags = kRst | kAck, .sequence = 0, .acknowledgement = 101});
  tcp.at(2s).client({.flags = kRst, .sequence = 101});
  tcp.at(3s).client({.flags = kRst, .sequence = 101});
  const ConnRecord conn = tcp.end().at(0);
  EXPECT_EQ(conn.duration, 2s);
  EXPECT_EQ(conn.packets[0], 3u);
}

TEST(LongFlow, IsToldEveryInterval) {
  Story story;
  for (int minute = 0; minute <= 25; ++minute) {
    story.at(minute * 1min).take(packet_of(FlowKind::Udp));
    story.at(minute * 1min + 30s).take(packet_of(FlowKind::Udp));
  }
  const std::vector<ConnRecord> conns = story.end();
  ASSERT_EQ(conns.size(), 3u);
  EXPECT_EQ(conns[0].end, FlowEnd::Interval);
  EXPECT_EQ(conns[1].end, FlowEnd::Interval);
  EXPECT_EQ(conns[2].end, FlowEnd::Timeout);
  // All packets of the tick in which the interval ends.
  EXPECT_EQ(conns[0].packets[0], 21u);
  EXPECT_EQ(conns[1].packets[0], 41u);
  EXPECT_EQ(conns[2].packets[0], 52u);
  EXPECT_EQ(conns[0].uid, conns[2].uid);
}

TEST(LongFlow, IsNotToldWhenItHasEndedBefore) {
  Story tcp({}, 50'000, 50'001);
  tcp.handshake();
  tcp.at(4min).client({.sequence = 101, .acknowledgement = 501});
  tcp.at(20min).take(packet_of(FlowKind::Udp));
  const std::vector<ConnRecord> conns = tcp.end();
  ASSERT_EQ(conns.size(), 2u);
  EXPECT_EQ(conns[0].end, FlowEnd::Timeout);
}

TEST(LongFlow, IsToldAlsoWhenNobodySendsForLong) {
  Story tcp({}, 50'000, 22);
  tcp.handshake();
  tcp.at(59min).client({.sequence = 101, .acknowledgement = 501});
  EXPECT_EQ(tcp.end().size(), 6u);
}

TEST(Udp, StateSaysWhoSent) {
  Story once;
  once.take(packet_of(FlowKind::Udp));
  EXPECT_EQ(once.only(), "S0 D 100/0");
  Story both;
  both.take(packet_of(FlowKind::Udp));
  both.take(packet_of(FlowKind::Udp, 50'001, End::High));
  EXPECT_EQ(both.only(), "SF Dd 100/100");
  Story answer;
  answer.take(packet_of(FlowKind::Udp, 53, End::High));
  EXPECT_EQ(answer.only(), "SHR ^d 0/100");
}

TEST(Udp, WithABadChecksumCountsAsAPacketOnly) {
  Story story({.checksums = ChecksumMode::Verify});
  FlowPacket packet = packet_of(FlowKind::Udp);
  packet.checksum = Checksum::Bad;
  story.take(packet);
  const ConnRecord conn = story.end().at(0);
  EXPECT_EQ(summary(conn), "OTH C 0/0");
  EXPECT_EQ(conn.packets[0], 1u);
}

TEST(Icmp, IsOthWithItsSizes) {
  Story story;
  story.take(packet_of(FlowKind::Icmp));
  story.take(packet_of(FlowKind::Icmp, 50'001, End::High));
  EXPECT_EQ(story.only(), "OTH  100/100");
}

TEST(Tunnel, IsToldWhenItIsFoundAndWhenItEnds) {
  Story story;
  std::array<FlowPacket, 2> packets = {packet_of(FlowKind::Udp, 4789), packet_of(FlowKind::Icmp)};
  packets[0].shard = kCarrierShard;
  packets[0].carries_next = true;
  packets[0].tunnel = TunnelType::Vxlan;
  for (std::uint64_t i = 0; i < 2; ++i) {
    packets[0].time = packets[0].now = packets[1].time = packets[1].now = kStoryStart;
    packets[0].ordinal = packets[1].ordinal = i;
    story.engine().take(packets);
  }
  const std::vector<ConnRecord> conns = story.end();
  ASSERT_EQ(conns.size(), 2u);
  const ConnRecord& inner = conns[0].tunnel_parent_count != 0 ? conns[0] : conns[1];
  const ConnRecord& outer = conns[0].tunnel_parent_count != 0 ? conns[1] : conns[0];
  EXPECT_EQ(inner.tunnel_parent_count, 1);
  EXPECT_EQ(inner.tunnel_parents[0], outer.uid);
  const auto tunnels = story.records.of<TunnelRecord>();
  ASSERT_EQ(tunnels.size(), 2u);
  EXPECT_EQ(tunnels[0].action, TunnelAction::Discover);
  EXPECT_EQ(tunnels[1].action, TunnelAction::Close);
  EXPECT_EQ(tunnels[0].uid, outer.uid);
  EXPECT_EQ(tunnels[0].type, TunnelType::Vxlan);
}

TEST(Tunnel, OfIpExpiresAfterAnHourAndIsNoConnection) {
  Story story;
  std::array<FlowPacket, 2> packets = {packet_of(FlowKind::IpTunnel), packet_of(FlowKind::Icmp)};
  packets[0].shard = kCarrierShard;
  packets[0].carries_next = true;
  packets[0].tunnel = TunnelType::Gre;
  for (FlowPacket& packet : packets) packet.time = packet.now = kStoryStart;
  story.engine().take(packets);
  story.engine().advance(kStoryStart + 1h + 1s);
  const auto tunnels = story.records.of<TunnelRecord>();
  ASSERT_EQ(tunnels.size(), 2u);
  EXPECT_EQ(tunnels[1].action, TunnelAction::Expire);
  EXPECT_EQ(tunnels[1].time, kStoryStart + 1h);
  EXPECT_EQ(story.records.of<ConnRecord>().size(), 1u);
}

TEST(Tunnel, ChangesAreKeptUpToSixParents) {
  Story story;
  for (std::uint32_t i = 1; i <= 8; ++i) {
    FlowPacket packet = packet_of(FlowKind::Icmp);
    packet.parent = {{i, 0, 0}};
    story.take(packet);
  }
  const ConnRecord conn = story.end().at(0);
  EXPECT_EQ(conn.tunnel_parent_count, 6);
  EXPECT_EQ(conn.tunnel_parents[5], (Uid{{6, 0, 0}}));
  EXPECT_EQ(summary(conn), "OTH X 800/0");
}

TEST(Bound, EvictsTheFlowThatWouldEndSoonest) {
  // 16 flows a shard: the least there is.
  Story story({.flows_max = 1});
  story.handshake();
  for (std::uint16_t port = 1; port <= 16; ++port) {
    FlowPacket packet = packet_of(FlowKind::Udp, port);
    story.take(packet);
  }
  EXPECT_EQ(story.engine().flow_count(), 16u);
  EXPECT_EQ(story.engine().counters().evicted.value(), 1u);
  const std::vector<ConnRecord> conns = story.records.of<ConnRecord>();
  ASSERT_EQ(conns.size(), 1u);
  EXPECT_EQ(conns[0].end, FlowEnd::Evicted);
  EXPECT_EQ(conns[0].ends.ip_protocol, 17);  // not the connection, which would live longer
}

TEST(Bound, LetsLongFlowsBeToldThatWerePassedOverByAnEviction) {
  Story story({.flows_max = 1, .report_interval = 2min});
  story.handshake();
  for (int second = 1; second < 180; ++second) {
    story.at(second * 1s);
    story.client({.sequence = 101, .acknowledgement = 501});
    story.take(packet_of(FlowKind::Udp, static_cast<std::uint16_t>(second)));
  }
  std::uint64_t told = 0;
  for (const ConnRecord& conn : story.end()) told += conn.end == FlowEnd::Interval ? 1 : 0;
  EXPECT_EQ(told, 1u);
}

}  // namespace
}  // namespace weir::protocol
