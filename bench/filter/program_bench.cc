// One packet through a filter: weir's evaluator beside libpcap's bpf_filter(), on one mix of
// packets.
//
// The mix is 64 MiB of frames in random order of protocol, so that branches are as hard to predict
// and frames as cold as in traffic; FrameFilter/warm has the frames of one batch in the cache, as
// behind the header parser.
#include "filter/program.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <benchmark/benchmark.h>
#include <pcap/pcap.h>

#include "base/bytes.h"
#include "base/prng.h"
#include "filter/frame_filter.h"
#include "filter/pcap_compiler.h"

namespace weir::filter {
namespace {

constexpr std::array kExpressions = {
    "ip",
    "udp port 53",
    "tcp port 443 and host 10.0.0.1",
    "port 22 or port 25 or port 53 or port 80 or port 110 or port 143 or port 443 or port 993 or "
    "port 8080",
    "tcp[13] & 4 != 0",
    "host 203.0.113.77 and tcp port 9",
    "not (tcp or udp or icmp or icmp6 or arp)",
    "ip6 protochain 6",
};

struct Mix {
  std::vector<std::uint8_t> bytes;
  std::vector<Packet> packets;
};

// TCP 60%, UDP 25%, IPv6 10%, ARP 5%; 60 to 1514 bytes, most of them short.
void make_frame(Prng& prng, std::uint8_t* at) {
  const std::uint64_t kind = prng.below(100);
  const bool version_6 = kind >= 85 && kind < 95;
  std::fill_n(at, 64, std::uint8_t{0});
  store_be<std::uint16_t>(at + 12, version_6 ? 0x86dd : kind < 85 ? 0x0800 : 0x0806);
  constexpr std::array<std::uint16_t, 8> kPorts = {443, 443, 443, 80, 53, 22, 8080, 5060};
  const bool tcp = kind < 60 || (version_6 && prng.chance(2, 3));
  std::uint8_t* transport = nullptr;
  if (version_6) {
    at[14] = 0x60;
    at[20] = tcp ? 6 : 17;
    transport = at + 54;
  } else if (kind < 85) {
    at[14] = 0x45;
    at[23] = tcp ? 6 : 17;
    store_be<std::uint32_t>(at + 26, 0x0a000000u + static_cast<std::uint32_t>(prng.below(64)));
    store_be<std::uint32_t>(at + 30, 0xc0a80000u + static_cast<std::uint32_t>(prng.below(4096)));
    transport = at + 34;
  } else {
    return;
  }
  const bool request = prng.chance(1, 2);
  store_be<std::uint16_t>(transport + (request ? 2 : 0), kPorts[prng.below(kPorts.size())]);
  store_be<std::uint16_t>(transport + (request ? 0 : 2),
                          static_cast<std::uint16_t>(32768 + prng.below(28000)));
  if (tcp && !version_6) transport[13] = prng.chance(1, 20) ? 0x04 : 0x10;
}

const Mix& mix() {
  static const Mix shared = [] {
    constexpr std::size_t kBytes = 64u << 20;
    Mix out;
    out.bytes.resize(kBytes);
    Prng prng(1);
    for (std::size_t at = 0; at + 1514 <= kBytes;) {
      const std::size_t size = prng.chance(1, 8) ? 1514 : 60 + prng.below(160);
      make_frame(prng, &out.bytes[at]);
      Packet packet;
      packet.data = &out.bytes[at];
      packet.captured_bytes = packet.wire_bytes =
          static_cast<std::uint32_t>(std::max<std::size_t>(size, 74));
      out.packets.push_back(packet);
      at += packet.captured_bytes;
    }
    return out;
  }();
  return shared;
}

CbpfProgram compiled(const benchmark::State& state) {
  return std::get<CbpfProgram>(
      compile(kExpressions[static_cast<std::size_t>(state.range(0))], LinkType::Ethernet));
}

// 4,096 packets stay in the second-level cache; the random order defeats the branch predictor's
// memory.
constexpr std::size_t kWarmPackets = 4096;

template <typename Run>
void run_over(benchmark::State& state, std::size_t packets, Run run) {
  const std::vector<Packet>& all = mix().packets;
  packets = std::min(packets, all.size());
  std::size_t i = 0;
  std::uint64_t accepted = 0;
  for (auto _ : state) {
    accepted += run(all[i]) != 0 ? 1u : 0u;
    if (++i == packets) i = 0;
  }
  state.SetLabel(kExpressions[static_cast<std::size_t>(state.range(0))]);
  state.counters["accepted"] =
      benchmark::Counter(static_cast<double>(accepted), benchmark::Counter::kAvgIterations);
}

void libpcap(benchmark::State& state) {
  std::vector<bpf_insn> program;
  for (const CbpfInstruction& in : compiled(state))
    program.push_back({in.code, in.jt, in.jf, in.k});
  run_over(state, static_cast<std::size_t>(state.range(1)), [&](const Packet& packet) {
    return bpf_filter(program.data(), packet.data, packet.wire_bytes, packet.captured_bytes);
  });
}

void weir(benchmark::State& state) {
  const Program program = Program::create(compiled(state)).value();
  run_over(state, static_cast<std::size_t>(state.range(1)),
           [&](const Packet& packet) { return program.run(packet.frame(), packet.wire_bytes); });
}

void arguments(benchmark::internal::Benchmark* benchmark) {
  for (std::size_t i = 0; i < kExpressions.size(); ++i) {
    benchmark->Args({static_cast<std::int64_t>(i), kWarmPackets});
  }
  benchmark->Args({2, 1'000'000});  // cold frames
}
BENCHMARK(libpcap)->Apply(arguments);
BENCHMARK(weir)->Apply(arguments);

// A whole batch, as the pipeline evaluates it; time per batch of 256.
void frame_filter(benchmark::State& state) {
  FrameFilter filter(kExpressions[static_cast<std::size_t>(state.range(0))], Scope::Frame);
  if (!filter.prepare(LinkType::Ethernet)) return state.SkipWithError("does not compile");
  struct Workspace {
    PacketBatch batch;
    HeadersArray headers;
    Verdicts verdicts;
  };
  const auto workspace = std::make_unique<Workspace>();
  std::size_t at = 0;
  for (auto _ : state) {
    std::copy_n(mix().packets.begin() + static_cast<std::ptrdiff_t>(at), kBatchPacketsMax,
                workspace->batch.packets.begin());
    workspace->batch.count = kBatchPacketsMax;
    benchmark::DoNotOptimize(
        filter.evaluate(workspace->batch, workspace->headers, 1, workspace->verdicts));
    at = (at + kBatchPacketsMax) % kWarmPackets;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatchPacketsMax));
  state.SetLabel(kExpressions[static_cast<std::size_t>(state.range(0))]);
}
BENCHMARK(frame_filter)->DenseRange(0, static_cast<int>(kExpressions.size()) - 1);

}  // namespace
}  // namespace weir::filter

BENCHMARK_MAIN();
