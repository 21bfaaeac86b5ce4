#include "message.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace weir::traffic {

HeadBuffer& HeadBuffer::text(std::string_view value) {
  std::memcpy(take(value.size()), value.data(), value.size());
  return *this;
}

HeadBuffer& HeadBuffer::decimal(std::uint64_t value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), value).ptr;
  return text({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

HeadBuffer& HeadBuffer::hex(std::uint64_t value, unsigned digits) {
  std::uint8_t* at = take(digits);
  for (unsigned i = digits; i-- > 0; value >>= 4) {
    at[i] = static_cast<std::uint8_t>("0123456789abcdef"[value & 15]);
  }
  return *this;
}

HeadBuffer& HeadBuffer::dotted(const Address& address) {
  const Bytes parts = address.view();
  for (std::size_t i = 0; i < parts.size(); i += address.v6 ? 2 : 1) {
    if (address.v6) {
      (i == 0 ? *this : text(":")).hex(load_be16(parts.data() + i), 4);
    } else {
      (i == 0 ? *this : text(".")).decimal(parts[i]);
    }
  }
  return *this;
}

HeadBuffer& HeadBuffer::u8(std::uint8_t value) { return *take(1) = value, *this; }
HeadBuffer& HeadBuffer::u16(std::uint16_t value) { return store_be(take(2), value), *this; }
HeadBuffer& HeadBuffer::u24(std::uint32_t value) {
  return u8(static_cast<std::uint8_t>(value >> 16)).u16(static_cast<std::uint16_t>(value));
}
HeadBuffer& HeadBuffer::u32(std::uint32_t value) { return store_be(take(4), value), *this; }
HeadBuffer& HeadBuffer::u64(std::uint64_t value) { return store_be(take(8), value), *this; }

HeadBuffer& HeadBuffer::bytes(Bytes value) {
  std::ranges::copy(value, take(value.size()));
  return *this;
}

HeadBuffer& HeadBuffer::zeros(std::size_t count) {
  std::fill_n(take(count), count, std::uint8_t{0});
  return *this;
}

HeadBuffer& HeadBuffer::random(Prng& prng, std::size_t count) {
  fill_incompressible(prng.next(), 0, take(count), count);
  return *this;
}

void HeadBuffer::patch_length16(std::size_t at) {
  patch16(at, static_cast<std::uint16_t>(size_ - at - 2));
}

void HeadBuffer::patch16(std::size_t at, std::uint16_t value) {
  WEIR_ASSERT(at + 2 <= size_);
  store_be(bytes_.data() + at, value);
}

void HeadBuffer::patch8(std::size_t at, std::uint8_t value) {
  WEIR_ASSERT(at < size_);
  bytes_[at] = value;
}

void fill_incompressible(std::uint64_t key, std::uint64_t position, std::uint8_t* out,
                         std::size_t count) noexcept {
  const auto word = [key](std::uint64_t index) {  // splitmix64 by index
    std::uint64_t z = key + (index + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  };
  std::uint64_t index = position / 8;
  if (const std::size_t skip = position % 8; skip != 0 && count != 0) {
    const std::size_t part = std::min(8 - skip, count);
    const std::uint64_t value = word(index++) >> (8 * skip);
    std::memcpy(out, &value, part);
    out += part;
    count -= part;
  }
  for (; count >= 8; out += 8, count -= 8) store_le(out, word(index++));
  if (count != 0) {
    const std::uint64_t value = word(index);
    std::memcpy(out, &value, count);
  }
}

}  // namespace weir::traffic
