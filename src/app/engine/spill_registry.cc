#include "app/engine/spill_registry.h"

#include <filesystem>
#include <utility>

namespace weir::app {

using storage::spill::SpillDirectory;

Result<std::shared_ptr<SpillDirectory>> SpillRegistry::open(SharedGrant& grant) {
  const std::string normal = std::filesystem::path(grant->path()).lexically_normal().string();
  const std::lock_guard lock(mutex_);
  auto held = directories_[normal].lock();
  if (held == nullptr || !held->grant->same_directory(*grant)) {
    auto opened = SpillDirectory::open(grant->at());
    if (!opened) return grant->shown(std::move(opened).error());
    held = std::make_shared<Held>(Held{.grant = grant, .directory = std::move(*opened)});
    directories_[normal] = held;
  }
  grant = held->grant;
  return std::shared_ptr<SpillDirectory>(held, held->directory.get());
}

}  // namespace weir::app
