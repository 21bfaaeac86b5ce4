// Small frames for the tests of this folder: Ethernet, IPv4, UDP with a chosen destination port.
#pragma once

#include <cstdint>
#include <vector>

namespace weir::test {

inline std::vector<std::uint8_t> udp_frame(std::uint16_t destination_port) {
  std::vector<std::uint8_t> frame = {0x02,
                                     0,
                                     0,
                                     0,
                                     0,
                                     2,
                                     0x02,
                                     0,
                                     0,
                                     0,
                                     0,
                                     1,
                                     0x08,
                                     0x00,  // Ethernet
                                     0x45,
                                     0,
                                     0,
                                     32,
                                     0,
                                     1,
                                     0,
                                     0,
                                     64,
                                     17,
                                     0,
                                     0,
                                     10,
                                     0,
                                     0,
                                     1,
                                     10,
                                     0,
                                     0,
                                     2,  // IPv4, 32 bytes in all
                                     0x30,
                                     0x39,
                                     static_cast<std::uint8_t>(destination_port >> 8),
                                     static_cast<std::uint8_t>(destination_port),
                                     0,
                                     12,
                                     0,
                                     0,
                                     'w',
                                     'e',
                                     'i',
                                     'r'};
  return frame;
}

// `count` frames; every `period`-th goes to port 53, the others to port 9.
inline std::vector<std::vector<std::uint8_t>> frames_with_dns(std::size_t count,
                                                              std::size_t period) {
  std::vector<std::vector<std::uint8_t>> frames;
  frames.reserve(count);
  for (std::size_t i = 0; i < count; ++i) frames.push_back(udp_frame(i % period == 0 ? 53 : 9));
  return frames;
}

// A flow for each frame, at most 65,536: the source addresses differ.
inline std::vector<std::vector<std::uint8_t>> frames_of_flows(std::size_t count) {
  std::vector<std::vector<std::uint8_t>> frames;
  frames.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    constexpr std::size_t kSourceEnd = 30;
    frames.push_back(udp_frame(9));
    frames.back()[kSourceEnd - 2] = static_cast<std::uint8_t>(i >> 8);
    frames.back()[kSourceEnd - 1] = static_cast<std::uint8_t>(i);
  }
  return frames;
}

}  // namespace weir::test
