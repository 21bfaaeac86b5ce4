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
#include "telemetry/registry.h"

namespace weir::app {

// Any thread.
class StoreRegistry final : public telemetry::Collector, output::StoreWatcher {
 public:
  // Borrowed: told what was found when a store was opened.
  explicit StoreRegistry(EngineNews& news) : news_(news) {}

  // The store at the path, opened if nobody has it. It goes when the last user goes. Errors: those
  // of output::SegmentStore::open().
  Result<std::shared_ptr<output::SegmentStore>> open(const std::string& path, const Clock& clock);

  void collect(telemetry::Collection& into) const override;

 private:
  void segment_expired(const std::string& store, const output::ExpiredSegment& segment) override;
  void store_in_trouble(const std::string& store, std::string_view sentence) override;
  void tell_recovered(const output::SegmentStore& store);

  EngineNews& news_;
  mutable std::mutex mutex_;  // guards stores_
  std::map<std::string, std::weak_ptr<output::SegmentStore>> stores_;
};

}  // namespace weir::app
