#include "base/error.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Error, ContextGrowsOnTheWayUp) {
  const Error error = system_error(ENOSPC, "write").with_context("x.pcapng");
  EXPECT_EQ(error.code, ErrorCode::NoSpace);
  EXPECT_EQ(error.sys_errno, ENOSPC);
  EXPECT_EQ(error.context, "x.pcapng: write: No space left on device");
}

TEST(Error, UsageErrorsExitWithTwoAllOthersWithOne) {
  for (const ErrorInfo& info : error_table()) {
    EXPECT_EQ(exit_status(info.code), info.error_class == ErrorClass::Usage ? 2 : 1) << info.name;
  }
  EXPECT_EQ(exit_status(ErrorCode::BadFilter), 2);
  EXPECT_EQ(exit_status(ErrorCode::Damaged), 1);
}

}  // namespace
}  // namespace weir
