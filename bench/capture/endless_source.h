// A source that lends the same packets for ever, for benchmarks of the pipeline.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/prng.h"
#include "interface/source.h"

namespace weir::capture {

inline constexpr std::size_t kPackets = 4096;
inline constexpr std::size_t kFrameBytes = 128;

// IPv4, TCP 70 %, UDP 30 %, in random order: frames stay in the second-level cache.
inline void make_frame(Prng& prng, std::uint8_t* at) {
  constexpr std::array<std::uint16_t, 8> kPorts = {443, 443, 443, 80, 53, 22, 8080, 5060};
  const bool tcp = prng.chance(7, 10);
  store_be<std::uint16_t>(at + 12, 0x0800);
  at[14] = 0x45;
  store_be<std::uint16_t>(at + 16, kFrameBytes - 14);
  at[22] = 64;
  at[23] = tcp ? 6 : 17;
  store_be<std::uint32_t>(at + 26, 0x0a000000u + static_cast<std::uint32_t>(prng.below(64)));
  store_be<std::uint32_t>(at + 30, 0xc0a80000u + static_cast<std::uint32_t>(prng.below(4096)));
  store_be<std::uint16_t>(at + 34, static_cast<std::uint16_t>(32768 + prng.below(28000)));
  store_be<std::uint16_t>(at + 36, kPorts[prng.below(kPorts.size())]);
  if (tcp) {
    at[46] = 0x50;
    at[47] = prng.chance(1, 20) ? 0x04 : 0x10;
  } else {
    store_be<std::uint16_t>(at + 38, kFrameBytes - 34);
  }
}

// Lends the same packets for ever.
class EndlessSource final : public interface::Source {
 public:
  explicit EndlessSource(bool lossless = true)
      : lossless_(lossless), frames_(kPackets * kFrameBytes) {
    Prng prng(1);
    for (std::size_t i = 0; i < kPackets; ++i) make_frame(prng, &frames_[i * kFrameBytes]);
    interfaces_.add({.link_type = LinkType::Ethernet, .snaplen = 65535, .name = "bench0"});
  }
  interface::Pull next_batch(PacketBatch& batch, std::uint32_t packets_max, Duration) override {
    batch.count = packets_max;
    for (std::uint32_t i = 0; i < packets_max; ++i) {
      Packet& packet = batch.packets[i];
      packet.data = &frames_[(at_ + i) % kPackets * kFrameBytes];
      packet.captured_bytes = packet.wire_bytes = kFrameBytes;
      packet.time = {static_cast<std::int64_t>(at_ + i)};
    }
    at_ += packets_max;
    statistics_.received.add(packets_max);
    statistics_.delivered.add(packets_max);
    return interface::Pull::Packets;
  }
  void release(PacketBatch& batch) override { batch.count = 0; }
  void close_intake() override {}
  void close() override {}
  void wake() noexcept override {}
  void refresh_statistics() override {}
  [[nodiscard]] const interface::SourceStatistics& statistics() const noexcept override {
    return statistics_;
  }
  [[nodiscard]] const InterfaceTable& interfaces() const noexcept override { return interfaces_; }
  [[nodiscard]] std::string_view mode() const noexcept override { return "bench"; }
  [[nodiscard]] bool lossless() const noexcept override { return lossless_; }
  [[nodiscard]] interface::Progress progress() const noexcept override { return {}; }
  [[nodiscard]] const std::optional<Error>& error() const noexcept override { return error_; }

 private:
  const bool lossless_;
  std::vector<std::uint8_t> frames_;
  std::size_t at_ = 0;
  InterfaceTable interfaces_;
  interface::SourceStatistics statistics_;
  std::optional<Error> error_;
};

}  // namespace weir::capture
