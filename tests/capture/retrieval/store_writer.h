// Writes a store as a capture does: one sink with lanes, real files.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/packet_batch.h"
#include "capture/flow_stage.h"
#include "output/segment_store.h"
#include "output/store_sink.h"
#include "protocol/deep/flow_uids.h"
#include "protocol/headers/parse_batch.h"
#include "support/fake_clock.h"

namespace weir::test {

struct WrittenPacket {
  std::vector<std::uint8_t> frame;
  std::int64_t time_ns = 0;
  std::uint32_t interface = 0;
  bool has_time = true;
  std::uint64_t lost_before = 0;
};

class StoreWriter {
 public:
  StoreWriter(const std::string& directory, const output::StoreOptions& options)
      : store_(output::SegmentStore::open(directory, clock_).value()),
        sink_(output::StoreSink::open(std::array{store_.get()}, options, clock_).value()) {}

  [[nodiscard]] InterfaceTable& interfaces() { return interfaces_; }
  void add(std::size_t lane, const std::vector<WrittenPacket>& packets) {
    for (const WrittenPacket& packet : packets) add(lane, packet);
  }
  void add(std::size_t lane, const WrittenPacket& packet) {
    if (interfaces_.count() == 0) interfaces_.add({.snaplen = 262'144, .name = "eth0"});
    batch_->count = 1;
    batch_->packets[0] = {.data = packet.frame.data(),
                          .time = {packet.time_ns},
                          .captured_bytes = static_cast<std::uint32_t>(packet.frame.size()),
                          .wire_bytes = static_cast<std::uint32_t>(packet.frame.size()),
                          .interface = {packet.interface},
                          .link_type = interfaces_.at({packet.interface}).link_type,
                          .has_time = packet.has_time};
    batch_->gap = {.interface = {packet.interface}, .before = 0, .packets = packet.lost_before};
    protocol::parse_batch(*batch_, *headers_, *keys_);
    verdicts_->wanted[0] = 1;
    if (stage_ != nullptr) stage_->take(*batch_, *headers_, *keys_, *verdicts_, 1, &uids_);
    output::Sink& to = sink_->lane(lane);
    ASSERT_TRUE(to.reserve().ok());
    to.write({.batch = *batch_,
              .interfaces = interfaces_,
              .verdicts = *verdicts_,
              .session = 1,
              .headers = headers_.get(),
              .keys = keys_.get(),
              .uids = stage_ != nullptr ? &uids_ : nullptr});
  }
  // The packets from now on are analysed on their way; null: no more.
  void analyse(capture::FlowStage* stage) { stage_ = stage; }
  // Of the packet that was added last.
  [[nodiscard]] std::span<const protocol::Uid> uids() const { return uids_.of(0); }
  // What was added is in the files; segments stay open.
  void flush(std::size_t lane) {
    output::Sink& to = sink_->lane(lane);
    clock_.advance(std::chrono::seconds(2));  // a chunk that is not full does not wait for ever
    for (int i = 0; i < 1'000'000 && to.statistics().pending.value() != 0; ++i) {
      ASSERT_TRUE(to.flush().ok());
    }
    ASSERT_EQ(to.statistics().pending.value(), 0u);
  }
  void close(std::size_t lanes) {
    for (std::size_t i = 0; i < lanes; ++i) ASSERT_TRUE(sink_->lane(i).close().ok());
  }

 private:
  FakeClock clock_{Timestamp{1'700'000'000'000'000'000}};
  std::unique_ptr<output::SegmentStore> store_;
  std::unique_ptr<output::StoreSink> sink_;
  InterfaceTable interfaces_;
  std::unique_ptr<PacketBatch> batch_ = std::make_unique<PacketBatch>();
  std::unique_ptr<HeadersArray> headers_ = std::make_unique<HeadersArray>();
  std::unique_ptr<KeysArray> keys_ = std::make_unique<KeysArray>();
  std::unique_ptr<Verdicts> verdicts_ = std::make_unique<Verdicts>();
  capture::FlowStage* stage_ = nullptr;
  protocol::FlowUids uids_;
};

}  // namespace weir::test
