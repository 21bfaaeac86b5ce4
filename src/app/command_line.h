// The command line: the only place that knows CLI11.
#pragma once

#include <string>
#include <variant>

#include "app/commands/completion.h"
#include "app/ctl/options.h"
#include "app/extcap/options.h"
#include "app/options.h"
#include "app/policy_options.h"
#include "app/query_options.h"

namespace weir::app {

// --help, --version or a mistake: text to print, and the exit status.
struct PrintAndExit {
  std::string text;
  bool to_stderr = false;
  int status = 0;
};

using Command =
    std::variant<PrintAndExit, ReadOptions, CaptureOptions, RunOptions, ConfigOptions, CtlOptions,
                 StoreOptions, QueryOptions, ExtcapOptions, PolicyOptions, CompletionOptions>;

Command parse_command_line(int argc, const char* const* argv);

}  // namespace weir::app
