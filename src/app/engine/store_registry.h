// The packet stores that an engine writes to, each opened once: a session that is changed goes on
// in the store that it had.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "app/engine/engine_news.h"
#include "base/clock.h"
#include "base/result.h"
#include "output/segment_store.h"

namespace weir::app {

// Any thread.
class StoreRegistry {
 public:
  // Borrowed: told what was found when a store was opened.
  explicit StoreRegistry(EngineNews& news) : news_(news) {}

  // The store at the path, opened if nobody has it. It goes when the last user goes. Errors: those
  // of output::SegmentStore::open().
  Result<std::shared_ptr<output::SegmentStore>> open(const std::string& path, const Clock& clock);

 private:
  EngineNews& news_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<output::SegmentStore>> stores_;
};

}  // namespace weir::app
