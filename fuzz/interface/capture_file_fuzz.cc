// Any bytes as a capture file: nothing is read out of bounds, all promises about batches hold, and
// the outcome does not depend on the portions in which the bytes come.
#include "interface/capture_file.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "support/memory_stream.h"

namespace {

using weir::Bytes;

struct Outcome {
  std::uint64_t digest = 0xcbf29ce484222325;
  std::uint64_t packets = 0;
  std::optional<weir::ErrorCode> error;
  friend bool operator==(const Outcome&, const Outcome&) = default;

  void add(std::uint64_t value) { digest = (digest ^ value) * 0x100000001b3; }
  void add(Bytes bytes) {
    add(bytes.size());
    for (const std::uint8_t byte : bytes) add(byte);
  }
};

void take(const weir::PacketBatch& batch, const weir::InterfaceTable& interfaces,
          Outcome& outcome) {
  WEIR_ASSERT(batch.count > 0 || !batch.side_blocks.empty());
  std::uint64_t bytes = 0;
  // Side blocks are taken where they stand among the packets: batches may be cut anywhere.
  std::size_t block = 0;
  for (std::uint32_t i = 0; i <= batch.count; ++i) {
    for (; block < batch.side_blocks.size() && batch.side_blocks[block].before == i; ++block) {
      outcome.add(batch.side_blocks[block].type);
      outcome.add(batch.side_blocks[block].body);
      bytes += batch.side_blocks[block].body.size();
    }
    if (i == batch.count) break;
    const weir::Packet& packet = batch.packets[i];
    WEIR_ASSERT(packet.captured_bytes <= weir::kPacketBytesMax);
    WEIR_ASSERT(packet.options_bytes <= weir::kPacketOptionsBytesMax);
    WEIR_ASSERT(interfaces.at(packet.interface).link_type == packet.link_type);
    bytes += packet.captured_bytes + packet.options_bytes;
    outcome.add(packet.frame());
    outcome.add({packet.options, packet.options_bytes});
    outcome.add(static_cast<std::uint64_t>(packet.time.ns));
    outcome.add(packet.wire_bytes);
    outcome.add(packet.interface.index);
    outcome.add(packet.has_time ? 1 : 0);
  }
  WEIR_ASSERT(block == batch.side_blocks.size());
  WEIR_ASSERT(bytes <= weir::kBatchBytesMax);
  outcome.packets += batch.count;
}

Outcome read(Bytes file, std::size_t portion_bytes, std::uint32_t packets_max) {
  std::vector<weir::interface::CaptureFileSource::Input> inputs;
  inputs.push_back({"a", std::make_unique<weir::test::MemoryStream>(file, portion_bytes)});
  inputs.push_back({"b", std::make_unique<weir::test::MemoryStream>(file)});
  auto source = weir::interface::CaptureFileSource::over(std::move(inputs));
  WEIR_ASSERT(source.ok());
  auto batch = std::make_unique<weir::PacketBatch>();
  Outcome outcome;
  for (;;) {
    const auto pull = (*source)->next_batch(*batch, packets_max, {});
    if (pull == weir::interface::Pull::Idle) continue;
    if (pull != weir::interface::Pull::Packets) break;
    take(*batch, (*source)->interfaces(), outcome);
    (*source)->release(*batch);
  }
  WEIR_ASSERT((*source)->statistics().delivered.value() == outcome.packets);
  if ((*source)->error()) outcome.error = (*source)->error()->code;
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes file(data, size);
  const Outcome whole = read(file, SIZE_MAX, weir::kBatchPacketsMax);
  const Outcome in_portions = read(file, 1 + size % 61, 1 + static_cast<std::uint32_t>(size % 7));
  WEIR_ASSERT(whole == in_portions);
  return 0;
}
