// Decoding of the pcapng blocks that hold no packet: what describes sections and interfaces, and
// what travels along.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/capture_interface.h"
#include "storage/pcapng/blocks.h"
#include "storage/pcapng/reader_time.h"

namespace weir::storage::pcapng {

struct SectionHeader {
  ByteOrder order = ByteOrder::Little;
  std::uint16_t version_major = 0;
  std::uint16_t version_minor = 0;
};

// From the fixed part of a Section Header Block's body. Nothing: the byte-order magic is neither
// way round. The section length is not used: readers walk block by block, and writers are known to
// leave it wrong.
std::optional<SectionHeader> decode_section_header(
    std::span<const std::uint8_t, kSectionHeaderFixedBytes> body) noexcept;

struct InterfaceDescription {
  CaptureInterface interface;
  TimeScale time_scale;
};

// From the body of an Interface Description Block, which is normalised in place. Nothing: an option
// does not fit into the block, or if_tsresol or if_tsoffset has an impossible length; without them
// no timestamp can be trusted.
std::optional<InterfaceDescription> decode_interface_description(std::span<std::uint8_t> body,
                                                                 ByteOrder order);

// Interface of an Interface Statistics Block: the number that the section gave it. `body` has its
// fixed bytes.
std::uint32_t statistics_interface(std::span<const std::uint8_t> body, ByteOrder order) noexcept;

// The normalise functions turn the body of a block, in place, into what a SideBlock holds:
// little-endian, options without opt_endofopt. They return its length, or nothing when the body
// breaks its own layout.

// Timestamps become nanoseconds since 1970 (the if_tsresol that weir writes), the interface becomes
// `interface`.
std::optional<std::size_t> normalise_interface_statistics(std::span<std::uint8_t> body,
                                                          ByteOrder order, InterfaceId interface,
                                                          const TimeScale& scale) noexcept;
std::optional<std::size_t> normalise_name_resolution(std::span<std::uint8_t> body,
                                                     ByteOrder order) noexcept;
std::optional<std::size_t> normalise_decryption_secrets(std::span<std::uint8_t> body,
                                                        ByteOrder order) noexcept;
// The private enterprise number is turned; what follows only its owner can read.
std::optional<std::size_t> normalise_custom(std::span<std::uint8_t> body, ByteOrder order) noexcept;

}  // namespace weir::storage::pcapng
