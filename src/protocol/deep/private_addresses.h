// Which addresses are of somebody's own network: local_orig and local_resp of conn.log.
#pragma once

#include "base/packet_keys.h"

namespace weir::protocol {

// In the blocks that Zeek takes for private by default (Site::private_address_space): those of the
// IANA special-purpose registries that are not routed over the Internet. IPv4 addresses are mapped.
[[nodiscard]] bool is_private(const IpAddress& address) noexcept;

}  // namespace weir::protocol
