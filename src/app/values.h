// Values as people type them: times, counts, and where a list of files ends and an expression
// begins.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace weir::app {

// "500ms", "10s", "1.5m", "2h", "1d"; a bare number is seconds. Positive, at most ten years.
Result<Duration> parse_duration(std::string_view text);

// "4096", "64KiB", "100MiB", "1.5GiB", "2TiB"; also with MB and the like for powers of ten. At
// least one byte, at most 2^60.
Result<std::uint64_t> parse_size(std::string_view text);

// `weir read FILE… [EXPRESSION]`: the leading words that name files, and the rest joined as an
// expression. The first word is always a file; a later one is when it exists, is "-", or looks like
// a path of a capture.
struct FilesAndExpression {
  std::vector<std::string> files;
  std::string expression;
};
FilesAndExpression split_files(const std::vector<std::string>& words);

}  // namespace weir::app
