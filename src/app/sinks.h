// From what the user named to sinks: pcapng files and pipes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/options.h"
#include "base/clock.h"
#include "base/result.h"
#include "output/interface_counts.h"
#include "output/rotation_options.h"
#include "output/segment_store.h"
#include "output/sink.h"

namespace weir::app {

struct SinkPlan {
  std::vector<std::string> paths;  // "-" = standard output
  StorePlan store = {};
  std::uint32_t workers = 1;  // that share each sink
  bool live = false;          // a reader that is slow must not stop the packets of others
  output::RotationOptions rotation = {};
  const output::InterfaceCountsReader* counts = nullptr;  // borrowed; live captures
  const Clock* clock = nullptr;                           // borrowed
};

// Opens them all, in the order in which they are to be closed: files first, so that they do not
// wait for the reader of a pipe. The store comes first, which may find something to mend.
struct OpenSinks {
  std::unique_ptr<output::SegmentStore> store;  // null: none; lent to a sink
  std::vector<std::unique_ptr<output::Sink>> sinks;
};
Result<OpenSinks> open_sinks(const SinkPlan& plan);

}  // namespace weir::app
