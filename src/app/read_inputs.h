// What `weir read` reads: capture files and stores of packets, in the order of the command line.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/options.h"
#include "base/result.h"
#include "capture/retrieval/store_source.h"
#include "interface/source.h"

namespace weir::app {

struct ReadInputs {
  std::unique_ptr<interface::Source> source;
  std::vector<capture::retrieval::StoreSource*> stores;  // parts of it
};

// Files come one after the other. Stores that stand side by side are one part, by time: a capture
// may have written into several directories in turns. Errors: Usage, UnknownFormat (a directory
// that is no store), those of opening.
Result<ReadInputs> open_read_inputs(const std::vector<std::string>& names);

// Nothing may be written over what is read, or into a store that is read.
Result<void> check_read_outputs(const ReadOptions& options);

}  // namespace weir::app
