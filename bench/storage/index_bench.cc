// What it costs to find packets again: nanoseconds a packet for the index, all included (the look
// into the table of fact sets, the keys of new ones, the page and the directory's filters), and its
// bytes for each byte of packets. Headers and keys are there before, as in a worker.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/prng.h"
#include "output/index_facts.h"
#include "support/headers_of.h"
#include "support/packet_builder.h"

namespace weir::output {
namespace {

using namespace storage::segment;

constexpr std::uint32_t kPacketBytes = 272;  // as a pcapng block
constexpr std::uint32_t kChunkPackets = kChunkBytesMax / kPacketBytes;
constexpr std::uint32_t kPagePackets = kChunkPackets * kPageChunksMax;

struct Flow {
  std::vector<std::uint8_t> frame;
  Packet packet;
  test::Parsed parsed;
};

std::string address(Prng& random, bool server) {
  // Few servers, and among them some that everyone asks.
  const std::uint64_t host = server ? random.below(1 + random.below(2000)) : random.below(20'000);
  return (server ? "198.51." : "10.7.") + std::to_string(host >> 8) + "." +
         std::to_string(host & 255);
}
std::string address6(Prng& random, bool server) {
  const std::uint64_t host = server ? random.below(1 + random.below(2000)) : random.below(20'000);
  std::string text(40, '\0');
  const int bytes =
      std::snprintf(text.data(), text.size(), "2001:db8:%x::%x",
                    server ? 1u : static_cast<unsigned>(host >> 4), static_cast<unsigned>(host));
  text.resize(static_cast<std::size_t>(bytes));
  return text;
}

// Hundredths of the flows: 2 in VXLAN, 2 ICMP, 20 of IPv6, 25 tagged, 35 of UDP.
Flow make_flow(Prng& random, bool tunnelled) {
  constexpr std::array<std::uint16_t, 6> kPorts = {443, 80, 53, 22, 8443, 123};
  test::PacketBuilder builder;
  builder.ethernet();
  if (tunnelled || random.chance(2, 100)) {
    builder.ipv4("172.16.0.1", "172.16.0.2")
        .udp(static_cast<std::uint16_t>(49152 + random.below(16384)), 4789)
        .vxlan(static_cast<std::uint32_t>(random.below(50)))
        .ethernet();
  } else if (random.chance(25, 100)) {
    builder.vlan(static_cast<std::uint16_t>(random.below(40)));
  }
  if (random.chance(20, 100)) {
    builder.ipv6(address6(random, false), address6(random, true));
  } else {
    builder.ipv4(address(random, false), address(random, true));
  }
  const auto client = static_cast<std::uint16_t>(32768 + random.below(28'000));
  const std::uint16_t server = kPorts[random.below(1 + random.below(kPorts.size()))];
  if (random.chance(2, 100)) {
    builder.icmp(8);
  } else if (random.chance(35, 100)) {
    builder.udp(client, server);
  } else {
    builder.tcp(client, server);
  }
  Flow flow;
  flow.frame = builder.payload(20).build();
  flow.packet.data = flow.frame.data();
  flow.packet.captured_bytes = static_cast<std::uint32_t>(flow.frame.size());
  flow.packet.wire_bytes = flow.packet.captured_bytes;
  flow.parsed = test::parse(flow.packet);
  return flow;
}

struct Traffic {
  std::vector<std::vector<Flow>> pages;  // the flows of each
  std::vector<std::uint32_t> order;      // the flow of each packet
};

// Pages follow each other in a ring that is long enough for the index to have forgotten what comes
// again, but for the flows that go on through all of them.
constexpr std::size_t kPages = 8;

// Pages of packets: flows of Pareto lengths, each spread over some of the time; so many in a
// hundred go on from page to page.
Traffic make_traffic(double shortest, bool tunnelled, std::uint64_t lasting) {
  Prng random(7);
  Traffic traffic;
  std::vector<std::pair<double, std::uint32_t>> packets;
  const auto uniform = [&] {
    return (static_cast<double>(random.below(1u << 30)) + 1) / (1u << 30);
  };
  std::uint32_t flows = 0;
  while (packets.size() < kPagePackets) {
    const std::uint32_t flow = flows++;
    const double length = std::min(5000.0, std::ceil(shortest * std::pow(uniform(), -1 / 1.3)));
    const double start = uniform();
    const double lasts = uniform() * 0.3;
    for (double i = 0; i < length; ++i) packets.emplace_back(start + lasts * uniform(), flow);
  }
  std::sort(packets.begin(), packets.end());
  packets.resize(kPagePackets);
  for (const auto& [time, flow] : packets) traffic.order.push_back(flow);
  std::vector<bool> lasts(flows);
  for (std::uint32_t flow = 0; flow < flows; ++flow) lasts[flow] = random.below(100) < lasting;
  for (std::uint64_t page = 0; page < kPages; ++page) {
    traffic.pages.emplace_back();
    for (std::uint64_t flow = 0; flow < flows; ++flow) {
      Prng its((lasts[flow] ? 0 : page + 1) * 1'000'003 + flow);
      traffic.pages.back().push_back(make_flow(its, tunnelled));
    }
  }
  return traffic;
}

// Packets as a worker has them: parsed just before.
struct Batch {
  std::array<std::array<std::uint8_t, 192>, kBatchPacketsMax> frames;  // longer than any
  std::array<Packet, kBatchPacketsMax> packets;
  HeadersArray headers;
  KeysArray keys;
};

void run(benchmark::State& state, const Traffic& traffic) {
  using Clock = std::chrono::steady_clock;
  IndexBuilder builder(UidColumn::No);
  const IndexFacts facts(1);
  std::vector<std::unique_ptr<KeyFilter>> owned;
  ColumnFilters filters{};
  // None for protocols: a segment has nearly all ports.
  for (const Column column : {Column::Ipv4, Column::Ipv6, Column::Tenants, Column::CommunityId}) {
    owned.push_back(std::make_unique<KeyFilter>(1u << 22));
    filters[static_cast<std::size_t>(column)] = owned.back().get();
  }
  std::vector<std::uint8_t> page(kUnitBytesMax);
  const auto batch = std::make_unique<Batch>();
  std::array<std::uint64_t, kBatchPacketsMax> hashes;
  std::uint64_t packets = 0;
  std::uint64_t index_bytes = 0;
  // Of each batch, and of each page, the fastest time: other programs run beside a benchmark.
  struct Fastest {
    Clock::duration hash = Clock::duration::max();
    Clock::duration note = Clock::duration::max();
  };
  constexpr std::size_t kPageBatches = kPageChunksMax * (kChunkPackets / kBatchPacketsMax + 1);
  std::vector<Fastest> fastest(kPages * kPageBatches);
  std::array<Clock::duration, kPages> encoding;
  encoding.fill(Clock::duration::max());
  std::size_t pages = 0;
  for (auto _ : state) {
    const std::size_t page_index = pages++ % kPages;
    const std::vector<Flow>& flows = traffic.pages[page_index];
    Clock::duration hash_time{};
    Clock::duration note_time{};
    std::size_t next = 0;
    std::size_t batch_index = page_index * kPageBatches;
    for (std::uint32_t chunk = 0; chunk < kPageChunksMax; ++chunk) {
      builder.begin_chunk();
      const std::size_t end = next + kChunkPackets;
      while (next < end) {
        const std::size_t count = std::min(kBatchPacketsMax, end - next);
        for (std::size_t i = 0; i < count; ++i) {
          const Flow& flow = flows[traffic.order[next + i]];
          std::copy(flow.frame.begin(), flow.frame.end(), batch->frames[i].begin());
          batch->packets[i] = flow.packet;
          batch->packets[i].data = batch->frames[i].data();
          batch->headers[i] = flow.parsed.headers;
          batch->keys[i] = flow.parsed.keys;
        }
        const auto begin = Clock::now();
        for (std::size_t i = 0; i < count; ++i) {
          hashes[i] = facts.hash(batch->packets[i], batch->headers[i], batch->keys[i]);
          builder.prefetch(hashes[i]);
        }
        const auto middle = Clock::now();
        for (std::size_t i = 0; i < count; ++i) {
          facts.note(hashes[i], batch->packets[i], batch->headers[i], batch->keys[i], builder);
        }
        const auto end_of_batch = Clock::now();
        hash_time += middle - begin;
        note_time += end_of_batch - middle;
        Fastest& best = fastest[batch_index++];
        best.hash = std::min(best.hash, middle - begin);
        best.note = std::min(best.note, end_of_batch - middle);
        next += count;
      }
      builder.end_chunk({.packets = kChunkPackets});
    }
    const auto begin = Clock::now();
    index_bytes += builder.encode({}, page, filters);
    const auto encode_time = Clock::now() - begin;
    packets += kPagePackets;
    encoding[page_index] = std::min(encoding[page_index], encode_time);
    state.SetIterationTime(
        std::chrono::duration<double>(hash_time + note_time + encode_time).count());
  }
  state.counters["flows"] = static_cast<double>(traffic.pages.front().size());
  Clock::duration hashing{};
  Clock::duration noting{};
  for (const Fastest& batch_time : fastest) {
    if (batch_time.hash == Clock::duration::max()) continue;  // the page has fewer, or never came
    hashing += batch_time.hash;
    noting += batch_time.note;
  }
  Clock::duration packing{};
  for (const Clock::duration page_time : encoding) {
    if (page_time != Clock::duration::max()) packing += page_time;
  }
  const auto pages_met = static_cast<double>(std::min(pages, kPages));
  const auto each_ns = [&](Clock::duration spent) {
    return std::chrono::duration<double, std::nano>(spent).count() / kPagePackets / pages_met;
  };
  state.counters["hash_ns"] = each_ns(hashing);
  state.counters["note_ns"] = each_ns(noting);
  state.counters["encode_ns"] = each_ns(packing);
  state.counters["total_ns"] = each_ns(hashing) + each_ns(noting) + each_ns(packing);
  state.counters["index_percent"] =
      100 * static_cast<double>(index_bytes) / (static_cast<double>(packets) * kPacketBytes);
}

// Arguments: the shortest flow, in tenths of a packet (flows are four times as long in the mean),
// and how many in a hundred go on from page to page. A page is 64 MiB: at 10 Gbit/s they come every
// 54 ms, at 100 Mbit/s every 5 s.
void BM_IndexMixed(benchmark::State& state) {
  run(state, make_traffic(static_cast<double>(state.range(0)) / 10, false,
                          static_cast<std::uint64_t>(state.range(1))));
}
BENCHMARK(BM_IndexMixed)
    ->ArgsProduct({{47, 26}, {0, 50, 90}})
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

// All of it mirrored in VXLAN.
void BM_IndexTunnelled(benchmark::State& state) {
  run(state, make_traffic(static_cast<double>(state.range(0)) / 10, true,
                          static_cast<std::uint64_t>(state.range(1))));
}
BENCHMARK(BM_IndexTunnelled)
    ->ArgsProduct({{47}, {0, 50, 90}})
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace weir::output

BENCHMARK_MAIN();
