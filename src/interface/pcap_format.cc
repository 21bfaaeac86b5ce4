#include "interface/pcap_format.h"

#include <array>
#include <utility>

namespace weir::interface {
namespace {

constexpr std::uint32_t kHeaderBytes = 24;
constexpr std::uint32_t kRecordHeaderBytes = 16;

struct Variant {
  std::uint32_t magic;
  std::uint32_t ns_per_fraction;
  std::uint32_t header_bytes;
  std::uint32_t record_header_bytes;
};
constexpr std::array<Variant, 5> kVariants{{
    {0xa1b2c3d4, 1000, kHeaderBytes, kRecordHeaderBytes},
    {0xa1b23c4d, 1, kHeaderBytes, kRecordHeaderBytes},
    // Alexey Kuznetzov's patch (Red Hat Linux 6): interface, protocol and packet type follow the
    // record header.
    {0xa1b2cd34, 1000, kHeaderBytes, kRecordHeaderBytes + 8},
    // IXIA's lcap, of their hardware and software: the size of all records follows the file header.
    {0x1c0001ac, 1, kHeaderBytes + 4, kRecordHeaderBytes},
    {0x1c0001ab, 1000, kHeaderBytes + 4, kRecordHeaderBytes},
}};

struct Recognised {
  Variant variant;
  ByteOrder order;
};

std::optional<Recognised> recognise(const std::uint8_t* magic) noexcept {
  for (const Variant& variant : kVariants) {
    if (load_le32(magic) == variant.magic) return Recognised{variant, ByteOrder::Little};
    if (load_be32(magic) == variant.magic) return Recognised{variant, ByteOrder::Big};
  }
  return std::nullopt;
}

// The upper half of the link-type word: four bits of FCS length in units of 16 bits, valid with the
// bit below them.
constexpr std::uint32_t kFcsLengthPresent = 0x04000000;
constexpr unsigned kFcsLengthShift = 28;

// The layout of nearly all files, known to the compiler.
struct CommonLayout {
  explicit CommonLayout(const PcapHeader&) noexcept {}
  static constexpr std::uint32_t record_header_bytes = kRecordHeaderBytes;
  static void order_lengths(std::uint32_t&, std::uint32_t&) noexcept {}
};

struct OtherLayout {
  explicit OtherLayout(const PcapHeader& header) noexcept
      : record_header_bytes(header.record_header_bytes), lengths(header.lengths) {}
  void order_lengths(std::uint32_t& captured, std::uint32_t& wire) const noexcept {
    using Lengths = PcapHeader::Lengths;
    if (lengths == Lengths::WireFirst ||
        (lengths == Lengths::SmallerIsCaptured && captured > wire)) {
      std::swap(captured, wire);
    }
  }
  std::uint32_t record_header_bytes;
  PcapHeader::Lengths lengths;
};

template <ByteOrder kOrder, typename Layout>
class PcapFormat final : public RecordFormat {
 public:
  PcapFormat(const PcapHeader& header, InterfaceId interface) noexcept
      : layout_(header),
        ns_per_fraction_(header.ns_per_fraction),
        interface_(interface),
        link_type_(header.interface.link_type) {}

  Walk walk(std::span<std::uint8_t> window, BatchFill& fill) override {
    constexpr std::int64_t kNsPerSecond = 1'000'000'000;
    const std::uint8_t* const begin = window.data();
    const std::uint8_t* const end = begin + window.size();
    const std::uint8_t* at = begin;
    const std::uint32_t header_bytes = layout_.record_header_bytes;
    std::uint32_t count = fill.batch.count;
    Walk walk;
    for (;;) {
      if (static_cast<std::size_t>(end - at) < header_bytes) {
        walk = {Walk::Stop::NeedBytes, 0, header_bytes};
        break;
      }
      if (count == fill.packets_max) {
        walk.stop = Walk::Stop::BatchFull;
        break;
      }
      std::uint32_t captured = load<std::uint32_t>(at + 8, kOrder);
      std::uint32_t wire = load<std::uint32_t>(at + 12, kOrder);
      layout_.order_lengths(captured, wire);
      if (captured > kPacketBytesMax) [[unlikely]] {
        walk = too_long(captured);
        break;
      }
      const std::uint8_t* const data = at + header_bytes;
      if (static_cast<std::size_t>(end - data) < captured) {
        walk = {Walk::Stop::NeedBytes, 0, std::size_t{header_bytes} + captured};
        break;
      }
      if (!fill.has_room(captured)) [[unlikely]] {
        walk.stop = Walk::Stop::BatchFull;
        break;
      }
      Packet& packet = fill.batch.packets[count++];
      packet.data = data;
      packet.time.ns = std::int64_t{load<std::uint32_t>(at, kOrder)} * kNsPerSecond +
                       std::int64_t{load<std::uint32_t>(at + 4, kOrder)} * ns_per_fraction_;
      packet.captured_bytes = captured;
      packet.wire_bytes = wire;
      packet.interface = interface_;
      packet.link_type = link_type_;
      packet.has_time = true;
      packet.options = nullptr;
      packet.options_bytes = 0;
      fill.bytes += captured;
      fill.wire_bytes += wire;
      at = data + captured;
    }
    fill.batch.count = count;
    walk.consumed = static_cast<std::size_t>(at - begin);
    return walk;
  }
  [[nodiscard]] bool unfinished() const noexcept override { return false; }
  [[nodiscard]] std::string_view record_name() const noexcept override { return "packet record"; }

 private:
  Walk too_long(std::uint32_t captured) {
    return damaged(0, "a packet record claims " + std::to_string(captured) + " captured bytes",
                   "a packet has at most 262144; the packets before it are good");
  }

  [[no_unique_address]] Layout layout_;
  std::uint32_t ns_per_fraction_;
  InterfaceId interface_;
  LinkType link_type_;
};

}  // namespace

std::optional<std::uint32_t> pcap_header_bytes(
    std::span<const std::uint8_t, kPcapMagicBytes> magic) noexcept {
  const auto found = recognise(magic.data());
  if (!found) return std::nullopt;
  return found->variant.header_bytes;
}

Result<PcapHeader> decode_pcap_header(Bytes bytes) {
  const auto found = recognise(bytes.data());
  WEIR_ASSERT(found && bytes.size() >= found->variant.header_bytes);
  PcapHeader header;
  header.order = found->order;
  header.header_bytes = found->variant.header_bytes;
  header.record_header_bytes = found->variant.record_header_bytes;
  header.ns_per_fraction = found->variant.ns_per_fraction;

  const auto major = load<std::uint16_t>(bytes.data() + 4, header.order);
  const auto minor = load<std::uint16_t>(bytes.data() + 6, header.order);
  // As libpcap: 2.0 to 2.4 are known, and 543.0, by which DG/UX means its own 2.2.
  const bool dg_ux = major == 543 && minor == 0;
  if (!dg_ux && (major != 2 || minor > 4)) {
    return Error{ErrorCode::UnknownFormat, 0,
                 "offset 4: pcap version " + std::to_string(major) + "." + std::to_string(minor) +
                     " (weir reads versions 2.0 to 2.4)"};
  }
  if (dg_ux || minor < 3) {
    header.lengths = PcapHeader::Lengths::WireFirst;
  } else if (minor == 3) {
    header.lengths = PcapHeader::Lengths::SmallerIsCaptured;
  }
  header.interface.snaplen = load<std::uint32_t>(bytes.data() + 16, header.order);
  const auto link_word = load<std::uint32_t>(bytes.data() + 20, header.order);
  header.interface.link_type = LinkType{static_cast<std::uint16_t>(link_word)};
  if ((link_word & kFcsLengthPresent) != 0) {
    header.interface.fcs_bytes = static_cast<std::uint8_t>((link_word >> kFcsLengthShift) * 2);
  }
  return header;
}

std::unique_ptr<RecordFormat> make_pcap_format(const PcapHeader& header, InterfaceId interface) {
  const bool common = header.record_header_bytes == kRecordHeaderBytes &&
                      header.lengths == PcapHeader::Lengths::CapturedFirst;
  if (header.order == ByteOrder::Little) {
    if (common)
      return std::make_unique<PcapFormat<ByteOrder::Little, CommonLayout>>(header, interface);
    return std::make_unique<PcapFormat<ByteOrder::Little, OtherLayout>>(header, interface);
  }
  if (common) return std::make_unique<PcapFormat<ByteOrder::Big, CommonLayout>>(header, interface);
  return std::make_unique<PcapFormat<ByteOrder::Big, OtherLayout>>(header, interface);
}

}  // namespace weir::interface
