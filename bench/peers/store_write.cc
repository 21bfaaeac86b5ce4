// store-write DIR BYTES FRAME_BYTES FLOWS [DURABILITY [CODEC]]: packets from memory through the
// lane of a packet store to the disk, one thread: encoding, checksum, index. What it cost is
// printed as one JSON object. Headers are parsed beforehand.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/prng.h"
#include "output/segment_store.h"
#include "output/store_sink.h"
#include "protocol/headers/parse_batch.h"

namespace {

using namespace weir;

constexpr std::size_t kMemoryBytes = 64 << 20;
constexpr std::size_t kBatches = 64;  // whose headers are kept: they stay in a near cache

struct Parsed {
  PacketBatch batch;
  HeadersArray headers;
  KeysArray keys;
};

// UDP in IPv4 in Ethernet, between ends that depend on the flow.
void make_frame(std::uint8_t* at, std::uint32_t bytes, std::uint32_t flow) {
  std::memset(at, 0x5a, bytes);
  store_be<std::uint16_t>(at + 12, 0x0800);
  std::uint8_t* const ip = at + 14;
  ip[0] = 0x45;
  ip[1] = 0;
  store_be(ip + 2, static_cast<std::uint16_t>(bytes - 14));
  store_be<std::uint32_t>(ip + 4, 0);
  ip[8] = 64;
  ip[9] = 17;
  store_be<std::uint32_t>(ip + 12, 0x0a000000 + flow % 5000);
  store_be<std::uint32_t>(ip + 16, 0xc6330000 + flow / 3);
  store_be(ip + 20, static_cast<std::uint16_t>(32768 + flow % 28'000));
  store_be<std::uint16_t>(ip + 22, 53);
  store_be(ip + 24, static_cast<std::uint16_t>(bytes - 34));
}

class Input {
 public:
  Input(std::uint32_t frame_bytes, std::uint32_t flows)
      : memory_(kMemoryBytes), stride_(static_cast<std::uint32_t>(align_up(frame_bytes + 16, 8))) {
    Prng random(1);
    const std::size_t count = memory_.size() / stride_;
    for (std::size_t i = 0; i < count; ++i) {
      make_frame(memory_.data() + i * stride_, frame_bytes,
                 static_cast<std::uint32_t>(random.below(flows)));
    }
    for (std::size_t b = 0; b < kBatches; ++b) {
      auto one = std::make_unique<Parsed>();
      for (Packet& packet : one->batch.packets) {
        packet.data = memory_.data() + random.below(count) * stride_;
        packet.captured_bytes = packet.wire_bytes = frame_bytes;
      }
      one->batch.count = kBatchPacketsMax;
      protocol::parse_batch(one->batch, one->headers, one->keys);
      parsed_.push_back(std::move(one));
    }
    interfaces_.add({.snaplen = 262'144, .name = "bench0"});
    verdicts_->wanted.fill(1);
  }

  // Frames from all of the memory; what was parsed of them is what such frames have.
  output::Offer next() {
    Parsed& one = *parsed_[next_++ % kBatches];
    for (Packet& packet : one.batch.packets) {
      if (at_ + stride_ > memory_.size()) at_ = 0;
      packet.data = memory_.data() + at_;
      packet.time = {time_ += 1000};
      at_ += stride_;
    }
    return {one.batch, interfaces_, *verdicts_, 1, &one.headers, &one.keys};
  }

 private:
  std::vector<std::uint8_t> memory_;
  std::uint32_t stride_;
  std::vector<std::unique_ptr<Parsed>> parsed_;
  InterfaceTable interfaces_;
  std::unique_ptr<Verdicts> verdicts_ = std::make_unique<Verdicts>();
  std::size_t next_ = 0;
  std::size_t at_ = 0;
  std::int64_t time_ = 1'700'000'000'000'000'000;
};

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "store-write: %s\n", why.c_str());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5)
    die("usage: store-write DIR[,DIR] BYTES FRAME_BYTES FLOWS [none|chunk|segment [zstd]]");
  const std::uint64_t bytes = std::strtoull(argv[2], nullptr, 10);
  const auto frame_bytes = static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10));
  Input input(frame_bytes, static_cast<std::uint32_t>(std::strtoul(argv[4], nullptr, 10)));
  using storage::segment::Durability;
  const std::string_view durability = argc > 5 ? argv[5] : "segment";
  const SystemClock clock;
  std::vector<std::unique_ptr<output::SegmentStore>> stores;
  std::vector<output::SegmentStore*> borrowed;
  std::istringstream paths(argv[1]);
  for (std::string path; std::getline(paths, path, ',');) {
    auto store = output::SegmentStore::open(path, clock);
    if (!store) die(store.error().context);
    borrowed.push_back(store->get());
    stores.push_back(std::move(*store));
  }
  auto sink = output::StoreSink::open(
      borrowed,
      {.durability = durability == "none"    ? Durability::None
                     : durability == "chunk" ? Durability::Chunk
                                             : Durability::Segment,
       .codec = argc > 6 ? storage::segment::Codec::Zstd : storage::segment::Codec::None},
      clock);
  if (!sink) die(sink.error().context);

  const MonotonicTime begin = clock.monotonic();
  const double cpu_begin = cpu_seconds();
  output::Sink& lane = (*sink)->lane(0);
  for (std::uint64_t offered = 0; offered < bytes; offered += kBatchPacketsMax * frame_bytes) {
    if (auto ready = lane.reserve(); !ready) die(ready.error().context);
    lane.write(input.next());
  }
  const double written_s = static_cast<double>((clock.monotonic() - begin).count()) * 1e-9;
  if (auto closed = lane.close(); !closed) die(closed.error().context);
  const double wall_s = static_cast<double>((clock.monotonic() - begin).count()) * 1e-9;
  const auto counts = (*sink)->counts();
  std::printf(
      "{\"packets\":%llu,\"bytes\":%llu,\"written_s\":%.6f,\"wall_s\":%.6f,\"cpu_s\":%.6f}\n",
      static_cast<unsigned long long>(counts.written),
      static_cast<unsigned long long>(counts.written_bytes), written_s, wall_s,
      cpu_seconds() - cpu_begin);
  return 0;
}
