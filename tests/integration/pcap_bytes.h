// The bytes of a little-endian pcap file, for tests that run the binary.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace weir::test {

inline void append_u32(std::string& out, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift);
}

// One packet each 1 ms from 2023-11-14T22:13:20Z on.
inline std::string pcap_bytes(const std::vector<std::vector<std::uint8_t>>& frames,
                              std::uint32_t link_type = 1) {
  std::string out;
  append_u32(out, 0xa1b2c3d4);
  append_u32(out, 0x00040002);
  append_u32(out, 0);
  append_u32(out, 0);
  append_u32(out, 262144);
  append_u32(out, link_type);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    append_u32(out, 1'700'000'000 + static_cast<std::uint32_t>(i / 1000));
    append_u32(out, static_cast<std::uint32_t>(i % 1000 * 1000));
    append_u32(out, static_cast<std::uint32_t>(frames[i].size()));
    append_u32(out, static_cast<std::uint32_t>(frames[i].size()));
    out.append(frames[i].begin(), frames[i].end());
  }
  return out;
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace weir::test
