// The set of real captures that lies beside a checkout, never inside it. Tests that need it skip
// where it is absent.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/skip.h"

namespace weir::test {

// `../shared/data` beside the source tree; need not exist.
inline std::filesystem::path data_set_dir() {
  const char* source_dir = std::getenv("WEIR_SOURCE_DIR");
  return std::filesystem::path(source_dir != nullptr ? source_dir : ".").lexically_normal() / ".." /
         "shared" / "data";
}

// Empty when the captures are there.
inline std::string why_no_data() {
  if (std::filesystem::exists(data_set_dir() / "manifest.json")) return "";
  return "no captures at " + data_set_dir().string();
}

}  // namespace weir::test

#define WEIR_SKIP_WITHOUT_DATA() \
  WEIR_SKIP_BECAUSE(::weir::test::why_no_data(), ::weir::test::UnderCi::Skip)
