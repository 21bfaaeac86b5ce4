// An index builder has all its memory from the start.
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "storage/segment/index_builder.h"
#include "support/alloc_guard.h"

namespace weir::storage::segment {
namespace {

TEST(IndexAllocation, PagesOfAnyFillAllocateNothing) {
  const auto builder = std::make_unique<IndexBuilder>(UidColumn::Yes);
  KeyFilter filter(1u << 20);
  ColumnFilters filters{};
  filters[static_cast<std::size_t>(Column::Ipv4)] = &filter;
  std::vector<std::uint8_t> unit(kUnitBytesMax);
  const std::array<std::uint8_t, 16> address{};
  const std::uint64_t before = test::allocations();
  std::uint64_t bytes = 0;
  for (const std::uint32_t sets : {10u, 30'000u, 70'000u, 10u}) {
    builder->begin_chunk();
    for (std::uint32_t i = 0; i < sets; ++i) {
      if (!builder->add((i + 1) * 0x9e3779b97f4a7c15)) continue;
      builder->add_ipv4(i);
      builder->add_ipv6(address.data());
      builder->add_protocol(protocol_key(ProtocolClass::Network, 0x0800));
      builder->add_protocol(protocol_key(ProtocolClass::TcpPort, i & 0xffff));
      builder->add_tenant(i);
      builder->add_community_id(i);
      builder->add_uid(uid_key(i, i));
    }
    builder->end_chunk({});
    bytes += builder->encode({}, unit, filters);
  }
  filter.fold();
  EXPECT_EQ(test::allocations(), before);
  EXPECT_GT(bytes, 1'000'000u);
}

}  // namespace
}  // namespace weir::storage::segment
