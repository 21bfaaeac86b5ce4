#include "storage/block_device.h"

#include "storage/direct_file.h"
#include "storage/posix_device.h"
#include "storage/uring_device.h"

namespace weir::storage {

Result<std::unique_ptr<BlockDevice>> open_block_device(const BlockDeviceOptions& options) {
  WEIR_TRY(DirectFile file, DirectFile::open(options));
  // Only with O_DIRECT: buffered writes through io_uring are handed to threads of the kernel and
  // were not measurably cheaper than pwrite() on one core (bench/output).
  if (options.io_uring && file.direct()) {
    if (auto device = make_uring_device(file, options); device.ok())
      return std::move(device).value();
  }
  return std::unique_ptr<BlockDevice>(
      std::make_unique<PosixDevice>(std::move(file), options.queue_depth));
}

}  // namespace weir::storage
