// How much of the memory that its cgroup may have (all levels above it too) the engine and its
// neighbours there take. What the kernel can take back at once, file pages, does not count. Of
// version 2; of version 1 where that has the memory.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace weir::app {

// How much of the memory that there is for an engine is taken. One thread.
class MemoryGauge {
 public:
  virtual ~MemoryGauge() = default;
  // 0 to 1; nothing where there is no limit.
  [[nodiscard]] virtual std::optional<double> fill() const = 0;
};

class CgroupMemory final : public MemoryGauge {
 public:
  struct Paths {
    std::string self = "/proc/self/cgroup";
    std::string root = "/sys/fs/cgroup";
  };
  CgroupMemory() : CgroupMemory(Paths{}) {}
  explicit CgroupMemory(const Paths& paths);

  // Of the level that has least left; nothing where none has a limit.
  [[nodiscard]] std::optional<double> fill() const override;

 private:
  struct Level {
    UniqueFd current;
    UniqueFd max;
    UniqueFd stat;
  };
  // The names of a version's files.
  struct Names {
    const char* current;
    const char* max;
  };
  void open_levels(const std::string& root, std::string path, const Names& names);
  static std::optional<double> fill_of(const Level& level);

  std::vector<Level> levels_;
};

}  // namespace weir::app
