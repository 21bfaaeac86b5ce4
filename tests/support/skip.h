// The one place where a test may skip.
#pragma once

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

namespace weir::test {

// What a missing thing means where CI promises everything: a failure, unless a clone may lack it.
enum class UnderCi { Fail, Skip };

inline bool missing_is_failure(UnderCi under_ci) {
  return under_ci == UnderCi::Fail && std::getenv("CI") != nullptr;
}

}  // namespace weir::test

// Skips the test when `reason`, a string, is not empty.
#define WEIR_SKIP_BECAUSE(reason, under_ci)                                  \
  do {                                                                       \
    const std::string& weir_reason = (reason);                               \
    if (!weir_reason.empty()) {                                              \
      if (::weir::test::missing_is_failure(under_ci)) FAIL() << weir_reason; \
      GTEST_SKIP() << weir_reason;                                           \
    }                                                                        \
  } while (false)
