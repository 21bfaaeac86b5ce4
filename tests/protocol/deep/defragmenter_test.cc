#include "protocol/deep/defragmenter.h"

#include <gtest/gtest.h>

#include "protocol/deep/fragments.h"

namespace weir::protocol {
namespace {

using test::counting;
using test::fragment;
using test::FragmentFields;
using Buffer = std::vector<std::uint8_t>;

Buffer operator+(Buffer a, const Buffer& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

WeirdSet weirds(std::initializer_list<Weird> list) {
  WeirdSet set;
  for (const Weird weird : list) set.add(weird);
  return set;
}

// A Defragmenter that checks its laws after each fragment.
struct Bench {
  explicit Bench(const DefragmenterOptions& options = {}) : defragmenter(options) {}

  Defragmenter::Outcome take(const Buffer& bytes, std::int64_t second = 0) {
    return take({.captured = bytes,
                 .wire_bytes = static_cast<std::uint32_t>(bytes.size()),
                 .tenant = {},
                 .now = {second * 1'000'000'000}});
  }
  Defragmenter::Outcome take(const IpFragment& packet) {
    const auto outcome = defragmenter.take(packet);
    EXPECT_EQ(test::broken_law(statistics()), nullptr);
    if (outcome.fate == FragmentFate::Complete) {
      EXPECT_EQ(test::not_whole(outcome.packet), nullptr);
    } else {
      EXPECT_TRUE(outcome.packet.empty());
    }
    return outcome;
  }
  FragmentFate fate(const FragmentFields& fields, std::int64_t second = 0) {
    return take(fragment(fields), second).fate;
  }
  [[nodiscard]] const DefragmenterStatistics& statistics() const {
    return defragmenter.statistics();
  }

  Defragmenter defragmenter;
};

Buffer bytes_of(const Defragmenter::Outcome& outcome) {
  return {outcome.packet.begin(), outcome.packet.end()};
}
Buffer payload_of(const Defragmenter::Outcome& outcome, std::size_t header_bytes = 20) {
  if (outcome.packet.size() < header_bytes) return {};
  const Bytes payload = outcome.packet.subspan(header_bytes);
  return {payload.begin(), payload.end()};
}

TEST(Defragmenter, TwoIpv4FragmentsMakeOnePacketWithLengthAndChecksum) {
  Bench bench;
  const Buffer first = {0x45, 0, 0,  28, 0x12, 0x34, 0x20, 0,   64,  17,  0,   0,   10,  0,
                        0,    1, 10, 0,  0,    2,    'a',  'b', 'c', 'd', 'e', 'f', 'g', 'h'};
  const Buffer last = {0x45, 0,  0, 22, 0x12, 0x34, 0, 1, 64, 17,  0,
                       0,    10, 0, 0,  1,    10,   0, 0, 2,  'i', 'j'};
  EXPECT_EQ(bench.take(first).fate, FragmentFate::Held);
  const auto outcome = bench.take(last);
  ASSERT_EQ(outcome.fate, FragmentFate::Complete);
  const Buffer whole = {0x45, 0,  0, 30, 0x12, 0x34, 0,   0,   64,  17,  0x54, 0x99, 10,  0,   0,
                        1,    10, 0, 0,  2,    'a',  'b', 'c', 'd', 'e', 'f',  'g',  'h', 'i', 'j'};
  EXPECT_EQ(bytes_of(outcome), whole);
}

TEST(Defragmenter, ArrivalInAnyOrderGivesTheSamePacket) {
  const Buffer all = counting(72);
  const FragmentFields a{.offset = 0, .more = true, .payload = counting(24, 0)};
  const FragmentFields b{.offset = 24, .more = true, .payload = counting(24, 24)};
  const FragmentFields c{.offset = 48, .payload = counting(24, 48)};
  for (const auto& order : {std::vector{a, b, c}, std::vector{a, c, b}, std::vector{b, a, c},
                            std::vector{b, c, a}, std::vector{c, a, b}, std::vector{c, b, a}}) {
    Bench bench;
    EXPECT_EQ(bench.fate(order[0]), FragmentFate::Held);
    EXPECT_EQ(bench.fate(order[1]), FragmentFate::Held);
    EXPECT_EQ(payload_of(bench.take(fragment(order[2]))), all);
  }
}

TEST(Defragmenter, TheHeaderIsThatOfTheFragmentAtOffset0WithItsOptions) {
  Bench bench;
  EXPECT_EQ(bench.fate({.offset = 64, .payload = counting(8)}), FragmentFate::Held);
  const auto outcome =
      bench.take(fragment({.more = true, .more_header = {1, 1, 1, 0}, .payload = counting(64)}));
  ASSERT_EQ(outcome.fate, FragmentFate::Complete);
  EXPECT_EQ(outcome.packet[0], 0x46);
  EXPECT_EQ(outcome.packet[20], 1);
  EXPECT_EQ(payload_of(outcome, 24), counting(64) + counting(8));
  EXPECT_EQ(outcome.weirds, weirds({Weird::FragmentProtocolInconsistency}));
}

TEST(Defragmenter, LinkPaddingIsNoPayload) {
  Bench bench;
  bench.take(fragment({.more = true, .payload = counting(64)}) + Buffer(9, 0xee));
  const auto outcome = bench.take(fragment({.offset = 64, .payload = {1, 2}}) + Buffer(24, 0xee));
  EXPECT_EQ(payload_of(outcome), counting(64) + Buffer({1, 2}));
}

TEST(Defragmenter, Ipv6LosesItsFragmentHeader) {
  Bench bench;
  bench.take(fragment({.version = 6, .more = true, .payload = counting(64)}));
  const auto outcome = bench.take(fragment({.version = 6, .offset = 64, .payload = counting(3)}));
  ASSERT_EQ(outcome.fate, FragmentFate::Complete);
  EXPECT_EQ(outcome.packet[6], 17);
  EXPECT_EQ(load_be16(&outcome.packet[4]), 67);
  EXPECT_EQ(payload_of(outcome, 40), counting(64) + counting(3));
}

TEST(Defragmenter, Ipv6KeepsExtensionHeadersBeforeTheFragmentHeader) {
  // Hop-by-hop options, then destination options of 16 bytes, then the fragment header.
  const Buffer extensions = Buffer({60, 0, 1, 4, 0, 0, 0, 0}) +
                            Buffer({44, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  FragmentFields fields{.version = 6,
                        .more = true,
                        .more_header = extensions,
                        .first_extension = 0,
                        .payload = counting(64)};
  Bench bench;
  EXPECT_EQ(bench.fate(fields), FragmentFate::Held);
  fields.more = false;
  fields.offset = 64;
  const auto outcome = bench.take(fragment(fields));
  ASSERT_EQ(outcome.fate, FragmentFate::Complete);
  EXPECT_EQ(outcome.packet[6], 0);
  EXPECT_EQ(outcome.packet[40], 60);
  EXPECT_EQ(outcome.packet[48], 17);  // named the fragment header
  EXPECT_EQ(payload_of(outcome, 64), counting(64) + counting(64));
}

TEST(Defragmenter, OnlyTheNextHeaderOfTheFirstIpv6FragmentCounts) {
  Bench bench;
  const auto last =
      bench.take(fragment({.version = 6, .offset = 64, .protocol = 6, .payload = {1}}));
  EXPECT_TRUE(last.weirds.empty());
  const auto outcome =
      bench.take(fragment({.version = 6, .more = true, .protocol = 17, .payload = counting(64)}));
  ASSERT_EQ(outcome.fate, FragmentFate::Complete);
  EXPECT_EQ(outcome.packet[6], 17);
  EXPECT_EQ(outcome.weirds, weirds({Weird::FragmentProtocolInconsistency}));
}

TEST(Defragmenter, AnAtomicIpv6FragmentIsAPacketAtOnce) {
  Bench bench;
  const auto outcome = bench.take(fragment({.version = 6, .payload = counting(5)}));
  ASSERT_EQ(outcome.fate, FragmentFate::Complete);
  EXPECT_EQ(payload_of(outcome, 40), counting(5));
}

TEST(Defragmenter, AnIpv6ChainTooLongToKeepIsRefused) {
  Buffer longest = Buffer({44, 58}) + Buffer(59 * 8 - 2, 0);  // with 40 of IPv6: 512
  FragmentFields fields{.version = 6,
                        .more = true,
                        .more_header = longest,
                        .first_extension = 60,
                        .payload = counting(64)};
  Bench bench;
  EXPECT_EQ(bench.fate(fields), FragmentFate::Held);
  longest[1] = 59;
  fields.more_header = longest + Buffer(8, 0);
  EXPECT_EQ(bench.fate(fields), FragmentFate::Refused);
}

TEST(Defragmenter, WhatIsNoFragmentOrCannotBeFollowedIsRefused) {
  Bench bench;
  EXPECT_EQ(bench.take(Buffer{}).fate, FragmentFate::Refused);
  EXPECT_EQ(bench.take(Buffer{0x45, 0}).fate, FragmentFate::Refused);
  EXPECT_EQ(bench.take(Buffer{0x60, 0}).fate, FragmentFate::Refused);
  EXPECT_EQ(bench.fate({.payload = counting(8)}), FragmentFate::Refused);
  Buffer bytes = fragment({.more = true, .payload = counting(64)});
  bytes[0] = 0x44;
  EXPECT_EQ(bench.take(bytes).fate, FragmentFate::Refused);
  bytes[0] = 0x55;
  EXPECT_EQ(bench.take(bytes).fate, FragmentFate::Refused);
  Buffer udp6 = fragment({.version = 6, .more = true, .payload = counting(64)});
  udp6[6] = 17;
  EXPECT_EQ(bench.take(udp6).fate, FragmentFate::Refused);
  EXPECT_EQ(bench.statistics().fragments_refused.value(), 7u);
}

TEST(Defragmenter, ALengthInsideTheHeaderIsRefusedAndWeird) {
  Bench bench;
  for (const unsigned version : {4u, 6u}) {
    Buffer bytes = fragment({.version = version, .more = true, .payload = counting(64)});
    store_be(bytes.data() + (version == 4 ? 2 : 4), static_cast<std::uint16_t>(7));
    const auto outcome = bench.take(bytes);
    EXPECT_EQ(outcome.fate, FragmentFate::Refused);
    EXPECT_EQ(outcome.weirds, weirds({Weird::FragmentProtocolInconsistency}));
  }
}

TEST(Defragmenter, ALengthBeyondTheWireIsRefused) {
  Bench bench;
  Buffer bytes = fragment({.more = true, .payload = counting(64)});
  bytes.pop_back();
  EXPECT_EQ(bench.take(bytes).fate, FragmentFate::Refused);
}

TEST(Defragmenter, AFragmentThatTheSnaplenCutIsNotHeld) {
  Bench bench;
  for (const unsigned version : {4u, 6u}) {
    const Buffer bytes = fragment({.version = version, .more = true, .payload = counting(64)});
    for (std::size_t captured = 0; captured < bytes.size(); ++captured) {
      const auto outcome = bench.take({.captured = Bytes(bytes).first(captured),
                                       .wire_bytes = static_cast<std::uint32_t>(bytes.size()),
                                       .tenant = {},
                                       .now = {}});
      EXPECT_EQ(outcome.fate, FragmentFate::Incomplete) << captured;
      EXPECT_EQ(outcome.weirds, weirds({Weird::IncompletelyCapturedFragment}));
    }
  }
  EXPECT_EQ(bench.statistics().fragments_held.value(), 0u);
}

TEST(Defragmenter, TheFirstCopyOfAByteStays) {
  Bench bench;
  bench.take(fragment({.offset = 64, .more = true, .payload = Buffer(64, 'b')}));
  const auto before = bench.take(fragment({.more = true, .payload = Buffer(96, 'a')}));
  EXPECT_EQ(before.weirds, weirds({Weird::FragmentInconsistency}));
  const auto outcome = bench.take(fragment({.offset = 96, .payload = Buffer(64, 'c')}));
  EXPECT_EQ(outcome.weirds, weirds({Weird::FragmentInconsistency}));
  EXPECT_EQ(payload_of(outcome), Buffer(64, 'a') + Buffer(64, 'b') + Buffer(32, 'c'));
}

TEST(Defragmenter, ARepeatedFragmentIsAnOverlap) {
  Bench bench;
  const Buffer first = fragment({.more = true, .payload = counting(64)});
  EXPECT_TRUE(bench.take(first).weirds.empty());
  EXPECT_EQ(bench.take(first).weirds, weirds({Weird::FragmentOverlap}));
  EXPECT_EQ(bench.fate({.offset = 64, .payload = counting(1)}), FragmentFate::Complete);
  EXPECT_EQ(bench.statistics().fragments_completed.value(), 3u);
}

TEST(Defragmenter, OneByteThatDiffersIsAnInconsistencyAndNoOverlap) {
  Bench bench;
  Buffer payload = counting(200);
  bench.take(fragment({.more = true, .payload = payload}));
  payload[130] ^= 1;
  EXPECT_EQ(bench.take(fragment({.more = true, .payload = payload})).weirds,
            weirds({Weird::FragmentInconsistency}));
}

TEST(Defragmenter, TeardropIsToldAndHarmless) {
  Bench bench;
  bench.take(fragment({.more = true, .payload = counting(80)}));
  // Lies wholly inside what is here, and says that the datagram ends there.
  const auto outcome = bench.take(fragment({.offset = 24, .payload = counting(4, 24)}));
  EXPECT_EQ(outcome.fate, FragmentFate::Complete);
  EXPECT_EQ(outcome.weirds, weirds({Weird::FragmentOverlap, Weird::FragmentSizeInconsistency}));
  EXPECT_EQ(payload_of(outcome), counting(80));
}

TEST(Defragmenter, LastFragmentsThatDisagreeAreASizeInconsistency) {
  Bench bench;
  bench.take(fragment({.offset = 128, .payload = counting(8)}));
  EXPECT_EQ(bench.take(fragment({.offset = 64, .payload = counting(8)})).weirds,
            weirds({Weird::FragmentSizeInconsistency}));
  EXPECT_EQ(bench.take(fragment({.offset = 136, .more = true, .payload = counting(64)})).weirds,
            weirds({Weird::FragmentSizeInconsistency}));
}

TEST(Defragmenter, WhatLiesBeyondAGapBehindTheEndIsLeftBehind) {
  Bench bench;
  bench.take(fragment({.offset = 800, .more = true, .payload = counting(64)}));
  bench.take(fragment({.more = true, .payload = counting(64)}));
  const auto outcome = bench.take(fragment({.offset = 64, .payload = counting(64, 64)}));
  EXPECT_EQ(outcome.weirds, weirds({Weird::FragmentSizeInconsistency}));
  EXPECT_EQ(payload_of(outcome), counting(128));
  EXPECT_EQ(bench.statistics().fragments_completed.value(), 3u);
}

TEST(Defragmenter, ProtocolOrHeaderLengthThatDiffersFromTheFirstArrivedIsWeird) {
  Bench bench;
  bench.take(fragment({.offset = 64, .more = true, .payload = counting(64)}));
  EXPECT_EQ(
      bench.take(fragment({.offset = 128, .more = true, .protocol = 6, .payload = counting(64)}))
          .weirds,
      weirds({Weird::FragmentProtocolInconsistency}));
  EXPECT_EQ(
      bench
          .take(fragment(
              {.offset = 192, .more = true, .more_header = {1, 1, 1, 0}, .payload = counting(64)}))
          .weirds,
      weirds({Weird::FragmentProtocolInconsistency}));
}

TEST(Defragmenter, DontFragmentInAFragmentIsWeird) {
  Bench bench;
  EXPECT_EQ(
      bench.take(fragment({.more = true, .dont_fragment = true, .payload = counting(64)})).weirds,
      weirds({Weird::FragmentWithDf}));
}

TEST(Defragmenter, FragmentsBelow64BytesAreSmallUnlessTheyAreTheLast) {
  Bench bench;
  EXPECT_EQ(bench.take(fragment({.more = true, .payload = counting(43)})).weirds,
            weirds({Weird::ExcessivelySmallFragment}));
  EXPECT_TRUE(
      bench.take(fragment({.id = 8, .more = true, .payload = counting(44)})).weirds.empty());
  EXPECT_TRUE(bench.take(fragment({.id = 9, .offset = 64, .payload = {1}})).weirds.empty());
}

TEST(Defragmenter, FragmentsThatEndBehind64000AreLarge) {
  Bench bench;
  EXPECT_TRUE(bench.take(fragment({.offset = 63992, .payload = counting(8)})).weirds.empty());
  EXPECT_EQ(bench.take(fragment({.id = 8, .offset = 63992, .payload = counting(9)})).weirds,
            weirds({Weird::ExcessivelyLargeFragment}));
}

TEST(Defragmenter, NothingLongerThanAnIpPacketCanBeIsHeld) {
  Bench bench;
  EXPECT_EQ(bench.fate({.offset = 65512, .payload = counting(3)}), FragmentFate::Held);
  const auto death = bench.take(fragment({.id = 8, .offset = 65512, .payload = counting(4)}));
  EXPECT_EQ(death.fate, FragmentFate::Refused);
  EXPECT_EQ(death.weirds, weirds({Weird::ExcessivelyLargeFragment}));
  EXPECT_EQ(bench.fate({.version = 6, .offset = 65528, .payload = counting(7)}),
            FragmentFate::Held);
  EXPECT_EQ(bench.fate({.version = 6, .id = 8, .offset = 65528, .payload = counting(8)}),
            FragmentFate::Refused);
}

TEST(Defragmenter, AFirstFragmentWhoseOptionsMakeTheWholeTooLongIsRefused) {
  Bench bench;
  EXPECT_EQ(bench.fate({.offset = 65512, .payload = counting(3)}), FragmentFate::Held);
  EXPECT_EQ(bench.fate({.more = true, .more_header = {1, 1, 1, 0}, .payload = counting(64)}),
            FragmentFate::Refused);
  EXPECT_EQ(bench.fate({.more = true, .payload = counting(64)}), FragmentFate::Held);
}

TEST(Defragmenter, AFragmentThatTheOptionsOfTheFirstLeaveNoRoomForIsRefused) {
  Bench bench;
  EXPECT_EQ(bench.fate({.more = true, .more_header = {1, 1, 1, 0}, .payload = counting(64)}),
            FragmentFate::Held);
  EXPECT_EQ(bench.fate({.offset = 65504, .payload = counting(8)}), FragmentFate::Refused);
  EXPECT_EQ(bench.fate({.offset = 65504, .payload = counting(7)}), FragmentFate::Held);
}

TEST(Defragmenter, TheLongestPacketsAreMadeWhole) {
  for (const unsigned version : {4u, 6u}) {
    const std::size_t all = version == 4 ? 65515 : 65535;
    const Buffer payload = counting(all);
    Bench bench({.datagrams_max = 1, .bytes_max = 0});
    Defragmenter::Outcome outcome;
    for (std::size_t offset = 0; offset < all; offset += 1480) {
      const std::size_t end = std::min(all, offset + 1480);
      outcome = bench.take(
          fragment({.version = version,
                    .offset = static_cast<std::uint32_t>(offset),
                    .more = end < all,
                    .payload = Buffer(payload.begin() + static_cast<std::ptrdiff_t>(offset),
                                      payload.begin() + static_cast<std::ptrdiff_t>(end))}));
    }
    EXPECT_EQ(outcome.fate, FragmentFate::Complete);
    EXPECT_TRUE(payload_of(outcome, version == 4 ? 20 : 40) == payload);
  }
}

TEST(Defragmenter, AFragmentWithoutBytesTellsTheSizeButCompletesNothing) {
  Bench bench;
  bench.take(fragment({.more = true, .payload = counting(64)}));
  EXPECT_EQ(bench.fate({.offset = 64}), FragmentFate::Held);
  EXPECT_EQ(bench.fate({.more = true, .payload = counting(64)}), FragmentFate::Complete);
}

TEST(Defragmenter, ADatagramIsItsAddressesIdVersionAndTenant) {
  Bench bench;
  const Buffer first = fragment({.more = true, .payload = counting(64)});
  const Buffer last = fragment({.offset = 64, .payload = counting(8)});
  bench.take(first);
  EXPECT_EQ(bench.fate({.id = 8, .offset = 64, .payload = counting(8)}), FragmentFate::Held);
  EXPECT_EQ(bench.fate({.offset = 64, .host = 3, .payload = counting(8)}), FragmentFate::Held);
  EXPECT_EQ(bench.fate({.version = 6, .offset = 64, .payload = counting(8)}), FragmentFate::Held);
  IpFragment other_tenant{.captured = last,
                          .wire_bytes = static_cast<std::uint32_t>(last.size()),
                          .tenant = {.vni = 5},
                          .now = {}};
  EXPECT_EQ(bench.take(other_tenant).fate, FragmentFate::Held);
  EXPECT_EQ(bench.statistics().datagrams_waiting.value(), 5u);
  EXPECT_EQ(bench.take(last).fate, FragmentFate::Complete);
}

TEST(Defragmenter, AnIdIsFreeAgainWhenItsDatagramIsComplete) {
  Bench bench;
  for (int i = 0; i < 3; ++i) {
    const Buffer payload(64, static_cast<std::uint8_t>(i));
    EXPECT_TRUE(bench.take(fragment({.more = true, .payload = payload})).weirds.empty());
    EXPECT_EQ(payload_of(bench.take(fragment({.offset = 64, .payload = {9}}))),
              payload + Buffer{9});
  }
  EXPECT_EQ(bench.statistics().datagrams_completed.value(), 3u);
}

TEST(Defragmenter, TheTimeToWaitRunsFromTheFirstFragment) {
  Bench bench({.timeout = std::chrono::seconds(30)});
  bench.take(fragment({.more = true, .payload = counting(64)}), 100);
  bench.take(fragment({.offset = 128, .more = true, .payload = counting(64)}), 129);
  EXPECT_EQ(bench.fate({.id = 9, .more = true, .payload = counting(64)}, 130), FragmentFate::Held);
  EXPECT_EQ(bench.statistics().datagrams_expired.value(), 1u);
  EXPECT_EQ(bench.statistics().fragments_expired.value(), 2u);
  bench.defragmenter.expire({160'000'000'000});
  EXPECT_EQ(bench.statistics().datagrams_expired.value(), 2u);
  EXPECT_EQ(bench.statistics().pages_used.value(), 0u);
  EXPECT_EQ(test::broken_law(bench.statistics()), nullptr);
}

TEST(Defragmenter, TimesAtTheEndsOfTheirRangeAreFarApart) {
  Bench bench;
  const Buffer first = fragment({.more = true, .payload = counting(64)});
  IpFragment packet{.captured = first,
                    .wire_bytes = static_cast<std::uint32_t>(first.size()),
                    .tenant = {},
                    .now = {std::numeric_limits<std::int64_t>::min()}};
  bench.take(packet);
  packet.now = {std::numeric_limits<std::int64_t>::max()};
  bench.take(packet);
  EXPECT_EQ(bench.statistics().datagrams_expired.value(), 1u);
}

TEST(Defragmenter, TheOldestDatagramGivesWayWhenTheTableIsFull) {
  Bench bench({.datagrams_max = 2});
  for (std::uint32_t id = 1; id <= 3; ++id) {
    bench.take(fragment({.id = id, .more = true, .payload = counting(64)}));
  }
  EXPECT_EQ(bench.statistics().datagrams_evicted.value(), 1u);
  EXPECT_EQ(bench.fate({.id = 2, .offset = 64, .payload = {1}}), FragmentFate::Complete);
  EXPECT_EQ(bench.fate({.id = 3, .offset = 64, .payload = {1}}), FragmentFate::Complete);
  EXPECT_EQ(bench.fate({.id = 1, .offset = 64, .payload = {1}}), FragmentFate::Held);
}

TEST(Defragmenter, TheOldestOtherDatagramGivesWayWhenThePayloadsAreTooMany) {
  Bench bench({.datagrams_max = 8, .bytes_max = 0});  // room for one of the largest: 33 pages
  const auto fill = [&](std::uint32_t id, std::uint32_t pages) {
    for (std::uint32_t i = 0; i < pages; ++i) {
      bench.take(fragment(
          {.id = id, .offset = i * FragmentPage::kBytes, .more = true, .payload = counting(8)}));
    }
  };
  fill(1, 16);
  fill(2, 16);
  fill(1, 20);  // the oldest itself asks for more
  EXPECT_EQ(bench.statistics().datagrams_evicted.value(), 1u);
  EXPECT_EQ(bench.statistics().pages_used.value(), 20u);
  fill(3, 14);
  EXPECT_EQ(bench.statistics().datagrams_evicted.value(), 2u);
  EXPECT_EQ(bench.statistics().pages_used.value(), 14u);
}

TEST(Defragmenter, FragmentsThatNeverEndStayWithinTheBounds) {
  Bench bench({.datagrams_max = 64, .bytes_max = 512 * 1024});
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    bench.take(fragment(
        {.version = 6, .id = i, .offset = (i % 1000) * 64, .more = true, .payload = counting(8)}));
    ASSERT_LE(bench.statistics().datagrams_waiting.value(), 64u);
    ASSERT_LE(bench.statistics().pages_used.value() * FragmentPage::kBytes, 512u * 1024);
  }
  EXPECT_EQ(bench.statistics().datagrams_evicted.value(), 20'000u - 64);
}

TEST(Defragmenter, FragmentsOfOneByteAndGapsBetweenThemAreHeldExactly) {
  // More-fragments with lengths that are no multiple of 8: what no sender makes, and Zeek takes.
  Bench bench;
  for (std::uint32_t offset = 0; offset < 4096; offset += 8) {
    bench.take(fragment({.offset = offset, .more = true, .payload = counting(1, offset)}));
  }
  EXPECT_EQ(bench.fate({.offset = 4096, .payload = counting(8, 4096)}), FragmentFate::Held);
  const auto outcome = bench.take(fragment({.more = true, .payload = counting(4096)}));
  EXPECT_EQ(payload_of(outcome), counting(4104));
}

}  // namespace
}  // namespace weir::protocol
