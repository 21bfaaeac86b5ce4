// What it costs to validate sources: both steps over batches of 256 frames that are in the cache
// (time per packet: 1 / items_per_second). `trains`: a source sends eight frames in a row, as hosts
// do; otherwise every frame comes from another one.
#include "security/source_validator.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/bytes.h"
#include "base/prng.h"

namespace weir::security {
namespace {

constexpr std::size_t kFrames = 1024;
constexpr std::size_t kFrameBytes = 128;
constexpr std::uint32_t kNets = 10'000;
constexpr std::uint32_t kVnis = 1000;

// Sources that rules below allow, one in 64 beside them.
using Source = void (*)(Prng& prng, std::uint8_t* frame);

void put_address(std::uint8_t* frame, std::uint32_t address) {
  store_be<std::uint16_t>(frame + 12, 0x0800);
  frame[14] = 0x45;
  store_be(frame + 26, address);
}

// The even /24 of 10.0.0.0/8.
std::uint32_t net(std::uint32_t i) { return 0x0a000000u | i << 9; }
void from_net(Prng& prng, std::uint8_t* frame) {
  const auto i = static_cast<std::uint32_t>(prng.below(kNets));
  const std::uint32_t beside = prng.chance(1, 64) ? 0x100 : 0;
  put_address(frame, (net(i) | beside) + static_cast<std::uint32_t>(prng.below(256)));
}
// From anywhere: the numbers of 32 bits in an order that looks random.
std::uint32_t scattered(std::uint32_t i) { return i * 2654435761u; }
void from_scattered_net(Prng& prng, std::uint8_t* frame) {
  const auto i = static_cast<std::uint32_t>(prng.below(kNets));
  const std::uint32_t beside = prng.chance(1, 64) ? 0x100 : 0;
  put_address(frame,
              ((scattered(i) & ~0xffu) ^ beside) | static_cast<std::uint32_t>(prng.below(256)));
}
void from_scattered_host(Prng& prng, std::uint8_t* frame) {
  const auto i = static_cast<std::uint32_t>(prng.below(kNets));
  put_address(frame, scattered(i) ^ (prng.chance(1, 64) ? 1u : 0u));
}
// Of 2001:db8::/32, and half of them of one /48 of it.
std::uint64_t net_6(std::uint32_t i) {
  return 0x20010db800000000u | (i % 2 == 0 ? scattered(i) : 0x77770000u + i);
}
void from_net_6(Prng& prng, std::uint8_t* frame) {
  const auto i = static_cast<std::uint32_t>(prng.below(kNets));
  store_be<std::uint16_t>(frame + 12, 0x86dd);
  frame[14] = 0x60;
  store_be(frame + 22, net_6(i) ^ (prng.chance(1, 64) ? 1u << 16 : 0u));
  store_be(frame + 30, prng.next());
}
// Of few makers, as MACs are.
std::uint64_t mac(std::uint32_t i) {
  return 0x020000000000u + (std::uint64_t{i % 16} << 24) + scattered(i) % 0x1000000;
}
void from_mac(Prng& prng, std::uint8_t* frame) {
  const std::uint64_t source =
      mac(static_cast<std::uint32_t>(prng.below(kNets))) ^ (prng.chance(1, 64) ? 1u << 30 : 0u);
  store_be(frame + 6, static_cast<std::uint16_t>(source >> 32));
  store_be(frame + 8, static_cast<std::uint32_t>(source));
  put_address(frame, 0x0a000001);
}

struct Traffic {
  Traffic(Source source, std::size_t train) : frames(kFrames * kFrameBytes) {
    Prng prng(1);
    for (std::size_t i = 0; i < kFrames; ++i) {
      std::uint8_t* const at = &frames[i * kFrameBytes];
      if (i % train == 0) {
        source(prng, at);
        vnis.push_back(static_cast<std::uint32_t>(prng.below(kVnis)) * 2);
      } else {
        std::copy_n(at - kFrameBytes, kFrameBytes, at);
        vnis.push_back(vnis.back());
      }
    }
  }
  std::vector<std::uint8_t> frames;
  std::vector<std::uint32_t> vnis;
};

void run(benchmark::State& state, const SourceRules& rules, Source source = from_net) {
  auto validator = SourceValidator::compile(std::vector<SourceRules>{rules});
  if (!validator) return state.SkipWithError("does not compile");
  validator->prepare("eth0");
  const Traffic traffic(source, static_cast<std::size_t>(state.range(0)));
  std::vector<std::unique_ptr<PacketBatch>> batches;
  std::vector<std::unique_ptr<KeysArray>> keys;
  for (std::size_t i = 0; i < kFrames; ++i) {
    if (i % kBatchPacketsMax == 0) {
      batches.push_back(std::make_unique<PacketBatch>());
      keys.push_back(std::make_unique<KeysArray>());
    }
    PacketBatch& batch = *batches.back();
    (*keys.back())[batch.count].tenant.vni = traffic.vnis[i];
    batch.packets[batch.count++] = {.data = &traffic.frames[i * kFrameBytes],
                                    .captured_bytes = kFrameBytes,
                                    .wire_bytes = kFrameBytes};
  }
  SourceVerdicts verdicts;
  std::uint64_t refused = 0;
  std::size_t next = 0;
  for (auto _ : state) {
    const PacketBatch& batch = *batches[next];
    validator->check_frames(batch, verdicts);
    validator->check_tenants(batch, *keys[next], verdicts);
    refused += verdicts.refused;
    benchmark::DoNotOptimize(verdicts);
    next = (next + 1) % batches.size();
  }
  const auto packets = state.iterations() * static_cast<std::int64_t>(kBatchPacketsMax);
  state.SetItemsProcessed(packets);
  state.counters["refused"] = static_cast<double>(refused) / static_cast<double>(packets);
}

void no_rules(benchmark::State& state) { run(state, {}); }
void one_net(benchmark::State& state) { run(state, {.nets = {"10.0.0.0/8"}}); }
void one_net_and_vnis(benchmark::State& state) {
  run(state, {.nets = {"10.0.0.0/8"}, .vnis = {{0, 10'000}}});
}

std::string text_of(std::uint32_t address) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    text += (text.empty() ? "" : ".") + std::to_string(address >> shift & 255);
  }
  return text;
}
SourceRules many_rules() {
  SourceRules rules{.interfaces = {"eth0"}};
  for (std::uint32_t i = 0; i < kNets; ++i) rules.nets.push_back(text_of(net(i)) + "/24");
  for (std::uint32_t i = 0; i < kVnis; ++i) rules.vnis.push_back({i * 2, i * 2});
  return rules;
}
void many(benchmark::State& state) { run(state, many_rules()); }
void many_scattered(benchmark::State& state) {
  SourceRules rules = many_rules();
  rules.nets.clear();
  for (std::uint32_t i = 0; i < kNets; ++i) {
    rules.nets.push_back(text_of(scattered(i) & ~0xffu) + "/24");
  }
  run(state, rules, from_scattered_net);
}
void many_hosts(benchmark::State& state) {
  SourceRules rules = many_rules();
  rules.nets.clear();
  for (std::uint32_t i = 0; i < kNets; ++i) rules.nets.push_back(text_of(scattered(i)));
  run(state, rules, from_scattered_host);
}
// Nets of IPv6, and MACs, without VNIs.
void many_6(benchmark::State& state) {
  SourceRules rules;
  for (std::uint32_t i = 0; i < kNets; ++i) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "2001:db8:%x:%x::/64",
                  static_cast<unsigned>(net_6(i) >> 16 & 0xffff),
                  static_cast<unsigned>(net_6(i) & 0xffff));
    rules.nets.push_back(text.data());
  }
  run(state, rules, from_net_6);
}
void many_macs(benchmark::State& state) {
  SourceRules rules;
  for (std::uint32_t i = 0; i < kNets; ++i) rules.macs.push_back(mac_text(mac(i)));
  run(state, rules, from_mac);
}
// What a change of the rules waits for.
void compile_many(benchmark::State& state) {
  const std::vector<SourceRules> rules = {many_rules()};
  for (auto _ : state) benchmark::DoNotOptimize(SourceValidator::compile(rules));
}

BENCHMARK(no_rules)->ArgName("train")->Arg(1);
BENCHMARK(one_net)->ArgName("train")->Arg(8)->Arg(1);
BENCHMARK(one_net_and_vnis)->ArgName("train")->Arg(8)->Arg(1);
BENCHMARK(many)->ArgName("train")->Arg(8)->Arg(1);
BENCHMARK(many_scattered)->ArgName("train")->Arg(8)->Arg(1);
BENCHMARK(many_hosts)->ArgName("train")->Arg(8)->Arg(1);
BENCHMARK(many_6)->ArgName("train")->Arg(8)->Arg(1);
BENCHMARK(many_macs)->ArgName("train")->Arg(8)->Arg(1);
BENCHMARK(compile_many)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace weir::security

BENCHMARK_MAIN();
