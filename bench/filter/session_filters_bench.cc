// Eight sessions with eight different filters beside one: a batch of warm frames through all of
// them (time per packet: 1 / items_per_second).
#include "filter/session_filters.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/bytes.h"
#include "base/prng.h"

namespace weir::filter {
namespace {

constexpr std::array kExpressions = {
    "tcp port 443",
    "udp port 53",
    "host 10.0.0.1",
    "net 10.0.0.0/8 and tcp",
    "icmp or icmp6 or arp",
    "port 22 or port 80 or port 8080",
    "tcp[tcpflags] & (tcp-syn|tcp-rst) != 0",
    "src net 192.168.0.0/16 and udp portrange 5000-6000",
};

// TCP 60%, UDP 25%, IPv6 10%, ARP 5%.
void make_frame(Prng& prng, std::uint8_t* at) {
  const std::uint64_t kind = prng.below(100);
  const bool version_6 = kind >= 85 && kind < 95;
  store_be<std::uint16_t>(at + 12, version_6 ? 0x86dd : kind < 85 ? 0x0800 : 0x0806);
  constexpr std::array<std::uint16_t, 8> kPorts = {443, 443, 443, 80, 53, 22, 8080, 5060};
  const bool tcp = kind < 60 || (version_6 && prng.chance(2, 3));
  std::uint8_t* transport = at + 34;
  if (version_6) {
    at[14] = 0x60;
    at[20] = tcp ? 6 : 17;
    transport = at + 54;
  } else if (kind < 85) {
    at[14] = 0x45;
    at[23] = tcp ? 6 : 17;
    store_be<std::uint32_t>(at + 26, 0x0a000000u + static_cast<std::uint32_t>(prng.below(64)));
    store_be<std::uint32_t>(at + 30, 0xc0a80000u + static_cast<std::uint32_t>(prng.below(4096)));
  } else {
    return;
  }
  const bool request = prng.chance(1, 2);
  store_be<std::uint16_t>(transport + (request ? 2 : 0), kPorts[prng.below(kPorts.size())]);
  store_be<std::uint16_t>(transport + (request ? 0 : 2),
                          static_cast<std::uint16_t>(32768 + prng.below(28000)));
  if (tcp && !version_6) transport[13] = prng.chance(1, 20) ? 0x04 : 0x10;
}

// 4,096 packets in random order: frames stay in the second-level cache, branches cannot be learnt.
constexpr std::size_t kPackets = 4096;
constexpr std::size_t kFrameBytes = 128;

void session_filters(benchmark::State& state) {
  std::vector<std::uint8_t> frames(kPackets * kFrameBytes);
  Prng prng(1);
  for (std::size_t i = 0; i < kPackets; ++i) make_frame(prng, &frames[i * kFrameBytes]);

  SessionFilters filters;
  for (std::uint32_t bit = 0; bit < static_cast<std::uint32_t>(state.range(0)); ++bit) {
    const auto which = (bit + static_cast<std::size_t>(state.range(1))) % kExpressions.size();
    if (!filters.add(bit, kExpressions[which], Scope::Frame)) return state.SkipWithError("add");
  }
  if (!filters.prepare(LinkType::Ethernet)) return state.SkipWithError("does not compile");

  struct Workspace {
    PacketBatch batch;
    HeadersArray headers;
    Verdicts verdicts;
  };
  const auto workspace = std::make_unique<Workspace>();
  workspace->batch.count = kBatchPacketsMax;
  std::size_t at = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < kBatchPacketsMax; ++i) {
      Packet& packet = workspace->batch.packets[i];
      packet.data = &frames[(at + i) * kFrameBytes];
      packet.captured_bytes = packet.wire_bytes = kFrameBytes;
    }
    filters.evaluate(workspace->batch, workspace->headers, workspace->verdicts);
    benchmark::DoNotOptimize(workspace->verdicts);
    at = (at + kBatchPacketsMax) % kPackets;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatchPacketsMax));
}
BENCHMARK(session_filters)
    ->Args({0, 0})
    ->Args({8, 0})
    ->ArgsProduct({{1}, {0, 1, 2, 3, 4, 5, 6, 7}});

}  // namespace
}  // namespace weir::filter

BENCHMARK_MAIN();
