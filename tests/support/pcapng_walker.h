// Reads a pcapng file by the specification, in the simplest way, without any code of weir's own
// codec: what tests hold against what weir wrote. Little-endian files only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace weir::test {

struct WalkedOption {
  std::uint16_t code = 0;
  std::string value;
  friend bool operator==(const WalkedOption&, const WalkedOption&) = default;
};

struct WalkedInterface {
  std::uint16_t link_type = 0;
  std::uint32_t snaplen = 0;
  std::vector<WalkedOption> options;
};

struct WalkedPacket {
  std::uint32_t block_type = 0;  // 6 or 3
  std::uint32_t section = 0;     // from 0
  std::uint32_t interface = 0;   // in its section
  std::uint64_t time = 0;        // as written; 0 in Simple Packet Blocks
  std::uint32_t captured = 0;
  std::uint32_t wire = 0;
  std::string data;
  std::vector<WalkedOption> options;
  std::uint64_t end = 0;  // offset of the first byte behind its block
};

struct WalkedSection {
  std::vector<WalkedOption> options;
  std::vector<WalkedInterface> interfaces;
};

struct WalkedBlock {
  std::uint32_t type = 0;
  std::string body;
  std::uint64_t packets_before = 0;
};

struct WalkedFile {
  std::string error;  // empty: every byte belongs to a well-formed block
  std::vector<WalkedSection> sections;
  std::vector<WalkedPacket> packets;
  std::vector<WalkedBlock> others;  // neither section, interface nor packet
};

WalkedFile walk_pcapng(std::span<const std::uint8_t> file);
WalkedFile walk_pcapng_file(const std::string& path);

}  // namespace weir::test
