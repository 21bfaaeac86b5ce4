// Collecting what packets are found by, up to the limits of a page.
#include "storage/segment/index_builder.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "storage/segment/index_page.h"

namespace weir::storage::segment {
namespace {

struct WrittenPage {
  std::vector<std::uint8_t> unit;
  [[nodiscard]] IndexPage page() const { return IndexPage::parse(unit).value(); }
};

WrittenPage encode(IndexBuilder& builder, std::size_t room = kUnitBytesMax,
                   const ColumnFilters& filters = {}) {
  WrittenPage written{std::vector<std::uint8_t>(room, 0xee)};
  written.unit.resize(builder.encode({.ordinal = 5, .file_offset = 8192, .first_chunk = 64},
                                     written.unit, filters));
  return written;
}

// What a packet does whose only key is an IPv4 address.
void add(IndexBuilder& builder, std::uint64_t hash, std::uint32_t address) {
  if (builder.add(hash)) builder.add_ipv4(address);
}

TEST(IndexBuilder, AsksForTheKeysOfAFactSetOnce) {
  IndexBuilder builder(UidColumn::No);
  builder.begin_chunk();
  EXPECT_TRUE(builder.add(0x1234'5678'9abc'def0));
  builder.add_ipv4(77);
  EXPECT_FALSE(builder.add(0x1234'5678'9abc'def0));
  builder.end_chunk({});
  builder.begin_chunk();
  EXPECT_FALSE(builder.add(0x1234'5678'9abc'def0));
  builder.end_chunk({});
  EXPECT_EQ(encode(builder).page().column(Column::Ipv4).value().find({.low = 77}), 0b11u);
  // In the next page too.
  builder.begin_chunk();
  builder.end_chunk({});
  builder.begin_chunk();
  EXPECT_FALSE(builder.add(0x1234'5678'9abc'def0));
  builder.end_chunk({});
  EXPECT_EQ(encode(builder).page().column(Column::Ipv4).value().find({.low = 77}), 0b10u);
}

TEST(IndexBuilder, AFactSetThatIsNotMetIsNotInThePage) {
  IndexBuilder builder(UidColumn::No);
  builder.begin_chunk();
  add(builder, 0x1234'5678'9abc'def0, 77);
  builder.end_chunk({});
  (void)encode(builder);
  builder.begin_chunk();
  builder.end_chunk({});
  EXPECT_EQ(encode(builder).page().column(Column::Ipv4).value().entries(), 0u);
}

TEST(IndexBuilder, AFilterGetsTheKeysThatAreMetInItsSegment) {
  IndexBuilder builder(UidColumn::No);
  const auto page = [&](std::initializer_list<std::uint32_t> addresses, KeyFilter& filter) {
    ColumnFilters filters{};
    filters[static_cast<std::size_t>(Column::Ipv4)] = &filter;
    builder.begin_chunk();
    for (const std::uint32_t address : addresses)
      add(builder, address * std::uint64_t{1} << 32, address);
    builder.end_chunk({});
    (void)encode(builder, kUnitBytesMax, filters);
  };
  KeyFilter first(1u << 12);
  page({1, 2}, first);
  page({1, 3}, first);
  EXPECT_EQ(first.keys(), 3u) << "each once";
  KeyFilter second(1u << 12);
  builder.begin_filters();
  page({4}, second);
  page({2, 4}, second);
  EXPECT_EQ(second.keys(), 2u);
  const auto view = KeyFilterView::parse(second.bytes(), kFilterHashes).value();
  EXPECT_TRUE(view.contains({.low = 2}));
  EXPECT_TRUE(view.contains({.low = 4}));
  EXPECT_FALSE(view.contains({.low = 3}));
}

// Against a map from keys to chunks: what comes and goes in every rhythm, over pages and segments.
TEST(IndexBuilder, EveryPageTellsOfItsOwnPacketsAndNoOthers) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    IndexBuilder builder(UidColumn::Yes);
    auto filter = std::make_unique<KeyFilter>(1u << 20);
    std::set<std::uint32_t> of_segment;
    // A flow is a number: all its keys follow from it.
    const auto meet = [&](std::uint32_t flow) {
      if (!builder.add((flow + 1) * 0x9e3779b97f4a7c15)) return;
      builder.add_ipv4(flow % 5000);
      builder.add_protocol(
          protocol_key(ProtocolClass::IpProtocol, static_cast<std::uint16_t>(flow % 3)));
      builder.add_protocol(
          protocol_key(ProtocolClass::TcpPort, static_cast<std::uint16_t>(flow % 70)));
      builder.add_tenant(flow % 100);
      builder.add_uid(uid_key(flow, flow % 7));
      std::array<std::uint8_t, 16> address{};
      store_be(address.data() + 6, flow);
      if (flow % 4 == 0) builder.add_ipv6(address.data());
    };
    for (int page = 0; page < 12; ++page) {
      SCOPED_TRACE(page);
      if (random.chance(1, 4)) {
        builder.begin_filters();
        filter = std::make_unique<KeyFilter>(1u << 20);
        of_segment.clear();
      }
      std::map<std::uint32_t, ChunkMask> met;
      const std::uint64_t flows = 1 + random.below(random.chance(1, 4) ? 30'000 : 3000);
      const std::uint64_t first = random.below(2) * 20'000;
      const auto chunks = static_cast<std::uint32_t>(1 + random.below(64));
      for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) {
        builder.begin_chunk();
        for (std::uint64_t i = 0; i < flows / chunks + 2; ++i) {
          const auto flow = static_cast<std::uint32_t>(first + random.below(flows));
          meet(flow);
          met[flow] |= ChunkMask{1} << chunk;
        }
        builder.end_chunk({});
      }
      ColumnFilters filters{};
      filters[static_cast<std::size_t>(Column::Uid)] = filter.get();
      const WrittenPage written = encode(builder, kUnitBytesMax, filters);

      std::map<std::uint64_t, ChunkMask> ipv4, ipv6, protocols, tenants, uids;
      for (const auto& [flow, mask] : met) {
        ipv4[flow % 5000] |= mask;
        if (flow % 4 == 0) ipv6[flow] |= mask;
        protocols[protocol_key(ProtocolClass::IpProtocol, static_cast<std::uint16_t>(flow % 3))] |=
            mask;
        protocols[protocol_key(ProtocolClass::TcpPort, static_cast<std::uint16_t>(flow % 70))] |=
            mask;
        tenants[flow % 100] |= mask;
        uids[flow] |= mask;
        of_segment.insert(flow);
      }
      const auto keys_of = [&](Column column) {
        std::map<std::uint64_t, ChunkMask> keys;
        EXPECT_TRUE(written.page().column(column).value().for_each([&](const IndexKey& key,
                                                                       ChunkMask mask) {
          const bool wide = column == Column::Ipv6 || column == Column::Uid;
          EXPECT_TRUE(keys.emplace(wide ? key.high << 16 | key.low >> 48 : key.low, mask).second);
        }));
        return keys;
      };
      EXPECT_EQ(keys_of(Column::Ipv4), ipv4);
      EXPECT_EQ(keys_of(Column::Ipv6), ipv6);
      EXPECT_EQ(keys_of(Column::Protocols), protocols);
      EXPECT_EQ(keys_of(Column::Tenants), tenants);
      EXPECT_EQ(keys_of(Column::Uid), uids);
      EXPECT_EQ(written.page().opaque_chunks(), 0u);
      const auto view = KeyFilterView::parse(filter->bytes(), kFilterHashes).value();
      for (const std::uint32_t flow : of_segment) ASSERT_TRUE(view.contains({.low = flow})) << flow;
      EXPECT_GE(filter->keys(), of_segment.size());
    }
  }
}

TEST(IndexBuilder, TellsHashesApartThatDifferInAnyBit) {
  IndexBuilder builder(UidColumn::No);
  builder.begin_chunk();
  EXPECT_TRUE(builder.add(0xaaaa'aaaa'aaaa'aaaa));
  for (unsigned bit = kSetBits; bit < 64; ++bit) {
    EXPECT_TRUE(builder.add(0xaaaa'aaaa'aaaa'aaaa ^ std::uint64_t{1} << bit)) << bit;
  }
  EXPECT_TRUE(builder.add(0));
  EXPECT_FALSE(builder.add(0));
  EXPECT_TRUE(builder.add(1));
}

TEST(IndexBuilder, KeepsTheChunksOfEachFactSetWhenItsTableGrows) {
  IndexBuilder builder(UidColumn::No);
  Prng random(1);
  std::vector<std::uint64_t> hashes(40'000);
  for (std::uint64_t& hash : hashes) hash = random.next();
  for (std::uint32_t chunk = 0; chunk < 4; ++chunk) {
    builder.begin_chunk();
    for (std::uint32_t i = 0; i < hashes.size(); ++i) {
      // Set i is in chunk i mod 4, and every set in the last.
      if (i % 4 == chunk || chunk == 3) add(builder, hashes[i], i);
    }
    builder.end_chunk({});
  }
  const WrittenPage written = encode(builder);
  const auto ipv4 = written.page().column(Column::Ipv4).value();
  EXPECT_EQ(ipv4.entries(), hashes.size());
  for (std::uint32_t i = 0; i < hashes.size(); ++i) {
    ASSERT_EQ(ipv4.find({.low = i}), ChunkMask{1} << (i % 4) | 8u) << i;
  }
  EXPECT_EQ(written.page().opaque_chunks(), 0u);
}

TEST(IndexBuilder, WantsAPageAfterSixtyFourChunks) {
  IndexBuilder builder(UidColumn::No);
  for (std::uint32_t chunk = 0; chunk < 64; ++chunk) {
    EXPECT_FALSE(builder.wants_page());
    builder.begin_chunk();
    builder.end_chunk({.packets = chunk});
  }
  EXPECT_TRUE(builder.wants_page());
  const WrittenPage written = encode(builder);
  EXPECT_EQ(written.page().chunk_count(), 64u);
  EXPECT_EQ(written.page().all_chunks(), ~ChunkMask{0});
  EXPECT_EQ(written.page().chunk(63).packets, 63u);
  EXPECT_EQ(builder.chunk_count(), 0u);
  EXPECT_FALSE(builder.wants_page());
}

TEST(IndexBuilder, WantsAPageWhenItIsNearlyFullAndMarksWhatDoesNotFit) {
  constexpr std::uint32_t kMany = FactTable::kSetsMax + 5000;
  IndexBuilder builder(UidColumn::No);
  const auto add_all = [&](std::uint32_t begin, std::uint32_t end) {
    builder.begin_chunk();
    for (std::uint32_t i = begin; i < end; ++i) add(builder, (i + 1) * 0x9e3779b97f4a7c15, i);
    builder.end_chunk({});
  };
  add_all(0, kPageSetsMax);
  EXPECT_FALSE(builder.wants_page());
  add_all(kPageSetsMax, kPageSetsMax + 1);
  EXPECT_TRUE(builder.wants_page());
  // Whoever goes on all the same loses nothing.
  add_all(kPageSetsMax + 1, kMany);
  add_all(0, 1);
  add_all(kMany - 1, kMany);  // did not fit before
  const WrittenPage written = encode(builder);
  EXPECT_EQ(written.page().opaque_chunks(), 0b10100u);
  const auto ipv4 = written.page().column(Column::Ipv4).value();
  EXPECT_GT(ipv4.entries(), FactTable::kSetsMax - kKeysOfFactSetMax);
  EXPECT_EQ(ipv4.find({.low = 0}), 0b01001u);
  EXPECT_EQ(ipv4.find({.low = ipv4.entries() - 1}), 0b00100u);
  EXPECT_EQ(ipv4.find({.low = kMany - 1}), 0u);
}

// A flood of flows of one packet: none is met again, and the next page has room all the same.
TEST(IndexBuilder, WhatIsNotMetAgainMakesRoom) {
  IndexBuilder builder(UidColumn::No);
  std::uint32_t next = 0;
  for (int page = 0; page < 8; ++page) {
    std::uint32_t chunks = 0;
    for (; !builder.wants_page(); ++chunks) {
      builder.begin_chunk();
      for (int i = 0; i < 10'000; ++i, ++next) add(builder, (next + 1) * 0x9e3779b97f4a7c15, next);
      builder.end_chunk({});
    }
    EXPECT_EQ(chunks, 10u);
    const WrittenPage written = encode(builder);
    EXPECT_EQ(written.page().opaque_chunks(), 0u);
    EXPECT_EQ(written.page().column(Column::Ipv4).value().entries(), 100'000u);
  }
}

// Sets of as many keys as a set may have, in each column in turn.
TEST(IndexBuilder, MarksChunksWhenAColumnIsFull) {
  for (int column = 0; column < 6; ++column) {
    SCOPED_TRACE(column);
    IndexBuilder builder(UidColumn::Yes);
    builder.begin_chunk();
    for (std::uint64_t hash = 1; hash < 10'000; ++hash) {
      if (!builder.add(hash * 0x9e3779b97f4a7c15)) continue;
      for (std::uint32_t i = 0; i < kKeysOfFactSetMax; ++i) {
        const std::uint64_t key = hash * kKeysOfFactSetMax + i;
        std::array<std::uint8_t, 16> address{};
        store_be(address.data() + 8, key);
        if (column == 0) builder.add_ipv4(static_cast<std::uint32_t>(key));
        if (column == 1) builder.add_ipv6(address.data());
        if (column == 2) builder.add_protocol(protocol_key(ProtocolClass::IpProtocol, 6));
        if (column == 3) builder.add_protocol(protocol_key(ProtocolClass::UdpPort, key & 0xffff));
        if (column == 4) builder.add_tenant(key);
        if (column == 5) builder.add_uid(uid_key(key, 0));
      }
    }
    builder.end_chunk({});
    EXPECT_TRUE(builder.wants_page());
    const WrittenPage page = encode(builder);
    EXPECT_EQ(page.page().opaque_chunks(), 1u);
    EXPECT_FALSE(page.page().entry(Column::Uid)) << "it tells of all packets, or is not there";
  }
}

TEST(IndexBuilder, WritesEmptyColumnsSinceTheyTellThatNothingIsThere) {
  IndexBuilder without(UidColumn::No);
  without.begin_chunk();
  without.end_chunk({});
  const WrittenPage page = encode(without);
  EXPECT_EQ(page.unit.size(), 4096u);
  for (const Column column :
       {Column::Ipv4, Column::Ipv6, Column::Protocols, Column::Tenants, Column::CommunityId}) {
    EXPECT_EQ(page.page().column(column).value().find({.low = 1}), 0u);
  }
  EXPECT_FALSE(page.page().entry(Column::Uid));
  IndexBuilder with(UidColumn::Yes);
  with.begin_chunk();
  with.end_chunk({});
  EXPECT_TRUE(encode(with).page().entry(Column::Uid));
}

TEST(IndexBuilder, WritesTheColumnOfUidsWhereAllPacketsOfThePageHadThem) {
  IndexBuilder builder(UidColumn::Yes);
  // What the packets of a page have, one after the other, and whether it has the column.
  struct Case {
    std::vector<UidColumn> packets;
    bool has_column;
  };
  const auto yes = UidColumn::Yes;
  const auto no = UidColumn::No;
  std::uint64_t hash = 0x1'0000'0000'0000;
  for (const Case& one : std::vector<Case>{{{yes, yes}, true},
                                           {{yes, no}, false},
                                           {{no, yes}, false},
                                           {{yes, no, yes}, false},
                                           {{yes}, true},
                                           {{no}, false},
                                           {{yes}, true}}) {
    builder.begin_chunk();
    for (const UidColumn uids : one.packets) {
      builder.set_uids(uids);
      EXPECT_TRUE(builder.add(hash));
      if (uids == UidColumn::Yes) builder.add_uid(uid_key(7, 1));
      hash += 0x1'0000'0000'0000;
    }
    builder.end_chunk({});
    EXPECT_EQ(encode(builder).page().entry(Column::Uid).has_value(), one.has_column);
  }
}

TEST(IndexBuilder, APageThatBeginsWithoutWordOfUidsIsAsThePacketsBeforeIt) {
  IndexBuilder builder(UidColumn::Yes);
  std::uint64_t hash = 0x1'0000'0000'0000;
  for (const UidColumn uids : {UidColumn::No, UidColumn::Yes}) {
    builder.set_uids(uids);
    for (int page = 0; page < 2; ++page) {
      builder.begin_chunk();
      EXPECT_TRUE(builder.add(hash));
      hash += 0x1'0000'0000'0000;
      builder.end_chunk({});
      EXPECT_EQ(encode(builder).page().entry(Column::Uid).has_value(), uids == UidColumn::Yes);
    }
  }
}

// Or else a segment would seem not to have a flow that began in such a page.
TEST(IndexBuilder, TheFilterHasTheUidsOfAPageThatLeavesTheirColumnOut) {
  IndexBuilder builder(UidColumn::Yes);
  KeyFilter filter(1u << 12);
  ColumnFilters filters{};
  filters[static_cast<std::size_t>(Column::Uid)] = &filter;
  constexpr std::uint64_t kHash = 0x1'0000'0000'0000;
  for (const bool left_out : {true, false}) {
    builder.begin_chunk();
    if (builder.add(kHash)) builder.add_uid(uid_key(7, 1));
    if (left_out) builder.leave_out_uids();
    builder.end_chunk({});
    const WrittenPage page = encode(builder, kUnitBytesMax, filters);
    EXPECT_EQ(page.page().entry(Column::Uid).has_value(), !left_out);
  }
  filter.fold();
  EXPECT_TRUE(KeyFilterView::parse(filter.bytes(), kFilterHashes)->contains({.low = 7}));
}

TEST(IndexBuilder, WithoutRoomForUidsNoPageHasThem) {
  IndexBuilder builder(UidColumn::No);
  builder.set_uids(UidColumn::Yes);
  builder.begin_chunk();
  EXPECT_TRUE(builder.add(0x1'0000'0000'0000));
  builder.end_chunk({});
  const WrittenPage page = encode(builder);
  EXPECT_EQ(page.page().opaque_chunks(), 0u);
  EXPECT_FALSE(page.page().entry(Column::Uid));
}

TEST(IndexBuilder, LeavesOutColumnsThatFindNoRoom) {
  IndexBuilder builder(UidColumn::No);
  builder.begin_chunk();
  for (std::uint32_t i = 0; i < 5000; ++i) {
    if (!builder.add((i + 1) * 0x9e3779b97f4a7c15)) continue;
    builder.add_ipv4(i * 7919);
    builder.add_protocol(protocol_key(ProtocolClass::TcpPort, i & 7));
  }
  builder.end_chunk({});
  const WrittenPage page = encode(builder, kPageRoomMin);
  EXPECT_LE(page.unit.size(), kPageRoomMin);
  EXPECT_FALSE(page.page().entry(Column::Ipv4));
  EXPECT_EQ(page.page()
                .column(Column::Protocols)
                .value()
                .find({.low = protocol_key(ProtocolClass::TcpPort, 7)}),
            1u);
  // The filter of the segment has the keys all the same.
  builder.begin_chunk();
  for (std::uint32_t i = 0; i < 5000; ++i) {
    if (builder.add((i + 7000) * 0x9e3779b97f4a7c15)) builder.add_ipv4(i * 7919);
  }
  builder.end_chunk({});
  KeyFilter filter(1u << 17);
  ColumnFilters filters{};
  filters[static_cast<std::size_t>(Column::Ipv4)] = &filter;
  EXPECT_FALSE(encode(builder, kPageRoomMin, filters).page().entry(Column::Ipv4));
  const auto view = KeyFilterView::parse(filter.bytes(), kFilterHashes).value();
  for (std::uint32_t i = 0; i < 5000; ++i) ASSERT_TRUE(view.contains({.low = i * 7919})) << i;
}

TEST(IndexBuilder, ForgetsAPageThatIsCleared) {
  IndexBuilder builder(UidColumn::No);
  builder.begin_chunk();
  add(builder, 99, 1);
  builder.mark_opaque();
  builder.clear();
  builder.begin_chunk();
  EXPECT_TRUE(builder.add(99));
  builder.end_chunk({});
  const WrittenPage page = encode(builder);
  EXPECT_EQ(page.page().opaque_chunks(), 0u);
  EXPECT_EQ(page.page().column(Column::Ipv4).value().entries(), 0u);
}

}  // namespace
}  // namespace weir::storage::segment
