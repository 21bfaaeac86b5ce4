#include "device_counters.h"

#include <array>
#include <fstream>
#include <sstream>

namespace weir::wire {

// /proc/self/net/dev, a line an interface: "NAME: " and eight counters of what it received, then
// eight of what it sent, each beginning with bytes and packets.
Result<DeviceCounters> read_device_counters(const std::string& interface) {
  std::ifstream table("/proc/self/net/dev");
  for (std::string line; std::getline(table, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::size_t start = line.find_first_not_of(' ');
    if (line.compare(start, colon - start, interface) != 0) continue;
    std::istringstream numbers(line.substr(colon + 1));
    constexpr std::size_t kSentBytes = 8;
    std::array<std::uint64_t, kSentBytes + 2> values{};
    for (std::uint64_t& value : values) numbers >> value;
    if (numbers) return DeviceCounters{values[kSentBytes + 1], values[kSentBytes]};
  }
  return Error{ErrorCode::UnknownInterface, 0, "--interface " + interface + ": no such interface"};
}

}  // namespace weir::wire
