// The flow engine on any sequence of packets of a few flows, with room for fewer. Input: a byte of
// options, then steps; see Reader.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <variant>
#include <vector>

#include "protocol/deep/flow_engine.h"

namespace {

using namespace weir;
using namespace weir::protocol;

constexpr std::uint32_t kShards = 2;  // and the carriers'
constexpr std::uint64_t kFlowsMax = 16 * (kShards + 1);
constexpr std::int64_t kTimeMax = std::int64_t{1} << 61;
constexpr std::size_t kStepsMax = 400;  // time may pass in each, and that takes its time

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

class CheckingSink final : public RecordSink {
 public:
  void take(const Record& record) override {
    if (record.order < last_ || record.order < reached_) fail("records out of order");
    last_ = record.order;
    const auto* conn = std::get_if<ConnRecord>(&record.body);
    if (conn == nullptr) return;
    if (conn->history_bytes > kHistoryMax) fail("history too long");
    if (conn->tunnel_parent_count > kTunnelParentsMax) fail("too many parents");
    if (conn->uid.empty()) fail("a flow without a name");
    if (conn->end != FlowEnd::Interval) ++ended;
  }
  void reached(RecordOrder order) override {
    if (order < reached_) fail("progress went back");
    reached_ = order;
  }
  std::uint64_t ended = 0;

 private:
  RecordOrder last_;
  RecordOrder reached_;
};

// A step: what it is (three bits), sender (one), flow (four); then its own bytes.
class Reader {
 public:
  Reader(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool empty() const { return at_ == size_; }
  std::uint8_t byte() { return empty() ? std::uint8_t{0} : data_[at_++]; }
  std::uint32_t word() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | byte();
    return value;
  }
  std::int64_t time_step() {
    const std::uint8_t code = byte();
    return (std::int64_t{1} << (code % 56)) - (code >> 7);
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

FlowPacket packet_of(std::uint8_t step, bool carrier) {
  constexpr std::array<std::uint16_t, 4> kPorts = {22, 80, 53, 50'000};
  constexpr std::array<FlowKind, 8> kKinds = {FlowKind::Tcp,  FlowKind::Tcp,  FlowKind::Tcp,
                                              FlowKind::Tcp,  FlowKind::Tcp,  FlowKind::Udp,
                                              FlowKind::Icmp, FlowKind::Other};
  const std::uint8_t number = step & 15;
  FlowPacket packet;
  packet.key.low.bytes[15] = number;
  packet.key.low_port = kPorts[number % 4];
  packet.key.high_port = kPorts[number / 4];
  packet.key.ip_protocol = carrier ? 47 : 6;
  packet.sender = (step & 16) != 0 ? End::High : End::Low;
  packet.kind = kKinds[number % kKinds.size()];
  packet.shard = static_cast<std::uint8_t>(number % kShards);
  if (carrier) {
    packet.kind = number % 2 == 0 ? FlowKind::IpTunnel : FlowKind::Udp;
    packet.shard = static_cast<std::uint8_t>(kCarrierShard);
    packet.tunnel = TunnelType::Gre;
    packet.carries_next = true;
  }
  return packet;
}

struct Numbers {
  std::array<std::uint32_t, 2> next{};
};

void fill(FlowPacket& packet, Numbers& numbers, Reader& reader, bool raw) {
  const std::uint8_t flags = reader.byte();
  packet.tcp_flags = flags & 0x3f;
  packet.checksum = static_cast<Checksum>((flags >> 6) % 3);
  const std::uint8_t size = reader.byte();
  packet.payload_bytes = size < 128 ? size : (size - 127u) * 500;
  packet.stated_payload_bytes = packet.payload_bytes;
  packet.ip_bytes = packet.payload_bytes + 40;
  std::uint32_t& mine = numbers.next[index_of(packet.sender)];
  const std::uint32_t theirs = numbers.next[index_of(other(packet.sender))];
  if (raw) {
    packet.sequence = reader.word();
    packet.acknowledgement = reader.word();
    mine = packet.sequence;
    packet.window = reader.byte();
    packet.bad_header = packet.window == 1;
    packet.payload_cut = packet.window == 2;
  } else {
    packet.sequence = mine + static_cast<std::uint32_t>(static_cast<std::int8_t>(reader.byte()));
    packet.acknowledgement =
        theirs + static_cast<std::uint32_t>(static_cast<std::int8_t>(reader.byte()));
    packet.window = 1;
    mine = packet.sequence + packet.payload_bytes;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader reader(data, size);
  const std::uint8_t choices = reader.byte();
  constexpr std::array<Duration, 4> kIntervals = {std::chrono::seconds(0), std::chrono::seconds(1),
                                                  std::chrono::minutes(1),
                                                  std::chrono::minutes(10)};
  const FlowOptions options{.checksums = static_cast<ChecksumMode>(choices % 3),
                            .flows_max = 1,
                            .report_interval = kIntervals[choices / 3 % 4]};
  ShardSet shards = carrier_shard();
  for (std::uint32_t shard = 0; shard < kShards; ++shard) shards.set(shard);
  CheckingSink sink;
  auto made = FlowEngine::make(options, shards, sink);
  if (!made) fail("no engine");
  FlowEngine& engine = **made;

  std::array<Numbers, 16> numbers{};
  std::vector<FlowPacket> group;
  Timestamp clock;
  std::int64_t lag = 0;
  std::uint8_t generation = 0;
  std::uint64_t ordinal = 0;
  for (std::size_t steps = 0; !reader.empty() && steps < kStepsMax; ++steps) {
    const std::uint8_t step = reader.byte();
    switch (step >> 5) {
      case 0:
        clock.ns = std::min(kTimeMax, clock.ns + reader.time_step());
        continue;
      case 1:
        lag = reader.time_step();
        continue;
      case 2:
        clock.ns = std::min(kTimeMax, clock.ns + reader.time_step());
        engine.advance(clock);
        continue;
      case 3:
        generation = reader.byte();  // other flows
        continue;
      case 4:
        if (group.size() < 6) group.push_back(packet_of(step, true));
        continue;
      default:
        break;
    }
    FlowPacket packet = packet_of(step, false);
    packet.key.low.bytes[14] = generation;
    fill(packet, numbers[step & 15], reader, (step >> 5) == 7);
    group.push_back(packet);
    for (FlowPacket& one : group) {
      one.now = clock;
      one.time = {clock.ns - lag};
      one.ordinal = ordinal;
      one.sender = packet.sender;
    }
    ++ordinal;
    engine.take(group);
    if (engine.flow_count() > kFlowsMax) fail("more flows than there may be");
    group.clear();
    lag = 0;
  }
  engine.finish(clock);
  if (engine.flow_count() != 0) fail("flows are left");
  std::uint64_t begun = 0;
  for (std::size_t kind = 0; kind < kFlowKinds; ++kind) {
    const bool tunnel = kind == static_cast<std::size_t>(FlowKind::IpTunnel);
    if (!tunnel) begun += engine.counters().begun[kind].value();
    if (engine.counters().open[kind].value() != 0) fail("flows are open");
  }
  if (begun != sink.ended) fail("flows that began are not those that ended");
  return 0;
}
