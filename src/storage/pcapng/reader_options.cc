#include "storage/pcapng/reader_options.h"

namespace weir::storage::pcapng {
namespace {

constexpr std::size_t kOptionHeaderBytes = 4;

// How the value of an option is made of numbers.
enum class Layout : std::uint8_t {
  Opaque,
  U32,
  U64,
  U32Pair,  // a timestamp: high half first, in either byte order
  Pen,      // custom options: a private enterprise number, then bytes only its owner knows
  Verdict,  // epb_verdict: a type, then 64 bits for the types of the Linux kernel
};

Layout layout_of(BlockType block, std::uint16_t code) noexcept {
  switch (code) {
    case option::kCustomStringCopyable:
    case option::kCustomBytesCopyable:
    case option::kCustomStringNotCopyable:
    case option::kCustomBytesNotCopyable:
      return Layout::Pen;
    default:
      break;
  }
  switch (block) {
    case BlockType::InterfaceDescription:
      switch (code) {
        case option::kIfSpeed:
        case option::kIfTsoffset:
        case option::kIfTxspeed:
        case option::kIfRxspeed:
          return Layout::U64;
        case option::kIfTzone:
          return Layout::U32;
        default:
          return Layout::Opaque;
      }
    case BlockType::EnhancedPacket:
      switch (code) {
        case option::kEpbFlags:
        case option::kEpbQueue:
          return Layout::U32;
        case option::kEpbDropcount:
        case option::kEpbPacketid:
          return Layout::U64;
        case option::kEpbVerdict:
          return Layout::Verdict;
        default:
          return Layout::Opaque;
      }
    case BlockType::ObsoletePacket:
      return code == option::kEpbFlags ? Layout::U32 : Layout::Opaque;
    case BlockType::InterfaceStatistics:
      switch (code) {
        case option::kIsbStarttime:
        case option::kIsbEndtime:
          return Layout::U32Pair;
        case option::kIsbIfrecv:
        case option::kIsbIfdrop:
        case option::kIsbFilteraccept:
        case option::kIsbOsdrop:
        case option::kIsbUsrdeliv:
          return Layout::U64;
        default:
          return Layout::Opaque;
      }
    default:
      return Layout::Opaque;
  }
}

template <typename T>
void turn(std::uint8_t* at) noexcept {
  store_be<T>(at, unchecked_load<T>(at));
}

// Big-endian value to little-endian. A value of a length that its layout does not have stays as it
// is.
void turn_value(std::span<std::uint8_t> value, Layout layout) noexcept {
  switch (layout) {
    case Layout::Opaque:
      break;
    case Layout::U32:
      if (value.size() == 4) turn<std::uint32_t>(value.data());
      break;
    case Layout::U64:
      if (value.size() == 8) turn<std::uint64_t>(value.data());
      break;
    case Layout::U32Pair:
      if (value.size() == 8) {
        turn<std::uint32_t>(value.data());
        turn<std::uint32_t>(value.data() + 4);
      }
      break;
    case Layout::Pen:
      if (value.size() >= 4) turn<std::uint32_t>(value.data());
      break;
    case Layout::Verdict:
      // Types 1 and 2: the return value of an eBPF program at TC or XDP.
      if (value.size() == 9 && (value[0] == 1 || value[0] == 2))
        turn<std::uint64_t>(value.data() + 1);
      break;
  }
}

}  // namespace

NormalisedOptions normalise_options(std::span<std::uint8_t> area, ByteOrder order,
                                    BlockType block) noexcept {
  std::size_t at = 0;
  while (area.size() - at >= kOptionHeaderBytes) {
    std::uint8_t* const header = area.data() + at;
    const auto code = load<std::uint16_t>(header, order);
    const auto length = load<std::uint16_t>(header + 2, order);
    if (code == option::kEndOfOptions) return {at, true};
    const std::size_t whole = kOptionHeaderBytes + align_up(length, 4);
    if (area.size() - at < whole) return {at, false};
    if (order == ByteOrder::Big) {
      store_le(header, code);
      store_le(header + 2, length);
      turn_value(area.subspan(at + kOptionHeaderBytes, length), layout_of(block, code));
    }
    at += whole;
  }
  return {at, at == area.size()};
}

std::optional<Option> OptionCursor::next() noexcept {
  if (rest_.size() < kOptionHeaderBytes) return std::nullopt;
  const std::size_t length = load_le16(rest_.data() + 2);
  const std::size_t whole = kOptionHeaderBytes + align_up(length, 4);
  if (rest_.size() < whole) return std::nullopt;
  const Option found{load_le16(rest_.data()), rest_.subspan(kOptionHeaderBytes, length),
                     rest_.first(whole)};
  rest_ = rest_.subspan(whole);
  return found;
}

}  // namespace weir::storage::pcapng
