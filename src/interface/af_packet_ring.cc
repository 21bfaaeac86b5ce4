#include "interface/af_packet_ring.h"

#include <linux/if_packet.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.h"

namespace weir::interface {

Result<AfPacketRing> AfPacketRing::map(int fd, RingGeometry geometry) {
  void* base = ::mmap(nullptr, geometry.bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return system_error(errno, "map the packet ring");
  return AfPacketRing(static_cast<std::uint8_t*>(base), geometry);
}

AfPacketRing::AfPacketRing(AfPacketRing&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      geometry_(other.geometry_),
      index_(other.index_),
      held_(other.held_) {}

AfPacketRing::~AfPacketRing() {
  if (base_ != nullptr) ::munmap(base_, geometry_.bytes());
}

std::atomic_ref<std::uint32_t> AfPacketRing::owner(std::uint32_t index) const noexcept {
  auto* descriptor = reinterpret_cast<tpacket_block_desc*>(block(index));
  return std::atomic_ref<std::uint32_t>(descriptor->hdr.bh1.block_status);
}

bool AfPacketRing::take(BlockCursor& cursor) noexcept {
  WEIR_ASSERT(!held_);
  // Acquire: what the kernel wrote into the block before it handed it over is seen from here on.
  if ((owner(index_).load(std::memory_order_acquire) & TP_STATUS_USER) == 0) return false;
  const auto* descriptor = reinterpret_cast<const tpacket_block_desc*>(block(index_));
  cursor.next = block(index_) + descriptor->hdr.bh1.offset_to_first_pkt;
  cursor.packets_left = descriptor->hdr.bh1.num_pkts;
  held_ = true;
  return true;
}

std::uint32_t AfPacketRing::fill_permille() const noexcept {
  // Blocks are handed over in order, and from index_ on: the first that is the kernel's ends them.
  std::uint32_t waiting = 0;
  while (waiting < geometry_.block_count) {
    const std::uint32_t index = (index_ + waiting) % geometry_.block_count;
    if ((owner(index).load(std::memory_order_relaxed) & TP_STATUS_USER) == 0) break;
    ++waiting;
  }
  return static_cast<std::uint32_t>(std::uint64_t{waiting} * 1000 / geometry_.block_count);
}

std::uint32_t AfPacketRing::fill_estimate() const noexcept {
  constexpr std::uint32_t kLooks = 64;
  const std::uint32_t looks = std::min(kLooks, geometry_.block_count);
  std::uint32_t waiting = 0;
  for (std::uint32_t i = 0; i < looks; ++i) {
    const auto index = static_cast<std::uint32_t>(std::uint64_t{i} * geometry_.block_count / looks);
    if ((owner(index).load(std::memory_order_relaxed) & TP_STATUS_USER) != 0) ++waiting;
  }
  return waiting * 1000 / looks;
}

void AfPacketRing::give_back() noexcept {
  WEIR_ASSERT(held_);
  // Release: our last read of the block happens before the kernel may fill it again.
  owner(index_).store(TP_STATUS_KERNEL, std::memory_order_release);
  index_ = index_ + 1 == geometry_.block_count ? 0 : index_ + 1;
  held_ = false;
}

}  // namespace weir::interface
