#include "storage/crc32c.h"

#include <array>
#include <cstddef>

#ifdef __x86_64__
#include <nmmintrin.h>
#endif

namespace weir::storage {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected

// --- the effect of zero bytes on a CRC, as a linear map over its 32 bits

using Matrix = std::array<std::uint32_t, 32>;  // what becomes of bit i

constexpr std::uint32_t apply(const Matrix& map, std::uint32_t crc) noexcept {
  std::uint32_t sum = 0;
  for (std::size_t bit = 0; crc != 0; ++bit, crc >>= 1) {
    if ((crc & 1) != 0) sum ^= map[bit];
  }
  return sum;
}

constexpr Matrix twice(const Matrix& map) noexcept {
  Matrix result{};
  for (std::size_t bit = 0; bit < map.size(); ++bit) result[bit] = apply(map, map[bit]);
  return result;
}

// Of 2^power zero bytes.
constexpr Matrix zeros(unsigned power) noexcept {
  Matrix map{};
  map[0] = kPolynomial;  // one zero bit
  for (std::size_t bit = 1; bit < map.size(); ++bit) map[bit] = std::uint32_t{1} << (bit - 1);
  for (unsigned i = 0; i < 3 + power; ++i) map = twice(map);
  return map;
}

using ByteTables = std::array<std::array<std::uint32_t, 256>, 4>;

// A map, byte by byte of the CRC.
constexpr ByteTables by_bytes(const Matrix& map) noexcept {
  ByteTables tables{};
  for (std::size_t byte = 0; byte < tables.size(); ++byte) {
    for (std::uint32_t value = 0; value < 256; ++value) {
      tables[byte][value] = apply(map, value << (8 * byte));
    }
  }
  return tables;
}

// Slicing by eight: tables[k][b] is what byte b does when k further bytes follow.
constexpr std::array<std::array<std::uint32_t, 256>, 8> slices() noexcept {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t value = 0; value < 256; ++value) {
    std::uint32_t crc = value;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][value] = crc;
  }
  for (std::size_t k = 1; k < tables.size(); ++k) {
    for (std::size_t value = 0; value < 256; ++value) {
      const std::uint32_t before = tables[k - 1][value];
      tables[k][value] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}
constexpr auto kSlices = slices();

#ifdef __x86_64__

// The instruction takes eight bytes a cycle, but its result comes after three: three lanes are
// computed at a time and joined.
constexpr unsigned kLanePower = 10;
constexpr std::size_t kLaneBytes = std::size_t{1} << kLanePower;
constexpr ByteTables kLaneOfZeros = by_bytes(zeros(kLanePower));

std::uint32_t behind_lane(std::uint32_t crc) noexcept {
  return kLaneOfZeros[0][crc & 0xff] ^ kLaneOfZeros[1][(crc >> 8) & 0xff] ^
         kLaneOfZeros[2][(crc >> 16) & 0xff] ^ kLaneOfZeros[3][crc >> 24];
}

__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_instruction(
    Bytes bytes, std::uint32_t before) noexcept {
  std::uint64_t crc = ~before;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  while (left >= 3 * kLaneBytes) {
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    for (const std::uint8_t* const end = at + kLaneBytes; at < end; at += 8) {
      crc = _mm_crc32_u64(crc, load_le64(at));
      second = _mm_crc32_u64(second, load_le64(at + kLaneBytes));
      third = _mm_crc32_u64(third, load_le64(at + 2 * kLaneBytes));
    }
    crc = behind_lane(static_cast<std::uint32_t>(crc)) ^ second;
    crc = behind_lane(static_cast<std::uint32_t>(crc)) ^ third;
    at += 2 * kLaneBytes;
    left -= 3 * kLaneBytes;
  }
  for (; left >= 8; at += 8, left -= 8) crc = _mm_crc32_u64(crc, load_le64(at));
  auto rest = static_cast<std::uint32_t>(crc);
  for (; left > 0; ++at, --left) rest = _mm_crc32_u8(rest, *at);
  return ~rest;
}

bool has_instruction() noexcept { return __builtin_cpu_supports("sse4.2") != 0; }

#endif

}  // namespace

std::uint32_t crc32c_by_tables(Bytes bytes, std::uint32_t before) noexcept {
  std::uint32_t crc = ~before;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    const std::uint32_t low = load_le32(at) ^ crc;
    const std::uint32_t high = load_le32(at + 4);
    crc = kSlices[7][low & 0xff] ^ kSlices[6][(low >> 8) & 0xff] ^ kSlices[5][(low >> 16) & 0xff] ^
          kSlices[4][low >> 24] ^ kSlices[3][high & 0xff] ^ kSlices[2][(high >> 8) & 0xff] ^
          kSlices[1][(high >> 16) & 0xff] ^ kSlices[0][high >> 24];
  }
  for (; left > 0; ++at, --left) crc = (crc >> 8) ^ kSlices[0][(crc ^ *at) & 0xff];
  return ~crc;
}

#ifdef __x86_64__
std::uint32_t crc32c(Bytes bytes, std::uint32_t before) noexcept {
  return has_instruction() ? crc32c_by_instruction(bytes, before) : crc32c_by_tables(bytes, before);
}
const char* crc32c_way() noexcept { return has_instruction() ? "sse4.2" : "tables"; }
#else
std::uint32_t crc32c(Bytes bytes, std::uint32_t before) noexcept {
  return crc32c_by_tables(bytes, before);
}
const char* crc32c_way() noexcept { return "tables"; }
#endif

}  // namespace weir::storage
