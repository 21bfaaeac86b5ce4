#include "filter/frame_filter.h"

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "reference.h"

namespace weir::filter {
namespace {

using Frame = std::vector<std::uint8_t>;

void append(Frame& to, std::initializer_list<int> bytes) {
  for (const int byte : bytes) to.push_back(static_cast<std::uint8_t>(byte));
}
void append(Frame& to, const Frame& more) { to.insert(to.end(), more.begin(), more.end()); }

Frame ethernet(std::uint16_t type, const Frame& payload) {
  Frame out;
  append(out, {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, type >> 8, type & 0xff});
  append(out, payload);
  return out;
}
Frame ipv4(std::uint8_t protocol, std::uint8_t last_byte_of_source, const Frame& payload) {
  const int length = static_cast<int>(20 + payload.size());
  Frame out;
  append(out, {0x45, 0, length >> 8, length & 0xff, 0, 0, 0, 0, 64, protocol, 0, 0});
  append(out, {10, 0, 0, last_byte_of_source, 10, 0, 0, 99});
  append(out, payload);
  return out;
}
Frame udp(std::uint16_t destination, const Frame& payload) {
  const int length = static_cast<int>(8 + payload.size());
  Frame out;
  append(out, {0xc0, 0, destination >> 8, destination & 0xff, length >> 8, length & 0xff, 0, 0});
  append(out, payload);
  return out;
}
Frame tcp(std::uint16_t destination) {
  Frame out;
  append(
      out,
      {0xc0, 1, destination >> 8, destination & 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0,
       0,    0});
  return out;
}

constexpr SessionMask kSession = 0b100;

// Packets on their way through a filter: what the source and the header parser would have made of
// them.
class Bench {
 public:
  Bench& add(Frame frame, LinkType link_type = LinkType::Ethernet, std::uint16_t inner_offset = 0,
             LinkType inner_link_type = LinkType::Ethernet) {
    frames_.push_back(std::make_unique<Frame>(std::move(frame)));
    const std::uint32_t i = state_->batch.count++;
    Packet& packet = state_->batch.packets[i];
    packet.data = frames_.back()->data();
    packet.captured_bytes = static_cast<std::uint32_t>(frames_.back()->size());
    packet.wire_bytes = packet.captured_bytes;
    packet.link_type = link_type;
    state_->headers[i].inner_frame_offset = inner_offset;
    state_->headers[i].inner_link_type = inner_offset == 0 ? link_type : inner_link_type;
    return *this;
  }
  Packet& last() { return state_->batch.packets[state_->batch.count - 1]; }

  // One character a packet: '1' accepted, '0' rejected.
  std::string verdicts(const FrameFilter& filter) {
    constexpr SessionMask kOthers = 0b011;
    for (std::uint32_t i = 0; i < state_->batch.count; ++i) {
      state_->verdicts.wanted[i] = kOthers | (i % 2 == 0 ? kSession : 0);
    }
    const std::uint32_t accepted =
        filter.evaluate(state_->batch, state_->headers, kSession, state_->verdicts);
    std::string text;
    std::uint32_t ones = 0;
    for (std::uint32_t i = 0; i < state_->batch.count; ++i) {
      EXPECT_EQ(state_->verdicts.wanted[i] & kOthers, kOthers)
          << "bits of other sessions stay as they are";
      const bool one = (state_->verdicts.wanted[i] & kSession) != 0;
      ones += one ? 1 : 0;
      text += one ? '1' : '0';
    }
    EXPECT_EQ(accepted, ones);
    return text;
  }
  std::string verdicts(const std::string& expression, Scope scope,
                       std::initializer_list<LinkType> link_types) {
    FrameFilter filter(expression, scope);
    for (const LinkType link_type : link_types) {
      const Result<void> prepared = filter.prepare(link_type);
      EXPECT_TRUE(prepared.ok()) << prepared.error().context;
    }
    return verdicts(filter);
  }

 private:
  struct State {
    PacketBatch batch;
    HeadersArray headers{};
    Verdicts verdicts{};
  };
  std::vector<std::unique_ptr<Frame>> frames_;
  std::unique_ptr<State> state_ = std::make_unique<State>();
};

TEST(FrameFilter, DecidesEachPacketOfABatch) {
  Bench bench;
  bench.add(ethernet(0x0800, ipv4(6, 1, tcp(80))))
      .add(ethernet(0x0800, ipv4(17, 1, udp(53, {}))))
      .add(ethernet(0x0800, ipv4(6, 1, tcp(443))))
      .add({});
  EXPECT_EQ(bench.verdicts("tcp", Scope::Frame, {LinkType::Ethernet}), "1010");
  EXPECT_EQ(bench.verdicts("port 53 or port 443", Scope::Frame, {LinkType::Ethernet}), "0110");
  EXPECT_EQ(bench.verdicts("len >= 0", Scope::Frame, {LinkType::Ethernet}), "1111");
}

TEST(FrameFilter, AnEmptyExpressionAcceptsEverythingUnprepared) {
  Bench bench;
  bench.add({}).add(ethernet(0x0806, {}), LinkType{60'000});
  EXPECT_EQ(bench.verdicts("", Scope::Frame, {}), "11");
  EXPECT_EQ(bench.verdicts("", Scope::Innermost, {}), "11");
}

TEST(FrameFilter, LinkTypesMayMixInABatch) {
  const Frame packet = ipv4(6, 1, tcp(80));
  Bench bench;
  bench.add(packet, LinkType::Raw).add(ethernet(0x0800, packet)).add(packet, LinkType::Raw);
  EXPECT_EQ(bench.verdicts("tcp port 80", Scope::Frame, {LinkType::Raw, LinkType::Ethernet}),
            "111");
  EXPECT_EQ(bench.verdicts("tcp port 81", Scope::Frame, {LinkType::Raw, LinkType::Ethernet}),
            "000");
}

TEST(FrameFilter, LengthIsThatOnTheWire) {
  Bench bench;
  bench.add(ethernet(0x0800, {}));
  bench.last().wire_bytes = 1500;
  EXPECT_EQ(bench.verdicts("greater 1500", Scope::Frame, {LinkType::Ethernet}), "1");
  EXPECT_EQ(bench.verdicts("greater 1501", Scope::Frame, {LinkType::Ethernet}), "0");
}

TEST(FrameFilter, WhatLibpcapRefusesForALinkTypeIsRefused) {
  FrameFilter filter("vlan and tcp", Scope::Frame);
  EXPECT_TRUE(filter.prepare(LinkType::Ethernet).ok());
  const Error error = filter.prepare(LinkType::Raw).error();
  EXPECT_EQ(error.code, ErrorCode::BadFilter);
  EXPECT_NE(error.context.find("no VLAN support for Raw IP"), std::string::npos) << error.context;
  Bench bench;
  bench.add(ethernet(0x8100, {}));
  EXPECT_EQ(bench.verdicts(filter), "0") << "still works for what was prepared before";
}

TEST(FrameFilterDeathTest, APacketOfALinkTypeThatWasNotPreparedIsABug) {
  FrameFilter filter("tcp", Scope::Frame);
  ASSERT_TRUE(filter.prepare(LinkType::Ethernet).ok());
  Bench bench;
  bench.add(ipv4(6, 1, tcp(80)), LinkType::Raw);
  EXPECT_DEATH(bench.verdicts(filter), "internal error");
}

// Files of BSD loopback carry the family in the byte order of the machine that wrote them.
TEST(FrameFilter, LoopbackFramesOfBothByteOrdersMatch) {
  Frame little = {2, 0, 0, 0};
  Frame big = {0, 0, 0, 2};
  append(little, ipv4(6, 1, tcp(80)));
  append(big, ipv4(6, 1, tcp(80)));
  Bench bench;
  bench.add(little, LinkType::Null).add(big, LinkType::Null).add({0, 0}, LinkType::Null);
  EXPECT_EQ(bench.verdicts("tcp port 80", Scope::Frame, {LinkType::Null}), "110");
  EXPECT_EQ(bench.verdicts("not tcp", Scope::Frame, {LinkType::Null}), "000");
  EXPECT_EQ(bench.verdicts("ip6", Scope::Frame, {LinkType::Null}), "000");
}

// ... and that is what libpcap makes of a big-endian file.
TEST(FrameFilter, ABigEndianLoopbackFileFiltersAsLibpcapDoes) {
  Frame file = {0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0,    4,    0, 0, 0, 0,
                0,    0,    0,    0,    0, 0, 0xff, 0xff, 0, 0, 0, 0};
  const auto add_record = [&file](const Frame& frame) {
    const int length = static_cast<int>(frame.size());
    append(file, {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, length, 0, 0, 0, length});
    append(file, frame);
  };
  Frame first = {0, 0, 0, 2};
  append(first, ipv4(6, 1, tcp(80)));
  add_record(first);
  add_record({0, 0, 0, 30, 0x60, 0, 0, 0});
  const test::ReferenceFile reference = test::read_reference(file);
  ASSERT_EQ(reference.packets.size(), 2u) << reference.error;
  ASSERT_EQ(reference.link_type, LinkType::Null);
  for (const char* expression : {"ip", "ip6", "not ip6", "tcp port 80", "not tcp"}) {
    Bench bench;
    std::string expected;
    const test::ReferenceProgram program =
        test::compile_reference(reference.handle.get(), expression);
    for (const test::ReferencePacket& packet : reference.packets) {
      bench.add(packet.frame, LinkType::Null);
      expected += program.run(packet.frame, packet.wire_bytes) != 0 ? '1' : '0';
    }
    EXPECT_EQ(bench.verdicts(expression, Scope::Frame, {LinkType::Null}), expected) << expression;
  }
}

// 10.0.0.1 speaks the tunnel; 10.0.0.2 sends TCP to port 80 inside it.
class Innermost : public testing::Test {
 protected:
  Innermost() {
    const Frame carried = ipv4(6, 2, tcp(80));
    const Frame carried_frame = ethernet(0x0800, carried);
    Frame vxlan = {0x08, 0, 0, 0, 0, 0, 42, 0};
    append(vxlan, carried_frame);
    Frame geneve = {0x02, 0, 0x65, 0x58, 0, 0, 42, 0,
                    1,    8, 1,    1,    0, 0, 0,  0};  // one option of 8 bytes
    append(geneve, carried_frame);
    Frame gre = {0, 0, 0x08, 0};
    append(gre, carried);
    bench_.add(ethernet(0x0800, ipv4(17, 1, udp(4789, vxlan))), LinkType::Ethernet,
               14 + 20 + 8 + 8);
    bench_.add(ethernet(0x0800, ipv4(17, 1, udp(6081, geneve))), LinkType::Ethernet,
               14 + 20 + 8 + 16);
    bench_.add(ethernet(0x0800, ipv4(47, 1, gre)), LinkType::Ethernet, 14 + 20 + 4, LinkType::Raw);
    bench_.add(ethernet(0x0800, ipv4(6, 3, tcp(80))));  // no tunnel
  }
  std::string inner(const std::string& expression) {
    return bench_.verdicts(expression, Scope::Innermost, {LinkType::Ethernet});
  }
  std::string outer(const std::string& expression) {
    return bench_.verdicts(expression, Scope::Frame, {LinkType::Ethernet});
  }

  Bench bench_;
};

TEST_F(Innermost, FiltersWhatTheTunnelCarries) {
  EXPECT_EQ(inner("tcp port 80"), "1111");
  EXPECT_EQ(outer("tcp port 80"), "0001");
  EXPECT_EQ(inner("src host 10.0.0.2"), "1110");
  EXPECT_EQ(outer("src host 10.0.0.2"), "0000");
  EXPECT_EQ(inner("udp or ip proto 47"), "0000");
  EXPECT_EQ(outer("udp or ip proto 47"), "1110");
}

TEST_F(Innermost, LengthsAreThoseOfWhatTheTunnelCarries) {
  EXPECT_EQ(inner("len = 54"), "1101");  // Ethernet, IPv4, TCP
  EXPECT_EQ(inner("len = 40"), "0010");  // GRE carries the packet alone
}

TEST_F(Innermost, ACarriedPacketWhoseLinkTypeIsRefusedIsNotAccepted) {
  EXPECT_EQ(inner("not vlan"), "1101") << "Raw knows no VLAN: libpcap refuses";
  EXPECT_EQ(inner("ether src 02:00:00:00:00:01"), "1101");
}

TEST_F(Innermost, TheLinkTypeOfTheFileMustCompile) {
  FrameFilter filter("vlan", Scope::Innermost);
  EXPECT_EQ(filter.prepare(LinkType::Raw).error().code, ErrorCode::BadFilter);
  EXPECT_TRUE(filter.prepare(LinkType::Ethernet).ok());
}

TEST_F(Innermost, AnOffsetBehindTheCapturedBytesMeansNoTunnel) {
  Bench bench;
  bench.add(ethernet(0x0800, ipv4(6, 1, tcp(80))), LinkType::Ethernet, 2000);
  EXPECT_EQ(bench.verdicts("tcp port 80", Scope::Innermost, {LinkType::Ethernet}), "1");
}

TEST_F(Innermost, AWireLengthShorterThanTheOffsetCountsAsNone) {
  Bench bench;
  bench.add(ethernet(0x0800, ipv4(4, 1, ipv4(6, 2, tcp(80)))), LinkType::Ethernet, 34,
            LinkType::Raw);
  bench.last().wire_bytes = 10;
  EXPECT_EQ(bench.verdicts("len = 0 and tcp", Scope::Innermost, {LinkType::Ethernet}), "1");
}

}  // namespace
}  // namespace weir::filter
