// Capture files as bytes, put together field by field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace weir::test {

using ByteVector = std::vector<std::uint8_t>;

inline ByteVector bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

// A frame of `bytes` bytes that no other seed gives.
inline ByteVector frame_of(std::size_t bytes, std::uint8_t seed = 0) {
  ByteVector frame(bytes);
  for (std::size_t i = 0; i < bytes; ++i) frame[i] = static_cast<std::uint8_t>(i * 7 + seed);
  return frame;
}

// Fields in the byte order of the file.
class CaptureBytes {
 public:
  explicit CaptureBytes(ByteOrder order = ByteOrder::Little) : order_(order) {}

  CaptureBytes& u16(std::uint16_t v) { return number(v); }
  CaptureBytes& u32(std::uint32_t v) { return number(v); }
  CaptureBytes& u64(std::uint64_t v) { return number(v); }
  CaptureBytes& raw(const ByteVector& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  CaptureBytes& padding() {
    while (bytes_.size() % 4 != 0) bytes_.push_back(0);
    return *this;
  }

  // pcap
  struct PcapHeader {
    std::uint32_t magic = 0xa1b2c3d4;
    std::uint16_t major = 2;
    std::uint16_t minor = 4;
    std::uint32_t snaplen = 262144;
    std::uint32_t link = 1;
  };
  CaptureBytes& pcap_header() { return pcap_header(PcapHeader{}); }
  CaptureBytes& pcap_header(const PcapHeader& h) {
    return u32(h.magic).u16(h.major).u16(h.minor).u32(0).u32(0).u32(h.snaplen).u32(h.link);
  }
  CaptureBytes& record_header(std::uint32_t seconds, std::uint32_t fraction, std::uint32_t captured,
                              std::uint32_t wire) {
    return u32(seconds).u32(fraction).u32(captured).u32(wire);
  }
  CaptureBytes& record(std::uint32_t seconds, std::uint32_t fraction, const ByteVector& frame) {
    const auto length = static_cast<std::uint32_t>(frame.size());
    return record_header(seconds, fraction, length, length).raw(frame);
  }

  // pcapng
  CaptureBytes& option(std::uint16_t code, const ByteVector& value) {
    return u16(code).u16(static_cast<std::uint16_t>(value.size())).raw(value).padding();
  }
  CaptureBytes& end_of_options() { return u32(0); }
  CaptureBytes& block(std::uint32_t type, const CaptureBytes& body) {
    CaptureBytes padded = body;
    padded.padding();
    const auto total = static_cast<std::uint32_t>(padded.bytes_.size() + 12);
    return u32(type).u32(total).raw(padded.bytes_).u32(total);
  }
  CaptureBytes& section(const CaptureBytes& options, std::uint16_t major = 1,
                        std::uint16_t minor = 0) {
    return block(
        0x0a0d0d0a,
        like().u32(0x1a2b3c4d).u16(major).u16(minor).u64(~std::uint64_t{0}).raw(options.bytes_));
  }
  CaptureBytes& section() { return section(like()); }
  CaptureBytes& interface(std::uint16_t link, std::uint32_t snaplen, const CaptureBytes& options) {
    return block(1, like().u16(link).u16(0).u32(snaplen).raw(options.bytes_));
  }
  CaptureBytes& interface(std::uint16_t link = 1, std::uint32_t snaplen = 0) {
    return interface(link, snaplen, like());
  }
  CaptureBytes& enhanced_packet(std::uint32_t number, std::uint64_t ticks, const ByteVector& frame,
                                const CaptureBytes& options) {
    const auto length = static_cast<std::uint32_t>(frame.size());
    CaptureBytes body = like();
    body.u32(number)
        .u32(static_cast<std::uint32_t>(ticks >> 32))
        .u32(static_cast<std::uint32_t>(ticks));
    body.u32(length).u32(length).raw(frame).padding().raw(options.bytes_);
    return block(6, body);
  }
  CaptureBytes& enhanced_packet(std::uint32_t number, std::uint64_t ticks,
                                const ByteVector& frame) {
    return enhanced_packet(number, ticks, frame, like());
  }

  // Empty, in the same order.
  [[nodiscard]] CaptureBytes like() const { return CaptureBytes(order_); }
  [[nodiscard]] const ByteVector& bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }

 private:
  template <typename T>
  CaptureBytes& number(T v) {
    std::uint8_t at[sizeof(T)];
    if (order_ == ByteOrder::Little) {
      store_le(at, v);
    } else {
      store_be(at, v);
    }
    bytes_.insert(bytes_.end(), at, at + sizeof(T));
    return *this;
  }

  ByteOrder order_;
  ByteVector bytes_;
};

}  // namespace weir::test
