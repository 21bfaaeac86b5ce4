// Nanoseconds for what is computed once a packet (key hash, checksum) or once a flow (uid,
// Community ID), with everything in cache.
#include <array>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/bytes.h"
#include "base/prng.h"
#include "protocol/deep/checksum.h"
#include "protocol/deep/community_id.h"
#include "protocol/deep/key_hash.h"
#include "protocol/deep/uid.h"

namespace weir::protocol {
namespace {

using Keys = std::array<FlowKey, 256>;

Keys random_keys() {
  Prng prng(1);
  Keys keys;
  for (FlowKey& key : keys) {
    key.ip_version = 4;
    key.ip_protocol = 6;
    store_le(key.low.bytes.data() + 8, prng.next());
    store_le(key.high.bytes.data() + 8, prng.next());
    key.low_port = static_cast<std::uint16_t>(prng.next());
    key.high_port = static_cast<std::uint16_t>(prng.next());
  }
  return keys;
}

void key_hash_of_a_key(benchmark::State& state) {
  const Keys keys = random_keys();
  const HashSecret secret = make_hash_secret(1);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(key_hash(keys[i++ % keys.size()], secret));
}
BENCHMARK(key_hash_of_a_key);

// As a table sees it that waits for the bucket: the next hash begins when this one is there.
void key_hash_in_a_chain(benchmark::State& state) {
  const Keys keys = random_keys();
  const HashSecret secret = make_hash_secret(1);
  std::uint64_t hash = 0;
  for (auto _ : state) {
    hash = key_hash(keys[hash % keys.size()], secret);
    benchmark::DoNotOptimize(hash);
  }
}
BENCHMARK(key_hash_in_a_chain);

void uid_of_a_flow(benchmark::State& state) {
  const Keys keys = random_keys();
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(make_uid(keys[i % keys.size()], Timestamp{1}, 0, 1));
    ++i;
  }
}
BENCHMARK(uid_of_a_flow);

void uid_as_text(benchmark::State& state) {
  Uid uid{{0x01234567, 0x89abcdef, 0}};
  for (auto _ : state) {
    ++uid.words[2];
    benchmark::DoNotOptimize(text_of(uid));
  }
}
BENCHMARK(uid_as_text);

void community_id_of_a_flow(benchmark::State& state) {
  const Keys keys = random_keys();
  const CommunityIdHasher hasher;
  Endpoints ends{.ip_protocol = 6, .ip_version = static_cast<std::uint8_t>(state.range(0))};
  std::size_t i = 0;
  for (auto _ : state) {
    const FlowKey& key = keys[i++ % keys.size()];
    ends.originator = key.low;
    ends.responder = key.high;
    benchmark::DoNotOptimize(hasher.text(ends));
  }
}
BENCHMARK(community_id_of_a_flow)->ArgName("ip")->Arg(4)->Arg(6);

// At an odd address, as payload often lies.
void checksum_of_bytes(benchmark::State& state) {
  const std::vector<std::uint8_t> bytes(static_cast<std::size_t>(state.range(0)) + 1, 0xa5);
  const Bytes segment = Bytes(bytes).subspan(1);
  for (auto _ : state) benchmark::DoNotOptimize(ones_complement_sum(segment));
}
BENCHMARK(checksum_of_bytes)->ArgName("bytes")->Arg(20)->Arg(60)->Arg(127)->Arg(300)->Arg(1460);

void checksum_of_a_segment(benchmark::State& state) {
  const std::vector<std::uint8_t> bytes(static_cast<std::size_t>(state.range(0)), 0xa5);
  const Keys keys = random_keys();
  for (auto _ : state) {
    benchmark::DoNotOptimize(transport_checksum_ok(keys[0].low, keys[0].high, 6, bytes));
  }
}
BENCHMARK(checksum_of_a_segment)->ArgName("bytes")->Arg(60)->Arg(1460);

}  // namespace
}  // namespace weir::protocol

BENCHMARK_MAIN();
