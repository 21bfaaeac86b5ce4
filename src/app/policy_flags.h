// The command line of `weir policy`.
#pragma once

#include "app/policy_options.h"

namespace CLI {  // NOLINT(readability-identifier-naming)
class App;
}

namespace weir::app {

// Must outlive the parsing of the command line that it was added to.
class PolicyFlags {
 public:
  // Adds the command `policy` with all that is under it.
  explicit PolicyFlags(CLI::App& app);
  PolicyFlags(const PolicyFlags&) = delete;
  PolicyFlags& operator=(const PolicyFlags&) = delete;

  // The command was given.
  [[nodiscard]] bool chosen() const noexcept { return chosen_; }
  [[nodiscard]] const PolicyOptions& options() const noexcept { return options_; }

 private:
  bool chosen_ = false;
  PolicyOptions options_;
};

}  // namespace weir::app
