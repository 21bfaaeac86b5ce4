// Values as people type them: times, counts, and where a list of files ends and an expression
// begins.
#pragma once

#include <string>
#include <vector>

#include "control/values.h"

namespace weir::app {

// Shared with weir.toml.
using control::parse_duration;
using control::parse_size;

// `weir read FILE… [EXPRESSION]`: the leading words that name files, and the rest joined as an
// expression. The first word is always a file; a later one is when it exists, is "-", or looks like
// a path of a capture.
struct FilesAndExpression {
  std::vector<std::string> files;
  std::string expression;
};
FilesAndExpression split_files(const std::vector<std::string>& words);

}  // namespace weir::app
