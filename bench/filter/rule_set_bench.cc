// Rules on header conditions: what a packet costs by the number of rules, what a list costs to
// compile, and its tables' size.
//
// rule_set/N/KIND: a packet through N rules that match few packets or many, behind a header parser
// that has its findings in the cache (time per packet: 1 / items_per_second).
#include "filter/rule_set.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/bytes.h"
#include "base/prng.h"

namespace weir::filter {
namespace {

enum class Kind : std::int64_t {
  Tuples,     // source net, destination net, ports, protocol; hosts to /16
  EitherEnd,  // hosts and ports at either end, every third rule with only one of the two
  Grid,       // N / 100 nets, 100 ports, every pair of them a rule
};

std::string net(Prng& prng, std::uint32_t address) {
  constexpr std::array<std::uint32_t, 6> kLengths = {32, 32, 32, 24, 24, 16};
  const std::uint32_t length = kLengths[prng.below(kLengths.size())];
  const auto a = address & static_cast<std::uint32_t>(~std::uint64_t{0} << (32 - length));
  return std::to_string(a >> 24) + "." + std::to_string(a >> 16 & 255) + "." +
         std::to_string(a >> 8 & 255) + "." + std::to_string(a & 255) + "/" +
         std::to_string(length);
}
std::uint32_t random_address(Prng& prng) {  // 10.0.0.0/10
  return 0x0a000000u | static_cast<std::uint32_t>(prng.below(1u << 22));
}
NumberRange random_port(Prng& prng) {
  constexpr std::array<std::uint32_t, 8> kKnown = {80, 443, 53, 22, 25, 8080, 3306, 5060};
  if (prng.chance(1, 4)) return {1024, 65535};
  const auto port = prng.chance(1, 2) ? kKnown[prng.below(kKnown.size())]
                                      : static_cast<std::uint32_t>(prng.below(65536));
  return {port, port};
}

RuleSpec random_rule(Prng& prng, Kind kind, std::size_t index) {
  RuleSpec rule;
  rule.action = prng.chance(1, 3) ? RuleAction::Reject : RuleAction::Accept;
  if (kind == Kind::Tuples) {
    rule.source_nets = {net(prng, random_address(prng))};
    rule.destination_nets = {net(prng, random_address(prng))};
    if (prng.chance(1, 2)) rule.source_ports = {random_port(prng)};
    rule.destination_ports = {random_port(prng)};
    const std::uint32_t protocol = prng.chance(2, 3) ? 6 : 17;
    rule.protocols = {{protocol, protocol}};
  } else if (kind == Kind::EitherEnd) {
    const std::uint64_t which = prng.below(6);
    if (which != 0) rule.nets = {net(prng, random_address(prng) & ~15u)};
    if (which != 1) rule.ports = {random_port(prng)};
  } else {
    const auto at = static_cast<std::uint32_t>(index);
    rule.nets = {"10.1." + std::to_string(at / 100) + ".0/24"};
    rule.ports = {{1 + at % 100, 1 + at % 100}};
  }
  return rule;
}

std::vector<RuleSpec> random_rules(std::size_t count, Kind kind) {
  Prng prng(count);
  std::vector<RuleSpec> rules;
  for (std::size_t i = 0; i < count; ++i) rules.push_back(random_rule(prng, kind, i));
  return rules;
}

// 16 batches of parsed headers; half of the packets are made to satisfy a rule.
struct Traffic {
  struct Batch {
    PacketBatch batch;
    HeadersArray headers{};
    KeysArray keys;
  };
  std::vector<std::unique_ptr<Batch>> batches;
};

void put_address(IpAddress& out, std::uint32_t address) {
  out.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  store_be(out.bytes.data() + 12, address);
}
std::uint32_t address_in(Prng& prng, const std::vector<std::string>& nets) {
  std::array<std::uint32_t, 5> part{};
  if (nets.empty()) return random_address(prng);
  std::sscanf(nets[0].c_str(), "%u.%u.%u.%u/%u", &part[0], &part[1], &part[2], &part[3], &part[4]);
  const std::uint32_t base = part[0] << 24 | part[1] << 16 | part[2] << 8 | part[3];
  return base | static_cast<std::uint32_t>(prng.below(std::uint64_t{1} << (32 - part[4])));
}
std::uint16_t port_in(Prng& prng, const std::vector<NumberRange>& ports) {
  if (ports.empty()) return static_cast<std::uint16_t>(prng.below(65536));
  return static_cast<std::uint16_t>(ports[0].first +
                                    prng.below(ports[0].last - ports[0].first + 1));
}

Traffic traffic_for(const std::vector<RuleSpec>& rules) {
  Prng prng(7);
  const RuleSpec any;
  Traffic out;
  for (int b = 0; b < 16; ++b) {
    auto& batch = *out.batches.emplace_back(std::make_unique<Traffic::Batch>());
    batch.batch.count = kBatchPacketsMax;
    for (std::size_t i = 0; i < kBatchPacketsMax; ++i) {
      const RuleSpec& like = prng.chance(1, 2) ? rules[prng.below(rules.size())] : any;
      PacketKeys& keys = batch.keys[i];
      batch.headers[i].transport_offset = 34;
      batch.headers[i].payload_offset = 54;
      batch.batch.packets[i].captured_bytes = batch.batch.packets[i].wire_bytes = 100;
      keys.ip_version = 4;
      keys.ip_protocol = like.protocols.empty()
                             ? (prng.chance(2, 3) ? 6 : 17)
                             : static_cast<std::uint8_t>(like.protocols[0].first);
      put_address(keys.source, address_in(prng, like.nets.empty() ? like.source_nets : like.nets));
      put_address(keys.destination, address_in(prng, like.destination_nets));
      keys.source_port = port_in(prng, like.source_ports);
      keys.destination_port =
          port_in(prng, like.ports.empty() ? like.destination_ports : like.ports);
    }
  }
  return out;
}

void rule_set(benchmark::State& state) {
  const auto rules =
      random_rules(static_cast<std::size_t>(state.range(0)), static_cast<Kind>(state.range(1)));
  const auto set = RuleSet::compile(rules, RuleAction::Accept, Scope::Frame);
  if (!set) return state.SkipWithError(set.error().context.c_str());
  const Traffic traffic = traffic_for(rules);
  RuleCounters counters(set->size());
  const auto outcomes = std::make_unique<RuleOutcomes>();
  const auto verdicts = std::make_unique<Verdicts>();
  std::size_t at = 0;
  for (auto _ : state) {
    const Traffic::Batch& batch = *traffic.batches[at++ % traffic.batches.size()];
    verdicts->wanted.fill(1);
    benchmark::DoNotOptimize(
        set->evaluate(batch.batch, batch.headers, batch.keys, 1, *verdicts, *outcomes, counters));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatchPacketsMax));
  const auto otherwise = static_cast<double>(counters.otherwise().packets.value());
  state.counters["matched"] = 1 - otherwise / static_cast<double>(state.items_processed());
  state.counters["table_KiB"] = static_cast<double>(set->table_bytes()) / 1024;
}
BENCHMARK(rule_set)->ArgsProduct({{10, 100, 1000, 4000, 16000}, {0, 1, 2}});

void compile(benchmark::State& state) {
  const auto rules =
      random_rules(static_cast<std::size_t>(state.range(0)), static_cast<Kind>(state.range(1)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(RuleSet::compile(rules, RuleAction::Accept, Scope::Frame));
  }
}
BENCHMARK(compile)->ArgsProduct({{100, 1000, 16000}, {0, 1, 2}})->Unit(benchmark::kMicrosecond);

void clone(benchmark::State& state) {
  const auto set = RuleSet::compile(random_rules(static_cast<std::size_t>(state.range(0)), Kind{0}),
                                    RuleAction::Accept, Scope::Frame);
  for (auto _ : state) benchmark::DoNotOptimize(set->clone());
}
BENCHMARK(clone)->Arg(1000)->Arg(16000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace weir::filter

BENCHMARK_MAIN();
