// CRC32C (Castagnoli, RFC 3720 appendix B.4): the checksum of stored packets, by the processor's
// own instruction where it has one.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace weir::storage {

// Of `bytes` behind others whose CRC32C is `before`. Any thread.
[[nodiscard]] std::uint32_t crc32c(Bytes bytes, std::uint32_t before = 0) noexcept;

// By tables, on any processor: what the fast way is held against.
[[nodiscard]] std::uint32_t crc32c_by_tables(Bytes bytes, std::uint32_t before = 0) noexcept;

// "sse4.2" or "tables": what crc32c() uses here.
[[nodiscard]] const char* crc32c_way() noexcept;

}  // namespace weir::storage
