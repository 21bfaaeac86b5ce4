// Classic pcap files (draft-ietf-opsawg-pcap) and the variants of them that are met in the wild.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "interface/file_interfaces.h"
#include "interface/record_format.h"

namespace weir::interface {

inline constexpr std::size_t kPcapMagicBytes = 4;

struct PcapHeader {
  // Versions before 2.3 wrote the two lengths of a record the other way round; some writers of 2.3
  // still did.
  enum class Lengths : std::uint8_t { CapturedFirst, WireFirst, SmallerIsCaptured };

  ByteOrder order = ByteOrder::Little;
  std::uint32_t header_bytes = 24;  // of the file
  std::uint32_t record_header_bytes = 16;
  std::uint32_t ns_per_fraction = 1000;  // of a record's second timestamp word
  Lengths lengths = Lengths::CapturedFirst;
  CaptureInterface interface;
};

// Bytes that the header of a file with this beginning has; nothing: it is no pcap file.
std::optional<std::uint32_t> pcap_header_bytes(
    std::span<const std::uint8_t, kPcapMagicBytes> magic) noexcept;
// `header` has as many bytes as pcap_header_bytes() said. UnknownFormat for a version that nobody
// describes.
Result<PcapHeader> decode_pcap_header(Bytes header);

std::unique_ptr<RecordFormat> make_pcap_format(const PcapHeader& header, InterfaceId interface);

}  // namespace weir::interface
