// The simulated twin of a packet source: hands out scripted packets in batches, and can behave like
// a live ring, fail at a given packet, or show a new interface in the middle.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/assert.h"
#include "interface/source.h"

namespace weir::test {

struct FakeSourceOptions {
  bool lossless = true;  // false: a ring that keeps receiving until the intake is closed
  std::uint32_t batch_packets_max = kBatchPacketsMax;
  std::optional<std::size_t> fail_at;  // Failed instead of packet number `fail_at`
  std::optional<std::size_t>
      interface_at;  // packets from this number on come from a second interface
  LinkType second_link_type = LinkType::Raw;
  std::uint64_t kernel_drops = 0;  // reported by refresh_statistics()
  bool endless = false;  // Idle instead of End after the last packet, until close_intake()
};

class FakeSource final : public interface::Source {
 public:
  explicit FakeSource(std::vector<std::vector<std::uint8_t>> frames, FakeSourceOptions options = {})
      : frames_(std::move(frames)), options_(options) {
    interfaces_.add({.link_type = LinkType::Ethernet,
                     .snaplen = 65535,
                     .fcs_bytes = 0,
                     .name = "fake0",
                     .options = {}});
    if (!options_.lossless) {  // everything has already been received by the "kernel"
      for (const auto& frame : frames_) receive(frame);
      statistics_.in_ring.set(frames_.size());
    }
  }

  interface::Pull next_batch(PacketBatch& batch, std::uint32_t packets_max, Duration) override {
    WEIR_ASSERT(!lent_);
    batch.count = 0;
    batch.side_blocks = {};
    batch.gap = {};
    if (intake_closed_ && options_.lossless) return interface::Pull::End;
    const auto limit = std::min(packets_max, options_.batch_packets_max);
    while (batch.count < limit && next_ < frames_.size() && options_.fail_at != next_) lend(batch);
    if (batch.count == 0) {
      if (options_.fail_at == next_) {
        error_ = Error{.code = ErrorCode::Damaged, .sys_errno = 0, .context = "fake: broken"};
        return interface::Pull::Failed;
      }
      return options_.endless && !intake_closed_ ? interface::Pull::Idle : interface::Pull::End;
    }
    lent_ = true;
    return interface::Pull::Packets;
  }
  void release(PacketBatch& batch) override {
    WEIR_ASSERT(lent_);
    lent_ = false;
    batch.count = 0;
    batch.side_blocks = {};
  }
  void close_intake() override { intake_closed_ = true; }
  void close() override {
    WEIR_ASSERT(!lent_);
    refresh_statistics();
    statistics_.dropped[static_cast<std::size_t>(DropReason::Stop)].add(
        statistics_.in_ring.value());
    statistics_.in_ring.set(0);
    closed_ = true;
  }
  void wake() noexcept override {}
  interface::Prefilter set_prefilter(std::string_view expression) override {
    prefilters_.emplace_back(expression);
    return {};
  }
  void refresh_statistics() override {
    statistics_.received.add(options_.kernel_drops);
    statistics_.dropped[static_cast<std::size_t>(DropReason::Kernel)].add(options_.kernel_drops);
    options_.kernel_drops = 0;
  }

  [[nodiscard]] const interface::SourceStatistics& statistics() const noexcept override {
    return statistics_;
  }
  [[nodiscard]] const InterfaceTable& interfaces() const noexcept override { return interfaces_; }
  [[nodiscard]] std::string_view mode() const noexcept override { return "fake"; }
  [[nodiscard]] bool lossless() const noexcept override { return options_.lossless; }
  [[nodiscard]] interface::Progress progress() const noexcept override { return {}; }
  [[nodiscard]] const std::optional<Error>& error() const noexcept override { return error_; }

  // As they were set, in order; the thread that set them.
  [[nodiscard]] const std::vector<std::string>& prefilters() const noexcept { return prefilters_; }
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  [[nodiscard]] std::size_t handed_out() const noexcept { return next_; }

 private:
  void receive(const std::vector<std::uint8_t>& frame) {
    statistics_.received.add(1);
    statistics_.received_bytes.add(frame.size());
  }
  void lend(PacketBatch& batch) {
    const auto& frame = frames_[next_];
    const bool second = options_.interface_at && next_ >= *options_.interface_at;
    if (second && interfaces_.count() == 1) {
      interfaces_.add({.link_type = options_.second_link_type,
                       .snaplen = 0,
                       .fcs_bytes = 0,
                       .name = "fake1",
                       .options = {}});
    }
    Packet& packet = batch.packets[batch.count++];
    packet = Packet{};
    packet.data = frame.data();
    packet.time = {static_cast<std::int64_t>(next_ + 1) * 1'000};
    packet.captured_bytes = static_cast<std::uint32_t>(frame.size());
    packet.wire_bytes = packet.captured_bytes;
    packet.interface = {second ? 1u : 0u};
    packet.link_type = second ? options_.second_link_type : LinkType::Ethernet;
    ++next_;
    if (options_.lossless) {
      receive(frame);
    } else {
      statistics_.in_ring.set(frames_.size() - next_);
    }
    statistics_.delivered.add(1);
  }

  std::vector<std::vector<std::uint8_t>> frames_;
  FakeSourceOptions options_;
  InterfaceTable interfaces_;
  interface::SourceStatistics statistics_;
  std::optional<Error> error_;
  std::vector<std::string> prefilters_;
  std::size_t next_ = 0;
  bool lent_ = false;
  bool intake_closed_ = false;
  bool closed_ = false;
};

}  // namespace weir::test
