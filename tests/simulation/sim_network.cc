#include "simulation/sim_network.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/assert.h"
#include "support/packet_builder.h"

namespace weir::test {
namespace {

using interface::Pull;

constexpr std::uint8_t kMark = 0x02;  // a locally administered address
constexpr std::int64_t kSecond = 1'000'000'000;

// The same for the same seed and number.
std::uint64_t mix(std::uint64_t seed, std::uint64_t number) noexcept {
  std::uint64_t z = seed * 0x9e3779b97f4a7c15 + number;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

class SimIntake final : public app::Intake {
 public:
  SimIntake(std::vector<std::string> names, std::vector<capture::Lane> lanes,
            std::vector<std::size_t> interfaces)
      : names_(std::move(names)),
        lanes_(std::move(lanes)),
        interfaces_(std::move(interfaces)),
        news_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        upstream_({}) {}

  void tell(const std::vector<control::InterfaceConfig>&,
            const telemetry::Logger& log) const override {
    for (const std::string& name : names_) {
      log.info("capturing", {{"interface", name}, {"mode", "simulated"}});
    }
  }
  [[nodiscard]] std::vector<capture::Lane> lanes() const override { return lanes_; }
  [[nodiscard]] std::vector<std::string> names() const override { return names_; }
  [[nodiscard]] std::vector<std::size_t> lane_interfaces() const override { return interfaces_; }
  [[nodiscard]] int link_fd() const noexcept override { return news_.get(); }
  std::vector<interface::LinkChange> take_link_changes() override { return {}; }
  [[nodiscard]] interface::LinkState link_state(std::size_t) const noexcept override {
    return interface::LinkState::Running;
  }
  [[nodiscard]] app::Upstream& upstream() noexcept override { return upstream_; }

 private:
  std::vector<std::string> names_;
  std::vector<capture::Lane> lanes_;
  std::vector<std::size_t> interfaces_;
  UniqueFd news_;
  app::Upstream upstream_;
};

}  // namespace

LaneFrames::LaneFrames(std::uint32_t lane, const LaneTrafficPlan& plan)
    : lane_(lane),
      seed_(plan.seed),
      malformed_percent_(plan.malformed_percent),
      flows_(plan.flows) {
  for (std::uint32_t flow = 0; flow < plan.flows; ++flow) {
    const std::string host = std::to_string(flow / 200) + "." + std::to_string(flow % 200 + 1);
    const auto port = static_cast<std::uint16_t>(1024 + flow);
    for (std::uint32_t length = 1; length <= kLengths; ++length) {
      PacketBuilder builder;
      builder.ethernet().ipv4("10." + std::to_string(lane) + "." + host, "192.0.2.7");
      if (flow % 3 == 0) {
        builder.tcp(port, 443);
      } else {
        builder.udp(port, 53);
      }
      forms_.push_back(builder.payload(plan.bytes_max * length / kLengths).build());
    }
  }
}

// Few flows have most of the packets.
std::uint32_t LaneFrames::make(std::uint32_t number, std::uint8_t* to) const {
  constexpr std::uint32_t kMalformedBytes = 20;  // within the IP header
  const std::uint64_t draw = mix(seed_, number);
  const auto spread = static_cast<std::uint32_t>(1 + draw % flows_);
  const std::uint64_t flow = (draw >> 16) % spread;
  const auto& form = forms_[flow * kLengths + (draw >> 32) % kLengths];
  const bool malformed = (draw >> 40) % 100 < malformed_percent_;
  const auto bytes = malformed ? kMalformedBytes : static_cast<std::uint32_t>(form.size());
  std::memcpy(to, form.data(), bytes);
  to[0] = kMark;
  to[1] = static_cast<std::uint8_t>(lane_);
  std::memcpy(to + 2, &number, sizeof number);
  return bytes;
}

std::optional<LaneFrames::Identity> LaneFrames::identify(Bytes frame) noexcept {
  if (frame.size() < 6 || frame[0] != kMark) return std::nullopt;
  Identity identity{.lane = frame[1]};
  std::memcpy(&identity.number, frame.data() + 2, sizeof identity.number);
  return identity;
}

SimSource::SimSource(std::uint32_t lane, InterfaceId id, const InterfaceTable& table,
                     LaneTrafficPlan plan, SimThreads& threads)
    : threads_(threads),
      plan_(std::move(plan)),
      id_(id),
      table_(table),
      frames_(lane, plan_),
      memory_(std::size_t{plan_.batch_packets} * LaneFrames::kBytesMax) {}

std::uint64_t SimSource::due(MonotonicTime now) const noexcept {
  double sum = 0;
  for (std::size_t i = 0; i < plan_.phases.size(); ++i) {
    const TrafficPhase& phase = plan_.phases[i];
    if (phase.from >= now) break;
    const bool last = i + 1 == plan_.phases.size();
    const MonotonicTime end = last ? now : std::min(now, plan_.phases[i + 1].from);
    sum += phase.packets_per_second * static_cast<double>((end - phase.from).count()) / kSecond;
  }
  return static_cast<std::uint64_t>(sum);
}

// Not before it, and not long after it.
MonotonicTime SimSource::next_arrival(MonotonicTime now) const noexcept {
  double rate = 0;
  MonotonicTime change = SimThreads::kNever;
  for (const TrafficPhase& phase : plan_.phases) {
    if (phase.from <= now) {
      rate = phase.packets_per_second;
    } else {
      change = std::min(change, phase.from);
    }
  }
  if (rate <= 0) return change;
  return std::min(change, now + Duration(static_cast<std::int64_t>(std::ceil(kSecond / rate))));
}

void SimSource::receive() {
  if (intake_closed_ || closed_) return;
  const std::uint64_t due_now = due(threads_.monotonic());
  const auto fresh = static_cast<std::uint32_t>(due_now - arrived_);
  if (fresh == 0) return;
  const std::uint32_t taken = std::min(fresh, plan_.ring_packets - in_ring_);
  if (taken != 0) ring_.push_back({static_cast<std::uint32_t>(arrived_), taken});
  arrived_ = due_now;
  in_ring_ += taken;
  lost_since_ += fresh - taken;
  statistics_.received.add(fresh);
  statistics_.dropped[static_cast<std::size_t>(DropReason::Kernel)].add(fresh - taken);
  statistics_.in_ring.set(in_ring_);
}

Pull SimSource::next_batch(PacketBatch& batch, std::uint32_t packets_max, Duration timeout) {
  WEIR_ASSERT(!lent_ && !closed_);
  batch.count = 0;
  batch.side_blocks = {};
  batch.gap = {};
  if (worked_on_ != 0) {
    const Duration worked = plan_.packet_cost * worked_on_;
    worked_on_ = 0;
    threads_.sleep_for(worked);
  }
  receive();
  const MonotonicTime until = threads_.monotonic() + timeout;
  while (in_ring_ == 0) {
    if (intake_closed_) return Pull::End;
    const MonotonicTime now = threads_.monotonic();
    if (now >= until || woken_ != 0) {
      woken_ = 0;
      return Pull::Idle;
    }
    threads_.wait_on(&woken_, std::min(until, next_arrival(now)));
    receive();
  }
  if (plan_.leaks && arrived_ > 100 && in_ring_ > 1) --in_ring_;
  lend(batch, std::min({packets_max, plan_.batch_packets, in_ring_}));
  return Pull::Packets;
}

void SimSource::lend(PacketBatch& batch, std::uint32_t count) {
  while (batch.count < count) {
    Range& range = ring_.front();
    std::uint8_t* const at = memory_.data() + std::size_t{batch.count} * LaneFrames::kBytesMax;
    Packet& packet = batch.packets[batch.count++];
    packet = Packet{};
    packet.data = at;
    packet.captured_bytes = frames_.make(range.first, at);
    packet.wire_bytes = packet.captured_bytes;
    packet.time = threads_.wall();
    packet.interface = id_;
    statistics_.received_bytes.add(packet.wire_bytes);
    ++range.first;
    if (--range.count == 0) ring_.pop_front();
  }
  in_ring_ -= count;
  statistics_.in_ring.set(in_ring_);
  statistics_.delivered.add(count);
  if (lost_since_ != 0) batch.gap = {.interface = id_, .before = 0, .packets = lost_since_};
  lost_since_ = 0;
  lent_ = true;
}

void SimSource::release(PacketBatch& batch) {
  WEIR_ASSERT(lent_);
  worked_on_ = batch.count;
  lent_ = false;
  batch.count = 0;
  batch.side_blocks = {};
}

void SimSource::close_intake() {
  receive();
  intake_closed_ = true;
}

void SimSource::close() {
  WEIR_ASSERT(!lent_);
  receive();
  closed_ = true;
  statistics_.dropped[static_cast<std::size_t>(DropReason::Stop)].add(in_ring_);
  in_ring_ = 0;
  ring_.clear();
  statistics_.in_ring.set(0);
}

void SimSource::wake() noexcept {
  woken_ = 1;
  threads_.wake_at(&woken_, 1);
}

void SimSource::refresh_statistics() {
  receive();
  statistics_.ring_fill.set(ring_fill_now());
}

std::uint32_t SimSource::ring_fill_now() const noexcept {
  if (closed_) return 0;
  const std::uint64_t arriving =
      intake_closed_ ? 0 : due(threads_.monotonic()) - arrived_;  // not seen by the worker yet
  const std::uint64_t filled = std::min<std::uint64_t>(in_ring_ + arriving, plan_.ring_packets);
  return static_cast<std::uint32_t>(filled * 1000 / plan_.ring_packets);
}

Result<std::unique_ptr<app::Intake>> SimNetwork::open(
    const std::vector<control::InterfaceConfig>& interfaces, const Clock&) {
  InterfaceTable table;
  for (const control::InterfaceConfig& one : interfaces) {
    table.add({.link_type = LinkType::Ethernet,
               .snaplen = kPacketBytesMax,
               .fcs_bytes = 0,
               .name = one.name,
               .options = {}});
  }
  std::vector<std::string> names;
  std::vector<capture::Lane> lanes;
  for (std::uint32_t i = 0; i < interfaces.size(); ++i) {
    names.push_back(interfaces[i].name);
    for (std::uint32_t queue = 0; queue < interfaces[i].workers; ++queue) {
      const auto lane = static_cast<std::uint32_t>(sources_.size());
      sources_.push_back(std::make_unique<SimSource>(first_lane_ + lane, InterfaceId{i}, table,
                                                     plans_.at(lane), threads_));
      interfaces_.push_back(i);
      lanes.push_back({.source = sources_.back().get(), .interface = {i}, .queue = queue});
    }
  }
  return std::unique_ptr<app::Intake>(
      std::make_unique<SimIntake>(std::move(names), std::move(lanes), interfaces_));
}

}  // namespace weir::test
