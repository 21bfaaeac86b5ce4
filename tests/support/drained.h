// Everything that a file source delivers, copied out of its batches.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "interface/source.h"

namespace weir::test {

struct DrainedPacket {
  std::vector<std::uint8_t> frame;
  std::vector<std::uint8_t> options;
  std::int64_t time_ns = 0;
  std::uint32_t wire_bytes = 0;
  std::uint32_t interface = 0;
  LinkType link_type = LinkType::Ethernet;
  bool has_time = true;
};

struct DrainedBlock {
  std::uint64_t before = 0;  // packets of the whole source that stand before it
  std::uint32_t type = 0;
  std::uint32_t interface = 0;
  std::vector<std::uint8_t> body;
};

struct Drained {
  std::vector<DrainedPacket> packets;
  std::vector<DrainedBlock> blocks;
  std::uint64_t wire_bytes = 0;
  std::uint64_t batches = 0;
  std::string error;  // empty: ended well
  std::optional<ErrorCode> code;
};

// Reads `source` to its end and checks, batch by batch, what every source promises about its
// batches.
inline Drained drain(interface::Source& source, std::uint32_t packets_max = kBatchPacketsMax) {
  const auto copy = [](Bytes bytes) {
    return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
  };
  Drained all;
  const interface::SourceStatistics& statistics = source.statistics();
  const std::uint64_t packets_before = statistics.received.value();
  const std::uint64_t bytes_before = statistics.received_bytes.value();
  auto batch = std::make_unique<PacketBatch>();
  for (;;) {
    const interface::Pull pull = source.next_batch(*batch, packets_max, std::chrono::seconds(10));
    if (pull == interface::Pull::Idle) continue;
    if (pull != interface::Pull::Packets) {
      EXPECT_EQ(pull == interface::Pull::Failed, source.error().has_value());
      if (source.error()) {
        all.error = source.error()->context;
        all.code = source.error()->code;
      }
      break;
    }
    ++all.batches;
    EXPECT_TRUE(batch->count > 0 || !batch->side_blocks.empty());
    EXPECT_LE(batch->count, packets_max);
    std::uint64_t bytes = 0;
    for (const SideBlock& block : batch->side_blocks) {
      EXPECT_LE(block.before, batch->count);
      bytes += block.body.size();
      all.blocks.push_back(
          {all.packets.size() + block.before, block.type, block.interface.index, copy(block.body)});
    }
    for (const Packet& packet : batch->view()) {
      EXPECT_LE(packet.captured_bytes, kPacketBytesMax);
      EXPECT_LE(packet.options_bytes, kPacketOptionsBytesMax);
      EXPECT_LT(packet.interface.index, source.interfaces().count());
      bytes += packet.captured_bytes + packet.options_bytes;
      all.wire_bytes += packet.wire_bytes;
      all.packets.push_back({copy(packet.frame()), copy({packet.options, packet.options_bytes}),
                             packet.time.ns, packet.wire_bytes, packet.interface.index,
                             packet.link_type, packet.has_time});
    }
    EXPECT_LE(bytes, kBatchBytesMax);
    source.release(*batch);
  }
  EXPECT_EQ(statistics.received.value() - packets_before, all.packets.size());
  EXPECT_EQ(statistics.received_bytes.value() - bytes_before, all.wire_bytes);
  EXPECT_EQ(statistics.delivered.value(), statistics.received.value());
  return all;
}

}  // namespace weir::test
