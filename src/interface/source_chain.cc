#include "interface/source_chain.h"

#include <utility>

#include "base/assert.h"
#include "storage/pcapng/blocks.h"

namespace weir::interface {

SourceChain::SourceChain(std::vector<std::unique_ptr<Source>> parts) : parts_(std::move(parts)) {
  WEIR_ASSERT(!parts_.empty());
  interfaces_.begin_file();
  (void)take_interfaces();
}

Pull SourceChain::next_batch(PacketBatch& batch, std::uint32_t packets_max, Duration timeout) {
  for (;;) {
    if (error_) return Pull::Failed;
    const Pull pull = part().next_batch(batch, packets_max, timeout);
    if (!take_interfaces()) {
      if (pull == Pull::Packets) part().release(batch);
      error_ = Error{.code = ErrorCode::Resource,
                     .context =
                         "read: more interfaces than weir keeps (65536, with 16 MiB of "
                         "names and options)"};
      continue;
    }
    if (pull == Pull::Failed) error_ = part().error();
    if (pull == Pull::Packets) translate(batch);
    if (pull != Pull::End || at_ + 1 == parts_.size()) return pull;
    ++at_;
    known_.clear();
    interfaces_.begin_file();
  }
}

void SourceChain::release(PacketBatch& batch) { part().release(batch); }

// What the part has learned since.
bool SourceChain::take_interfaces() {
  const InterfaceTable& theirs = part().interfaces();
  while (known_.size() < theirs.count()) {
    const std::uint32_t before = interfaces_.table().count();
    const auto id = interfaces_.add(theirs.at({static_cast<std::uint32_t>(known_.size())}));
    if (!id) return false;
    known_.push_back({.id = *id, .before = before});
  }
  return true;
}

void SourceChain::translate(PacketBatch& batch) {
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    Packet& packet = batch.packets[i];
    packet.interface = known_[packet.interface.index].id;
    statistics_.received_bytes.add(packet.wire_bytes);
  }
  statistics_.received.add(batch.count);
  statistics_.delivered.add(batch.count);
  side_blocks_.assign(batch.side_blocks.begin(), batch.side_blocks.end());
  for (SideBlock& block : side_blocks_) {
    const std::uint32_t theirs = block.interface.index;
    if (block.type == static_cast<std::uint32_t>(storage::pcapng::BlockType::SectionHeader)) {
      block.interface.index =
          theirs < known_.size() ? known_[theirs].before : interfaces_.table().count();
    } else if (theirs < known_.size()) {
      block.interface = known_[theirs].id;
    }
  }
  batch.side_blocks = side_blocks_;
}

void SourceChain::close_intake() {
  for (const auto& part : parts_) part->close_intake();
}

void SourceChain::close() {
  for (const auto& part : parts_) part->close();
}

void SourceChain::wake() noexcept {
  for (const auto& part : parts_) part->wake();
}

Progress SourceChain::progress() const noexcept {
  Progress sum;
  bool known = true;
  for (const auto& part : parts_) {
    const Progress one = part->progress();
    known = known && one.bytes_total > 0;
    sum.bytes_done += one.bytes_done;
    sum.bytes_total += one.bytes_total;
  }
  if (!known) sum.bytes_total = 0;
  return sum;
}

}  // namespace weir::interface
