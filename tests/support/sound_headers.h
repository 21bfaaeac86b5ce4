// What must hold for the result of parse_batch whatever the packet: for property tests and the
// fuzzer.
#pragma once

#include "base/headers.h"
#include "base/packet_batch.h"

namespace weir::test {

// Null when everything holds, else what does not.
inline const char* unsound(const Packet& packet, const Headers& headers, const PacketKeys& keys) {
  if (headers.layer_count > kLayersMax) return "more layers than there is room for";
  std::uint32_t previous = 0;
  bool network_is_layer = headers.network_offset == kNoOffset;
  bool transport_is_layer = headers.transport_offset == kNoOffset;
  for (std::size_t i = 0; i < headers.layer_count; ++i) {
    const Layer& layer = headers.layers[i];
    if (layer.type >= LayerType::kCount) return "a layer of no type";
    // Teredo without indications is the only header that takes no bytes.
    const bool follows =
        i == 0 || layer.offset > previous || headers.layers[i - 1].type == LayerType::Teredo;
    if (!follows) return "layers do not ascend";
    if (layer.offset > packet.captured_bytes) return "a layer begins beyond the frame";
    previous = layer.offset;
    network_is_layer = network_is_layer || headers.network_offset == layer.offset;
    transport_is_layer = transport_is_layer || headers.transport_offset == layer.offset;
  }
  if (!network_is_layer) return "the network header is no layer";
  if (!transport_is_layer) return "the transport header is no layer";
  if (headers.payload_offset < previous) return "the payload begins before the last header";
  if (std::uint64_t{headers.payload_offset} + headers.payload_bytes > packet.captured_bytes) {
    return "the payload ends beyond the frame";
  }
  if ((headers.tunnel_depth > 0) != (headers.inner_frame_offset > 0))
    return "a tunnel without an inner frame";
  if (headers.inner_frame_offset > packet.captured_bytes)
    return "the inner frame begins beyond the frame";
  if ((keys.ip_version != 0) != (headers.network_offset != kNoOffset))
    return "keys without a network header";
  if (keys.ip_version == 0 && headers.flow_hash != 0) return "a flow hash without IP";
  if (headers.first_fragment && !headers.fragment) return "a first fragment that is no fragment";
  return nullptr;
}

}  // namespace weir::test
