// From what the user named to sinks: pcapng files and pipes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "app/options.h"
#include "base/clock.h"
#include "base/result.h"
#include "output/interface_counts.h"
#include "output/rotation_options.h"
#include "output/segment_store.h"
#include "output/sink.h"

namespace weir::app {

struct SinkPlan {
  std::vector<std::string> paths;  // "-" = standard output
  StorePlan store = {};
  SpillPlan spill = {};
  std::uint32_t workers = 1;  // that share each sink
  bool live = false;          // a reader that is slow must not stop the packets of others
  output::RotationOptions rotation = {};
  const output::InterfaceCountsReader* counts = nullptr;  // borrowed; live captures
  const Clock* clock = nullptr;                           // borrowed
};

// Opens them all, in the order in which they are to be closed: files first, so that they do not
// wait for the reader of a pipe. The store comes first, which may find something to mend.
// What a store tells meanwhile: deletions, trouble. Any thread.
class StoreNotices final : public output::StoreWatcher {
 public:
  // Since it was asked.
  std::vector<std::string> take();

 private:
  void segment_expired(const std::string& store, const output::ExpiredSegment& segment) override;
  void store_in_trouble(const std::string& store, std::string_view sentence) override;
  void store_room(const std::string& store, const output::StoreRoom& room) override;

  std::mutex mutex_;
  std::map<std::string, state::PressureGauge> pressures_;  // by store
  std::vector<std::string> notices_;
};

struct OpenSinks {
  std::unique_ptr<StoreNotices> notices = std::make_unique<StoreNotices>();  // lent to the store
  std::vector<std::unique_ptr<output::SegmentStore>> stores;                 // lent to a sink
  std::vector<std::unique_ptr<output::Sink>> sinks;
};
Result<OpenSinks> open_sinks(const SinkPlan& plan);

}  // namespace weir::app
