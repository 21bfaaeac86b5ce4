// Collecting what packets are found by, up to the limits of a page.
#include "storage/segment/index_builder.h"

#include <optional>
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

WrittenPage encode(IndexBuilder& builder, std::size_t room = kUnitBytesMax) {
  WrittenPage written{std::vector<std::uint8_t>(room, 0xee)};
  written.unit.resize(builder.encode({.ordinal = 5, .file_offset = 8192, .first_chunk = 64},
                                     written.unit, ColumnFilters{}));
  return written;
}

// What a packet does whose only key is an IPv4 address.
void add(IndexBuilder& builder, std::uint64_t hash, std::uint32_t address) {
  if (builder.add(hash)) builder.add_ipv4(address);
}

TEST(IndexBuilder, AsksForTheKeysOfAFactSetOncePerPage) {
  IndexBuilder builder(UidColumn::No);
  builder.begin_chunk();
  EXPECT_TRUE(builder.add(0x1234'5678'9abc'def0));
  EXPECT_FALSE(builder.add(0x1234'5678'9abc'def0));
  builder.end_chunk({});
  builder.begin_chunk();
  EXPECT_FALSE(builder.add(0x1234'5678'9abc'def0));
  builder.end_chunk({});
  (void)encode(builder);
  builder.begin_chunk();
  EXPECT_TRUE(builder.add(0x1234'5678'9abc'def0));
}

TEST(IndexBuilder, TellsHashesApartThatDifferInAnyBit) {
  IndexBuilder builder(UidColumn::No);
  builder.begin_chunk();
  EXPECT_TRUE(builder.add(0xaaaa'aaaa'aaaa'aaaa));
  for (unsigned bit = 16; bit < 64; ++bit) {
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
  IndexBuilder builder(UidColumn::No);
  builder.begin_chunk();
  for (std::uint32_t i = 0; i < 49'000; ++i) add(builder, (i + 1) * 0x9e3779b97f4a7c15, i);
  builder.end_chunk({});
  EXPECT_TRUE(builder.wants_page());
  // Whoever goes on all the same loses nothing.
  builder.begin_chunk();
  for (std::uint32_t i = 49'000; i < 70'000; ++i) add(builder, (i + 1) * 0x9e3779b97f4a7c15, i);
  builder.end_chunk({});
  builder.begin_chunk();
  add(builder, 1 * 0x9e3779b97f4a7c15, 0);
  builder.end_chunk({});
  builder.begin_chunk();
  add(builder, 70'000 * 0x9e3779b97f4a7c15, 69'999);  // did not fit before
  builder.end_chunk({});
  const WrittenPage written = encode(builder);
  EXPECT_EQ(written.page().opaque_chunks(), 0b1010u);
  const auto ipv4 = written.page().column(Column::Ipv4).value();
  EXPECT_EQ(ipv4.entries(), kFactSetsMax);
  EXPECT_EQ(ipv4.find({.low = 0}), 0b0101u);
  EXPECT_EQ(ipv4.find({.low = kFactSetsMax - 1}), 0b0010u);
  EXPECT_EQ(ipv4.find({.low = 69'999}), 0u);
}

// Sets of as many keys as a set may have, in each column in turn.
TEST(IndexBuilder, MarksChunksWhenAColumnIsFull) {
  for (int column = 0; column < 6; ++column) {
    SCOPED_TRACE(column);
    IndexBuilder builder(UidColumn::Yes);
    builder.begin_chunk();
    for (std::uint64_t hash = 1; hash < 5000; ++hash) {
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
        if (column == 5) builder.add_uid(key);
      }
    }
    builder.end_chunk({});
    EXPECT_TRUE(builder.wants_page());
    EXPECT_EQ(encode(builder).page().opaque_chunks(), 1u);
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
  for (const Case& one : std::vector<Case>{{{yes, yes}, true},
                                           {{yes, no}, false},
                                           {{no, yes}, false},
                                           {{yes, no, yes}, false},
                                           {{yes}, true},
                                           {{no}, false},
                                           {{yes}, true}}) {
    builder.begin_chunk();
    std::uint64_t hash = 0x1'0000'0000'0000;
    for (const UidColumn uids : one.packets) {
      builder.set_uids(uids);
      EXPECT_TRUE(builder.add(hash));
      if (uids == UidColumn::Yes) builder.add_uid(7);
      hash += 0x1'0000'0000'0000;
    }
    builder.end_chunk({});
    EXPECT_EQ(encode(builder).page().entry(Column::Uid).has_value(), one.has_column);
  }
}

TEST(IndexBuilder, APageThatBeginsWithoutWordOfUidsIsAsThePacketsBeforeIt) {
  IndexBuilder builder(UidColumn::Yes);
  for (const UidColumn uids : {UidColumn::No, UidColumn::Yes}) {
    builder.set_uids(uids);
    for (int page = 0; page < 2; ++page) {
      builder.begin_chunk();
      EXPECT_TRUE(builder.add(0x1'0000'0000'0000));
      builder.end_chunk({});
      EXPECT_EQ(encode(builder).page().entry(Column::Uid).has_value(), uids == UidColumn::Yes);
    }
  }
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
