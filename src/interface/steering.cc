#include "interface/steering.h"

#include <cstddef>
#include <span>

extern "C" {
// The object files of bpf/, see cmake/WeirBpf.cmake.
extern const std::byte weir_bpf_steer_ethernet[];
extern const std::byte weir_bpf_steer_ethernet_end[];
extern const std::byte weir_bpf_steer_network[];
extern const std::byte weir_bpf_steer_network_end[];
}

namespace weir::interface {

Result<UniqueFd> load_steering_program(LinkType link_type,
                                       security::PrivilegedOperations& privileges) {
  if (link_type == LinkType::Ethernet) {
    return privileges.load_socket_program({weir_bpf_steer_ethernet, weir_bpf_steer_ethernet_end});
  }
  return privileges.load_socket_program({weir_bpf_steer_network, weir_bpf_steer_network_end});
}

}  // namespace weir::interface
