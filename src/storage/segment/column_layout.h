// How a column of keys lies in an index page: what its writer and its reader agree on.
// docs/segment-format.md, "Index page".
#pragma once

#include <cstdint>

#include "storage/segment/format.h"

namespace weir::storage::segment {

// Entries, bytes of a key, entries of a group, bytes of the entries.
inline constexpr std::uint32_t kColumnHeadBytes = 12;
inline constexpr std::uint32_t kGroupEntries = 64;
// Keys up to this long are stored as differences.
inline constexpr std::uint32_t kVarintKeyBytesMax = 8;

// Chunks of an entry: a byte with the first of them, and a bit for whether more follow as a varint.
inline constexpr std::uint8_t kFirstChunkMask = kPageChunksMax - 1;
inline constexpr std::uint8_t kMoreChunks = kPageChunksMax;

// Of an entry: a whole IPv6 address or a varint of ten bytes, and chunks in ten.
inline constexpr std::uint32_t kEntryBytesMax = 16 + 10;

// Of a key's place in the table of groups, with the offset behind it.
constexpr std::uint32_t group_bytes(std::uint32_t key_bytes) noexcept { return key_bytes + 4; }
constexpr std::uint32_t group_count(std::uint32_t entries) noexcept {
  return entries / kGroupEntries + (entries % kGroupEntries != 0 ? 1 : 0);
}

}  // namespace weir::storage::segment
