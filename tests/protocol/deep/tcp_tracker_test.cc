// TCP connections in a few packets each: what state, history and sizes they end with.
#include "protocol/deep/tcp_tracker.h"

#include "protocol/deep/flow_story.h"

namespace weir::protocol {
namespace {

using namespace std::chrono_literals;

TEST(ConnState, S0IsASynThatNobodyAnswers) {
  Story tcp;
  tcp.client({.flags = kSyn, .sequence = 100});
  EXPECT_EQ(tcp.only(), "S0 S 0/0");
}

TEST(ConnState, S1IsEstablishedAndNotEnded) {
  Story tcp;
  tcp.handshake();
  EXPECT_EQ(tcp.only(), "S1 ShA 0/0");
}

TEST(ConnState, SFIsABeginningAndAnEndOfBothSides) {
  Story tcp;
  tcp.handshake();
  tcp.client({.sequence = 101, .acknowledgement = 501, .payload_bytes = 5});
  tcp.server({.sequence = 501, .acknowledgement = 106, .payload_bytes = 7});
  tcp.client({.flags = kFin | kAck, .sequence = 106, .acknowledgement = 508});
  tcp.server({.flags = kFin | kAck, .sequence = 508, .acknowledgement = 107});
  tcp.client({.sequence = 107, .acknowledgement = 509});
  EXPECT_EQ(tcp.only(), "SF ShADdFf 5/7");
}

TEST(ConnState, REJIsASynAnsweredByARst) {
  Story tcp;
  tcp.client({.flags = kSyn, .sequence = 100});
  tcp.server({.flags = kRst | kAck, .sequence = 0, .acknowledgement = 101});
  EXPECT_EQ(tcp.only(), "REJ Sr 0/0");
}

TEST(ConnState, REJIsAlsoBothResetWithoutAByte) {
  Story tcp;
  tcp.handshake();
  tcp.client({.flags = kRst, .sequence = 101});
  tcp.server({.flags = kRst, .sequence = 501});
  EXPECT_EQ(tcp.only(), "REJ ShARr 0/0");
}

TEST(ConnState, S2IsClosedByTheOriginatorOnly) {
  Story tcp;
  tcp.handshake();
  tcp.client({.flags = kFin | kAck, .sequence = 101, .acknowledgement = 501});
  tcp.server({.sequence = 501, .acknowledgement = 102});
  EXPECT_EQ(tcp.only(), "S2 ShAFa 0/0");
}

TEST(ConnState, S3IsClosedByTheResponderOnly) {
  Story tcp;
  tcp.handshake();
  tcp.server({.flags = kFin | kAck, .sequence = 501, .acknowledgement = 101});
  tcp.client({.sequence = 101, .acknowledgement = 502});
  EXPECT_EQ(tcp.only(), "S3 ShAf 0/0");
}

TEST(ConnState, RSTOIsAbortedByTheOriginator) {
  Story tcp;
  tcp.handshake();
  tcp.client({.sequence = 101, .acknowledgement = 501, .payload_bytes = 5});
  tcp.client({.flags = kRst, .sequence = 106});
  EXPECT_EQ(tcp.only(), "RSTO ShADR 5/0");
}

TEST(ConnState, RSTRIsAbortedByTheResponder) {
  Story tcp;
  tcp.handshake();
  tcp.client({.sequence = 101, .acknowledgement = 501, .payload_bytes = 5});
  tcp.server({.flags = kRst | kAck, .sequence = 501, .acknowledgement = 106});
  EXPECT_EQ(tcp.only(), "RSTR ShADr 5/0");
}

TEST(ConnState, RSTOS0IsASynAndARstOfTheOriginatorThatNobodyAnswers) {
  Story tcp;
  tcp.client({.flags = kSyn, .sequence = 100});
  tcp.client({.flags = kRst, .sequence = 101});
  EXPECT_EQ(tcp.only(), "RSTOS0 SR 0/0");
}

TEST(ConnState, RSTRHIsASynAndAckAndARstWithoutAnOriginator) {
  Story tcp({}, 50'000, 80);
  tcp.server({.flags = kSyn | kAck, .sequence = 500, .acknowledgement = 101});
  tcp.server({.flags = kRst, .sequence = 501});
  EXPECT_EQ(tcp.only(), "RSTRH ^hr 0/0");
}

TEST(ConnState, SHIsASynAndAFinThatNobodyAnswers) {
  Story tcp;
  tcp.client({.flags = kSyn, .sequence = 100});
  tcp.client({.flags = kFin, .sequence = 101});
  EXPECT_EQ(tcp.only(), "SH SF 0/0");
}

TEST(ConnState, SHRIsASynAndAckAndAFinWithoutAnOriginator) {
  Story tcp({}, 50'000, 80);
  tcp.server({.flags = kSyn | kAck, .sequence = 500, .acknowledgement = 101});
  tcp.server({.flags = kFin | kAck, .sequence = 501, .acknowledgement = 101});
  EXPECT_EQ(tcp.only(), "SHR ^hf 0/0");
}

TEST(ConnState, OTHIsTrafficWithoutABeginning) {
  Story tcp;
  tcp.client({.sequence = 1000, .acknowledgement = 2000, .payload_bytes = 10});
  tcp.server({.sequence = 2000, .acknowledgement = 1010, .payload_bytes = 20});
  tcp.client({.sequence = 1010, .acknowledgement = 2020});
  EXPECT_EQ(tcp.only(), "OTH DdA 10/20");
}

TEST(TcpHistory, WritesAGapWhenDataIsAcknowledgedThatNobodySaw) {
  Story tcp;
  tcp.handshake();
  tcp.client({.sequence = 101, .acknowledgement = 501, .payload_bytes = 10});
  tcp.client({.sequence = 121, .acknowledgement = 501, .payload_bytes = 10});
  tcp.server({.sequence = 501, .acknowledgement = 131});
  const ConnRecord conn = tcp.end().at(0);
  EXPECT_EQ(summary(conn), "S1 ShADaG 30/0");
  EXPECT_EQ(conn.missed_bytes, 10u);
  EXPECT_EQ(tcp.engine().counters().gaps.value(), 1u);
}

TEST(TcpHistory, WritesNoGapWhenTheHoleIsFilledBeforeItIsAcknowledged) {
  Story tcp;
  tcp.handshake();
  tcp.client({.sequence = 121, .acknowledgement = 501, .payload_bytes = 10});
  tcp.client({.sequence = 111, .acknowledgement = 501, .payload_bytes = 10});
  tcp.client({.sequence = 101, .acknowledgement = 501, .payload_bytes = 10});
  tcp.server({.sequence = 501, .acknowledgement = 131});
  const ConnRecord conn = tcp.end().at(0);
  // The late ones look like repeated ones.
  EXPECT_EQ(summary(conn), "S1 ShADTa 30/0");
  EXPECT_EQ(conn.missed_bytes, 0u);
}

TEST(TcpHistory, CountsEveryHoleOfOneAcknowledgement) {
  Story tcp;
  tcp.handshake();
  for (std::uint32_t i = 0; i < 10; ++i) {
    tcp.server({.sequence = 511 + 20 * i, .acknowledgement = 101, .payload_bytes = 10});
  }
  tcp.client({.sequence = 101, .acknowledgement = 701});
  const ConnRecord conn = tcp.end().at(0);
  EXPECT_EQ(summary(conn), "S1 ShAdgg 0/200");  // the first and the tenth
  EXPECT_EQ(conn.missed_bytes, 100u);
}

TEST(TcpHistory, CountsNoGapAtTheEndOfAConnectionThatBeganUnseen) {
  Story tcp;
  tcp.client({.sequence = 1000, .acknowledgement = 2000, .payload_bytes = 10});
  tcp.client({.sequence = 1020, .acknowledgement = 2000, .payload_bytes = 10});
  tcp.server({.sequence = 2000, .acknowledgement = 1030});
  const ConnRecord conn = tcp.end().at(0);
  EXPECT_EQ(summary(conn), "OTH Da 30/0");
  EXPECT_EQ(conn.missed_bytes, 0u);
}

TEST(TcpHistory, TakesCutPayloadForSeenBySizeButNotByContent) {
  Story tcp;
  tcp.handshake();
  tcp.client({.sequence = 101, .acknowledgement = 501, .payload_bytes = 10, .payload_cut = true});
  tcp.server({.sequence = 501, .acknowledgement = 111});
  const ConnRecord conn = tcp.end().at(0);
  EXPECT_EQ(summary(conn), "S1 ShADaG 10/0");
  EXPECT_EQ(conn.missed_bytes, 10u);
}

TEST(TcpHistory, WritesTheFirstTheTenthAndTheHundredthRetransmission) {
  for (const auto& [times, expected] :
       {std::pair(1, "S1 ShADT 10/0"), std::pair(9, "S1 ShADT 10/0"),
        std::pair(10, "S1 ShADTT 10/0"), std::pair(99, "S1 ShADTT 10/0"),
        std::pair(100, "S1 ShADTTT 10/0")}) {
    Story tcp;
    tcp.handshake();
    for (int i = 0; i < 1 + times; ++i) {
      tcp.client({.sequence = 101, .acknowledgement = 501, .payload_bytes = 10});
    }
    EXPECT_EQ(tcp.only(), expected) << times;
  }
}

TEST(TcpHistory, WritesAWindowOfZero) {
  Story tcp;
  tcp.handshake();
  tcp.server({.sequence = 501, .acknowledgement = 101, .window = 0});
  tcp.server({.sequence = 501, .acknowledgement = 101, .window = 0});
  EXPECT_EQ(tcp.only(), "S1 ShAaw 0/0");
}

TEST(TcpHistory, WritesNoWindowOfZeroOnceTheOtherEndHasClosed) {
  Story tcp;
  tcp.handshake();
  tcp.client({.flags = kFin | kAck, .sequence = 101, .acknowledgement = 501});
  tcp.server({.sequence = 501, .acknowledgement = 102, .window = 0});
  EXPECT_EQ(tcp.only(), "S2 ShAFa 0/0");
}

TEST(TcpHistory, WritesASynAgainOnlyWhereItStandsElsewhere) {
  Story tcp;
  tcp.client({.flags = kSyn, .sequence = 100});
  tcp.client({.flags = kSyn, .sequence = 100});
  EXPECT_EQ(tcp.only(), "S0 S 0/0");
}

TEST(TcpHistory, WritesAFinAgainWhereItStandsElsewhere) {
  Story tcp;
  tcp.handshake();
  tcp.client({.flags = kFin | kAck, .sequence = 101, .acknowledgement = 501});
  tcp.client({.flags = kFin | kAck, .sequence = 101, .acknowledgement = 501});
  tcp.client({.flags = kFin | kAck, .sequence = 105, .acknowledgement = 501});
  EXPECT_EQ(tcp.only(), "S2 ShAFF 4/0");
}

TEST(TcpHistory, WritesIForFinAndRstAndQForOtherMixtures) {
  Story tcp;
  tcp.client({.flags = kSyn | kFin, .sequence = 100});
  tcp.client({.flags = kFin | kRst, .sequence = 100});
  EXPECT_EQ(tcp.only(), "OTH QI 0/0");
}

TEST(TcpRoles, AreFlippedWhenAKnownServerIsSeenFirst) {
  Story tcp({}, 50'000, 443);
  tcp.server({.sequence = 500, .acknowledgement = 100, .payload_bytes = 10});
  tcp.client({.sequence = 100, .acknowledgement = 510, .payload_bytes = 20});
  const ConnRecord conn = tcp.end().at(0);
  EXPECT_EQ(summary(conn), "OTH ^dD 20/10");
  EXPECT_EQ(conn.ends.originator_port, 50'000);
  EXPECT_EQ(conn.ends.responder_port, 443);
}

TEST(TcpRoles, AreNotFlippedByASyn) {
  Story tcp({}, 50'000, 443);
  tcp.server({.flags = kSyn, .sequence = 500});
  EXPECT_EQ(tcp.end().at(0).ends.responder_port, 50'000);
}

TEST(TcpRoles, BetweenTwoKnownServersTheLowerPortIsTheServer) {
  Story tcp({}, 8080, 443);
  tcp.server({.sequence = 500, .acknowledgement = 100, .payload_bytes = 10});
  EXPECT_EQ(tcp.only(), "OTH ^d 0/10");
  Story other({}, 443, 8080);
  other.server({.sequence = 500, .acknowledgement = 100, .payload_bytes = 10});
  EXPECT_EQ(other.only(), "OTH D 10/0");
  Story answer({}, 8080, 443);
  answer.server({.flags = kSyn | kAck, .sequence = 500, .acknowledgement = 101});
  EXPECT_EQ(answer.only(), "OTH H 0/0");
}

TEST(TcpRoles, AreFlippedWhenASynAndAckIsFollowedByMore) {
  Story tcp;
  tcp.server({.flags = kSyn | kAck, .sequence = 500, .acknowledgement = 101});
  tcp.client({.sequence = 101, .acknowledgement = 501});
  tcp.client({.sequence = 101, .acknowledgement = 501, .payload_bytes = 10});
  const ConnRecord conn = tcp.end().at(0);
  EXPECT_EQ(summary(conn), "OTH ^hAD 10/0");
  EXPECT_EQ(conn.ends.originator_port, 50'000);
}

TEST(TcpRoles, AreFlippedWhenSynAndItsAnswerCameInTheWrongOrder) {
  Story tcp;
  tcp.server({.flags = kSyn | kAck, .sequence = 500, .acknowledgement = 101});
  tcp.client({.flags = kSyn, .sequence = 100});
  tcp.client({.sequence = 101, .acknowledgement = 501});
  const ConnRecord conn = tcp.end().at(0);
  EXPECT_EQ(summary(conn), "S1 Hs^A 0/0");
  EXPECT_EQ(conn.ends.originator_port, 50'000);
}

TEST(TcpSizes, CountAcrossTheWrapOfSequenceNumbers) {
  Story tcp;
  tcp.client({.flags = kSyn, .sequence = 0xffff'ff00});
  tcp.server({.flags = kSyn | kAck, .sequence = 500, .acknowledgement = 0xffff'ff01});
  for (std::uint32_t i = 0; i < 10; ++i) {
    tcp.client({.sequence = 0xffff'ff01 + i * 100, .acknowledgement = 501, .payload_bytes = 100});
    tcp.server({.sequence = 501, .acknowledgement = 0xffff'ff01 + i * 100 + 100});
  }
  EXPECT_EQ(tcp.only(), "S1 ShDa 1000/0");
}

TEST(TcpSizes, CountBeyondFourGigabytes) {
  Story tcp;
  tcp.handshake();
  std::uint32_t sequence = 101;
  for (int i = 0; i < 10; ++i) {
    sequence += 1'000'000'000;
    tcp.client({.sequence = sequence, .acknowledgement = 501});
    tcp.server({.sequence = 501, .acknowledgement = sequence});
  }
  EXPECT_EQ(tcp.end().at(0).payload_bytes[0], 10'000'000'000u);
}

TEST(TcpSizes, DoNotBelieveTheNumbersOfARst) {
  Story tcp;
  tcp.handshake();
  tcp.client({.flags = kRst, .sequence = 101 + (2u << 20)});
  EXPECT_EQ(tcp.only(), "RSTO ShAR 0/0");
}

TEST(TcpChecksums, InAutoAreBadOnlyWhereGoodOnesWereSeen) {
  Story tcp;
  tcp.client({.flags = kSyn, .sequence = 100, .checksum = Checksum::Bad});
  tcp.server(
      {.flags = kSyn | kAck, .sequence = 500, .acknowledgement = 101, .checksum = Checksum::Good});
  tcp.server(
      {.sequence = 501, .acknowledgement = 101, .payload_bytes = 10, .checksum = Checksum::Bad});
  tcp.client(
      {.sequence = 101, .acknowledgement = 501, .payload_bytes = 20, .checksum = Checksum::Bad});
  const ConnRecord conn = tcp.end().at(0);
  EXPECT_EQ(summary(conn), "S1 ShcD 20/0");
  EXPECT_EQ(conn.packets[1], 1u);  // a refused packet counts nowhere
}

TEST(TcpChecksums, WhenVerifiedRefuseEveryBadPacket) {
  Story tcp({.checksums = ChecksumMode::Verify});
  tcp.client({.flags = kSyn, .sequence = 100, .checksum = Checksum::Bad});
  EXPECT_EQ(tcp.only(), "OTH C 0/0");
}

TEST(TcpChecksums, WhenIgnoredMeanNothing) {
  Story tcp({.checksums = ChecksumMode::Ignore});
  tcp.client({.flags = kSyn, .sequence = 100, .checksum = Checksum::Good});
  tcp.server(
      {.flags = kSyn | kAck, .sequence = 500, .acknowledgement = 101, .checksum = Checksum::Bad});
  EXPECT_EQ(tcp.only(), "S1 Sh 0/0");
}

TEST(TcpReuse, IsASynWithAnotherNumber) {
  Story tcp;
  tcp.handshake();
  tcp.client({.flags = kSyn, .sequence = 100});  // repeated
  tcp.client({.flags = kSyn, .sequence = 9000});
  const std::vector<ConnRecord> conns = tcp.end();
  ASSERT_EQ(conns.size(), 2u);
  EXPECT_EQ(summary(conns[0]), "S1 ShA 0/0");
  EXPECT_EQ(conns[0].end, FlowEnd::Reused);
  EXPECT_EQ(summary(conns[1]), "S0 S 0/0");
  EXPECT_NE(conns[0].uid, conns[1].uid);
}

TEST(TcpReuse, AfterAnEndIsAnySyn) {
  Story tcp;
  tcp.client({.flags = kSyn, .sequence = 100});
  tcp.server({.flags = kRst | kAck, .sequence = 0, .acknowledgement = 101});
  tcp.client({.flags = kSyn, .sequence = 100});
  tcp.server({.flags = kRst | kAck, .sequence = 0, .acknowledgement = 101});
  const std::vector<ConnRecord> conns = tcp.end();
  ASSERT_EQ(conns.size(), 2u);
  EXPECT_EQ(summary(conns[0]), "REJ Sr 0/0");
  EXPECT_EQ(summary(conns[1]), "REJ Sr 0/0");
}

TEST(TcpReuse, AtTheSameTimeStillGivesAnotherUid) {
  Story tcp;
  for (std::uint32_t i = 0; i < 3; ++i) {
    tcp.at(0ms).client({.flags = kSyn, .sequence = 100 + i});
  }
  const std::vector<ConnRecord> conns = tcp.end();
  ASSERT_EQ(conns.size(), 3u);
  EXPECT_NE(conns[0].uid, conns[1].uid);
  EXPECT_NE(conns[1].uid, conns[2].uid);
  EXPECT_NE(conns[0].uid, conns[2].uid);
}

TEST(TcpData, SkippedForTooManyUnacknowledgedHolesHoldsUpNoEnd) {
  Story tcp;
  tcp.handshake();
  tcp.client({.sequence = 101, .acknowledgement = 501, .payload_bytes = 10});
  tcp.client({.sequence = 20'000, .acknowledgement = 501, .payload_bytes = 10});
  tcp.server({.flags = kFin, .sequence = 501});
  tcp.client({.flags = kFin | kAck, .sequence = 20'010, .acknowledgement = 502});
  tcp.at(6s).client({.sequence = 20'011, .acknowledgement = 502});
  const std::vector<ConnRecord> conns = tcp.end();
  ASSERT_EQ(conns.size(), 2u);  // the first one's lingering was over
  EXPECT_EQ(summary(conns[0]), "SF ShADfF 19909/0");
}

TEST(TcpData, IsMissedAlsoWhereAFinStoodBeforeTheStart) {
  Story tcp;
  tcp.handshake();
  tcp.client({.sequence = 111, .acknowledgement = 501, .payload_bytes = 10});
  tcp.client({.flags = kFin | kAck, .sequence = 50, .acknowledgement = 501});
  tcp.server({.sequence = 501, .acknowledgement = 121});
  const ConnRecord conn = tcp.end().at(0);
  EXPECT_EQ(summary(conn), "S2 ShADFaG 19/0");
  EXPECT_EQ(conn.missed_bytes, 10u);
}

}  // namespace
}  // namespace weir::protocol
