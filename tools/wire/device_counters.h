// What an interface of this network namespace has counted.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace weir::wire {

struct DeviceCounters {
  std::uint64_t sent_packets = 0;
  std::uint64_t sent_bytes = 0;
};

Result<DeviceCounters> read_device_counters(const std::string& interface);

}  // namespace weir::wire
