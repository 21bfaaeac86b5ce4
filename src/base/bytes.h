// Bytes from outside: unaligned loads and stores in a stated byte order, and a reader that cannot
// leave its span.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace weir {

static_assert(std::endian::native == std::endian::little, "weir supports little-endian hosts only");

using Bytes = std::span<const std::uint8_t>;

enum class ByteOrder : std::uint8_t { Little, Big };

constexpr std::uint16_t byte_swap(std::uint16_t v) noexcept { return __builtin_bswap16(v); }
constexpr std::uint32_t byte_swap(std::uint32_t v) noexcept { return __builtin_bswap32(v); }
constexpr std::uint64_t byte_swap(std::uint64_t v) noexcept { return __builtin_bswap64(v); }

// The caller has proved that sizeof(T) bytes can be read at `at`.
template <std::unsigned_integral T>
inline T unchecked_load(const std::uint8_t* at) noexcept {
  T v;
  std::memcpy(&v, at, sizeof v);
  return v;
}
inline std::uint16_t load_be16(const std::uint8_t* at) noexcept {
  return byte_swap(unchecked_load<std::uint16_t>(at));
}
inline std::uint32_t load_be32(const std::uint8_t* at) noexcept {
  return byte_swap(unchecked_load<std::uint32_t>(at));
}
inline std::uint64_t load_be64(const std::uint8_t* at) noexcept {
  return byte_swap(unchecked_load<std::uint64_t>(at));
}
inline std::uint32_t load_be24(const std::uint8_t* at) noexcept {
  return (std::uint32_t{at[0]} << 16) | (std::uint32_t{at[1]} << 8) | at[2];
}
inline std::uint16_t load_le16(const std::uint8_t* at) noexcept {
  return unchecked_load<std::uint16_t>(at);
}
inline std::uint32_t load_le32(const std::uint8_t* at) noexcept {
  return unchecked_load<std::uint32_t>(at);
}
inline std::uint64_t load_le64(const std::uint8_t* at) noexcept {
  return unchecked_load<std::uint64_t>(at);
}

// In the byte order that a file declares.
template <std::unsigned_integral T>
inline T load(const std::uint8_t* at, ByteOrder order) noexcept {
  const T v = unchecked_load<T>(at);
  return order == ByteOrder::Little ? v : byte_swap(v);
}

// Host (little-endian) stores; the caller has proved that there is room.
template <std::unsigned_integral T>
inline void store_le(std::uint8_t* at, T v) noexcept {
  std::memcpy(at, &v, sizeof v);
}
template <std::unsigned_integral T>
inline void store_be(std::uint8_t* at, T v) noexcept {
  store_le(at, byte_swap(v));
}

// Reads a span from front to back. A read past the end yields zero, leaves the position and sets
// failed(): check once after a group of reads, never use values of a failed group.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes, ByteOrder order = ByteOrder::Big) noexcept
      : bytes_(bytes), order_(order) {}

  template <std::unsigned_integral T>
  T read() noexcept {
    if (remaining() < sizeof(T)) {
      failed_ = true;
      return 0;
    }
    T v;
    if constexpr (sizeof(T) == 1) {
      v = bytes_[position_];
    } else {
      v = load<T>(bytes_.data() + position_, order_);
    }
    position_ += sizeof(T);
    return v;
  }
  std::uint8_t u8() noexcept { return read<std::uint8_t>(); }
  std::uint16_t u16() noexcept { return read<std::uint16_t>(); }
  std::uint32_t u32() noexcept { return read<std::uint32_t>(); }
  std::uint64_t u64() noexcept { return read<std::uint64_t>(); }

  Bytes bytes(std::size_t count) noexcept {
    if (remaining() < count) {
      failed_ = true;
      return {};
    }
    const Bytes out = bytes_.subspan(position_, count);
    position_ += count;
    return out;
  }
  void skip(std::size_t count) noexcept { (void)bytes(count); }

  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - position_; }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  Bytes bytes_;
  std::size_t position_ = 0;
  ByteOrder order_;
  bool failed_ = false;
};

// `value` rounded up to a multiple of `alignment`, a power of two.
constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) noexcept {
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace weir
