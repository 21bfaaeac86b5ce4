#include "protocol/deep/store_ref.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace weir::protocol {
namespace {

std::string text_of(const StoreRef& ref) {
  std::array<char, StoreRef::kTextMax> into;
  return std::string(ref.text(into));
}

TEST(StoreRef, KeepsItsNumbers) {
  const StoreRef ref(16, 68'719'476'735, 4'194'303);
  EXPECT_EQ(ref.directory(), 16u);
  EXPECT_EQ(ref.segment(), 68'719'476'735u);
  EXPECT_EQ(ref.chunk(), 4'194'303u);
  EXPECT_EQ(text_of(ref), "16/68719476735#4194303");
}

TEST(StoreRef, IsWrittenAsFilesAreNamed) {
  EXPECT_EQ(text_of(StoreRef(0, 12, 345)), "0000000012#345");
  EXPECT_EQ(text_of(StoreRef(2, 1, 0)), "2/0000000001#0");
}

TEST(StoreRef, OfNumbersThatItCannotHoldThereIsNone) {
  EXPECT_TRUE(StoreRef().empty());
  EXPECT_TRUE(StoreRef(0, 0, 5).empty());
  EXPECT_TRUE(StoreRef(64, 1, 0).empty());
  EXPECT_TRUE(StoreRef(0, 68'719'476'736, 0).empty());
  EXPECT_TRUE(StoreRef(0, 1, 4'194'304).empty());
  EXPECT_FALSE(StoreRef(0, 1, 0).empty());
}

}  // namespace
}  // namespace weir::protocol
