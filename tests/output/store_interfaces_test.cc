#include "output/store_interfaces.h"

#include <gtest/gtest.h>

#include "base/packet_batch.h"

namespace weir::output {
namespace {

CaptureInterface interface(const char* name, std::uint32_t snaplen = 0) {
  return {.link_type = LinkType::Ethernet, .snaplen = snaplen, .name = name};
}

TEST(StoreInterfaces, EachDifferentOneIsDescribedOnce) {
  InterfaceTable table;
  for (const char* name : {"a", "b", "a", "c", "b"}) table.add(interface(name));
  StoreInterfaces interfaces;
  interfaces.begin(table);
  ASSERT_EQ(interfaces.described().size(), 3u);
  EXPECT_EQ(interfaces.described()[2].name, "c");
  EXPECT_EQ(interfaces.number({0}), 0u);
  EXPECT_EQ(interfaces.number({2}), 0u);
  EXPECT_EQ(interfaces.number({3}), 2u);
  EXPECT_EQ(interfaces.number({4}), 1u);
  EXPECT_EQ(interfaces.source_of(2).index, 3u);
}

TEST(StoreInterfaces, OneThatComesLaterIsKnownWhenItIsLikeOneThatIsThere) {
  InterfaceTable table;
  table.add(interface("a"));
  StoreInterfaces interfaces;
  interfaces.begin(table);
  table.add(interface("a"));
  table.add(interface("b"));
  interfaces.see(table);
  EXPECT_EQ(interfaces.number({1}), 0u);
  EXPECT_EQ(interfaces.number({2}), StoreInterfaces::kNotDescribed);
  interfaces.begin(table);
  EXPECT_EQ(interfaces.number({2}), 1u);
}

TEST(StoreInterfaces, BeforeTheFirstSegmentNoneIsDescribed) {
  InterfaceTable table;
  table.add(interface("a"));
  StoreInterfaces interfaces;
  interfaces.see(table);
  EXPECT_EQ(interfaces.number({0}), StoreInterfaces::kNotDescribed);
  EXPECT_EQ(interfaces.snaplen(), 0u);
}

TEST(StoreInterfaces, OneSnaplenIsLeftAsItIs) {
  InterfaceTable table;
  table.add(interface("a", 96));
  table.add(interface("b", 96));
  StoreInterfaces interfaces;
  interfaces.begin(table);
  EXPECT_EQ(interfaces.snaplen(), 96u);
}

TEST(StoreInterfaces, DifferentSnaplensBecomeTheLargestAndNoLimitTheLongestPacket) {
  InterfaceTable table;
  table.add(interface("a", 96));
  table.add(interface("b", 65'535));
  StoreInterfaces interfaces;
  interfaces.begin(table);
  EXPECT_EQ(interfaces.snaplen(), 65'535u);
  EXPECT_EQ(interfaces.described()[0].snaplen, 65'535u);
  table.add(interface("c", 0));
  interfaces.begin(table);
  EXPECT_EQ(interfaces.snaplen(), kPacketBytesMax);
  // It is the same interface as before, whatever the segment says of it.
  table.add(interface("a", 96));
  interfaces.see(table);
  EXPECT_EQ(interfaces.number({3}), 0u);
}

}  // namespace
}  // namespace weir::output
