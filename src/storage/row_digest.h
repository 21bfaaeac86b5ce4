// The checksum of a row, which SQLite does not keep: FNV-1a of 64 bits over its fields with their
// lengths. Against damage, not against people.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace weir::storage {

class RowDigest {
 public:
  RowDigest& add(std::uint64_t number) noexcept {
    for (int shift = 0; shift < 64; shift += 8) step(static_cast<std::uint8_t>(number >> shift));
    return *this;
  }
  RowDigest& add(std::int64_t number) noexcept { return add(static_cast<std::uint64_t>(number)); }
  RowDigest& add(std::string_view text) noexcept {
    add(std::uint64_t{text.size()});
    for (const char c : text) step(static_cast<std::uint8_t>(c));
    return *this;
  }
  RowDigest& add(Bytes bytes) noexcept {
    add(std::uint64_t{bytes.size()});
    for (const std::uint8_t byte : bytes) step(byte);
    return *this;
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  void step(std::uint8_t byte) noexcept { value_ = (value_ ^ byte) * 0x100000001b3; }

  std::uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace weir::storage
