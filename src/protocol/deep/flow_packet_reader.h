// From packets with parsed headers to what the flow layer needs of them: tunnels unwrapped,
// fragments put together, lengths and checksums looked at.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/verdicts.h"
#include "protocol/deep/defragmenter.h"
#include "protocol/deep/flow_options.h"
#include "protocol/deep/flow_packet.h"
#include "protocol/deep/flow_uids.h"

namespace weir::protocol {

struct FlowReaderOptions {
  ChecksumMode checksums = ChecksumMode::Auto;
  DefragmenterOptions fragments = {};
};

// Owned by the worker that takes packets from the source; keeps the flow clock of the capture.
class FlowPacketReader {
 public:
  explicit FlowPacketReader(const FlowReaderOptions& options);

  // The flow packets of what the session wants of the batch, in order; valid until the next call.
  // `uids` is told which are of which packet; null: nobody asks.
  std::span<FlowPacket> read(const PacketBatch& batch, const HeadersArray& headers,
                             const KeysArray& keys, const Verdicts& verdicts, SessionMask session,
                             FlowUids* uids = nullptr);

  // The latest time of any packet that was read. Before the first: as far back as goes.
  [[nodiscard]] Timestamp clock() const noexcept { return clock_; }
  // The time of the first packet that was read.
  [[nodiscard]] Timestamp first() const noexcept { return first_; }
  // Of the packet that comes next (FlowPacket::ordinal).
  [[nodiscard]] std::uint64_t next_ordinal() const noexcept { return ordinal_ + 1; }
  [[nodiscard]] const DefragmenterStatistics& fragments() const noexcept {
    return defragmenter_.statistics();
  }

 private:
  // One IP packet on its way inwards.
  struct Found;
  struct Layers;

  [[nodiscard]] static bool is_usual(const Headers& headers) noexcept;
  void read_usual(const Packet& packet, const Headers& headers, const PacketKeys& keys);
  void tell_notices();
  void read_packet(Bytes frame, std::uint32_t wire_bytes, const Headers& headers,
                   const PacketKeys& keys, const TenantIdentity& around, unsigned depth);
  bool begin_ip(const Layers& layers, const Layer& layer, Found& found);
  void read_fragment(const Layers& layers, const Found& found, unsigned depth);
  void add_carrier(const Layers& layers, const Found& found, std::uint32_t inner_offset);
  void add_innermost(const Layers& layers, const Found& found);
  void add_innermost(const Layers& layers, const Found& found, const PacketKeys& keys);
  void add_transport(const Layers& layers, const Found& found, FlowPacket& packet);
  [[nodiscard]] Checksum check(const Layers& layers, const Found& found,
                               const FlowPacket& packet) const noexcept;
  void add_weird(const Layers& layers, const Found& found, Weird weird);
  [[nodiscard]] FlowPacket packet_of(const FlowKeyAndSender& key, const Found& found, FlowKind kind,
                                     std::uint8_t shard) const noexcept;
  FlowPacket& add(const FlowKeyAndSender& key, const Found& found, FlowKind kind,
                  std::uint8_t shard);

  const ChecksumMode checksums_;
  Defragmenter defragmenter_;
  Timestamp clock_;
  Timestamp first_;
  std::uint64_t ordinal_ = 0;
  Timestamp time_;  // of the packet that is being read
  std::vector<FlowPacket> out_;
  std::vector<FlowPacket> notices_;  // of the packet that is being read: told after its flows

  // What was put together is parsed again, as a batch of one.
  std::unique_ptr<PacketBatch> whole_;
  std::unique_ptr<HeadersArray> whole_headers_;
  std::unique_ptr<KeysArray> whole_keys_;
};

}  // namespace weir::protocol
