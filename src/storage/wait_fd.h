// For those who write to several devices and wait for whichever is first.
#pragma once

#include "storage/block_device.h"

namespace weir::storage {

// Readable when reap(Poll) has something to tell; lives as long as the device. -1: the device has
// none, because its writes complete when they are submitted (or it is a twin in a test).
[[nodiscard]] int wait_fd(const BlockDevice& device) noexcept;

}  // namespace weir::storage
