// How a uid is written: 'C' and the 96 bits in 17 digits of base 62.
#include <gtest/gtest.h>

#include "protocol/deep/uid.h"

namespace weir::protocol {
namespace {

TEST(UidText, HasSeventeenDigitsWhateverTheNumber) {
  EXPECT_EQ(text_of({{0, 0, 0}}).view(), "C00000000000000000");
  EXPECT_EQ(text_of({{0, 0, 61}}).view(), "C0000000000000000z");
  EXPECT_EQ(text_of({{0, 0, 62}}).view(), "C00000000000000010");
}

TEST(UidText, HasTheFirstWordInFront) {
  EXPECT_EQ(text_of({{0, 1, 0}}).view(), "C000000000004gfFC4");
  EXPECT_EQ(text_of({{1, 0, 0}}).view(), "C000000LygHa16AHYG");
  EXPECT_EQ(text_of({{0x01234567, 0x89abcdef, 0xfedcba98}}).view(), "C00SONE5v7pP37HWv2");
  EXPECT_EQ(text_of({{0xffffffff, 0xffffffff, 0xffffffff}}).view(), "C1f2SI9UJPXvb7vdJ1");
}

}  // namespace
}  // namespace weir::protocol
