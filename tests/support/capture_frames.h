// Frames of a capture file for tests that need a reader independent of weir's own: libpcap, and,
// for the pcapng files that libpcap refuses (several link types or snaplens), a walk over the
// blocks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/link_type.h"
#include "base/packet_batch.h"

namespace weir::test {

struct CapturedFrame {
  LinkType link_type = LinkType::Ethernet;
  std::uint32_t wire_bytes = 0;
  std::vector<std::uint8_t> bytes;

  // A view into this frame.
  [[nodiscard]] Packet packet() const {
    Packet packet;
    packet.data = bytes.data();
    packet.captured_bytes = static_cast<std::uint32_t>(bytes.size());
    packet.wire_bytes = wire_bytes;
    packet.link_type = link_type;
    return packet;
  }
};

// All frames that could be read; damage ends the list without a word. Empty when the file is
// neither pcap nor pcapng.
std::vector<CapturedFrame> read_frames(const std::filesystem::path& path);

// The text of a zstd-compressed file; empty when it cannot be read.
std::string read_zstd(const std::filesystem::path& path);

}  // namespace weir::test
