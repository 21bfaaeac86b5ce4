#include "simulation/store_traffic.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "protocol/headers/parse_batch.h"
#include "storage/pcapng/blocks.h"
#include "support/packet_builder.h"

namespace weir::test {
namespace {

// The number of a packet: in the low bits of its time, and at the end of longer frames.
constexpr std::int64_t kNumberMask = 0xfffff;
constexpr std::uint32_t kNumberedBytesMin = 64;
constexpr std::uint32_t kFrameBytesMax = 65'536;
constexpr std::uint32_t kBatchFramesMax = 400 * 1024;
constexpr std::size_t kNoiseBytes = 2 * kFrameBytesMax;

// A comment of four bytes, as an option.
constexpr std::array<std::uint8_t, 8> kComment = {1, 0, 4, 0, 'n', 'o', 't', 'e'};
// A custom block's body (of the enterprise 32473, that of examples), and an empty one.
constexpr std::array<std::uint8_t, 12> kCustomBody = {0xd9, 0x7e, 0, 0, 's', 'i', 'd', 'e'};

std::string address(Prng& random, bool six) {
  const auto part = [&](std::uint64_t bound) { return std::to_string(random.below(bound)); };
  if (six) return "2001:db8::" + part(10) + ":" + part(1000);
  return "10." + part(3) + "." + part(4) + "." + part(250);
}

PacketBuilder headers_of(Prng& random, std::size_t form) {
  PacketBuilder builder;
  builder.ethernet();
  if (form % 5 == 1) builder.vlan(static_cast<std::uint16_t>(1 + random.below(100)));
  const bool six = form % 3 == 2;
  const std::string source = address(random, six);
  const std::string destination = address(random, six);
  if (six) {
    builder.ipv6(source, destination);
  } else {
    builder.ipv4(source, destination);
  }
  const auto port = static_cast<std::uint16_t>(1024 + random.below(60'000));
  switch (form % 7) {
    case 0:
      return builder.udp(port, 4789)
          .vxlan(static_cast<std::uint32_t>(random.below(1000)))
          .ethernet()
          .ipv4(address(random, false), address(random, false))
          .tcp(port, 80);
    case 1:
      return six ? builder.icmpv6(128) : builder.icmp(8);
    case 2:
    case 3:
      return builder.udp(port, 53);
    default:
      return builder.tcp(port, 443);
  }
}

std::optional<std::uint64_t> dropcount_of(Bytes options) {
  while (options.size() >= 4) {
    const std::uint16_t code = load_le16(options.data());
    const std::uint16_t bytes = load_le16(options.data() + 2);
    if (code == storage::pcapng::option::kEndOfOptions) break;
    if (code == storage::pcapng::option::kEpbDropcount && bytes == 8 && options.size() >= 12) {
      return load_le64(options.data() + 4);
    }
    const std::size_t whole = 4 + align_up(bytes, 4);
    if (whole > options.size()) break;
    options = options.subspan(whole);
  }
  return std::nullopt;
}

}  // namespace

FrameForms::FrameForms(Prng& random) : noise_(kNoiseBytes) {
  for (std::size_t form = 0; form < kForms; ++form) {
    headers_[form] = headers_of(random, form).build();
  }
  // Half of it can be compressed.
  for (std::size_t i = 0; i + 8 <= noise_.size(); i += 8) {
    store_le(noise_.data() + i, (i / 512) % 2 == 0 ? random.next() : std::uint64_t{i / 512});
  }
}

void FrameForms::fill(std::uint8_t* to, std::uint32_t bytes, std::uint8_t form,
                      std::uint32_t number) const {
  if (bytes == 0) return;  // `to` may be null
  const std::vector<std::uint8_t>& headers = headers_[form];
  const auto front = std::min<std::size_t>(headers.size(), bytes);
  std::copy_n(headers.begin(), front, to);
  std::memcpy(to + front, noise_.data() + number % kFrameBytesMax, bytes - front);
  if (bytes >= kNumberedBytesMin) store_le(to + bytes - 4, number);
}

LaneTraffic::LaneTraffic(std::uint64_t seed, const FrameForms& forms)
    : random_(seed), forms_(forms), largest_(64U << random_.below(8)) {
  bytes_.resize(kBatchFramesMax + kFrameBytesMax);
  add_interface();
}

void LaneTraffic::add_interface() {
  constexpr std::array<std::uint32_t, 3> kSnaplens = {0, 65'536, 262'144};
  CaptureInterface interface;
  // Some are one that is there already, as the next section of a file has it.
  interface.name = "sim" + std::to_string(random_.below(6));
  interface.snaplen = kSnaplens[random_.below(kSnaplens.size())];
  interfaces_.add(std::move(interface));
  missing_.push_back(0);
}

std::uint32_t LaneTraffic::draw_bytes() {
  switch (random_.below(50)) {
    case 0:
      return static_cast<std::uint32_t>(random_.below(kFrameBytesMax + 1));
    case 1:
    case 2:
      return static_cast<std::uint32_t>(random_.below(20));
    default:
      return static_cast<std::uint32_t>(40 + random_.below(largest_));
  }
}

void LaneTraffic::fill(std::uint32_t index, std::uint8_t* at, Timestamp now, bool wanted) {
  Packet& packet = batch_.packets[index];
  OfferedPacket one;
  one.bytes = packet.captured_bytes;
  one.form = static_cast<std::uint8_t>(random_.below(FrameForms::kForms));
  one.interface = static_cast<std::uint32_t>(random_.below(interfaces_.count()));
  one.has_time = one.bytes < kNumberedBytesMin || !random_.chance(1, 40);
  one.wire_bytes = one.bytes + (random_.chance(1, 10) ? 100 : 0);
  const auto number = static_cast<std::uint32_t>(offered_.size());
  if (one.has_time) {
    const std::int64_t ns = now.ns + static_cast<std::int64_t>(random_.below(2'000'000'000));
    one.time = {(ns & ~kNumberMask) | number};
  }
  const std::uint8_t* const options = random_.chance(1, 30) ? kComment.data() : nullptr;
  packet = {.data = at,
            .time = one.time,
            .captured_bytes = one.bytes,
            .wire_bytes = one.wire_bytes,
            .interface = {one.interface},
            .has_time = one.has_time,
            .options = options,
            .options_bytes = options != nullptr ? std::uint32_t{kComment.size()} : 0};
  forms_.fill(at, one.bytes, one.form, number);
  if (batch_.gap.packets != 0 && batch_.gap.before == index) {
    missing_[batch_.gap.interface.index] += static_cast<std::uint32_t>(batch_.gap.packets);
  }
  verdicts_.wanted[index] = wanted ? kSession | 1 : 1;
  if (!wanted) return;
  one.missing = std::exchange(missing_[one.interface], 0);
  offered_.push_back(one);
}

void LaneTraffic::add_side_blocks() {
  using storage::pcapng::BlockType;
  side_blocks_.clear();
  while (random_.chance(1, 20)) {
    const bool section = random_.chance(1, 3);
    const auto type = section ? static_cast<std::uint32_t>(BlockType::SectionHeader) : 0xbad;
    side_blocks_.push_back({.before = static_cast<std::uint32_t>(random_.below(batch_.count + 1)),
                            .type = type,
                            .body = section ? Bytes{} : Bytes{kCustomBody}});
  }
  std::sort(side_blocks_.begin(), side_blocks_.end(),
            [](const SideBlock& a, const SideBlock& b) { return a.before < b.before; });
  batch_.side_blocks = side_blocks_;
}

output::Offer LaneTraffic::next(Timestamp now) {
  const std::uint64_t wanted_percent = random_.chance(1, 3) ? random_.below(100) : 100;
  const std::uint64_t packets = 1 + random_.below(random_.chance(1, 2) ? 8 : kBatchPacketsMax);
  batch_.count = 0;
  std::uint32_t used = 0;
  std::array<std::uint32_t, kBatchPacketsMax> offsets;
  while (batch_.count < packets && used < kBatchFramesMax) {
    const std::uint32_t bytes = draw_bytes();
    batch_.packets[batch_.count].captured_bytes = bytes;
    offsets[batch_.count++] = used;
    used += bytes;
  }
  batch_.gap = {};
  if (random_.chance(1, 8)) {
    batch_.gap = {.interface = {static_cast<std::uint32_t>(random_.below(interfaces_.count()))},
                  .before = static_cast<std::uint32_t>(random_.below(batch_.count)),
                  .packets = 1 + random_.below(1000)};
  }
  add_side_blocks();
  for (std::uint32_t i = 0; i < batch_.count; ++i) {
    fill(i, bytes_.data() + offsets[i], now, random_.chance(wanted_percent, 100));
  }
  protocol::parse_batch(batch_, *headers_, *keys_);
  return {.batch = batch_,
          .interfaces = interfaces_,
          .verdicts = verdicts_,
          .session = kSession,
          .headers = headers_.get(),
          .keys = keys_.get()};
}

std::optional<std::uint32_t> LaneTraffic::recognise(const storage::segment::Record& record,
                                                    const CaptureInterface& interface) const {
  const Bytes frame = record.frame;
  const std::uint32_t number = frame.size() >= kNumberedBytesMin
                                   ? load_le32(frame.data() + frame.size() - 4)
                                   : static_cast<std::uint32_t>(record.time.ns & kNumberMask);
  if (number >= offered_.size()) return std::nullopt;
  const OfferedPacket& one = offered_[number];
  if (one.bytes != frame.size() || one.wire_bytes != record.wire_bytes || one.time != record.time ||
      interfaces_.at({one.interface}).name != interface.name ||
      dropcount_of(record.options).value_or(0) != one.missing) {
    return std::nullopt;
  }
  if (record.has_time && !one.has_time && record.time.ns != 0) return std::nullopt;
  frame_.resize(one.bytes);
  forms_.fill(frame_.data(), one.bytes, one.form, number);
  if (!std::equal(frame.begin(), frame.end(), frame_.begin())) return std::nullopt;
  return number;
}

}  // namespace weir::test
