#include "base/result.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace weir {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error{.code = ErrorCode::Usage, .context = "odd"};
  return n / 2;
}
Result<int> quarter(int n) {
  WEIR_TRY(const int h, half(n));
  return half(h);
}
Result<void> needs_quarter(int n) {
  WEIR_CHECK([&]() -> Result<void> {
    if (auto r = quarter(n); !r) return std::move(r).error();
    return ok();
  }());
  return ok();
}

TEST(Result, CarriesAValueOrAnError) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().context, "odd");
  EXPECT_TRUE(needs_quarter(4).ok());
  EXPECT_FALSE(needs_quarter(2).ok());
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 7);
}

TEST(ResultDeathTest, LookingAtTheWrongSideAborts) {
  EXPECT_DEATH((void)half(3).value(), "internal error");
  EXPECT_DEATH((void)half(2).error(), "internal error");
}

}  // namespace
}  // namespace weir
