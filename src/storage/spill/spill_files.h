// The files of a spill queue: what SpillQueue asks of a file system.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "storage/block_device.h"
#include "storage/segment/range_reader.h"

namespace weir::storage::spill {

class SpillFiles {
 public:
  virtual ~SpillFiles() = default;
  // A new file, with room for so many bytes where there is some. Errors: those of
  // open_block_device().
  virtual Result<std::unique_ptr<BlockDevice>> create(const std::string& path, std::uint64_t bytes,
                                                      std::uint32_t queue_depth) = 0;
  // To read back what was written.
  virtual Result<std::unique_ptr<segment::RangeReader>> open(const std::string& path) = 0;
  virtual Result<void> remove(const std::string& path) = 0;
};

// Those of the system.
class DiskSpillFiles final : public SpillFiles {
 public:
  Result<std::unique_ptr<BlockDevice>> create(const std::string& path, std::uint64_t bytes,
                                              std::uint32_t queue_depth) override;
  Result<std::unique_ptr<segment::RangeReader>> open(const std::string& path) override;
  Result<void> remove(const std::string& path) override;
};

}  // namespace weir::storage::spill
