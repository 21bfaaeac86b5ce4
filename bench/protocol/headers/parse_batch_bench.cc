// Nanoseconds per packet for headers, keys and flow hash. The frames lie one after the other in
// memory far larger than the caches, as in a ring or a mapped file, and belong to 100,000 flows in
// random order, so that nothing repeats soon enough to be predicted.
#include "protocol/headers/parse_batch.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/prng.h"
#include "protocol/headers/flow_hash.h"
#include "support/packet_builder.h"

namespace weir {
namespace {

constexpr std::size_t kArenaBytes = 64 << 20;
constexpr std::uint32_t kFlows = 100'000;
constexpr std::size_t kRecordBytes = 16;  // in front of each frame, as pcap has it

enum Mix : int { Plain, Mixed, Tunnelled };

std::string address4(std::uint32_t flow, std::uint32_t network) {
  return std::to_string(network) + "." + std::to_string(flow >> 16) + "." +
         std::to_string((flow >> 8) & 0xff) + "." + std::to_string(flow & 0xff);
}

std::string address6(std::uint32_t flow, std::uint32_t network) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text = "2001:db8:" + std::to_string(network) + "::" + kDigits[flow >> 16 & 0xf] + ":";
  for (int shift = 12; shift >= 0; shift -= 4) text += kDigits[(flow >> shift) & 0xf];
  return text;
}

// Frames of 268 bytes on average: small ones and a few full ones, as on real links.
std::size_t payload_bytes(Prng& prng) {
  return prng.chance(1, 8) ? 1000 + prng.below(400) : prng.below(130);
}

// The protocol of a flow is fixed by its number.
std::vector<std::uint8_t> frame_of(std::uint32_t flow, Mix mix, Prng& prng) {
  Prng kind(flow);
  test::PacketBuilder packet;
  packet.ethernet();
  const bool vxlan = mix == Tunnelled || (mix == Mixed && kind.chance(10, 100));
  if (vxlan) {
    packet.ipv4("10.200.0.1", "10.200.0.2")
        .udp(static_cast<std::uint16_t>(49152 + (flow & 0xfff)), 4789)
        .vxlan(77)
        .ethernet();
  } else if (mix == Mixed && kind.chance(15, 100)) {
    packet.vlan(static_cast<std::uint16_t>(100 + flow % 8));
  }
  const bool toward = prng.chance(1, 2);
  if (mix == Mixed && kind.chance(25, 100)) {
    packet.ipv6(address6(flow, toward ? 1 : 2), address6(flow / 16, toward ? 2 : 1));
  } else {
    packet.ipv4(address4(flow, toward ? 10 : 11), address4(flow / 16, toward ? 11 : 10));
  }
  const auto client = static_cast<std::uint16_t>(32768 + flow % 28000);
  const std::uint16_t server = flow % 3 == 0 ? 53 : 443;
  if (kind.chance(30, 100)) {
    packet.udp(toward ? client : server, toward ? server : client);
  } else {
    packet.tcp(toward ? client : server, toward ? server : client);
  }
  return packet.payload(payload_bytes(prng)).build();
}

struct Traffic {
  std::vector<std::uint8_t> arena;
  std::vector<std::uint16_t> lengths;  // of the frames, in order
  std::size_t frame_bytes = 0;
};

const Traffic& traffic(Mix mix) {
  static std::array<std::unique_ptr<Traffic>, 3> made;
  std::unique_ptr<Traffic>& traffic = made[static_cast<std::size_t>(mix)];
  if (traffic != nullptr) return *traffic;
  traffic = std::make_unique<Traffic>();
  traffic->arena.resize(kArenaBytes);
  Prng prng(1);
  std::size_t at = 0;
  for (;;) {
    const std::vector<std::uint8_t> frame =
        frame_of(static_cast<std::uint32_t>(prng.below(kFlows)), mix, prng);
    if (at + kRecordBytes + frame.size() > kArenaBytes) break;
    at += kRecordBytes;
    std::copy(frame.begin(), frame.end(), traffic->arena.begin() + static_cast<std::ptrdiff_t>(at));
    traffic->lengths.push_back(static_cast<std::uint16_t>(frame.size()));
    at += frame.size();
    traffic->frame_bytes += frame.size();
  }
  return *traffic;
}

void parse_batches(benchmark::State& state) {
  const Traffic& frames = traffic(static_cast<Mix>(state.range(0)));
  const auto batch = std::make_unique<PacketBatch>();
  const auto headers = std::make_unique<HeadersArray>();
  const auto keys = std::make_unique<KeysArray>();
  std::size_t next = 0;
  const std::uint8_t* at = frames.arena.data();
  std::size_t parsed = 0;
  for (auto _ : state) {
    if (next + kBatchPacketsMax > frames.lengths.size()) {
      next = 0;
      at = frames.arena.data();
    }
    // Filling the batch is a source's work, not the parser's; what little it takes here is measured
    // with it.
    for (Packet& packet : batch->packets) {
      at += kRecordBytes;
      packet.data = at;
      packet.captured_bytes = packet.wire_bytes = frames.lengths[next++];
      at += packet.captured_bytes;
    }
    batch->count = kBatchPacketsMax;
    protocol::parse_batch(*batch, *headers, *keys);
    benchmark::DoNotOptimize((*headers)[kBatchPacketsMax - 1].flow_hash);
    benchmark::ClobberMemory();
    parsed += kBatchPacketsMax;
  }
  using benchmark::Counter;
  state.counters["time/packet"] =
      Counter(static_cast<double>(parsed), Counter::kIsRate | Counter::kInvert);
  state.counters["frame"] =
      static_cast<double>(frames.frame_bytes) / static_cast<double>(frames.lengths.size());
}
BENCHMARK(parse_batches)->ArgName("mix")->Arg(Plain)->Arg(Mixed)->Arg(Tunnelled);

void flow_hash_of_keys(benchmark::State& state) {
  Prng prng(1);
  std::vector<PacketKeys> keys(256);
  for (PacketKeys& key : keys) {
    key.ip_version = 4;
    store_le(key.source.bytes.data() + 8, prng.next());
    store_le(key.destination.bytes.data() + 8, prng.next());
  }
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(protocol::flow_hash(keys[i++ % keys.size()]));
}
BENCHMARK(flow_hash_of_keys);

}  // namespace
}  // namespace weir

BENCHMARK_MAIN();
