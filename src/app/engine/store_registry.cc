#include "app/engine/store_registry.h"

#include <filesystem>

namespace weir::app {

using telemetry::EventKind;

Result<std::shared_ptr<output::SegmentStore>> StoreRegistry::open(const std::string& path,
                                                                  const Clock& clock) {
  const std::string normal = std::filesystem::path(path).lexically_normal().string();
  const std::lock_guard lock(mutex_);
  if (auto open = stores_[normal].lock()) return open;
  WEIR_TRY(auto store, output::SegmentStore::open(path, clock));
  for (const output::RecoveredSegment& one : store->recovered().segments) {
    news_.publish(EventKind::SegmentRecovered, "storage", output::text_of(one),
                  {{"store", path},
                   {"segment", one.name},
                   {"packets", std::to_string(one.packets)},
                   {"cut_bytes", std::to_string(one.cut_bytes)}});
  }
  for (const std::string& damage : store->recovered().damaged) {
    news_.publish(EventKind::SegmentDamaged, "storage", damage,
                  {{"store", path}, {"error", damage}});
  }
  stores_[normal] = store;
  return store;
}

}  // namespace weir::app
