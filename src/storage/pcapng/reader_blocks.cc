#include "storage/pcapng/reader_blocks.h"

#include <utility>

#include "storage/pcapng/reader_options.h"

namespace weir::storage::pcapng {
namespace {

constexpr std::size_t kNameRecordHeaderBytes = 4;
constexpr std::uint16_t kNameRecordEnd = 0;
constexpr std::size_t kSecretsFixedBytes = 8;
constexpr std::size_t kCustomFixedBytes = 4;

// Section 4.2 counts if_fcslen in bits, Wireshark writes bytes. No check sequence has 16 bytes,
// none under 16 bits.
std::uint8_t fcs_bytes_of(std::uint8_t if_fcslen) noexcept {
  return if_fcslen >= 16 ? static_cast<std::uint8_t>(if_fcslen / 8) : if_fcslen;
}

void append(std::vector<std::uint8_t>& to, Bytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

// A timestamp of two 32-bit halves, the high one first, from ticks to nanoseconds.
void rescale(std::uint8_t* at, ByteOrder order, const TimeScale& scale) noexcept {
  const std::uint64_t ticks =
      (std::uint64_t{load<std::uint32_t>(at, order)} << 32) | load<std::uint32_t>(at + 4, order);
  const auto ns = static_cast<std::uint64_t>(scale.to_timestamp(ticks).ns);
  store_le(at, static_cast<std::uint32_t>(ns >> 32));
  store_le(at + 4, static_cast<std::uint32_t>(ns));
}

// Options at the end of a side block. Broken ones spoil the block: it is only an accessory, better
// none than a wrong one.
std::optional<std::size_t> finish(std::span<std::uint8_t> body, std::size_t fixed_bytes,
                                  ByteOrder order, BlockType type) noexcept {
  const NormalisedOptions options = normalise_options(body.subspan(fixed_bytes), order, type);
  if (!options.well_formed) return std::nullopt;
  return fixed_bytes + options.bytes;
}

}  // namespace

std::optional<SectionHeader> decode_section_header(
    std::span<const std::uint8_t, kSectionHeaderFixedBytes> body) noexcept {
  SectionHeader header;
  const auto magic = load_le32(body.data());
  if (magic == byte_swap(kByteOrderMagic)) {
    header.order = ByteOrder::Big;
  } else if (magic != kByteOrderMagic) {
    return std::nullopt;
  }
  header.version_major = load<std::uint16_t>(body.data() + 4, header.order);
  header.version_minor = load<std::uint16_t>(body.data() + 6, header.order);
  return header;
}

std::optional<InterfaceDescription> decode_interface_description(std::span<std::uint8_t> body,
                                                                 ByteOrder order) {
  if (body.size() < kInterfaceDescriptionFixedBytes) return std::nullopt;
  InterfaceDescription found;
  found.interface.link_type = LinkType{load<std::uint16_t>(body.data(), order)};
  found.interface.snaplen = load<std::uint32_t>(body.data() + 4, order);

  const std::span<std::uint8_t> area = body.subspan(kInterfaceDescriptionFixedBytes);
  const NormalisedOptions options = normalise_options(area, order, BlockType::InterfaceDescription);
  if (!options.well_formed) return std::nullopt;

  std::uint8_t tsresol = 6;
  std::int64_t tsoffset = 0;
  OptionCursor cursor(area.first(options.bytes));
  while (const auto entry = cursor.next()) {
    switch (entry->code) {
      case option::kIfTsresol:
        if (entry->value.size() != 1) return std::nullopt;
        tsresol = entry->value[0];
        break;
      case option::kIfTsoffset:
        if (entry->value.size() != 8) return std::nullopt;
        tsoffset = static_cast<std::int64_t>(load_le64(entry->value.data()));
        break;
      case option::kIfFcslen:
        if (entry->value.size() == 1) found.interface.fcs_bytes = fcs_bytes_of(entry->value[0]);
        break;
      case option::kIfName:
        for (const std::uint8_t c : entry->value) {
          if (c == 0) break;  // some writers count a terminator in
          found.interface.name.push_back(static_cast<char>(c));
        }
        break;
      default:
        append(found.interface.options, entry->whole);
        break;
    }
  }
  found.time_scale = TimeScale(tsresol, tsoffset);
  return found;
}

std::uint32_t statistics_interface(std::span<const std::uint8_t> body, ByteOrder order) noexcept {
  return load<std::uint32_t>(body.data(), order);
}

std::optional<std::size_t> normalise_interface_statistics(std::span<std::uint8_t> body,
                                                          ByteOrder order, InterfaceId interface,
                                                          const TimeScale& scale) noexcept {
  if (body.size() < kInterfaceStatisticsFixedBytes) return std::nullopt;
  store_le(body.data(), interface.index);
  rescale(body.data() + 4, order, scale);
  const auto length =
      finish(body, kInterfaceStatisticsFixedBytes, order, BlockType::InterfaceStatistics);
  if (!length) return std::nullopt;
  std::size_t at = kInterfaceStatisticsFixedBytes;
  OptionCursor cursor(Bytes(body).subspan(at, *length - at));
  while (const auto entry = cursor.next()) {
    const bool is_time = entry->code == option::kIsbStarttime || entry->code == option::kIsbEndtime;
    if (is_time && entry->value.size() == 8)
      rescale(body.data() + at + 4, ByteOrder::Little, scale);
    at += entry->whole.size();
  }
  return length;
}

std::optional<std::size_t> normalise_name_resolution(std::span<std::uint8_t> body,
                                                     ByteOrder order) noexcept {
  std::size_t at = 0;
  while (body.size() - at >= kNameRecordHeaderBytes) {
    std::uint8_t* const header = body.data() + at;
    const auto type = load<std::uint16_t>(header, order);
    const auto length = load<std::uint16_t>(header + 2, order);
    const std::size_t whole = kNameRecordHeaderBytes + align_up(length, 4);
    if (body.size() - at < whole) return std::nullopt;
    store_le(header, type);
    store_le(header + 2, length);
    at += whole;
    if (type == kNameRecordEnd) return finish(body, at, order, BlockType::NameResolution);
  }
  return std::nullopt;  // no end record: where options would begin is unknown
}

std::optional<std::size_t> normalise_decryption_secrets(std::span<std::uint8_t> body,
                                                        ByteOrder order) noexcept {
  if (body.size() < kSecretsFixedBytes) return std::nullopt;
  const auto type = load<std::uint32_t>(body.data(), order);
  const auto length = load<std::uint32_t>(body.data() + 4, order);
  if (body.size() - kSecretsFixedBytes < align_up(length, 4)) return std::nullopt;
  store_le(body.data(), type);
  store_le(body.data() + 4, length);
  return finish(body, kSecretsFixedBytes + align_up(length, 4), order,
                BlockType::DecryptionSecrets);
}

std::optional<std::size_t> normalise_custom(std::span<std::uint8_t> body,
                                            ByteOrder order) noexcept {
  if (body.size() < kCustomFixedBytes) return std::nullopt;
  store_le(body.data(), load<std::uint32_t>(body.data(), order));
  return body.size();
}

}  // namespace weir::storage::pcapng
