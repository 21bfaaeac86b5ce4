// The directories of spill queues that an engine has, each opened once: while one output of a
// session replaces another, both may have a queue there.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "storage/spill/spill_directory.h"

namespace weir::app {

// Any thread.
class SpillRegistry {
 public:
  // The directory, opened if nobody has it. It goes when the last user goes. Errors: those of
  // SpillDirectory::open().
  Result<std::shared_ptr<storage::spill::SpillDirectory>> open(const std::string& path);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<storage::spill::SpillDirectory>> directories_;
};

}  // namespace weir::app
