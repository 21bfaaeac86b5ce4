// The Community ID that tshark gives a packet. It is the specification's, of the innermost tuple, except:
// - A later fragment of IPv6 has none; one of IPv4 has the ID of a protocol without ports, as the specification says.
// - The addresses are those of the innermost IP header, but the protocol and the ports are those of the last header
//   that has ports, or the protocol of the outermost IP header where there is none: in a tunnel they may be of
//   different headers.
#pragma once

#include <string>

#include "base/bytes.h"
#include "support/community_id.h"
#include "support/headers_of.h"

namespace weir::test {

inline std::string community_id_by_tshark(const CapturedFrame& frame, const Parsed& parsed) {
  const Headers& headers = parsed.headers;
  const bool later_fragment = headers.fragment && !headers.first_fragment;
  if (later_fragment && parsed.keys.ip_version == 6) return {};
  if (headers.transport_offset != kNoOffset || headers.tunnel_depth == 0) {
    return community_id(parsed.keys, !later_fragment);
  }
  PacketKeys keys = parsed.keys;
  bool has_ports = false;
  bool outermost = true;
  for (const Layer& layer : parsed.layers()) {
    const std::uint8_t* at = frame.bytes.data() + layer.offset;
    if (layer.type == LayerType::Udp) {
      has_ports = true;
      keys.ip_protocol = 17;
      keys.source_port = load_be16(at);
      keys.destination_port = load_be16(at + 2);
    } else if (outermost && (layer.type == LayerType::Ipv4 || layer.type == LayerType::Ipv6)) {
      keys.ip_protocol = at[layer.type == LayerType::Ipv4 ? 9 : 6];
      outermost = false;
    }
  }
  return community_id(keys, has_ports);
}

}  // namespace weir::test
