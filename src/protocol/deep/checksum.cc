#include "protocol/deep/checksum.h"

#include <array>
#include <cstring>

#include "base/assert.h"

namespace weir::protocol {
namespace {

// Words are added as the host loads them. With the carries brought round at the end, a sum of
// swapped bytes is the swapped sum (RFC 1071, byte order independence).

// Four 32-bit numbers in one register: what every x86-64 and arm64 has.
using Lanes [[gnu::vector_size(16)]] = std::uint32_t;
constexpr std::size_t kLanes = sizeof(Lanes) / sizeof(std::uint32_t);
constexpr std::size_t kBlockBytes = 2 * sizeof(Lanes);
// Adding up the lanes takes longer than a short segment word by word.
constexpr std::size_t kBlocksWorthwhile = 2;

Lanes load_lanes(const std::uint8_t* at) noexcept {
  Lanes lanes;
  std::memcpy(&lanes, at, sizeof lanes);
  return lanes;
}

// Each lane sums its 32-bit numbers, modulo 2^32, and their upper halves. The sum of the lower
// halves is then the difference: no masking in the loop. Neither sum of halves overflows.
static_assert(kChecksumBytesMax / kBlockBytes * 2 * 0xffff <= 0xffffffff);

std::uint64_t sum_of_blocks(const std::uint8_t* at, std::size_t blocks) noexcept {
  Lanes whole{};
  Lanes upper{};
  Lanes other_whole{};
  Lanes other_upper{};
  for (; blocks > 0; --blocks, at += kBlockBytes) {
    const Lanes one = load_lanes(at);
    const Lanes other = load_lanes(at + sizeof(Lanes));
    whole += one;
    upper += one >> 16;
    other_whole += other;
    other_upper += other >> 16;
  }
  whole += other_whole;
  upper += other_upper;
  const Lanes lower = whole - (upper << 16);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kLanes; ++i) sum += std::uint64_t{lower[i]} + upper[i];
  return sum;
}

constexpr std::uint64_t halves(std::uint64_t word) noexcept {
  return (word & 0xffffffff) + (word >> 32);
}

// Not folded; below 2^40.
std::uint64_t sum_of(Bytes bytes) noexcept {
  WEIR_DEBUG_ASSERT(bytes.size() <= kChecksumBytesMax);
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t sum = 0;
  if (const std::size_t blocks = left / kBlockBytes; blocks >= kBlocksWorthwhile) {
    sum = sum_of_blocks(at, blocks);
    at += blocks * kBlockBytes;
    left %= kBlockBytes;
  }
  for (; left >= 8; left -= 8, at += 8) sum += halves(load_le64(at));
  if ((left & 4) != 0) {
    sum += load_le32(at);
    at += 4;
  }
  if ((left & 2) != 0) {
    sum += load_le16(at);
    at += 2;
  }
  if ((left & 1) != 0) sum += *at;
  return sum;
}

// Brings the carries round. The second time one may be left, the third time none.
constexpr std::uint16_t fold(std::uint64_t sum) noexcept {
  sum = halves(sum);
  for (int i = 0; i < 3; ++i) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

// An IPv4 address adds what its four bytes do: before them stands ffff, which is zero.
std::uint64_t sum_of_address(const IpAddress& address) noexcept {
  return halves(load_le64(address.bytes.data())) + halves(load_le64(address.bytes.data() + 8));
}

// Both lengths, the 16 bits of IPv4 and the 32 of IPv6, add the same.
std::uint64_t sum_of_pseudo_header(const IpAddress& source, const IpAddress& destination,
                                   std::uint8_t ip_protocol, std::size_t length) noexcept {
  return sum_of_address(source) + sum_of_address(destination) +
         byte_swap(std::uint32_t{ip_protocol}) + byte_swap(static_cast<std::uint32_t>(length));
}

// What is right adds up to minus zero. Plus zero comes of nothing but zeros, which nobody sends.
constexpr std::uint16_t kRight = 0xffff;

constexpr std::uint8_t kIcmp = 1;

}  // namespace

std::uint16_t ones_complement_sum(Bytes bytes, std::uint16_t carry_in) noexcept {
  return byte_swap(fold(sum_of(bytes) + byte_swap(carry_in)));
}

bool ipv4_header_checksum_ok(Bytes header) noexcept { return fold(sum_of(header)) == kRight; }

bool transport_checksum_ok(const IpAddress& source, const IpAddress& destination,
                           std::uint8_t ip_protocol, Bytes segment) noexcept {
  std::uint64_t sum = sum_of(segment);
  if (ip_protocol != kIcmp) {
    sum += sum_of_pseudo_header(source, destination, ip_protocol, segment.size());
  }
  return fold(sum) == kRight;
}

}  // namespace weir::protocol
