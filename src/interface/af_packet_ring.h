// The memory that an AF_PACKET socket shares with us: a ring of blocks, which the kernel fills with
// packets (TPACKET_V3, Documentation/networking/packet_mmap.rst). A block belongs to the kernel
// until it hands it over, then to us until we give it back; between the two we may also write in
// it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace weir::interface {

struct RingGeometry {
  std::uint32_t block_bytes = 0;  // a multiple of the page size
  std::uint32_t block_count = 0;

  [[nodiscard]] std::size_t bytes() const noexcept {
    return std::size_t{block_bytes} * block_count;
  }
};

// The packets of a block that have not been taken yet.
struct BlockCursor {
  std::uint8_t* next = nullptr;  // struct tpacket3_hdr of the next packet
  std::uint32_t packets_left = 0;
};

// Owned and used by one thread.
class AfPacketRing {
 public:
  // Maps the ring that the socket `fd` has been given. The kernel maps every page at once, and its
  // own pages are never swapped: neither MAP_POPULATE nor MAP_LOCKED would add anything.
  static Result<AfPacketRing> map(int fd, RingGeometry geometry);
  AfPacketRing(AfPacketRing&& other) noexcept;
  AfPacketRing& operator=(AfPacketRing&&) = delete;
  ~AfPacketRing();

  [[nodiscard]] std::size_t bytes() const noexcept { return geometry_.bytes(); }

  // Takes the next block if the kernel has handed it over; false when it has not. The block before
  // must have been given back.
  bool take(BlockCursor& cursor) noexcept;
  // How many of the blocks wait for us, in thousandths: those that the kernel has handed over, and
  // the one that we hold.
  [[nodiscard]] std::uint32_t fill_permille() const noexcept;
  // The same by any thread, and with a look at few blocks only: off by a 64th, or by what changes
  // hands meanwhile.
  [[nodiscard]] std::uint32_t fill_estimate() const noexcept;
  // Gives the block that was taken back to the kernel.
  void give_back() noexcept;

 private:
  AfPacketRing(std::uint8_t* base, RingGeometry geometry) noexcept
      : base_(base), geometry_(geometry) {}

  // The word by which a block changes hands.
  [[nodiscard]] std::atomic_ref<std::uint32_t> owner(std::uint32_t index) const noexcept;
  [[nodiscard]] std::uint8_t* block(std::uint32_t index) const noexcept {
    return base_ + std::size_t{geometry_.block_bytes} * index;
  }

  std::uint8_t* base_;
  RingGeometry geometry_;
  std::uint32_t index_ = 0;  // the block that we hold, or wait for
  bool held_ = false;
};

}  // namespace weir::interface
