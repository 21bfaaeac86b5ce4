#include "interface_live/shared_capture.h"

#include <algorithm>
#include <cerrno>

#include "interface/steering.h"

namespace weir::interface {
namespace {

constexpr Duration kPatience = std::chrono::seconds(20);

}  // namespace

const std::string& why_no_programs() {
  static const std::string kReason = [] {
    security::InProcessPrivileges privileges;
    const auto loaded = load_steering_program(LinkType::Ethernet, privileges);
    return loaded || loaded.error().sys_errno != EPERM ? std::string() : loaded.error().context;
  }();
  return kReason;
}

SharedCapture::SharedCapture(const AfPacketCapture& wanted) {
  adopt(open_af_packet_sources(wanted, privileges_, clock_));
}

SharedCapture::SharedCapture(const AfPacketCapture& wanted,
                             security::PrivilegedOperations& privileges) {
  adopt(open_af_packet_sources(wanted, privileges, clock_));
}

void SharedCapture::adopt(Result<AfPacketSources> opened) {
  if (!opened.ok()) {
    ADD_FAILURE() << opened.error().context;
    std::abort();  // nothing that follows could mean anything
  }
  opened_ = std::move(opened).value();
  for (auto& source : opened_.sources) {
    workers_.push_back(std::make_unique<LiveCapture>(std::move(source)));
  }
}

void SharedCapture::take(std::size_t count) {
  const MonotonicTime deadline = clock_.monotonic() + kPatience;
  while (frame_count() < count) {
    ASSERT_LT(clock_.monotonic(), deadline) << frame_count() << " of " << count << " frames came";
    for (const auto& worker : workers_) {
      const Pull outcome = worker->pull(std::chrono::milliseconds(1));
      ASSERT_TRUE(outcome == Pull::Packets || outcome == Pull::Idle);
    }
  }
}

void SharedCapture::exchange(test::TrafficSocket& sender,
                             std::span<const test::FrameBytes> frames) {
  constexpr std::size_t kPortion = 250;
  while (!frames.empty() && !testing::Test::HasFatalFailure()) {
    const auto portion = frames.first(std::min(kPortion, frames.size()));
    sender.send(portion);
    take(frame_count() + portion.size());
    frames = frames.subspan(portion.size());
  }
}

std::vector<Pull> SharedCapture::close_and_drain() {
  for (const auto& worker : workers_) worker->source().close_intake();
  std::vector<Pull> ends;
  for (const auto& worker : workers_) ends.push_back(worker->drain());
  return ends;
}

std::size_t SharedCapture::frame_count() const noexcept {
  std::size_t count = 0;
  for (const auto& worker : workers_) count += worker->frames().size();
  return count;
}

std::vector<CapturedFrame> SharedCapture::frames() const {
  std::vector<CapturedFrame> all;
  for (const auto& worker : workers_) {
    all.insert(all.end(), worker->frames().begin(), worker->frames().end());
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const CapturedFrame& a, const CapturedFrame& b) { return a.time < b.time; });
  return all;
}

Ledger SharedCapture::ledger() const {
  Ledger sum{};
  for (const auto& worker : workers_) {
    const Ledger row = ledger_of(worker->source());
    sum.received += row.received;
    sum.delivered += row.delivered;
    sum.dropped_kernel += row.dropped_kernel;
    sum.dropped_stop += row.dropped_stop;
    sum.in_ring += row.in_ring;
  }
  return sum;
}

}  // namespace weir::interface
