// libpcap as the reference for what a filter means: its reader, its compiler on the file's own
// handle, its evaluator.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <pcap/pcap.h>

#include "base/link_type.h"
#include "base/packet_batch.h"
#include "filter/cbpf.h"

namespace weir::test {

struct PcapCloser {
  void operator()(pcap_t* pcap) const noexcept { pcap_close(pcap); }
};
using PcapHandle = std::unique_ptr<pcap_t, PcapCloser>;

struct ReferencePacket {
  std::vector<std::uint8_t> frame;
  std::uint32_t wire_bytes = 0;
};

// A capture as libpcap reads it: the packets before its first error, or why it cannot be opened.
struct ReferenceFile {
  PcapHandle handle;  // null when it cannot be opened
  std::string error;  // of opening, or of reading after the last packet
  LinkType link_type{};
  std::vector<ReferencePacket> packets;
};
ReferenceFile read_reference(const std::filesystem::path& path);
// The same for the bytes of a capture file.
ReferenceFile read_reference(std::span<std::uint8_t> file_bytes);

// A program of libpcap's, or its message.
struct ReferenceProgram {
  std::vector<bpf_insn> instructions;
  std::string error;

  [[nodiscard]] bool ok() const { return !instructions.empty(); }
  [[nodiscard]] std::uint32_t run(Bytes frame, std::uint32_t wire_bytes) const;
};
// As tcpdump compiles for this file.
ReferenceProgram compile_reference(pcap_t* handle, const std::string& expression);
// libpcap's instructions for a program of ours.
ReferenceProgram to_reference(std::span<const filter::CbpfInstruction> program);

// Views of up to kBatchPacketsMax of `packets`, as a source would hand them out.
void fill_batch(std::span<const ReferencePacket> packets, LinkType link_type, PacketBatch& batch);

}  // namespace weir::test
