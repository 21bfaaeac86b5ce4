// One run of the generator, from options to files.
#pragma once

#include <string>

#include "base/result.h"
#include "options.h"

namespace weir::traffic {

// Writes packets and summary; the result is the line for people.
Result<std::string> run(const Options& options);

}  // namespace weir::traffic
