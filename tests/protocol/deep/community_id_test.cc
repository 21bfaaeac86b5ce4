// Community IDs, by the values that the specification's own tool gives.
#include "protocol/deep/community_id.h"

#include <arpa/inet.h>

#include <array>
#include <utility>

#include <gtest/gtest.h>

namespace weir::protocol {
namespace {

constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kRsvp = 46;
constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::uint8_t kSctp = 132;

IpAddress address(const char* text) {
  IpAddress address{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
  if (inet_pton(AF_INET, text, address.bytes.data() + 12) != 1) {
    EXPECT_EQ(inet_pton(AF_INET6, text, address.bytes.data()), 1) << text;
  }
  return address;
}

Endpoints ends4(std::uint8_t protocol, const char* originator, std::uint16_t originator_port,
                const char* responder, std::uint16_t responder_port) {
  return {address(originator), address(responder), originator_port, responder_port, protocol, 4};
}

Endpoints ends6(std::uint8_t protocol, const char* originator, std::uint16_t originator_port,
                const char* responder, std::uint16_t responder_port) {
  return {address(originator), address(responder), originator_port, responder_port, protocol, 6};
}

Endpoints reversed(Endpoints ends) {
  std::swap(ends.originator, ends.responder);
  std::swap(ends.originator_port, ends.responder_port);
  return ends;
}

struct Known {
  Endpoints ends;
  const char* seed0;
  const char* seed1;
};

TEST(CommunityIdText, OfBothDirectionsIsThatOfTheReference) {
  const std::array<Known, 8> known = {{
      {ends4(kTcp, "128.232.110.120", 34855, "66.35.250.204", 80),
       "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
      {ends6(kTcp, "2001:470:e5bf:dead:4957:2174:e82c:4887", 63943, "2607:f8b0:400c:c03::1a", 25),
       "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=", "1:eJYTW6AOzFLlSUoESovMjnu7rMw="},
      {ends4(kUdp, "192.168.1.52", 54585, "8.8.8.8", 53),
       "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="},
      {ends4(kSctp, "192.168.170.8", 7, "192.168.170.56", 7),
       "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=", "1:5w3ZRjeKBzqT3zsaEECDGjUbYeg="},
      {ends4(kRsvp, "10.1.12.1", 0, "10.1.12.2", 0),
       "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=", "1:rYir8gphR31noO9iDRQmF/BteEI="},
      // Echo request and reply; neighbour solicitation and advertisement.
      {ends4(kIcmp, "192.168.0.89", 8, "192.168.0.1", 0),
       "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "1:03g6IloqVBdcZlPyX8r0hgoE7kA="},
      {ends6(kIcmpv6, "3ffe:507:0:1:200:86ff:fe05:80da", 128, "3ffe:501:0:1001::2", 129),
       "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg=", "1:GfZxjAkDk2MkegpBYHV6tadtFXQ="},
      {ends6(kIcmpv6, "fe80::200:86ff:fe05:80da", 135, "fe80::260:97ff:fe07:69ea", 136),
       "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY="},
  }};
  for (const Known& flow : known) {
    for (const Endpoints& ends : {flow.ends, reversed(flow.ends)}) {
      EXPECT_EQ(CommunityIdHasher().text(ends).view(), flow.seed0);
      EXPECT_EQ(CommunityIdHasher(1).text(ends).view(), flow.seed1);
    }
  }
}

TEST(CommunityIdText, OfAMessageThatNothingAnswersKeepsItsDirection) {
  const std::array<Known, 3> known = {{
      // Time exceeded; destination unreachable; the same from a higher to a lower address.
      {ends4(kIcmp, "10.0.0.1", 11, "10.0.0.2", 0),
       "1:YHxtAirCG//0OzkcVAukqKQN9xM=", "1:XjUibYHaafLQ3pxQeiMI8g25q20="},
      {ends6(kIcmpv6, "3ffe:501:410:0:2c0:dfff:fe47:33e", 1, "3ffe:507:0:1:200:86ff:fe05:80da", 4),
       "1:hLZd0XGWojozrvxqE0dWB1iM6R0=", "1:W8MHwXpWzpoSTD+cGcaJr4u0ys8="},
      {ends4(kIcmp, "10.0.0.2", 11, "10.0.0.1", 0),
       "1:c5iqfdGYsNWhMJVcYXWPNWbpnKs=", "1:VK9xGpBfTyFVH7w6kSC51pZLNy0="},
  }};
  for (const Known& message : known) {
    EXPECT_EQ(CommunityIdHasher().text(message.ends).view(), message.seed0);
    EXPECT_EQ(CommunityIdHasher(1).text(message.ends).view(), message.seed1);
  }
}

TEST(CommunityIdText, OfOneHostTalkingToItselfGoesByThePorts) {
  const Endpoints ends = ends4(kTcp, "127.0.0.1", 40000, "127.0.0.1", 80);
  EXPECT_EQ(CommunityIdHasher().text(ends).view(), "1:5rFr+y3i0wpQbEhThSaj08U8BaE=");
  EXPECT_EQ(CommunityIdHasher().text(reversed(ends)).view(), "1:5rFr+y3i0wpQbEhThSaj08U8BaE=");
}

TEST(CommunityIdText, OfAProtocolWithoutPortsDoesNotCountThem) {
  EXPECT_EQ(CommunityIdHasher().text(ends4(kRsvp, "10.1.12.1", 1, "10.1.12.2", 2)).view(),
            "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=");
}

}  // namespace
}  // namespace weir::protocol
