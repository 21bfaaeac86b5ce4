#include "storage/pcapng/writer.h"

#include <sys/utsname.h>

#include <algorithm>
#include <string_view>

#include "base/assert.h"

namespace weir::storage::pcapng {
namespace {

using Buffer = std::vector<std::uint8_t>;

template <std::unsigned_integral T>
void append(Buffer& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  store_le(out.data() + at, value);
}

// `Range` of bytes or characters.
template <typename Range>
void append_padded(Buffer& out, const Range& range) {
  out.insert(out.end(), range.begin(), range.end());
  out.resize(out.size() + (align_up(range.size(), 4) - range.size()));
}

// An option longer than its 16-bit length is cut: only a name of over 64 KiB could be.
template <typename Range>
void append_option(Buffer& out, std::uint16_t code, const Range& value) {
  const Range kept(value.data(), std::min<std::size_t>(value.size(), 0xffff));
  append(out, code);
  append(out, static_cast<std::uint16_t>(kept.size()));
  append_padded(out, kept);
}

void append_text(Buffer& out, std::uint16_t code, std::string_view text) {
  append_option(out, code, text);
}

void append_count(Buffer& out, std::uint16_t code, std::uint64_t count) {
  append(out, code);
  append(out, static_cast<std::uint16_t>(sizeof count));
  append(out, count);
}

// Upper half first, as in every pcapng time.
void append_time(Buffer& out, Timestamp time) {
  append(out, static_cast<std::uint32_t>(static_cast<std::uint64_t>(time.ns) >> 32));
  append(out, static_cast<std::uint32_t>(static_cast<std::uint64_t>(time.ns)));
}

void append_time_option(Buffer& out, std::uint16_t code, Timestamp time) {
  append(out, code);
  append(out, static_cast<std::uint16_t>(sizeof time.ns));
  append_time(out, time);
}

void append_end_of_options(Buffer& out) { append(out, std::uint32_t{option::kEndOfOptions}); }

// Type and a place for the length; returns where the block begins.
std::size_t begin_block(Buffer& out, std::uint32_t type) {
  const std::size_t start = out.size();
  append(out, type);
  append(out, std::uint32_t{0});
  return start;
}

void end_block(Buffer& out, std::size_t start) {
  const auto total = static_cast<std::uint32_t>(out.size() + 4 - start);
  store_le(out.data() + start + 4, total);
  append(out, total);
}

// Calls visit(code, whole TLV with padding) for each option up to the end or the first malformed
// one.
template <typename Visit>
void for_each_option(Bytes options, Visit visit) {
  ByteReader reader(options, ByteOrder::Little);
  while (reader.remaining() >= 4) {
    const std::size_t start = reader.position();
    const std::uint16_t code = reader.u16();
    const std::uint16_t length = reader.u16();
    if (code == option::kEndOfOptions) return;
    reader.skip(align_up(length, 4));
    if (reader.failed()) return;
    visit(code, options.subspan(start, reader.position() - start));
  }
}

}  // namespace

std::uint8_t* write_simple_packet(std::uint8_t* at, const Packet& packet) noexcept {
  const auto padded = static_cast<std::uint32_t>(align_up(packet.captured_bytes, 4));
  const std::uint32_t total = kBlockOverheadBytes + kSimplePacketFixedBytes + padded;
  std::uint8_t* const frame = at + 8 + kSimplePacketFixedBytes;
  store_le<std::uint32_t>(frame + padded - 4, 0);
  store_le(at, static_cast<std::uint32_t>(BlockType::SimplePacket));
  store_le(at + 4, total);
  store_le(at + 8, packet.wire_bytes);
  if (packet.captured_bytes != 0) std::memcpy(frame, packet.data, packet.captured_bytes);
  store_le(frame + padded, total);
  return at + total;
}

SectionIdentity local_identity() {
  utsname machine{};
  uname(&machine);  // fails only for a bad address
  return {.hardware = machine.machine,
          .os = std::string(machine.sysname) + " " + machine.release,
          .application = "weir " WEIR_VERSION};
}

void append_section_header(Buffer& out, const SectionIdentity& identity, Bytes options) {
  const std::size_t start = begin_block(out, static_cast<std::uint32_t>(BlockType::SectionHeader));
  append(out, kByteOrderMagic);
  append(out, std::uint16_t{1});  // version 1.0
  append(out, std::uint16_t{0});
  append(out, ~std::uint64_t{0});  // section length: not known beforehand
  bool has_hardware = false;
  bool has_os = false;
  bool has_application = false;
  for_each_option(options, [&](std::uint16_t code, Bytes whole) {
    has_hardware |= code == option::kShbHardware;
    has_os |= code == option::kShbOs;
    has_application |= code == option::kShbUserApplication;
    append_padded(out, whole);
  });
  if (!has_hardware && !identity.hardware.empty())
    append_text(out, option::kShbHardware, identity.hardware);
  if (!has_os && !identity.os.empty()) append_text(out, option::kShbOs, identity.os);
  if (!has_application && !identity.application.empty()) {
    append_text(out, option::kShbUserApplication, identity.application);
  }
  append_end_of_options(out);
  end_block(out, start);
}

void append_interface_description(Buffer& out, const CaptureInterface& interface) {
  constexpr std::uint8_t kNanoseconds = 9;
  const std::size_t start =
      begin_block(out, static_cast<std::uint32_t>(BlockType::InterfaceDescription));
  append(out, static_cast<std::uint16_t>(interface.link_type));
  append(out, std::uint16_t{0});
  append(out, interface.snaplen);
  if (!interface.name.empty()) append_text(out, option::kIfName, interface.name);
  append_option(out, option::kIfTsresol, Bytes(&kNanoseconds, 1));
  if (interface.fcs_bytes != 0)
    append_option(out, option::kIfFcslen, Bytes(&interface.fcs_bytes, 1));
  for_each_option(interface.options,
                  [&](std::uint16_t, Bytes whole) { append_padded(out, whole); });
  append_end_of_options(out);
  end_block(out, start);
}

void append_side_block(Buffer& out, const SideBlock& block, std::uint32_t interface) {
  const std::size_t start = begin_block(out, block.type);
  const std::size_t body = out.size();
  append_padded(out, block.body);
  const bool statistics = block.type == static_cast<std::uint32_t>(BlockType::InterfaceStatistics);
  if (statistics && block.body.size() >= 4) store_le(out.data() + body, interface);
  end_block(out, start);
}

void append_loss_options(Buffer& out, Bytes options, std::uint64_t lost, std::string_view comment) {
  WEIR_ASSERT(comment.size() <= kLossCommentBytesMax);
  for_each_option(options, [&](std::uint16_t code, Bytes whole) {
    if (code == option::kEpbDropcount && whole.size() == 12) {
      lost += load_le64(whole.data() + 4);
    } else {
      append_padded(out, whole);
    }
  });
  append_count(out, option::kEpbDropcount, lost);
  append_text(out, option::kComment, comment);
}

void append_interface_statistics(Buffer& out, std::uint32_t interface,
                                 const InterfaceStatistics& statistics) {
  const std::size_t start =
      begin_block(out, static_cast<std::uint32_t>(BlockType::InterfaceStatistics));
  append(out, interface);
  append_time(out, statistics.end);
  append_time_option(out, option::kIsbStarttime, statistics.start);
  append_time_option(out, option::kIsbEndtime, statistics.end);
  append_count(out, option::kIsbIfrecv, statistics.received);
  append_count(out, option::kIsbIfdrop, statistics.upstream);
  append_count(out, option::kIsbFilteraccept, statistics.accepted);
  append_count(out, option::kIsbOsdrop, statistics.dropped);
  append_count(out, option::kIsbUsrdeliv, statistics.delivered);
  if (!statistics.comment.empty()) append_text(out, option::kComment, statistics.comment);
  append_end_of_options(out);
  end_block(out, start);
}

RecordCount whole_records(Bytes bytes) noexcept {
  RecordCount count;
  ByteReader reader(bytes, ByteOrder::Little);
  for (;;) {
    const std::uint32_t type = reader.u32();
    const std::uint32_t total = reader.u32();
    if (reader.failed() || total < kBlockOverheadBytes) return count;
    reader.skip(total - 8);
    if (reader.failed()) return count;
    count.bytes += total;
    if (is_packet(type)) ++count.packets;
  }
}

}  // namespace weir::storage::pcapng
