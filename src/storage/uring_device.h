// The block device on io_uring: several writes in flight while the caller fills the next block.
#pragma once

#include <memory>

#include "storage/block_device.h"
#include "storage/direct_file.h"

namespace weir::storage {

// A device on `file`, which is moved from only when it succeeds. Error: Unsupported (io_uring is
// missing, forbidden or without resources here; the context says which).
Result<std::unique_ptr<BlockDevice>> make_uring_device(DirectFile& file,
                                                       const BlockDeviceOptions& options);

}  // namespace weir::storage
