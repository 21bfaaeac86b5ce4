#include "interface/pcapng_format.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/pcapng/blocks.h"
#include "storage/pcapng/reader_blocks.h"
#include "storage/pcapng/reader_options.h"
#include "storage/pcapng/reader_time.h"

namespace weir::interface {
namespace {

namespace ng = storage::pcapng;
using ng::BlockType;

constexpr std::uint32_t kBlockHeaderBytes = 8;  // type and total length
constexpr std::uint32_t kTrailerBytes = 4;      // total length again
constexpr std::size_t kDropcountBytes = 12;     // the option epb_dropcount
constexpr std::uint32_t kSectionHeaderBytesMin =
    ng::kBlockOverheadBytes + ng::kSectionHeaderFixedBytes;
constexpr std::string_view kGoodBefore = "the packets before it are good";

// What the section has told about one of its interfaces.
struct SectionInterface {
  ng::TimeScale time_scale;
  InterfaceId id;
  std::uint32_t snaplen = 0;
  LinkType link_type = LinkType::Ethernet;
};

// The fixed part of any of the three blocks that hold a packet.
struct PacketFields {
  BlockType type = BlockType::EnhancedPacket;
  std::uint32_t fixed_bytes = 0;
  std::uint32_t interface = 0;
  std::uint32_t captured = 0;
  std::uint32_t wire = 0;
  std::uint64_t ticks = 0;
  bool has_time = true;
  std::uint16_t drops = 0;  // packets lost before this one; obsolete block only
};

std::string bytes_text(std::uint64_t bytes) { return std::to_string(bytes) + " bytes"; }

class PcapngFormat final : public RecordFormat {
 public:
  explicit PcapngFormat(FileInterfaces& interfaces) noexcept : interfaces_(interfaces) {}

  Walk walk(std::span<std::uint8_t> window, BatchFill& fill) override {
    Position here{window, 0};
    if (trailer_due_ != 0) {
      if (here.left() < kTrailerBytes) return here.need(kTrailerBytes);
      if (load<std::uint32_t>(here.block(), order_) != trailer_due_)
        return wrong_trailer(here, trailer_due_);
      trailer_due_ = 0;
      here.at += kTrailerBytes;
    }
    for (;;) {
      const auto stopped = order_ == ByteOrder::Little ? walk_section<ByteOrder::Little>(here, fill)
                                                       : walk_section<ByteOrder::Big>(here, fill);
      if (stopped) return *stopped;
    }
  }
  [[nodiscard]] bool unfinished() const noexcept override { return trailer_due_ != 0; }
  [[nodiscard]] std::string_view record_name() const noexcept override { return "block"; }
  [[nodiscard]] LeftOut left_out() const noexcept override { return left_out_; }

 private:
  // The block that the walk has come to.
  struct Position {
    std::span<std::uint8_t> window;
    std::size_t at;

    [[nodiscard]] std::uint8_t* block() const noexcept { return window.data() + at; }
    [[nodiscard]] std::size_t left() const noexcept { return window.size() - at; }
    [[nodiscard]] Walk need(std::size_t bytes) const noexcept {
      return {Walk::Stop::NeedBytes, at, bytes};
    }
    [[nodiscard]] Walk batch_full() const noexcept { return {Walk::Stop::BatchFull, at, 0}; }
    // Everything between header and trailing length of a block that is in memory.
    [[nodiscard]] std::span<std::uint8_t> body(std::uint32_t total) const noexcept {
      return {block() + kBlockHeaderBytes, total - ng::kBlockOverheadBytes};
    }
  };
  // Nothing: go on behind the block. In walk_section(): the section has ended, go on in the order
  // of the next.
  using Stopped = std::optional<Walk>;

  template <ByteOrder kOrder>
  Stopped walk_section(Position& here, BatchFill& fill) {
    for (;;) {
      if (here.left() < ng::kBlockOverheadBytes) return here.need(ng::kBlockOverheadBytes);
      const auto type = load<std::uint32_t>(here.block(), kOrder);
      const auto total = load<std::uint32_t>(here.block() + 4, kOrder);
      if (type == static_cast<std::uint32_t>(BlockType::EnhancedPacket)) [[likely]] {
        if (Stopped stopped = enhanced_packet<kOrder>(here, total, fill)) return stopped;
        continue;
      }
      if (type == static_cast<std::uint32_t>(BlockType::SectionHeader)) {
        if (Stopped stopped = section_header(here, fill)) return stopped;
        if (order_ != kOrder) return std::nullopt;
        continue;
      }
      if (Stopped stopped = other_block(here, BlockType{type}, total, fill)) return stopped;
    }
  }

  template <ByteOrder kOrder>
  Stopped enhanced_packet(Position& here, std::uint32_t total, BatchFill& fill) {
    constexpr std::uint32_t kHeadBytes = kBlockHeaderBytes + ng::kEnhancedPacketFixedBytes;
    if (!plausible(total, ng::kEnhancedPacketFixedBytes)) [[unlikely]]
      return bad_length(here, total);
    if (here.left() < kHeadBytes) return here.need(kHeadBytes);
    const std::uint8_t* const fixed = here.block() + kBlockHeaderBytes;
    PacketFields fields;
    fields.fixed_bytes = ng::kEnhancedPacketFixedBytes;
    fields.interface = load<std::uint32_t>(fixed, kOrder);
    fields.ticks = (std::uint64_t{load<std::uint32_t>(fixed + 4, kOrder)} << 32) |
                   load<std::uint32_t>(fixed + 8, kOrder);
    fields.captured = load<std::uint32_t>(fixed + 12, kOrder);
    fields.wire = load<std::uint32_t>(fixed + 16, kOrder);
    return packet<kOrder>(here, total, fields, fill);
  }

  // Delivers the packet of the block at `here`.
  template <ByteOrder kOrder>
  [[gnu::always_inline]] inline Stopped packet(Position& here, std::uint32_t total,
                                               const PacketFields& fields, BatchFill& fill) {
    if (fill.batch.count == fill.packets_max) return here.batch_full();
    if (fields.interface >= section_.size()) [[unlikely]]
      return unknown_interface(here, fields.interface);
    const std::size_t padded = align_up(fields.captured, 4);
    const std::size_t room = total - ng::kBlockOverheadBytes - fields.fixed_bytes;
    if (fields.captured > kPacketBytesMax || padded > room) [[unlikely]]
      return bad_captured(here, total, fields);
    const std::size_t options_bytes = room - padded;
    const std::size_t kept_options_bytes =
        options_bytes + (fields.drops != 0 ? kDropcountBytes : 0);
    if (kept_options_bytes > kPacketOptionsBytesMax) [[unlikely]] {
      return packet_without_options(here, total, fields, fill);
    }

    if (here.left() < total) return here.need(total);
    std::uint8_t* const block = here.block();
    if (load<std::uint32_t>(block + total - kTrailerBytes, kOrder) != total) [[unlikely]] {
      return wrong_trailer(here, total);
    }
    if (!fill.has_room(fields.captured + kept_options_bytes)) [[unlikely]]
      return here.batch_full();

    Packet& packet = append(block, fields, fill);
    if (kept_options_bytes != 0) [[unlikely]] {
      take_options(block, options_bytes, fields, packet);
      fill.bytes += packet.options_bytes;
    }
    here.at += total;
    return std::nullopt;
  }

  Packet& append(std::uint8_t* block, const PacketFields& fields, BatchFill& fill) noexcept {
    const SectionInterface& interface = section_[fields.interface];
    Packet& packet = fill.batch.packets[fill.batch.count++];
    packet.data = block + kBlockHeaderBytes + fields.fixed_bytes;
    packet.time = fields.has_time ? interface.time_scale.to_timestamp(fields.ticks) : Timestamp{};
    packet.captured_bytes = fields.captured;
    packet.wire_bytes = fields.wire;
    packet.interface = interface.id;
    packet.link_type = interface.link_type;
    packet.has_time = fields.has_time;
    packet.options = nullptr;
    packet.options_bytes = 0;
    fill.bytes += fields.captured;
    fill.wire_bytes += fields.wire;
    return packet;
  }

  Stopped section_header(Position& here, BatchFill& fill);
  Stopped other_block(Position& here, BlockType type, std::uint32_t total, BatchFill& fill);
  Stopped interface_description(Position& here, std::uint32_t total);
  Stopped side_block(Position& here, BlockType type, std::uint32_t total, BatchFill& fill);
  Stopped simple_packet(Position& here, std::uint32_t total, BatchFill& fill);
  Stopped obsolete_packet(Position& here, std::uint32_t total, BatchFill& fill);
  Stopped packet_in_order(Position& here, std::uint32_t total, const PacketFields& fields,
                          BatchFill& fill);
  Stopped packet_without_options(Position& here, std::uint32_t total, const PacketFields& fields,
                                 BatchFill& fill);
  Stopped skip_block(Position& here, std::uint32_t total);
  void take_options(std::uint8_t* block, std::size_t options_bytes, const PacketFields& fields,
                    Packet& packet) noexcept;
  std::optional<SideBlock> normalise(BlockType type, std::span<std::uint8_t> body) noexcept;

  static bool plausible(std::uint32_t total, std::uint32_t fixed_bytes) noexcept {
    return total >= ng::kBlockOverheadBytes + fixed_bytes && total % 4 == 0 &&
           total <= ng::kBlockBytesMax;
  }
  Walk bad_length(const Position& here, std::uint32_t total) {
    return damaged(
        here.at, "a block claims a length of " + bytes_text(total),
        "a multiple of 4, enough for its type, at most 16 MiB; the packets before it are good");
  }
  Walk wrong_trailer(const Position& here, std::uint32_t total) {
    return damaged(
        here.at,
        "the length at the end of a block is not the " + bytes_text(total) + " at its beginning",
        kGoodBefore);
  }
  Walk unknown_interface(const Position& here, std::uint32_t interface) {
    return damaged(here.at,
                   "a packet of interface " + std::to_string(interface) +
                       ", of which its section describes " + std::to_string(section_.size()),
                   kGoodBefore);
  }
  Walk bad_captured(const Position& here, std::uint32_t total, const PacketFields& fields) {
    return damaged(here.at,
                   "a packet block of " + bytes_text(total) + " claims " +
                       std::to_string(fields.captured) + " captured bytes",
                   "a packet has at most 262144; the packets before it are good");
  }

  FileInterfaces& interfaces_;
  std::vector<SectionInterface> section_;
  ByteOrder order_ = ByteOrder::Little;
  std::uint32_t trailer_due_ =
      0;  // the total length that follows a skipped rest of a block; 0 = none
  LeftOut left_out_;
};

PcapngFormat::Stopped PcapngFormat::section_header(Position& here, BatchFill& fill) {
  if (here.left() < kPcapngMagicBytes) return here.need(kPcapngMagicBytes);
  const std::uint32_t magic = load_le32(here.block() + kBlockHeaderBytes);
  const ByteOrder order = magic == ng::kByteOrderMagic ? ByteOrder::Little : ByteOrder::Big;
  if (order == ByteOrder::Big && magic != byte_swap(ng::kByteOrderMagic)) {
    return damaged(here.at, "a section begins without a byte-order magic", kGoodBefore);
  }
  const auto total = load<std::uint32_t>(here.block() + 4, order);
  if (total < kSectionHeaderBytesMin || total % 4 != 0 || total > kRecordBytesMax) {
    return damaged(here.at, "a section header claims a length of " + bytes_text(total),
                   kGoodBefore);
  }
  if (here.left() < total) return here.need(total);
  if (load<std::uint32_t>(here.block() + total - kTrailerBytes, order) != total)
    return wrong_trailer(here, total);
  if (fill.side_count == kSideBlocksMax || !fill.has_room(total)) return here.batch_full();

  const std::span<std::uint8_t> body = here.body(total);
  const auto header = ng::decode_section_header(body.first<ng::kSectionHeaderFixedBytes>());
  WEIR_ASSERT(header.has_value());
  // 1.2 is what some writers of newer block types call 1.0 (section 4.1).
  if (header->version_major != 1 || (header->version_minor != 0 && header->version_minor != 2)) {
    return damaged(here.at,
                   "pcapng version " + std::to_string(header->version_major) + "." +
                       std::to_string(header->version_minor),
                   "weir reads versions 1.0 and 1.2", ErrorCode::UnknownFormat);
  }
  const auto area = body.subspan(ng::kSectionHeaderFixedBytes);
  const auto options = ng::normalise_options(area, order, BlockType::SectionHeader);
  if (!options.well_formed)
    return damaged(here.at, "an option of a section header leaves its block", kGoodBefore);

  order_ = order;
  section_.clear();
  SideBlock block;
  block.before = fill.batch.count;
  block.type = static_cast<std::uint32_t>(BlockType::SectionHeader);
  block.interface = {interfaces_.table().count()};
  block.body = area.first(options.bytes);
  fill.side_blocks[fill.side_count++] = block;
  fill.bytes += static_cast<std::uint32_t>(block.body.size());
  here.at += total;
  return std::nullopt;
}

PcapngFormat::Stopped PcapngFormat::other_block(Position& here, BlockType type, std::uint32_t total,
                                                BatchFill& fill) {
  if (!plausible(total, 0)) return bad_length(here, total);
  switch (type) {
    case BlockType::InterfaceDescription:
      return interface_description(here, total);
    case BlockType::SimplePacket:
      return simple_packet(here, total, fill);
    case BlockType::ObsoletePacket:
      return obsolete_packet(here, total, fill);
    case BlockType::NameResolution:
    case BlockType::InterfaceStatistics:
    case BlockType::SystemdJournalExport:
    case BlockType::DecryptionSecrets:
    case BlockType::CustomCopyable:
      return side_block(here, type, total, fill);
    default:  // CustomNotCopyable among them: its owner asks not to have it in files that were made
              // from the first
      ++left_out_.unknown_blocks;
      return skip_block(here, total);
  }
}

PcapngFormat::Stopped PcapngFormat::interface_description(Position& here, std::uint32_t total) {
  if (total > kRecordBytesMax || !plausible(total, ng::kInterfaceDescriptionFixedBytes))
    return bad_length(here, total);
  if (here.left() < total) return here.need(total);
  if (load<std::uint32_t>(here.block() + total - kTrailerBytes, order_) != total)
    return wrong_trailer(here, total);
  auto description = ng::decode_interface_description(here.body(total), order_);
  if (!description)
    return damaged(here.at, "the options of an interface description are broken", kGoodBefore);

  SectionInterface added;
  added.time_scale = description->time_scale;
  added.snaplen = description->interface.snaplen;
  added.link_type = description->interface.link_type;
  const auto id = interfaces_.add(std::move(description->interface));
  if (!id) {
    return damaged(here.at, "more interfaces than weir keeps",
                   "65536, with 16 MiB of names and options", ErrorCode::Resource);
  }
  added.id = *id;
  section_.push_back(added);
  here.at += total;
  return std::nullopt;
}

PcapngFormat::Stopped PcapngFormat::side_block(Position& here, BlockType type, std::uint32_t total,
                                               BatchFill& fill) {
  if (total > kRecordBytesMax) {
    ++left_out_.oversized_blocks;
    return skip_block(here, total);
  }
  if (here.left() < total) return here.need(total);
  if (load<std::uint32_t>(here.block() + total - kTrailerBytes, order_) != total)
    return wrong_trailer(here, total);
  if (fill.side_count == kSideBlocksMax || !fill.has_room(total)) return here.batch_full();

  if (auto block = normalise(type, here.body(total))) {
    block->before = fill.batch.count;
    fill.bytes += static_cast<std::uint32_t>(block->body.size());
    fill.side_blocks[fill.side_count++] = *block;
  } else {
    ++left_out_.damaged_blocks;
  }
  here.at += total;
  return std::nullopt;
}

std::optional<SideBlock> PcapngFormat::normalise(BlockType type,
                                                 std::span<std::uint8_t> body) noexcept {
  SideBlock block;
  block.type = static_cast<std::uint32_t>(type);
  std::optional<std::size_t> length;
  switch (type) {
    case BlockType::NameResolution:
      length = ng::normalise_name_resolution(body, order_);
      break;
    case BlockType::DecryptionSecrets:
      length = ng::normalise_decryption_secrets(body, order_);
      break;
    case BlockType::CustomCopyable:
      length = ng::normalise_custom(body, order_);
      break;
    case BlockType::InterfaceStatistics: {
      if (body.size() < ng::kInterfaceStatisticsFixedBytes) return std::nullopt;
      const std::uint32_t number = ng::statistics_interface(body, order_);
      if (number >= section_.size()) return std::nullopt;
      const SectionInterface& interface = section_[number];
      block.interface = interface.id;
      length = ng::normalise_interface_statistics(body, order_, interface.id, interface.time_scale);
      break;
    }
    default:  // SystemdJournalExport: text, and a byte order of its own
      length = body.size();
      break;
  }
  if (!length) return std::nullopt;
  block.body = body.first(*length);
  return block;
}

// The packet is as long as the interface lets it be; there is neither a timestamp nor an interface
// number.
PcapngFormat::Stopped PcapngFormat::simple_packet(Position& here, std::uint32_t total,
                                                  BatchFill& fill) {
  constexpr std::uint32_t kHeadBytes = kBlockHeaderBytes + ng::kSimplePacketFixedBytes;
  if (!plausible(total, ng::kSimplePacketFixedBytes)) return bad_length(here, total);
  if (here.left() < kHeadBytes) return here.need(kHeadBytes);
  PacketFields fields;
  fields.type = BlockType::SimplePacket;
  fields.fixed_bytes = ng::kSimplePacketFixedBytes;
  fields.wire = load<std::uint32_t>(here.block() + kBlockHeaderBytes, order_);
  fields.has_time = false;
  const std::uint32_t snaplen = section_.empty() ? 0 : section_[0].snaplen;
  fields.captured = snaplen == 0 ? fields.wire : std::min(fields.wire, snaplen);
  return packet_in_order(here, total, fields, fill);
}

PcapngFormat::Stopped PcapngFormat::obsolete_packet(Position& here, std::uint32_t total,
                                                    BatchFill& fill) {
  constexpr std::uint32_t kHeadBytes = kBlockHeaderBytes + ng::kObsoletePacketFixedBytes;
  if (!plausible(total, ng::kObsoletePacketFixedBytes)) return bad_length(here, total);
  if (here.left() < kHeadBytes) return here.need(kHeadBytes);
  const std::uint8_t* const fixed = here.block() + kBlockHeaderBytes;
  PacketFields fields;
  fields.type = BlockType::ObsoletePacket;
  fields.fixed_bytes = ng::kObsoletePacketFixedBytes;
  fields.interface = load<std::uint16_t>(fixed, order_);
  constexpr std::uint16_t kDropsUnknown = 0xffff;
  fields.drops = load<std::uint16_t>(fixed + 2, order_);
  if (fields.drops == kDropsUnknown) fields.drops = 0;
  fields.ticks = (std::uint64_t{load<std::uint32_t>(fixed + 4, order_)} << 32) |
                 load<std::uint32_t>(fixed + 8, order_);
  fields.captured = load<std::uint32_t>(fixed + 12, order_);
  fields.wire = load<std::uint32_t>(fixed + 16, order_);
  return packet_in_order(here, total, fields, fill);
}

PcapngFormat::Stopped PcapngFormat::packet_in_order(Position& here, std::uint32_t total,
                                                    const PacketFields& fields, BatchFill& fill) {
  return order_ == ByteOrder::Little ? packet<ByteOrder::Little>(here, total, fields, fill)
                                     : packet<ByteOrder::Big>(here, total, fields, fill);
}

// Options beyond what a batch promises: the packet comes without them, and its block is not brought
// into memory whole.
PcapngFormat::Stopped PcapngFormat::packet_without_options(Position& here, std::uint32_t total,
                                                           const PacketFields& fields,
                                                           BatchFill& fill) {
  const std::size_t head = kBlockHeaderBytes + fields.fixed_bytes + align_up(fields.captured, 4);
  if (here.left() < head) return here.need(head);
  if (!fill.has_room(fields.captured)) return here.batch_full();
  append(here.block(), fields, fill);
  ++left_out_.packet_options;
  here.at += head;
  trailer_due_ = total;
  return Walk{Walk::Stop::Skip, here.at, total - kTrailerBytes - head};
}

PcapngFormat::Stopped PcapngFormat::skip_block(Position& here, std::uint32_t total) {
  if (here.left() < total) {
    trailer_due_ = total;
    return Walk{Walk::Stop::Skip, here.at, total - kTrailerBytes};
  }
  if (load<std::uint32_t>(here.block() + total - kTrailerBytes, order_) != total)
    return wrong_trailer(here, total);
  here.at += total;
  return std::nullopt;
}

void PcapngFormat::take_options(std::uint8_t* block, std::size_t options_bytes,
                                const PacketFields& fields, Packet& packet) noexcept {
  std::uint8_t* data = block + kBlockHeaderBytes + fields.fixed_bytes;
  const std::size_t padded = align_up(fields.captured, 4);
  auto options = ng::normalise_options({data + padded, options_bytes}, order_, fields.type);
  if (!options.well_formed) ++left_out_.packet_options;
  if (fields.drops != 0) {
    // What the obsolete block had in its fixed part is an option today. Its fixed part, no longer
    // needed, makes room.
    static_assert(kDropcountBytes <= kBlockHeaderBytes + ng::kObsoletePacketFixedBytes);
    std::memmove(data - kDropcountBytes, data, padded + options.bytes);
    data -= kDropcountBytes;
    std::uint8_t* const dropcount = data + padded + options.bytes;
    store_le(dropcount, ng::option::kEpbDropcount);
    store_le(dropcount + 2, std::uint16_t{8});
    store_le(dropcount + 4, std::uint64_t{fields.drops});
    options.bytes += kDropcountBytes;
    packet.data = data;
  }
  if (options.bytes == 0) return;
  packet.options = data + padded;
  packet.options_bytes = static_cast<std::uint32_t>(options.bytes);
}

}  // namespace

bool is_pcapng(std::span<const std::uint8_t, kPcapngMagicBytes> beginning) noexcept {
  const std::uint32_t magic = load_le32(beginning.data() + kBlockHeaderBytes);
  return begins_like_pcapng(beginning.first<4>()) &&
         (magic == ng::kByteOrderMagic || magic == byte_swap(ng::kByteOrderMagic));
}

bool begins_like_pcapng(std::span<const std::uint8_t, 4> beginning) noexcept {
  return load_le32(beginning.data()) == static_cast<std::uint32_t>(BlockType::SectionHeader);
}

std::unique_ptr<RecordFormat> make_pcapng_format(FileInterfaces& interfaces) {
  return std::make_unique<PcapngFormat>(interfaces);
}

}  // namespace weir::interface
