#include "app/engine/spill_registry.h"

#include <filesystem>
#include <utility>

namespace weir::app {

using storage::spill::SpillDirectory;

Result<std::shared_ptr<SpillDirectory>> SpillRegistry::open(const std::string& path) {
  const std::string normal = std::filesystem::path(path).lexically_normal().string();
  const std::lock_guard lock(mutex_);
  if (auto open = directories_[normal].lock()) return open;
  WEIR_TRY(auto opened, SpillDirectory::open(path));
  std::shared_ptr<SpillDirectory> directory = std::move(opened);
  directories_[normal] = directory;
  return directory;
}

}  // namespace weir::app
