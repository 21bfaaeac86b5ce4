// What storing a packet costs: encoding alone, and through the file sink to a real file. Frames of
// 268 bytes lie behind 16-byte record heads in 64 MiB of memory, as in a mapped pcap file.
// WEIR_BENCH_DIR says where files go (the default is the working directory).
#include "output/pcapng_file.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/clock.h"
#include "output/open_pcapng.h"
#include "output/pcapng_encoder.h"

namespace weir::output {
namespace {

constexpr std::uint32_t kFrameBytes = 268;
constexpr std::uint32_t kStride = kFrameBytes + 16;
constexpr std::uint32_t kInputBytes = 64 * 1024 * 1024;

// Batches of 256 packets that walk through the input again and again.
class Input {
 public:
  Input() : memory_(kInputBytes, 0x5a) {
    interfaces_.add({.snaplen = 262'144, .name = "bench0"});
    verdicts_->wanted.fill(1);
  }
  const PacketBatch& next() {
    for (Packet& packet : batch_->packets) {
      if (at_ + kStride > kInputBytes) at_ = 0;
      packet.data = memory_.data() + at_ + 16;
      packet.captured_bytes = kFrameBytes;
      packet.wire_bytes = kFrameBytes;
      packet.time = {time_ += 1000};
      at_ += kStride;
    }
    batch_->count = kBatchPacketsMax;
    return *batch_;
  }
  [[nodiscard]] const InterfaceTable& interfaces() const { return interfaces_; }
  [[nodiscard]] const Verdicts& verdicts() const { return *verdicts_; }

 private:
  std::vector<std::uint8_t> memory_;
  std::unique_ptr<PacketBatch> batch_ = std::make_unique<PacketBatch>();
  std::unique_ptr<Verdicts> verdicts_ = std::make_unique<Verdicts>();
  InterfaceTable interfaces_;
  std::uint32_t at_ = 0;
  std::int64_t time_ = 1'700'000'000'000'000'000;
};

void report(benchmark::State& state, std::uint64_t file_bytes) {
  const auto packets = static_cast<double>(state.iterations()) * kBatchPacketsMax;
  state.counters["packets/s"] = benchmark::Counter(packets, benchmark::Counter::kIsRate);
  state.counters["ns/packet"] =
      benchmark::Counter(packets * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["GB/s"] =
      benchmark::Counter(static_cast<double>(file_bytes) * 1e-9, benchmark::Counter::kIsRate);
}

// The encoder into one block that stays in the cache.
void encode(benchmark::State& state) {
  Input input;
  PcapngEncoder encoder(storage::pcapng::local_identity());
  std::vector<std::uint8_t> block(PcapngFile::kBlockBytes + PcapngFile::kSlackBytes);
  Window window{block.data(), block.data() + PcapngFile::kBlockBytes};
  for (auto _ : state) {
    encoder.begin(input.next(), input.interfaces(), input.verdicts(), 1);
    while (encoder.fill(window) != Fill::Done) window.at = block.data();
  }
  report(state, encoder.extent().bytes);
}
BENCHMARK(encode);

// A plain copy of the same frames: the floor under encode.
void copy_frames(benchmark::State& state) {
  Input input;
  std::vector<std::uint8_t> block(PcapngFile::kBlockBytes + PcapngFile::kSlackBytes);
  std::uint8_t* at = block.data();
  for (auto _ : state) {
    for (const Packet& packet : input.next().view()) {
      if (at >= block.data() + PcapngFile::kBlockBytes) at = block.data();
      std::memcpy(at, packet.data, packet.captured_bytes);
      at += kFrameBytes + 32;
    }
    benchmark::ClobberMemory();
  }
  report(state, static_cast<std::uint64_t>(state.iterations()) * kBatchPacketsMax * kFrameBytes);
}
BENCHMARK(copy_frames);

void store(benchmark::State& state) {
  const char* const dir = std::getenv("WEIR_BENCH_DIR");
  const std::string path =
      (std::filesystem::path(dir != nullptr ? dir : ".") / "weir-bench.pcapng").string();
  Input input;
  auto opened = PcapngFile::open(
      {.path = path, .direct = state.range(0) != 0, .io_uring = state.range(1) != 0});
  if (!opened) return state.SkipWithError(opened.error().context.c_str());
  PcapngFile& sink = **opened;
  state.SetLabel(std::string(sink.mode()));
  for (auto _ : state) {
    if (auto ready = sink.reserve(); !ready) {
      state.SkipWithError(ready.error().context.c_str());
      break;
    }
    sink.write({input.next(), input.interfaces(), input.verdicts(), 1});
  }
  if (auto closed = sink.close(); !closed) state.SkipWithError(closed.error().context.c_str());
  report(state, sink.statistics().written_bytes.value());
  std::filesystem::remove(path);
}
// 16,000 batches are 1.2 GB.
BENCHMARK(store)
    ->Args({1, 1})
    ->Args({1, 0})
    ->Args({0, 0})
    ->ArgNames({"direct", "io_uring"})
    ->Iterations(16'000)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

// A change of files, as the worker sees it: how long the write() takes in which one file of 64 MiB
// is ended and the next begun.
void change_files(benchmark::State& state) {
  const char* const dir = std::getenv("WEIR_BENCH_DIR");
  const auto place = std::filesystem::path(dir != nullptr ? dir : ".") / "weir-bench-series";
  std::filesystem::create_directory(place);
  Input input;
  const SystemClock clock;
  auto opened = open_pcapng({.path = (place / "out.pcapng").string(),
                             .rotation = {.size_bytes = 64 << 20, .files_max = 3},
                             .clock = &clock});
  if (!opened) return state.SkipWithError(opened.error().context.c_str());
  Sink& sink = **opened;
  std::vector<double> stalls;
  for (auto _ : state) {
    if (!sink.reserve()) break;
    const std::uint64_t files = sink.files();
    const MonotonicTime begin = clock.monotonic();
    sink.write({input.next(), input.interfaces(), input.verdicts(), 1});
    if (sink.files() != files)
      stalls.push_back(static_cast<double>((clock.monotonic() - begin).count()) / 1000);
  }
  if (auto closed = sink.close(); !closed) state.SkipWithError(closed.error().context.c_str());
  std::filesystem::remove_all(place);
  if (stalls.empty()) return;
  std::sort(stalls.begin(), stalls.end());
  state.counters["changes"] = static_cast<double>(stalls.size());
  state.counters["median_us"] = stalls[stalls.size() / 2];
  state.counters["max_us"] = stalls.back();
}
BENCHMARK(change_files)->Iterations(16'000)->UseRealTime();

}  // namespace
}  // namespace weir::output

BENCHMARK_MAIN();
