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

  // The series goes on where an earlier run ended: its numbers begin behind a file of the same
  // second, which is an error otherwise, and files that are there count for `files_max`. None of
  // them is deleted before a second file begins: a run that ends at once again and again must not
  // delete the days before it.
  bool goes_on = false;

  // Whether the files are numbered at all; `files_max` alone never starts a second one.
  [[nodiscard]] bool any() const noexcept {
    return size_bytes != 0 || interval.count() != 0 || files_max != 0;
  }
};

}  // namespace weir::output
