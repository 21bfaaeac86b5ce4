// The directories of spill queues that an engine has, each opened once: while one output of a
// session replaces another, both may have a queue there.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "app/engine/destination_gate.h"
#include "base/result.h"
#include "storage/spill/spill_directory.h"

namespace weir::app {

// Any thread.
class SpillRegistry {
 public:
  // The directory, opened if nobody has it. It goes when the last user goes, and the grant by which
  // it was opened with it, which `grant` becomes. Errors: those of SpillDirectory::open().
  Result<std::shared_ptr<storage::spill::SpillDirectory>> open(SharedGrant& grant);

 private:
  // Members are destroyed last to first.
  struct Held {
    SharedGrant grant;
    std::unique_ptr<storage::spill::SpillDirectory> directory;
  };
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<Held>> directories_;
};

}  // namespace weir::app
