#include "interface_live/live_capture.h"

#include <algorithm>
#include <ostream>

namespace weir::interface {
namespace {

// Far longer than anything here takes: only a test that would never end reaches it.
constexpr Duration kPatience = std::chrono::seconds(20);

}  // namespace

LiveCapture::LiveCapture(const AfPacketOptions& options) : LiveCapture(options, privileges_) {}

LiveCapture::LiveCapture(const AfPacketOptions& options,
                         security::PrivilegedOperations& privileges) {
  auto opened = AfPacketSource::open(options, privileges, clock_);
  if (!opened.ok()) {
    ADD_FAILURE() << opened.error().context;
    std::abort();  // nothing that follows could mean anything
  }
  source_ = std::move(opened).value();
}

Pull LiveCapture::pull(Duration timeout, std::uint32_t packets_max) {
  const Pull outcome = source_->next_batch(batch_, packets_max, timeout);
  EXPECT_EQ(batch_.count > 0, outcome == Pull::Packets);
  EXPECT_LE(batch_.count, packets_max);
  EXPECT_TRUE(ledger_of(*source_).law_holds()) << testing::PrintToString(ledger_of(*source_));
  std::uint32_t batch_bytes = 0;
  for (const Packet& packet : batch_.view()) {
    const Bytes frame = packet.frame();
    frames_.push_back({.bytes = {frame.begin(), frame.end()},
                       .wire_bytes = packet.wire_bytes,
                       .time = packet.time,
                       .link_type = packet.link_type,
                       .interface = packet.interface});
    batch_bytes += packet.captured_bytes;
  }
  largest_batch_bytes_ = std::max(largest_batch_bytes_, batch_bytes);
  source_->release(batch_);
  return outcome;
}

void LiveCapture::take(std::size_t count) {
  const MonotonicTime deadline = clock_.monotonic() + kPatience;
  while (frames_.size() < count) {
    ASSERT_LT(clock_.monotonic(), deadline) << frames_.size() << " of " << count << " frames came";
    const Pull outcome = pull(std::chrono::seconds(1));
    ASSERT_TRUE(outcome == Pull::Packets || outcome == Pull::Idle);
  }
}

void LiveCapture::exchange(test::TrafficSocket& sender, std::span<const test::FrameBytes> frames) {
  constexpr std::size_t kPortion = 250;
  while (!frames.empty() && !testing::Test::HasFatalFailure()) {
    const auto portion = frames.first(std::min(kPortion, frames.size()));
    sender.send(portion);
    take(frames_.size() + portion.size());
    frames = frames.subspan(portion.size());
  }
}

Pull LiveCapture::drain() {
  const MonotonicTime deadline = clock_.monotonic() + kPatience;
  for (;;) {
    const Pull outcome = pull(std::chrono::seconds(1));
    if (outcome == Pull::End || outcome == Pull::Failed) return outcome;
    if (clock_.monotonic() >= deadline) {
      ADD_FAILURE() << "the source does not come to an end";
      return outcome;
    }
  }
}

std::vector<test::FrameBytes> LiveCapture::bytes() const {
  std::vector<test::FrameBytes> all;
  all.reserve(frames_.size());
  for (const CapturedFrame& frame : frames_) all.push_back(frame.bytes);
  return all;
}

void expect_same_frames(const std::vector<test::FrameBytes>& actual,
                        const std::vector<test::FrameBytes>& expected) {
  EXPECT_EQ(actual.size(), expected.size());
  const std::size_t count = std::min(actual.size(), expected.size());
  for (std::size_t i = 0; i < count; ++i) {
    ASSERT_TRUE(actual[i] == expected[i])
        << "frame " << i << " of " << count << " differs: " << actual[i].size() << " bytes for "
        << expected[i].size();
  }
}

Ledger ledger_of(const Source& source) {
  const SourceStatistics& row = source.statistics();
  return {.received = row.received.value(),
          .delivered = row.delivered.value(),
          .dropped_kernel = row.dropped[static_cast<std::size_t>(DropReason::Kernel)].value(),
          .dropped_stop = row.dropped[static_cast<std::size_t>(DropReason::Stop)].value(),
          .rejected = row.rejected[static_cast<std::size_t>(RejectReason::KernelFilter)].value(),
          .in_ring = row.in_ring.value()};
}

void PrintTo(const Ledger& ledger, std::ostream* out) {
  *out << "received " << ledger.received << ", delivered " << ledger.delivered
       << ", dropped by the kernel " << ledger.dropped_kernel << ", at stop " << ledger.dropped_stop
       << ", rejected " << ledger.rejected << ", in the ring " << ledger.in_ring;
}

}  // namespace weir::interface
