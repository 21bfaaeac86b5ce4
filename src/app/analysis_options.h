// What the user asked to be told of flows, as plain values.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "capture/flow_stage.h"
#include "output/log_directory.h"

namespace weir::app {

struct AnalysisOptions {
  std::string logs_path;    // empty: nothing is analysed
  int logs_directory = -1;  // output::open_log_directory()'s `held`
  output::ExistingLogs existing = output::ExistingLogs::Refuse;
  Duration rotate_interval{};      // finished logs at UTC multiples of it; 0: none
  std::uint32_t archived_max = 0;  // finished logs that are kept of each; 0: all
  std::uint16_t community_id_seed = 0;
  capture::FlowAnalysisOptions flows;
  // Threads that share the flows of one source; 1: the one that reads it does everything.
  std::uint32_t workers = 1;
};

}  // namespace weir::app
