// The operations that need a right which ordinary processes lack. Sources never open privileged
// things themselves: they ask here, so that there is one place to review, and so that a helper
// process can answer later while the engine runs without rights.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"

namespace weir::security {

enum class PacketSocketKind : std::uint8_t {
  Frames,  // SOCK_RAW: packets with their link-layer header
  Cooked,  // SOCK_DGRAM: the kernel takes the link-layer header away
};

class PrivilegedOperations {
 public:
  virtual ~PrivilegedOperations() = default;

  // An AF_PACKET socket of protocol 0: it receives nothing until the caller binds it, so filter and
  // ring are in place before the first packet. Needs CAP_NET_RAW, nothing else; all that the caller
  // does with it afterwards (ring, filter, bind, promiscuous membership) needs no right at all.
  // ErrorCode::Permission says how to grant the right. The caller owns the descriptor.
  virtual Result<UniqueFd> open_packet_socket(PacketSocketKind kind) = 0;
};

// Does them in this process, with the rights that it has. Any thread.
class InProcessPrivileges final : public PrivilegedOperations {
 public:
  Result<UniqueFd> open_packet_socket(PacketSocketKind kind) override;
};

}  // namespace weir::security
