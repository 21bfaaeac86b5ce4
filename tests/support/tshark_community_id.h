// The Community ID that tshark gives a packet. It is the specification's, of the innermost tuple,
// except that the addresses are those of the innermost IP header, but the protocol and the ports
// are those of the last header that has ports; where there is none, the protocol is what the
// outermost IPv4 header says, and there is no ID without one (so none for ESP over IPv6, or for a
// later fragment of IPv6). In tunnels the parts may be of different headers.
#pragma once

#include <string>

#include "base/bytes.h"
#include "support/community_id.h"
#include "support/headers_of.h"

namespace weir::test {

inline std::string community_id_by_tshark(const CapturedFrame& frame, const Parsed& parsed) {
  const PacketKeys& innermost = parsed.keys;
  // The ports of a cut header are known too.
  const bool has_ports = parsed.headers.transport_offset != kNoOffset || innermost.source_port != 0;
  if (has_ports) return community_id(innermost, true);

  PacketKeys keys = innermost;
  bool outer_ports = false;
  bool found = false;
  for (const Layer& layer : parsed.layers()) {
    const std::uint8_t* at = frame.bytes.data() + layer.offset;
    if (layer.type == LayerType::Udp) {
      outer_ports = true;
      keys.ip_protocol = 17;
      keys.source_port = load_be16(at);
      keys.destination_port = load_be16(at + 2);
    } else if (!found && layer.type == LayerType::Ipv4) {
      found = true;
      keys.ip_protocol = at[9];
    }
  }
  return found ? community_id(keys, outer_ports) : std::string();
}

}  // namespace weir::test
