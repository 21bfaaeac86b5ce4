#include "interface/steering.h"

#include <cstddef>
#include <span>

// The object files of bpf/; cmake/WeirBpf.cmake gives them their names.
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {
extern const std::byte weir_bpf_steer_ethernet[];
extern const std::byte weir_bpf_steer_ethernet_end[];
extern const std::byte weir_bpf_steer_network[];
extern const std::byte weir_bpf_steer_network_end[];
}
// NOLINTEND(readability-identifier-naming)

namespace weir::interface {

Result<UniqueFd> load_steering_program(LinkType link_type,
                                       security::PrivilegedOperations& privileges) {
  if (link_type == LinkType::Ethernet) {
    return privileges.load_socket_program({weir_bpf_steer_ethernet, weir_bpf_steer_ethernet_end});
  }
  return privileges.load_socket_program({weir_bpf_steer_network, weir_bpf_steer_network_end});
}

}  // namespace weir::interface
