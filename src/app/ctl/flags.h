// The command line of `weir ctl`.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/ctl/options.h"

namespace CLI {  // NOLINT(readability-identifier-naming)
class App;
}

namespace weir::app {

// Must outlive the parsing of the command line that it was added to.
class CtlFlags {
 public:
  // Adds the command `ctl` with all that is under it.
  explicit CtlFlags(CLI::App& app);
  ~CtlFlags();
  CtlFlags(const CtlFlags&) = delete;
  CtlFlags& operator=(const CtlFlags&) = delete;

  // The command was given.
  [[nodiscard]] bool chosen() const;
  // "ctl", or "ctl pause" where the words got that far: whose help to point to.
  [[nodiscard]] std::string command() const;
  // Joins what the flags said; the text of an error, or nothing.
  std::optional<std::string> finish();
  [[nodiscard]] const CtlOptions& options() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace weir::app
