// When a capture goes on in a new file.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace weir::output {

// Zero: no such rule. With several rules the first that applies starts the next file.
struct RotationOptions {
  std::uint64_t size_bytes = 0;  // no file is larger, unless one packet alone makes it so
  Duration interval = {};        // files change at UTC multiples of it
  std::uint32_t files_max = 0;   // only the newest so many files of this run are kept

  // What to do when the first file of the series would be one that exists: another run of the same
  // second. Otherwise that is an error.
  bool number_on = false;  // the numbers begin behind it

  // Whether the files are numbered at all; `files_max` alone never starts a second one.
  [[nodiscard]] bool any() const noexcept {
    return size_bytes != 0 || interval.count() != 0 || files_max != 0;
  }
};

}  // namespace weir::output
