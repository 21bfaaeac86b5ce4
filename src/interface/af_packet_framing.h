// How the packets of a kind of hardware come out of an AF_PACKET socket, and as what they are
// stored.
#pragma once

#include <cstdint>
#include <vector>

#include "base/capture_interface.h"
#include "base/link_type.h"
#include "interface/network_interfaces.h"
#include "security/privileged_operations.h"

namespace weir::interface {

struct Framing {
  LinkType link_type;
  security::PacketSocketKind socket_kind;
};

// As tcpdump does it: Ethernet and loopback as Ethernet; tunnels and other devices without a link
// layer as raw IP; 802.11 monitors as they are; every other hardware cooked (LINUX_SLL), where the
// kernel takes a header away that weir does not know and tells the protocol beside the packet.
Framing framing_of(std::uint16_t hardware_type) noexcept;

// The interface as it stands in a pcapng file: name, link type, snaplen, and as options if_speed
// where the driver tells it, and if_os.
CaptureInterface describe(const NetworkInterface& interface, LinkType link_type,
                          std::uint32_t snaplen);

}  // namespace weir::interface
