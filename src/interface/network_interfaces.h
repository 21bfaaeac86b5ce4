// The network interfaces of this host, as seen from the calling thread's network namespace.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::interface {

struct NetworkInterface {
  std::string name;
  int index = 0;                    // ifindex: stable while the interface exists, never reused soon
  std::uint16_t hardware_type = 0;  // ARPHRD_* of <linux/if_arp.h>
  bool up = false;                  // set up by the administrator
  bool running = false;             // ... and has a carrier
  bool loopback = false;
  std::uint32_t mtu = 0;    // bytes of payload above the link layer
  std::uint64_t speed = 0;  // bits per second; 0 = the driver does not tell
};

// All of them, by index. Opens a socket for a moment; needs no right. Any thread.
Result<std::vector<NetworkInterface>> list_network_interfaces();

// The one of that name. ErrorCode::UnknownInterface lists those that exist, most similar name
// first.
Result<NetworkInterface> find_network_interface(std::string_view name);

// The names of `all`, those closest to `wanted` first (edit distance, then as listed).
std::vector<std::string> nearest_names(const std::vector<NetworkInterface>& all,
                                       std::string_view wanted);

}  // namespace weir::interface
