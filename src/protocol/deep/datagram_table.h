// The datagrams that wait for fragments: found by their key, and in the order in which they began.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "base/time.h"
#include "protocol/deep/fragment_header.h"
#include "protocol/deep/fragment_key.h"
#include "protocol/deep/fragment_pages.h"

namespace weir::protocol {

// One datagram in parts. Its bytes lie in a row of pages: first room for the header, which ends
// where the payload begins, so that header and payload are one run of bytes. Places in that row are
// called positions.
struct PartialDatagram {
  static constexpr std::uint32_t kPayloadPosition = kFragmentHeaderBytesMax;
  static constexpr std::size_t kPagesMax =
      (kPayloadPosition + 0xffff + FragmentPage::kBytes - 1) / FragmentPage::kBytes;

  FragmentKey key;
  Timestamp began;
  std::uint64_t fragments = 0;
  std::uint32_t contiguous = 0;      // payload bytes from the first on, without a gap
  std::uint32_t end = 0;             // behind the last payload byte that is here
  std::uint32_t size = 0;            // of the payload, as last fragments had it; 0: none had
  std::uint16_t header_bytes = 0;    // 0: the fragment with the first byte is not here
  std::uint16_t next_header_at = 0;  // IPv6: see FragmentHeader
  // What later fragments are compared with.
  std::uint16_t expected_header_bytes = 0;
  std::uint8_t expected_protocol = 0;
  // Of the fragment with the first byte.
  std::uint8_t protocol = 0;

  // The table's own.
  std::uint32_t older = 0;
  std::uint32_t newer = 0;
  std::uint32_t next_in_chain = 0;

  std::array<std::uint32_t, kPagesMax> pages{};  // FragmentPagePool::kNone: no byte of it is here
};

class DatagramTable {
 public:
  DatagramTable(std::uint32_t datagrams_max, std::uint64_t seed);

  [[nodiscard]] PartialDatagram* find(const FragmentKey& key) noexcept;
  // The datagram that must be erased before a new one with this key has room, or null. More than
  // one may have to go, one after the other.
  [[nodiscard]] PartialDatagram* in_the_way_of(const FragmentKey& key) noexcept;
  // Nothing has this key and nothing is in its way. The newest from now on.
  PartialDatagram& insert(const FragmentKey& key, Timestamp now) noexcept;
  void erase(PartialDatagram& datagram) noexcept;

  [[nodiscard]] PartialDatagram* oldest() noexcept { return at(oldest_); }
  // The one that began next, or null.
  [[nodiscard]] PartialDatagram* after(const PartialDatagram& datagram) noexcept {
    return at(datagram.newer);
  }
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }

  // What a table takes, for each datagram that fits.
  [[nodiscard]] static constexpr std::size_t bytes_per_datagram() noexcept {
    // At most two buckets: their number is a power of two.
    return sizeof(PartialDatagram) + 2 * sizeof(std::uint32_t);
  }

 private:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  // With a bucket or more for each datagram, chance makes no chain this long (1 in 10^13); it
  // bounds what one fragment can cost if a sender ever learns the seed.
  static constexpr std::uint32_t kChainMax = 16;

  [[nodiscard]] PartialDatagram* at(std::uint32_t index) noexcept {
    return index == kNone ? nullptr : &datagrams_[index];
  }
  [[nodiscard]] std::uint32_t& bucket_of(const FragmentKey& key) noexcept {
    return buckets_[hash_(key) & bucket_mask_];
  }

  FragmentKeyHash hash_;
  std::uint32_t datagrams_max_;
  std::uint32_t bucket_mask_;
  std::uint32_t count_ = 0;
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
  std::uint32_t free_ = kNone;  // a chain through next_in_chain
  std::unique_ptr<std::uint32_t[]> buckets_;
  std::unique_ptr<PartialDatagram[]> datagrams_;
};

}  // namespace weir::protocol
