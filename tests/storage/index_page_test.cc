// Index pages, from the builder to the reader, and what the reader makes of damage.
#include "storage/segment/index_page.h"

#include <array>
#include <map>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "storage/crc32c.h"
#include "storage/segment/index_builder.h"

namespace weir::storage::segment {
namespace {

using Model = std::map<Column, std::map<IndexKey, ChunkMask>>;
constexpr std::array kKeyColumns = {Column::Ipv4,    Column::Ipv6,        Column::Protocols,
                                    Column::Tenants, Column::CommunityId, Column::Uid};

// A fact set of random keys, few enough of each kind that sets share them.
std::vector<std::pair<Column, IndexKey>> random_keys(Prng& random) {
  std::vector<std::pair<Column, IndexKey>> keys;
  for (std::uint64_t i = random.below(4); i > 0; --i) {
    keys.emplace_back(Column::Ipv4, IndexKey{.low = 0xffff'ffff - random.below(300) * 12'345'678});
  }
  if (random.chance(1, 2)) {
    keys.emplace_back(Column::Ipv6,
                      IndexKey{.high = random.below(3) << 60, .low = random.below(100) << 57});
  }
  keys.emplace_back(Column::Protocols,
                    IndexKey{.low = protocol_key(ProtocolClass::Network, 0x86dd)});
  keys.emplace_back(Column::Protocols,
                    IndexKey{.low = protocol_key(ProtocolClass::IpProtocol,
                                                 static_cast<std::uint16_t>(random.below(256)))});
  keys.emplace_back(
      Column::Protocols,
      IndexKey{.low = protocol_key(ProtocolClass::SctpPort,
                                   static_cast<std::uint16_t>(random.below(65'536)))});
  keys.emplace_back(Column::Tenants,
                    IndexKey{.low = tenant_key(TenantClass::GwlbEndpoint, random.next())});
  keys.emplace_back(Column::Tenants,
                    IndexKey{.low = tenant_key(TenantClass::Vlan, random.below(20))});
  keys.emplace_back(Column::CommunityId, IndexKey{.low = random.next() >> 24});
  keys.emplace_back(Column::Uid, uid_key(0xffff'ffff'ffff - random.below(50), random.below(3)));
  return keys;
}

void add_key(IndexBuilder& builder, Column column, const IndexKey& key) {
  std::array<std::uint8_t, 16> address;
  store_be(address.data(), key.high);
  store_be(address.data() + 8, key.low);
  switch (column) {
    case Column::Ipv4:
      return builder.add_ipv4(static_cast<std::uint32_t>(key.low));
    case Column::Ipv6:
      return builder.add_ipv6(address.data());
    case Column::Protocols:
      return builder.add_protocol(static_cast<std::uint32_t>(key.low));
    case Column::Tenants:
      return builder.add_tenant(key.low);
    case Column::CommunityId:
      return builder.add_community_id(key.low);
    case Column::Uid:
      return builder.add_uid(key);
    case Column::Chunks:
      break;
  }
}

ChunkRow random_row(Prng& random) {
  return {.offset = random.next(),
          .unit_bytes = static_cast<std::uint32_t>(random.next()),
          .packets = static_cast<std::uint32_t>(random.next()),
          .times = {.first = {static_cast<std::int64_t>(random.next())},
                    .last = {static_cast<std::int64_t>(random.next())}},
          .wire_bytes = random.next(),
          .lost = random.next()};
}

constexpr PagePlace kPlace = {
    .segment = {1, 2, 3}, .ordinal = 66, .file_offset = 4096 * 77, .first_chunk = 128};

struct RandomPage {
  explicit RandomPage(std::uint64_t seed) {
    Prng random(seed);
    for (const Column column : kKeyColumns) {
      filters.push_back(std::make_unique<KeyFilter>(1u << 16));
      by_column[static_cast<std::size_t>(column)] = filters.back().get();
    }
    IndexBuilder builder(UidColumn::Yes);
    const std::uint64_t chunks = 1 + random.below(kPageChunksMax);
    const std::uint64_t set_count = 1 + random.below(1500);
    std::vector<std::vector<std::pair<Column, IndexKey>>> sets;
    for (std::uint64_t i = 0; i < set_count; ++i) sets.push_back(random_keys(random));
    for (std::uint64_t chunk = 0; chunk < chunks; ++chunk) {
      builder.begin_chunk();
      for (std::uint64_t packet = random.below(300); packet > 0; --packet) {
        const std::uint64_t set = random.below(1 + random.below(set_count));
        const bool is_new = builder.add((set + 1) * 0x9e3779b97f4a7c15);
        for (const auto& [column, key] : sets[set]) {
          if (is_new) add_key(builder, column, key);
          model[column][key] |= ChunkMask{1} << chunk;
        }
      }
      rows.push_back(random_row(random));
      builder.end_chunk(rows.back());
    }
    unit.resize(kUnitBytesMax);
    unit.resize(builder.encode(kPlace, unit, by_column));
  }

  std::vector<std::unique_ptr<KeyFilter>> filters;
  ColumnFilters by_column{};
  Model model;
  std::vector<ChunkRow> rows;
  std::vector<std::uint8_t> unit;
};

ChunkMask model_range(const std::map<IndexKey, ChunkMask>& column, const IndexKey& low,
                      const IndexKey& high) {
  ChunkMask chunks = 0;
  for (auto at = column.lower_bound(low); at != column.end() && at->first <= high; ++at) {
    chunks |= at->second;
  }
  return chunks;
}

TEST(IndexPage, GivesBackEveryKeyWithItsChunksAndNoOther) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    RandomPage written(seed);
    Prng random(seed);
    const auto page = IndexPage::parse(written.unit);
    ASSERT_TRUE(page);
    EXPECT_EQ(page->first_chunk(), 128u);
    EXPECT_EQ(page->unit().ordinal, 66u);
    ASSERT_EQ(page->chunk_count(), written.rows.size());
    for (std::uint32_t i = 0; i < page->chunk_count(); ++i) {
      EXPECT_EQ(page->chunk(i), written.rows[i]);
    }
    for (const Column which : kKeyColumns) {
      SCOPED_TRACE(static_cast<int>(which));
      const auto& expected = written.model[which];
      const auto column = page->column(which);
      ASSERT_TRUE(column);
      std::map<IndexKey, ChunkMask> all;
      EXPECT_TRUE(column->for_each([&](const IndexKey& key, ChunkMask chunks) {
        EXPECT_TRUE(all.empty() || all.rbegin()->first < key);
        all[key] = chunks;
      }));
      EXPECT_EQ(all, expected);
      KeyFilter& filter = *written.by_column[static_cast<std::size_t>(which)];
      filter.fold();
      const auto view = KeyFilterView::parse(filter.bytes(), kFilterHashes);
      for (const auto& [key, chunks] : expected) {
        EXPECT_EQ(column->find(key), chunks);
        EXPECT_TRUE(view->contains(filter_key(which, key)));
        const IndexKey near{.high = key.high, .low = key.low ^ (1 + random.below(3))};
        EXPECT_EQ(column->find(near), model_range(expected, near, near));
        const IndexKey far{.high = key.high + random.below(2), .low = key.low + random.below(1000)};
        EXPECT_EQ(column->range(key, far), model_range(expected, key, far));
      }
      const IndexKey last{.high = ~std::uint64_t{0}, .low = ~std::uint64_t{0}};
      EXPECT_EQ(column->range({}, last), model_range(expected, {}, last));
    }
  }
}

// Two keys in one group, as docs/segment-format.md lays them out.
TEST(IndexPage, PacksAColumnAsTheFormatSays) {
  IndexBuilder builder(UidColumn::No);
  for (std::uint32_t chunk = 0; chunk < 12; ++chunk) {
    builder.begin_chunk();
    if (chunk == 3 && builder.add(1u << 20)) builder.add_ipv4(0x0a000001);
    if ((chunk == 5 || chunk == 9) && builder.add(2u << 20)) builder.add_ipv4(0x0a000101);
    if (chunk != 9 && chunk < 11 && builder.add(3u << 20)) builder.add_ipv4(0x0a000102);
    builder.end_chunk({});
  }
  std::vector<std::uint8_t> unit(kUnitBytesMax);
  unit.resize(builder.encode(kPlace, unit, ColumnFilters{}));
  const auto entry = IndexPage::parse(unit)->entry(Column::Ipv4).value();
  const std::vector<std::uint8_t> bytes(unit.begin() + entry.offset,
                                        unit.begin() + entry.offset + entry.bytes);
  EXPECT_EQ(bytes,
            (std::vector<std::uint8_t>{
                3,    0,    0,    0,   4, 0, 64, 0, 9, 0, 0, 0,  // entries, key, group, bytes
                10,   0,    0,    1,   0, 0, 0,  0,              // the only group
                3,                                               // of the first key: chunk 3
                0x80, 0x02, 0x45, 8,                             // 256 more: chunk 5, and 4 later
                0x01, 0x40, 0xff, 0x05                           // 1 more: 0 to 8, and 10
            }));
  EXPECT_EQ(entry.crc, crc32c(bytes));
}

TEST(IndexPage, IsNotThereWhenItIsCut) {
  const RandomPage written(3);
  const Bytes unit(written.unit);
  for (std::size_t bytes = 0; bytes < unit.size(); bytes += bytes < 600 ? 1 : 997) {
    // A copy of its own, so that a read behind it shows.
    const std::vector<std::uint8_t> cut(unit.begin(), unit.begin() + static_cast<long>(bytes));
    EXPECT_FALSE(IndexPage::parse(cut)) << bytes;
  }
}

TEST(IndexPage, IsDamagedWithAnyByteChanged) {
  RandomPage written(4);
  Prng random(4);
  for (int i = 0; i < 2000; ++i) {
    const std::size_t at =
        i < 200 ? static_cast<std::size_t>(i) : random.below(written.unit.size());
    const auto change = static_cast<std::uint8_t>(1 + random.below(255));
    written.unit[at] ^= change;
    EXPECT_FALSE(IndexPage::parse(written.unit)) << at;
    written.unit[at] ^= change;
  }
  EXPECT_TRUE(IndexPage::parse(written.unit));
}

// The unit's CRC made right again: the column's own still tells, and what stands in the header and
// the table is not believed.
TEST(IndexPage, LeavesOutAColumnWhoseOwnCrcIsWrong) {
  RandomPage written(5);
  const auto entry = IndexPage::parse(written.unit)->entry(Column::Ipv4).value();
  written.unit[entry.offset + entry.bytes - 1] ^= 1;
  seal_unit(written.unit, 0);
  const auto page = IndexPage::parse(written.unit);
  ASSERT_TRUE(page);
  EXPECT_FALSE(page->column(Column::Ipv4));
  EXPECT_TRUE(page->column(Column::Protocols));
}

TEST(IndexPage, BelievesNoHeaderThatPointsOutside) {
  const RandomPage written(6);
  Prng random(6);
  for (int i = 0; i < 3000; ++i) {
    std::vector<std::uint8_t> unit = written.unit;
    const std::size_t at = kUnitHeaderBytes + random.below(24 + 7 * kColumnEntryBytes);
    unit[at] = static_cast<std::uint8_t>(random.next());
    if (random.chance(1, 2)) unit[at + 1] = 0xff;
    seal_unit(unit, 0);
    const auto page = IndexPage::parse(unit);
    if (!page) continue;
    ASSERT_LE(page->chunk_count(), kPageChunksMax);
    for (std::uint32_t row = 0; row < page->chunk_count(); ++row) (void)page->chunk(row);
    for (const Column which : kKeyColumns) {
      const auto column = page->column(which);
      if (column) {
        EXPECT_TRUE(column->for_each([](const IndexKey&, ChunkMask) {}));
      }
    }
  }
}

// Without a CRC, as a reader has a column that it read alone.
TEST(KeyColumn, IsEitherDamagedOrWellOrderedWhateverItsBytes) {
  const RandomPage written(7);
  const auto page = IndexPage::parse(written.unit).value();
  Prng random(7);
  std::uint32_t damaged = 0;
  for (const Column which : kKeyColumns) {
    const auto entry = page.entry(which).value();
    for (int i = 0; i < 1500; ++i) {
      std::vector<std::uint8_t> bytes(written.unit.begin() + entry.offset,
                                      written.unit.begin() + entry.offset + entry.bytes);
      bytes[random.below(random.chance(1, 2) ? 64 : bytes.size())] =
          static_cast<std::uint8_t>(random.next());
      if (random.chance(1, 4)) bytes.resize(random.below(bytes.size()));
      bytes.shrink_to_fit();
      const auto column = KeyColumn::parse(bytes, which);
      if (!column) {
        ++damaged;
        continue;
      }
      IndexKey previous;
      std::uint64_t visited = 0;
      const bool whole = column->for_each([&](const IndexKey& key, ChunkMask chunks) {
        EXPECT_TRUE(visited == 0 || previous < key);
        EXPECT_NE(chunks, 0u);
        previous = key;
        ++visited;
      });
      EXPECT_LE(visited, bytes.size());
      EXPECT_TRUE(!whole || visited == column->entries());
      (void)column->find(previous);
      (void)column->range({}, previous);
    }
  }
  EXPECT_GT(damaged, 500u);
}

}  // namespace
}  // namespace weir::storage::segment
