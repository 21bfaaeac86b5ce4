// The least that a capture on AF_PACKET is: one TPACKET_V3 ring on one socket. The bare references
// are made of it; it shares no code with weir on purpose.
#pragma once

#include <linux/if_packet.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/unique_fd.h"

namespace weir::bare {

inline constexpr std::uint32_t kBlockBytes = 1U << 20;  // as weir's
inline constexpr std::uint32_t kRingBytes = 64U << 20;  // as weir's

struct Block {
  const tpacket3_hdr* first = nullptr;
  std::uint32_t packets = 0;
};

inline const tpacket3_hdr* next_packet(const tpacket3_hdr* packet) noexcept {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(packet);
  return reinterpret_cast<const tpacket3_hdr*>(bytes + packet->tp_next_offset);
}
inline const std::uint8_t* frame_of(const tpacket3_hdr* packet) noexcept {
  return reinterpret_cast<const std::uint8_t*>(packet) + packet->tp_mac;
}

class Ring {
 public:
  // Prints what failed and returns nothing. From its return on every packet is seen.
  static std::optional<Ring> open(const char* interface);
  Ring(Ring&& other) noexcept;
  Ring& operator=(Ring&&) = delete;
  ~Ring();

  // The next full block, or nothing after a signal of catch_stop_signals(). The block taken before
  // goes back to the kernel.
  std::optional<Block> next();

  // Packets dropped by the kernel since the last call.
  std::uint64_t take_drops();

 private:
  Ring(UniqueFd socket, UniqueFd signals, std::uint8_t* base) noexcept;
  [[nodiscard]] tpacket_block_desc* block() const noexcept;

  UniqueFd socket_;
  UniqueFd signals_;  // SIGINT and SIGTERM
  std::uint8_t* base_;
  std::uint32_t index_ = 0;
  bool held_ = false;
  bool stopping_ = false;
};

}  // namespace weir::bare
