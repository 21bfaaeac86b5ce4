#include "output/pcapng_encoder.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace weir::output {

namespace pcapng = storage::pcapng;

namespace {

bool is(const SideBlock& block, pcapng::BlockType type) noexcept {
  return block.type == static_cast<std::uint32_t>(type);
}

}  // namespace

void PcapngEncoder::begin(const PacketBatch& batch, const InterfaceTable& interfaces,
                          const Verdicts& verdicts, SessionMask session) {
  batch_ = &batch;
  interfaces_ = &interfaces;
  verdicts_ = &verdicts;
  session_ = session;
  next_packet_ = 0;
  next_side_block_ = 0;
  if (numbers_.size() < interfaces.count()) numbers_.resize(interfaces.count(), kNotDescribed);
  if (!in_section_) {
    const bool has_header = !batch.side_blocks.empty() && batch.side_blocks[0].before == 0 &&
                            is(batch.side_blocks[0], pcapng::BlockType::SectionHeader);
    prepare_section(has_header ? &batch.side_blocks[0] : nullptr);
    if (has_header) next_side_block_ = 1;
  }
  find_described_end();
}

void PcapngEncoder::begin_empty() {
  batch_ = nullptr;
  if (!in_section_) prepare_section(nullptr);
}

bool PcapngEncoder::fill(Window& window) {
  for (;;) {
    if (!copy_scratch(window)) return false;
    if (batch_ == nullptr) return true;
    if (prepare()) continue;
    const auto& side_blocks = batch_->side_blocks;
    const std::uint32_t end = next_side_block_ < side_blocks.size()
                                  ? std::min(side_blocks[next_side_block_].before, batch_->count)
                                  : batch_->count;
    if (next_packet_ >= end) return true;
    if (window.at >= window.end) return false;
    encode_packets(window, end);
  }
}

// True when the scratch record is in windows as a whole.
bool PcapngEncoder::copy_scratch(Window& window) {
  const std::size_t left = scratch_.size() - scratch_copied_;
  if (left == 0) return true;
  if (window.at >= window.end) return false;
  const std::size_t now = std::min(left, static_cast<std::size_t>(window.end - window.at));
  std::memcpy(window.at, scratch_.data() + scratch_copied_, now);
  window.at += now;
  scratch_copied_ += now;
  return now == left;
}

// Puts the next record that is no packet into the scratch; false when a packet, or the end of the
// batch, comes next.
bool PcapngEncoder::prepare() {
  while (next_described_ < described_end_) {
    const std::uint32_t index = next_described_++;
    if (numbers_[index] != kNotDescribed) continue;
    prepare_interface(index);
    return true;
  }
  if (next_side_block_ < batch_->side_blocks.size()) {
    const SideBlock& block = batch_->side_blocks[next_side_block_];
    if (std::min(block.before, batch_->count) <= next_packet_) {
      prepare_side_block(block);
      return true;
    }
  }
  if (next_packet_ < batch_->count) {
    const std::uint32_t index = batch_->packets[next_packet_].interface.index;
    const bool wanted = (verdicts_->wanted[next_packet_] & session_) != 0;
    if (wanted && numbers_[index] == kNotDescribed) {
      prepare_interface(index);
      return true;
    }
  }
  return false;
}

void PcapngEncoder::scratch_is_record() {
  scratch_copied_ = 0;
  last_record_ = bytes_;
  last_is_packet_ = false;
  bytes_ += scratch_.size();
}

void PcapngEncoder::prepare_section(const SideBlock* header) {
  if (in_section_ && header != nullptr)
    next_described_ = std::max(next_described_, header->interface.index);
  in_section_ = true;
  std::fill(numbers_.begin(), numbers_.end(), kNotDescribed);
  numbers_used_ = 0;
  scratch_.clear();
  pcapng::append_section_header(scratch_, identity_, header != nullptr ? header->body : Bytes{});
  scratch_is_record();
}

void PcapngEncoder::prepare_interface(std::uint32_t index) {
  numbers_[index] = numbers_used_++;
  scratch_.clear();
  pcapng::append_interface_description(scratch_, interfaces_->at({index}));
  scratch_is_record();
}

void PcapngEncoder::prepare_side_block(const SideBlock& block) {
  if (is(block, pcapng::BlockType::SectionHeader)) {
    ++next_side_block_;
    prepare_section(&block);
    find_described_end();
    return;
  }
  std::uint32_t number = 0;
  if (is(block, pcapng::BlockType::InterfaceStatistics)) {
    if (numbers_[block.interface.index] == kNotDescribed)
      return prepare_interface(block.interface.index);
    number = numbers_[block.interface.index];
  }
  ++next_side_block_;
  scratch_.clear();
  pcapng::append_side_block(scratch_, block, number);
  scratch_is_record();
}

// Interfaces of a section that begins later in this batch are left to it.
void PcapngEncoder::find_described_end() {
  described_end_ = interfaces_->count();
  for (std::size_t i = next_side_block_; i < batch_->side_blocks.size(); ++i) {
    const SideBlock& block = batch_->side_blocks[i];
    if (!is(block, pcapng::BlockType::SectionHeader)) continue;
    described_end_ = std::min(described_end_, block.interface.index);
    return;
  }
}

// The hot path: packets [next_packet_, end) until one needs an interface description or the window
// is full.
void PcapngEncoder::encode_packets(Window& window, std::uint32_t end) {
  const std::uint8_t* const start = window.at;
  const std::uint8_t* record = nullptr;
  std::uint8_t* at = window.at;
  std::uint32_t i = next_packet_;
  for (; i < end && at < window.end; ++i) {
    if ((verdicts_->wanted[i] & session_) == 0) continue;
    const Packet& packet = batch_->packets[i];
    const std::uint32_t number = numbers_[packet.interface.index];
    if (number == kNotDescribed) [[unlikely]]
      break;
    WEIR_DEBUG_ASSERT(packet.captured_bytes <= kPacketBytesMax &&
                      packet.options_bytes <= kPacketOptionsBytesMax);
    record = at;
    ++packets_;
    if (!packet.has_time) [[unlikely]] {
      if (pcapng::fits_simple_packet(packet, number, interfaces_->at(packet.interface).snaplen)) {
        at = pcapng::write_simple_packet(at, packet);
        continue;
      }
    }
    at = pcapng::write_enhanced_packet(at, packet, number);
  }
  next_packet_ = i;
  if (record != nullptr) {
    last_record_ = bytes_ + static_cast<std::uint64_t>(record - start);
    last_is_packet_ = true;
  }
  bytes_ += static_cast<std::uint64_t>(at - start);
  window.at = at;
}

std::uint32_t count_wanted(const PacketBatch& batch, const Verdicts& verdicts,
                           SessionMask session) noexcept {
  std::uint32_t wanted = 0;
  for (std::uint32_t i = 0; i < batch.count; ++i)
    wanted += (verdicts.wanted[i] & session) != 0 ? 1U : 0U;
  return wanted;
}

}  // namespace weir::output
