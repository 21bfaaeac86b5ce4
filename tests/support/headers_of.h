// parse_batch for one packet or many frames, for tests.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "protocol/headers/parse_batch.h"
#include "support/capture_frames.h"

namespace weir::test {

struct Parsed {
  Headers headers{};
  PacketKeys keys{};

  [[nodiscard]] std::vector<LayerType> types() const {
    std::vector<LayerType> types;
    for (const Layer& layer : layers()) types.push_back(layer.type);
    return types;
  }
  [[nodiscard]] std::span<const Layer> layers() const {
    return {headers.layers.data(), headers.layer_count};
  }
};

// The batches are as full as they can be, so that what one packet leaves behind would show in the
// next use of its entry.
inline std::vector<Parsed> parse_all(std::span<const Packet> packets) {
  const auto batch = std::make_unique<PacketBatch>();
  const auto headers = std::make_unique<HeadersArray>();
  const auto keys = std::make_unique<KeysArray>();
  std::vector<Parsed> parsed;
  while (!packets.empty()) {
    const std::size_t count = std::min(packets.size(), kBatchPacketsMax);
    std::copy_n(packets.begin(), count, batch->packets.begin());
    batch->count = static_cast<std::uint32_t>(count);
    protocol::parse_batch(*batch, *headers, *keys);
    for (std::size_t i = 0; i < count; ++i) parsed.push_back({(*headers)[i], (*keys)[i]});
    packets = packets.subspan(count);
  }
  return parsed;
}

inline Parsed parse(const Packet& packet) { return parse_all({&packet, 1}).front(); }

inline std::vector<Parsed> parse_all(const std::vector<CapturedFrame>& frames) {
  std::vector<Packet> packets;
  for (const CapturedFrame& frame : frames) packets.push_back(frame.packet());
  return parse_all(packets);
}

}  // namespace weir::test
