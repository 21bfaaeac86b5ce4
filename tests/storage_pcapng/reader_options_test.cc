// Options of pcapng blocks, brought into the one form that weir keeps.
#include "storage/pcapng/reader_options.h"

#include <vector>

#include <gtest/gtest.h>

namespace weir::storage::pcapng {
namespace {

using ByteVector = std::vector<std::uint8_t>;

struct Normalised {
  ByteVector bytes;
  bool well_formed;
  friend bool operator==(const Normalised&, const Normalised&) = default;
};

Normalised normalise(ByteVector area, ByteOrder order, BlockType block) {
  const NormalisedOptions options = normalise_options(area, order, block);
  area.resize(options.bytes);
  return {area, options.well_formed};
}

TEST(NormaliseOptions, LittleEndianOnesLoseOnlyTheirEnd) {
  const ByteVector comment = {1, 0, 3, 0, 'a', 'b', 'c', 0};
  ByteVector area = comment;
  EXPECT_EQ(normalise(area, ByteOrder::Little, BlockType::EnhancedPacket),
            (Normalised{comment, true}));
  area.insert(area.end(), {0, 0, 0, 0, 9, 9, 9, 9});  // whatever follows the end
  EXPECT_EQ(normalise(area, ByteOrder::Little, BlockType::EnhancedPacket),
            (Normalised{comment, true}));
  EXPECT_EQ(normalise({}, ByteOrder::Little, BlockType::EnhancedPacket), (Normalised{{}, true}));
}

TEST(NormaliseOptions, AnOptionBeyondTheBlockEndsThem) {
  EXPECT_EQ(normalise({1, 0, 1, 0, 'a', 0, 0, 0, 1, 0, 5, 0, 'x', 'y', 'z', 'w'}, ByteOrder::Little,
                      BlockType::EnhancedPacket),
            (Normalised{{1, 0, 1, 0, 'a', 0, 0, 0}, false}));
  EXPECT_EQ(normalise({0, 1, 0xff, 0xff}, ByteOrder::Big, BlockType::EnhancedPacket),
            (Normalised{{}, false}));
}

struct Row {
  const char* what;
  BlockType block;
  ByteVector big;
  ByteVector little;
};

TEST(NormaliseOptions, BigEndianValuesOfKnownLayoutAreTurned) {
  const Row rows[] = {
      {"epb_flags", BlockType::EnhancedPacket, {0, 2, 0, 4, 1, 2, 3, 4}, {2, 0, 4, 0, 4, 3, 2, 1}},
      {"epb_hash is bytes",
       BlockType::EnhancedPacket,
       {0, 3, 0, 3, 2, 7, 8, 0},
       {3, 0, 3, 0, 2, 7, 8, 0}},
      {"epb_dropcount",
       BlockType::EnhancedPacket,
       {0, 4, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8},
       {4, 0, 8, 0, 8, 7, 6, 5, 4, 3, 2, 1}},
      {"epb_queue", BlockType::EnhancedPacket, {0, 6, 0, 4, 0, 0, 0, 9}, {6, 0, 4, 0, 9, 0, 0, 0}},
      {"epb_verdict of the kernel",
       BlockType::EnhancedPacket,
       {0, 7, 0, 9, 2, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0},
       {7, 0, 9, 0, 2, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0}},
      {"epb_verdict of hardware is bytes",
       BlockType::EnhancedPacket,
       {0, 7, 0, 4, 0, 1, 2, 3},
       {7, 0, 4, 0, 0, 1, 2, 3}},
      {"a comment is text",
       BlockType::EnhancedPacket,
       {0, 1, 0, 4, 'a', 'b', 'c', 'd'},
       {1, 0, 4, 0, 'a', 'b', 'c', 'd'}},
      {"a custom option has a number and bytes",
       BlockType::SectionHeader,
       {0x0b, 0xad, 0, 6, 0, 0, 0x7e, 0xd9, 'a', 'b', 0, 0},
       {0xad, 0x0b, 6, 0, 0xd9, 0x7e, 0, 0, 'a', 'b', 0, 0}},
      {"code 2 of a section is text",
       BlockType::SectionHeader,
       {0, 2, 0, 4, 'x', '8', '6', 0},
       {2, 0, 4, 0, 'x', '8', '6', 0}},
      {"if_speed",
       BlockType::InterfaceDescription,
       {0, 8, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9},
       {8, 0, 8, 0, 9, 0, 0, 0, 0, 0, 0, 0}},
      {"isb_starttime is two halves, the high one first",
       BlockType::InterfaceStatistics,
       {0, 2, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2},
       {2, 0, 8, 0, 1, 0, 0, 0, 2, 0, 0, 0}},
      {"a value of the wrong length stays",
       BlockType::EnhancedPacket,
       {0, 2, 0, 2, 1, 2, 0, 0},
       {2, 0, 2, 0, 1, 2, 0, 0}},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(normalise(row.big, ByteOrder::Big, row.block), (Normalised{row.little, true}))
        << row.what;
    EXPECT_EQ(normalise(row.little, ByteOrder::Little, row.block), (Normalised{row.little, true}))
        << row.what;
  }
}

TEST(OptionCursor, WalksWholeOptions) {
  const ByteVector area = {1, 0, 3, 0, 'a', 'b', 'c', 0, 9, 0, 1, 0, 6, 0, 0, 0};
  OptionCursor cursor(area);
  const auto first = cursor.next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->code, 1);
  EXPECT_EQ(ByteVector(first->value.begin(), first->value.end()), (ByteVector{'a', 'b', 'c'}));
  EXPECT_EQ(first->whole.size(), 8u);
  const auto second = cursor.next();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->code, 9);
  EXPECT_FALSE(cursor.next().has_value());
}

}  // namespace
}  // namespace weir::storage::pcapng
