// How fast files become batches, from the page cache, on one core: the share of `weir read` that is
// the source's. Mixed sizes, 268 bytes a packet on average, 1 GB a file. Every frame's type field
// is read, as a filter would.
#include "interface/capture_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/prng.h"
#include "support/temp_dir.h"

namespace weir {
namespace {

constexpr std::uint64_t kFileBytes = 1'000'000'000;
constexpr std::uint32_t kFrameBytesMax = 1514;

enum class Format : std::uint8_t { Pcap, Pcapng };

std::uint32_t next_frame_bytes(Prng& prng) {
  const std::uint64_t share = prng.below(100);
  if (share < 50) return 66;
  if (share < 80) return static_cast<std::uint32_t>(100 + prng.below(300));
  return static_cast<std::uint32_t>(share < 95 ? 600 : kFrameBytesMax);
}

class Writer {
 public:
  explicit Writer(const std::string& path) : file_(std::fopen(path.c_str(), "wb")) {
    if (file_ == nullptr) throw std::runtime_error("cannot write " + path);
  }
  ~Writer() { std::fclose(file_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void words(const std::vector<std::uint32_t>& words) { bytes(words.data(), words.size() * 4); }
  void bytes(const void* from, std::size_t count) {
    if (std::fwrite(from, 1, count, file_) != count)
      throw std::runtime_error("cannot write the file to read");
    written_ += count;
  }
  [[nodiscard]] std::uint64_t written() const { return written_; }

 private:
  std::FILE* file_;
  std::uint64_t written_ = 0;
};

void write_capture(const std::string& path, Format format) {
  Writer out(path);
  Prng prng(1);
  const std::vector<std::uint8_t> frame(kFrameBytesMax + 4, 0x08);
  if (format == Format::Pcap) {
    out.words({0xa1b2c3d4, 0x00040002, 0, 0, 262144, 1});
  } else {
    out.words(
        {0x0a0d0d0a, 28, 0x1a2b3c4d, 0x00000001, 0xffffffff, 0xffffffff, 28, 1, 20, 1, 262144, 20});
  }
  for (std::uint32_t time = 0; out.written() < kFileBytes; ++time) {
    const std::uint32_t bytes = next_frame_bytes(prng);
    if (format == Format::Pcap) {
      out.words({1'700'000'000 + time / 1'000'000, time % 1'000'000, bytes, bytes});
      out.bytes(frame.data(), bytes);
    } else {
      const std::uint32_t padded = (bytes + 3) & ~3u;
      out.words({6, 32 + padded, 0, 0x00060a24, time, bytes, bytes});
      out.bytes(frame.data(), padded);
      out.words({32 + padded});
    }
  }
}

void read_file(benchmark::State& state, const std::string& path) {
  auto batch = std::make_unique<PacketBatch>();
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  for (auto _ : state) {
    auto source = interface::CaptureFileSource::open({path});
    if (!source) return state.SkipWithError(source.error().context.c_str());
    std::uint64_t types = 0;
    while ((*source)->next_batch(*batch, kBatchPacketsMax, Duration{}) ==
           interface::Pull::Packets) {
      for (const Packet& packet : batch->view()) types += packet.data[12];
      (*source)->release(*batch);
    }
    benchmark::DoNotOptimize(types);
    packets += (*source)->statistics().delivered.value();
    bytes += (*source)->progress().bytes_done;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(packets));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

// The kernel's share: the same bytes through read(2) into the same amount of memory.
void read_bare(benchmark::State& state, const std::string& path) {
  std::vector<std::uint8_t> buffer(256 * 1024);
  std::uint64_t bytes = 0;
  for (auto _ : state) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    for (ssize_t got = 1; got > 0;) {
      got = ::read(fd.get(), buffer.data(), buffer.size());
      bytes += static_cast<std::uint64_t>(got > 0 ? got : 0);
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  const weir::test::TempDir dir;
  const std::string pcap = dir.file("a.pcap");
  const std::string pcapng = dir.file("a.pcapng");
  weir::write_capture(pcap, weir::Format::Pcap);
  weir::write_capture(pcapng, weir::Format::Pcapng);
  benchmark::RegisterBenchmark("BareRead", weir::read_bare, pcap)->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("Pcap", weir::read_file, pcap)->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("Pcapng", weir::read_file, pcapng)->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
