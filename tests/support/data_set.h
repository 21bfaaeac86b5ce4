// The set of real captures that lies beside a checkout, never inside it. Tests that need it skip
// where it is absent.
#pragma once

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

namespace weir::test {

// `../shared/data` beside the source tree; need not exist.
inline std::filesystem::path data_set_dir() {
  const char* source_dir = std::getenv("WEIR_SOURCE_DIR");
  return std::filesystem::path(source_dir != nullptr ? source_dir : ".").lexically_normal() / ".." /
         "shared" / "data";
}

}  // namespace weir::test

// The only way by which a test may skip.
#define WEIR_SKIP_WITHOUT_DATA()                                                \
  if (!std::filesystem::exists(::weir::test::data_set_dir() / "manifest.json")) \
  GTEST_SKIP() << "no captures at " << ::weir::test::data_set_dir()
