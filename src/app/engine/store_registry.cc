#include "app/engine/store_registry.h"

#include <filesystem>

namespace weir::app {

using telemetry::EventKind;
using telemetry::Metric;

Result<std::shared_ptr<output::SegmentStore>> StoreRegistry::open(const std::string& path,
                                                                  const Clock& clock) {
  const std::string normal = std::filesystem::path(path).lexically_normal().string();
  const std::lock_guard lock(mutex_);
  if (auto open = stores_[normal].lock()) return open;
  WEIR_TRY(auto opened, output::SegmentStore::open(path, clock, this));
  tell_recovered(*opened);
  std::shared_ptr<output::SegmentStore> store = std::move(opened);
  stores_[normal] = store;
  return store;
}

void StoreRegistry::tell_recovered(const output::SegmentStore& store) {
  for (const output::RecoveredSegment& one : store.recovered().segments) {
    news_.publish(EventKind::SegmentRecovered, "storage", output::text_of(one),
                  {{"store", store.path()},
                   {"segment", one.name},
                   {"packets", std::to_string(one.packets)},
                   {"cut_bytes", std::to_string(one.cut_bytes)}});
  }
  for (const std::string& damage : store.recovered().damaged) {
    news_.publish(EventKind::SegmentDamaged, "storage", damage,
                  {{"store", store.path()}, {"error", damage}});
  }
}

void StoreRegistry::segment_expired(const std::string& store,
                                    const output::ExpiredSegment& segment) {
  news_.publish(EventKind::SegmentExpired, "storage", output::text_of(segment),
                {{"store", store},
                 {"segment", segment.file},
                 {"reason", std::string(name_of(segment.reason))},
                 {"bytes", std::to_string(segment.bytes)},
                 {"packets", std::to_string(segment.packets)}});
}

void StoreRegistry::store_in_trouble(const std::string& store, std::string_view sentence) {
  news_.publish(EventKind::StoreTrouble, "storage", sentence,
                {{"store", store}, {"error", std::string(sentence)}});
}

void StoreRegistry::store_room(const std::string& store, const output::StoreRoom& room) {
  Room seen{.wanted = output::wanted_of(room), .why = output::text_of(room)};
  const std::lock_guard lock(rooms_mutex_);
  rooms_[store] = std::move(seen);
}

std::optional<StoreRegistry::Room> StoreRegistry::room_of(const std::string& store) const {
  const std::lock_guard lock(rooms_mutex_);
  const auto found = rooms_.find(store);
  if (found == rooms_.end()) return std::nullopt;
  return found->second;
}

void StoreRegistry::collect(telemetry::Collection& into) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [path, weak] : stores_) {
    const auto store = weak.lock();
    if (store == nullptr) continue;
    const output::StoreStatus status = store->status();
    into.add(Metric::StoreSegments, {path}, status.segments);
    into.add(Metric::StoreBytes, {path}, status.bytes);
    into.add(Metric::StoreFreeBytes, {path}, status.free_bytes);
    into.add(Metric::StoreMissingBytes, {path}, status.missing_bytes);
    for (std::size_t i = 0; i < status.expired.size(); ++i) {
      const auto reason = name_of(static_cast<storage::segment::ExpiryReason>(i));
      into.add(Metric::StoreExpiredSegments, {path, reason}, status.expired[i]);
      into.add(Metric::StoreExpiredBytes, {path, reason}, status.expired_bytes[i]);
    }
  }
}

}  // namespace weir::app
