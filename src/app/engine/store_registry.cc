#include "app/engine/store_registry.h"

#include <filesystem>

namespace weir::app {

using telemetry::EventKind;
using telemetry::Metric;

Result<std::shared_ptr<output::SegmentStore>> StoreRegistry::open(SharedGrant& grant,
                                                                  const Clock& clock) {
  const std::string normal = std::filesystem::path(grant->path()).lexically_normal().string();
  const std::lock_guard lock(mutex_);
  auto held = stores_[normal].lock();
  // Another directory may have come to be called so.
  if (held == nullptr || !held->grant->same_directory(*grant)) {
    if (grant->confined()) {
      const std::lock_guard names(names_mutex_);
      std::erase_if(names_, [](const auto& one) { return one.second.expired(); });
      names_[grant->at()] = grant;
    }
    auto opened = output::SegmentStore::open(grant->at(), clock, this, devices_);
    if (!opened) return grant->shown(std::move(opened).error());
    tell_recovered(**opened, *grant);
    held = std::make_shared<Held>(Held{.grant = grant, .store = std::move(*opened)});
    stores_[normal] = held;
  }
  grant = held->grant;
  return std::shared_ptr<output::SegmentStore>(held, held->store.get());
}

std::string StoreRegistry::shown(const std::string& text) const {
  const std::lock_guard lock(names_mutex_);
  std::string with_paths = text;
  for (const auto& [at, weak] : names_) {
    if (const auto grant = weak.lock()) with_paths = grant->shown(std::move(with_paths));
  }
  return with_paths;
}

void StoreRegistry::tell_recovered(const output::SegmentStore& store,
                                   const security::DestinationGrant& grant) {
  for (const output::RecoveredSegment& one : store.recovered().segments) {
    news_.publish(EventKind::SegmentRecovered, "storage", output::text_of(one),
                  {{"store", grant.path()},
                   {"segment", one.name},
                   {"packets", std::to_string(one.packets)},
                   {"cut_bytes", std::to_string(one.cut_bytes)}});
  }
  for (const std::string& one : store.recovered().damaged) {
    const std::string damage = grant.shown(one);
    news_.publish(EventKind::SegmentDamaged, "storage", damage,
                  {{"store", grant.path()}, {"error", damage}});
  }
}

void StoreRegistry::segment_expired(const std::string& store,
                                    const output::ExpiredSegment& segment) {
  news_.publish(EventKind::SegmentExpired, "storage", output::text_of(segment),
                {{"store", shown(store)},
                 {"segment", segment.file},
                 {"reason", std::string(name_of(segment.reason))},
                 {"bytes", std::to_string(segment.bytes)},
                 {"packets", std::to_string(segment.packets)}});
}

void StoreRegistry::store_in_trouble(const std::string& store, std::string_view sentence) {
  const std::string text = shown(std::string(sentence));
  news_.publish(EventKind::StoreTrouble, "storage", text,
                {{"store", shown(store)}, {"error", text}});
}

void StoreRegistry::store_room(const std::string& at, const output::StoreRoom& room) {
  Room seen{.wanted = output::wanted_of(room), .why = output::text_of(room)};
  const std::string store = shown(at);
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
    const auto held = weak.lock();
    if (held == nullptr) continue;
    const output::StoreStatus status = held->store->status();
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
