// What the flow layer costs a packet: look-up and update of flows that are open, in random order,
// with few flows (in the caches) and with millions (in memory); flows that come and go.
#include "protocol/deep/flow_engine.h"

#include <algorithm>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/prng.h"

namespace weir::protocol {
namespace {

class NoRecords final : public RecordSink {
 public:
  void take(const Record& record) override { benchmark::DoNotOptimize(&record); }
  void reached(RecordOrder) override {}
};

FlowPacket packet_of(std::uint64_t flow, bool tcp) {
  PacketKeys keys;
  const auto address = static_cast<std::uint32_t>(flow * 0x9e3779b1);
  keys.source.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10};
  keys.destination.bytes = keys.source.bytes;
  for (unsigned i = 0; i < 3; ++i) {
    keys.source.bytes[13 + i] = static_cast<std::uint8_t>(address >> (8 * i));
    keys.destination.bytes[13 + i] = static_cast<std::uint8_t>(flow >> (8 * i));
  }
  keys.source_port = static_cast<std::uint16_t>(1024 + flow % 60000);
  keys.destination_port = tcp ? 443 : 4433;
  keys.ip_protocol = tcp ? 6 : 17;
  keys.ip_version = 4;
  const FlowKeyAndSender key = flow_key(keys, false);
  const std::uint64_t mixed = (flow + 1) * 0xbf58476d1ce4e5b9;
  return {.key = key.key,
          .time = {1'700'000'000'000'000'000},
          .now = {1'700'000'000'000'000'000},
          .sender = key.sender,
          .kind = tcp ? FlowKind::Tcp : FlowKind::Udp,
          .shard = static_cast<std::uint8_t>(mixed >> 58),
          .checksum = Checksum::Good,
          .tcp_flags = kTcpAck,
          .window = 1000,
          .sequence = 1,
          .ip_bytes = 340,
          .payload_bytes = 300,
          .stated_payload_bytes = 300};
}

// Packets of flows that are all open, in random order, in batches as a source gives them.
void update(benchmark::State& state, bool tcp) {
  const auto flows = static_cast<std::uint64_t>(state.range(0));
  NoRecords records;
  auto engine = FlowEngine::make(
      {.flows_max = std::max<std::uint64_t>(flows * 2, 1u << 20), .report_interval = Duration(0)},
      all_shards(), records);
  std::vector<FlowPacket> batch(256);
  for (std::uint64_t flow = 0; flow < flows; flow += batch.size()) {
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i] = packet_of(flow + i, tcp);
    (*engine)->take(batch);
  }
  Prng prng(1);
  std::uint64_t packets = 0;
  // Made beforehand: their making is not what is measured.
  std::vector<std::vector<FlowPacket>> batches(4096, batch);
  for (auto& one : batches) {
    for (FlowPacket& packet : one) packet = packet_of(prng.below(flows), tcp);
  }
  std::size_t next = 0;
  for (auto _ : state) {
    (*engine)->take(batches[next]);
    next = (next + 1) % batches.size();
    packets += batch.size();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(packets));
  state.counters["ns_per_packet"] =
      benchmark::Counter(static_cast<double>(packets) / 1e9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["flows"] = static_cast<double>((*engine)->flow_count());
}
void BM_UpdateUdp(benchmark::State& state) { update(state, false); }
void BM_UpdateTcp(benchmark::State& state) { update(state, true); }
BENCHMARK(BM_UpdateUdp)->Arg(1000)->Arg(100'000)->Arg(1'000'000)->Arg(4'000'000);
BENCHMARK(BM_UpdateTcp)->Arg(1000)->Arg(100'000)->Arg(1'000'000)->Arg(4'000'000);

// One packet a flow at a full table: each ends another.
void BM_FloodOfSyns(benchmark::State& state) {
  NoRecords records;
  auto engine = FlowEngine::make({.flows_max = 1u << 20}, all_shards(), records);
  std::vector<FlowPacket> batch(256);
  std::uint64_t flow = 0;
  const auto fill = [&] {
    for (FlowPacket& packet : batch) {
      packet = packet_of(flow++, true);
      packet.tcp_flags = kTcpSyn;
      packet.payload_bytes = 0;
    }
  };
  while (flow < (1u << 21)) {
    fill();
    (*engine)->take(batch);
  }
  std::uint64_t packets = 0;
  for (auto _ : state) {
    state.PauseTiming();
    fill();
    state.ResumeTiming();
    (*engine)->take(batch);
    packets += batch.size();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(packets));
}
BENCHMARK(BM_FloodOfSyns);

}  // namespace
}  // namespace weir::protocol
