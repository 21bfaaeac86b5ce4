#include "base/edit_distance.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(EditDistance, CountsLettersPutInTakenOutAndReplaced) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("eth0", "eth0"), 0u);
  EXPECT_EQ(edit_distance("eth0", "eth1"), 1u);
  EXPECT_EQ(edit_distance("eth", "eth0"), 1u);
  EXPECT_EQ(edit_distance("filtre", "filter"), 2u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("", "lo"), 2u);
  EXPECT_EQ(edit_distance("lo", ""), 2u);
}

}  // namespace
}  // namespace weir
