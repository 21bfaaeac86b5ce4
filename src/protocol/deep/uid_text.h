// Reads uids as people give them, and what the index of the packet store has of one.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/deep/uid.h"

namespace weir::protocol {

// What text_of() writes. Nothing: it is no uid.
[[nodiscard]] std::optional<Uid> parse_uid(std::string_view text) noexcept;

// The upper 48 of its 96 bits.
[[nodiscard]] constexpr std::uint64_t start_of(const Uid& uid) noexcept {
  return std::uint64_t{uid.words[0]} << 16 | uid.words[1] >> 16;
}

}  // namespace weir::protocol
