// The packet stores that an engine writes to, each opened once: a session that is changed goes on
// in the store that it had.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "app/engine/destination_gate.h"
#include "app/engine/engine_news.h"
#include "base/clock.h"
#include "base/result.h"
#include "output/segment_store.h"
#include "output/store_room.h"
#include "telemetry/registry.h"

namespace weir::app {

// Any thread.
class StoreRegistry final : public telemetry::Collector, output::StoreWatcher {
 public:
  // Both borrowed: told of what happens in stores; where these are written (storage::open_on()).
  StoreRegistry(EngineNews& news, storage::BlockDevices* devices)
      : news_(news), devices_(devices) {}

  // The store in the directory, opened if nobody has it. It goes when the last user goes, and the
  // grant by which it was opened with it, which `grant` becomes. Errors: those of
  // output::SegmentStore::open().
  Result<std::shared_ptr<output::SegmentStore>> open(SharedGrant& grant, const Clock& clock);

  // How short of room a store is, as it was seen last: a signal of pressure.
  struct Room {
    double wanted = 0;  // output::wanted_of()
    std::string why;
  };
  [[nodiscard]] std::optional<Room> room_of(const std::string& store) const;

  void collect(telemetry::Collection& into) const override;

 private:
  void segment_expired(const std::string& store, const output::ExpiredSegment& segment) override;
  void store_in_trouble(const std::string& store, std::string_view sentence) override;
  void store_room(const std::string& store, const output::StoreRoom& room) override;
  void tell_recovered(const output::SegmentStore& store, const security::DestinationGrant& grant);
  // What a store says, as people know its path.
  [[nodiscard]] std::string shown(const std::string& text) const;

  EngineNews& news_;
  storage::BlockDevices* const devices_;
  // Members are destroyed last to first: the store goes before its directory does.
  struct Held {
    SharedGrant grant;
    std::unique_ptr<output::SegmentStore> store;
  };
  mutable std::mutex mutex_;  // guards stores_
  std::map<std::string, std::weak_ptr<Held>> stores_;
  mutable std::mutex names_mutex_;  // guards names_; a store that begins or ends calls back
  std::map<std::string, std::weak_ptr<security::DestinationGrant>> names_;  // by what is shown for
  mutable std::mutex rooms_mutex_;  // guards rooms_; a store that ends calls back
  std::map<std::string, Room> rooms_;
};

}  // namespace weir::app
