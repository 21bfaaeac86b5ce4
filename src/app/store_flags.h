// The command line of `weir store`.
#pragma once

#include <memory>

#include "app/options.h"

namespace CLI {  // NOLINT(readability-identifier-naming)
class App;
}

namespace weir::app {

// Must outlive the parsing of the command line that it was added to.
class StoreFlags {
 public:
  // Adds the command `store` with all that is under it.
  explicit StoreFlags(CLI::App& app);
  ~StoreFlags();
  StoreFlags(const StoreFlags&) = delete;
  StoreFlags& operator=(const StoreFlags&) = delete;

  // The command was given.
  [[nodiscard]] bool chosen() const;
  [[nodiscard]] const StoreOptions& options() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace weir::app
