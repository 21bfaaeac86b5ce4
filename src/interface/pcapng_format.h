// pcapng files (draft-ietf-opsawg-pcapng): sections, interfaces, packets and what travels with
// them.
#pragma once

#include <cstdint>
#include <memory>

#include "interface/file_interfaces.h"
#include "interface/record_format.h"

namespace weir::interface {

// Bytes that show whether a file is pcapng: block type, length, byte-order magic.
inline constexpr std::size_t kPcapngMagicBytes = 12;
bool is_pcapng(std::span<const std::uint8_t, kPcapngMagicBytes> beginning) noexcept;
// Whether the first word alone leaves it possible.
bool begins_like_pcapng(std::span<const std::uint8_t, 4> beginning) noexcept;

// Walks the file from its first Section Header Block on. `interfaces` outlives the format.
std::unique_ptr<RecordFormat> make_pcapng_format(FileInterfaces& interfaces);

}  // namespace weir::interface
