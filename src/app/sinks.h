// From what the user named to a sink: a pcapng file, or standard output.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "output/sink.h"

namespace weir::app {

// Null when `write_path` is empty.
Result<std::unique_ptr<output::Sink>> open_sink(const std::string& write_path);

}  // namespace weir::app
