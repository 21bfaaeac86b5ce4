// What it costs to validate sources: both steps over batches of 256 frames that are in the cache
// (time per packet: 1 / items_per_second). `trains`: a source sends eight frames in a row, as hosts
// do; otherwise every frame comes from another one.
#include "security/source_validator.h"

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

struct Traffic {
  explicit Traffic(std::size_t train) : frames(kFrames * kFrameBytes) {
    Prng prng(1);
    std::uint32_t address = 0;
    std::uint32_t vni = 0;
    for (std::size_t i = 0; i < kFrames; ++i) {
      if (i % train == 0) {
        // Of the even /24 of 10.0.0.0/8, which are allowed below, or of one in 64 others.
        address = 0x0a000000u | static_cast<std::uint32_t>(prng.below(10'000)) << 9 |
                  (prng.chance(1, 64) ? 0x100u : 0u) | static_cast<std::uint32_t>(prng.below(256));
        vni = static_cast<std::uint32_t>(prng.below(1000)) * 2;
      }
      std::uint8_t* const at = &frames[i * kFrameBytes];
      store_be<std::uint16_t>(at + 12, 0x0800);
      at[14] = 0x45;
      store_be<std::uint32_t>(at + 26, address);
      vnis.push_back(vni);
    }
  }
  std::vector<std::uint8_t> frames;
  std::vector<std::uint32_t> vnis;
};

void run(benchmark::State& state, const SourceRules& rules) {
  auto validator = SourceValidator::compile(std::vector<SourceRules>{rules});
  if (!validator) return state.SkipWithError("does not compile");
  validator->prepare("eth0");
  const Traffic traffic(static_cast<std::size_t>(state.range(0)));
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
void many(benchmark::State& state) {
  SourceRules rules{.interfaces = {"eth0"}};
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    rules.nets.push_back("10." + std::to_string(i >> 7) + "." + std::to_string(i % 128 * 2) +
                         ".0/24");
  }
  for (std::uint32_t i = 0; i < 1000; ++i) rules.vnis.push_back({i * 2, i * 2});
  run(state, rules);
}

BENCHMARK(no_rules)->ArgName("train")->Arg(1);
BENCHMARK(one_net)->ArgName("train")->Arg(8)->Arg(1);
BENCHMARK(one_net_and_vnis)->ArgName("train")->Arg(8)->Arg(1);
BENCHMARK(many)->ArgName("train")->Arg(8)->Arg(1);

}  // namespace
}  // namespace weir::security

BENCHMARK_MAIN();
