// The packet stores that an engine writes to, each opened once: a session that is changed goes on
// in the store that it had.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "app/engine/destination_gate.h"
#include "app/engine/engine_news.h"
#include "base/clock.h"
#include "base/result.h"
#include "output/segment_store.h"
#include "output/store_room.h"
#include "state/journaler.h"
#include "state/pressure.h"
#include "telemetry/registry.h"

namespace weir::app {

// Any thread.
class StoreRegistry final : public telemetry::Collector, output::StoreWatcher {
 public:
  // Borrowed: told of what happens in stores.
  StoreRegistry(EngineNews& news, state::Journaler& journaler)
      : news_(news), journaler_(journaler) {}

  // The store in the directory, opened if nobody has it. It goes when the last user goes, and the
  // grant by which it was opened with it, which `grant` becomes. Errors: those of
  // output::SegmentStore::open().
  Result<std::shared_ptr<output::SegmentStore>> open(SharedGrant& grant, const Clock& clock);

  void collect(telemetry::Collection& into) const override;

 private:
  void segment_expired(const std::string& store, const output::ExpiredSegment& segment) override;
  void store_in_trouble(const std::string& store, std::string_view sentence) override;
  void store_room(const std::string& store, const output::StoreRoom& room) override;
  [[nodiscard]] state::PressureLevel level_of(const std::string& store) const;
  void tell_recovered(const output::SegmentStore& store, const security::DestinationGrant& grant);
  // What a store says, as people know its path.
  [[nodiscard]] std::string shown(const std::string& text) const;

  // How short of room a store is, for as long as the engine runs.
  struct Pressure {
    Pressure(state::Journaler& journaler, const std::string& store)
        : recorder(journaler, "store " + store), gauge(output::kStorePressure, &recorder) {}
    state::MoveRecorder recorder;
    state::PressureGauge gauge;
  };

  EngineNews& news_;
  state::Journaler& journaler_;
  // Members are destroyed last to first: the store goes before its directory does.
  struct Held {
    SharedGrant grant;
    std::unique_ptr<output::SegmentStore> store;
  };
  mutable std::mutex mutex_;  // guards stores_
  std::map<std::string, std::weak_ptr<Held>> stores_;
  mutable std::mutex names_mutex_;  // guards names_; a store that begins or ends calls back
  std::map<std::string, std::weak_ptr<security::DestinationGrant>> names_;  // by what is shown for
  mutable std::mutex pressure_mutex_;  // guards pressures_; a store that ends calls back
  std::map<std::string, Pressure> pressures_;
};

}  // namespace weir::app
