// What the options of `weir read` and `weir capture` say, and what is made of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/analysis_options.h"
#include "app/options.h"
#include "app/store_flags.h"

namespace CLI {
class App;
}

namespace weir::app {

// Options of the analysis, and of the logs that tell of it.
struct AnalysisFlags {
  AnalysisOptions options;
  bool append = false;
  bool overwrite = false;
  std::string checksums = "auto";
  std::vector<std::string> timeouts;
  std::string flow_memory;
  std::string long_flows;

  void add_to(CLI::App& command);  // command_line.cc

  // The text of an error, or nothing.
  std::optional<std::string> finish();
};

// Options that every pipeline command has.
struct PipelineFlags {
  PipelineOptions options;
  AnalysisFlags analysis;
  StoreOutputFlags store;
  bool inner = false;

  void add_to(CLI::App& command);  // command_line.cc

  // Joins what flags and trailing words said; the text of an error, or nothing.
  std::optional<std::string> finish(const std::string& expression);
};

struct RotationFlags {
  std::string size;
  std::string interval;
  std::uint32_t files = 0;

  // The text of an error, or nothing.
  std::optional<std::string> put_into(CaptureOptions& options) const;
};

}  // namespace weir::app
