// SHA-1 (FIPS 180-4) of a message that fits in one block, for names that are defined by it. Not for
// security. Own code, since OpenSSL 3.0 allocates memory whenever a digest begins.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace weir::protocol {

using Sha1Digest = std::array<std::uint8_t, 20>;

// A block less the byte that ends the message and the eight of its length.
inline constexpr std::size_t kShortSha1BytesMax = 64 - 9;

// By the processor's own instructions where it has them. Any thread.
[[nodiscard]] Sha1Digest short_sha1(Bytes message) noexcept;

// On any processor: what the fast way is held against.
[[nodiscard]] Sha1Digest short_sha1_portable(Bytes message) noexcept;

}  // namespace weir::protocol
