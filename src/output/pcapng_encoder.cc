#include "output/pcapng_encoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace weir::output {

namespace pcapng = storage::pcapng;

namespace {

// Type and length of a record.
constexpr std::size_t kHeadBytes = 8;

bool is(const SideBlock& block, pcapng::BlockType type) noexcept {
  return block.type == static_cast<std::uint32_t>(type);
}

}  // namespace

PcapngEncoder::PcapngEncoder(pcapng::SectionIdentity identity, std::optional<SectionCounts> counts)
    : identity_(std::move(identity)), counts_(std::move(counts)) {
  with_loss_.reserve(kPacketOptionsBytesMax + pcapng::kLossOptionsBytesMax);
}

void PcapngEncoder::begin(const PacketBatch& batch, const InterfaceTable& interfaces,
                          const Verdicts& verdicts, SessionMask session,
                          std::span<const PressureLoss> dropped) {
  batch_ = &batch;
  verdicts_ = &verdicts;
  session_ = session;
  next_packet_ = 0;
  next_side_block_ = 0;
  gap_open_ = batch.gap.packets != 0;
  dropped_ = dropped;
  WEIR_ASSERT(!gap_open_ || batch.gap.interface.index < interfaces.count());
  while (known_.count() < interfaces.count()) {
    known_.add(interfaces.at({known_.count()}));
    numbers_.push_back(kNotDescribed);
    losses_.emplace_back();
  }
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

void PcapngEncoder::begin_end() {
  if (counts_) counts_->end();
  ending_ = true;
  next_ended_ = 0;
}

void PcapngEncoder::begin_stream() {
  WEIR_ASSERT(scratch_copied_ == scratch_.size());
  bytes_ = 0;
  packets_ = 0;
  last_record_ = 0;
  last_is_packet_ = false;
  in_section_ = false;
  next_described_ = 0;
  prepare_section(nullptr);
  find_described_end();
}

Fill PcapngEncoder::fill(Window& window) {
  for (;;) {
    if (!copy_scratch(window)) return Fill::WindowFull;
    if (ending_) {
      if (prepare_statistics()) continue;
      ending_ = false;
      return Fill::Done;
    }
    Next next = Next::Packet;
    if (!prepare_description(next)) {
      if (batch_ == nullptr) return Fill::Done;
      next = prepare();
    }
    if (next == Next::Scratch) continue;
    if (next == Next::Limit) return Fill::Limit;
    const auto& side_blocks = batch_->side_blocks;
    const std::uint32_t end = next_side_block_ < side_blocks.size()
                                  ? std::min(side_blocks[next_side_block_].before, batch_->count)
                                  : batch_->count;
    if (next_packet_ >= end) break;
    const Fill filled = fill_packets(window, end);
    if (filled != Fill::Done) return filled;
  }
  note_rest();
  return Fill::Done;
}

// True when the scratch record is in windows as a whole. Its type and length stay in one piece: who
// walks over records in a window finds them.
bool PcapngEncoder::copy_scratch(Window& window) {
  const std::size_t left = scratch_.size() - scratch_copied_;
  if (left == 0) return true;
  if (window.at >= window.end) return false;
  const auto room = static_cast<std::size_t>(window.end - window.at);
  const std::size_t now = std::min(left, scratch_copied_ == 0 ? std::max(room, kHeadBytes) : room);
  std::memcpy(window.at, scratch_.data() + scratch_copied_, now);
  window.at += now;
  scratch_copied_ += now;
  return now == left;
}

// The description of an interface that is due whether or not a packet uses it; false when there is
// none.
bool PcapngEncoder::prepare_description(Next& next) {
  while (next_described_ < described_end_) {
    const std::uint32_t index = next_described_++;
    if (numbers_[index] != kNotDescribed) continue;
    next = prepare_interface(index);
    return true;
  }
  return false;
}

// Puts the next record of the batch that is no packet into the scratch, unless a packet, or the end
// of the batch, comes next.
PcapngEncoder::Next PcapngEncoder::prepare() {
  if (next_side_block_ < batch_->side_blocks.size()) {
    const SideBlock& block = batch_->side_blocks[next_side_block_];
    if (std::min(block.before, batch_->count) <= next_packet_) return prepare_side_block(block);
  }
  if (next_packet_ < batch_->count && wanted(next_packet_)) {
    const std::uint32_t index = batch_->packets[next_packet_].interface.index;
    if (numbers_[index] == kNotDescribed) return prepare_interface(index);
  }
  return Next::Packet;
}

// False when no interface of the section is left.
bool PcapngEncoder::prepare_statistics() {
  if (!counts_) return false;
  while (next_ended_ < numbers_.size() && numbers_[next_ended_] == kNotDescribed) ++next_ended_;
  if (next_ended_ == numbers_.size()) return false;
  const std::uint32_t index = next_ended_++;
  pcapng::InterfaceStatistics statistics = counts_->take({index});
  // What the kernel lost after the last packet is in the statistics; what this output and its
  // session lost is not.
  LossText text;
  const Loss own{.slow_reader = losses_[index].slow_reader, .pressure = losses_[index].pressure};
  if (own.packets() != 0) statistics.comment = describe(own, "after the last one", text);
  scratch_.clear();
  pcapng::append_interface_statistics(scratch_, numbers_[index], statistics);
  scratch_is_record();
  return true;
}

void PcapngEncoder::scratch_is_record() {
  scratch_copied_ = 0;
  last_record_ = bytes_;
  last_is_packet_ = false;
  bytes_ += scratch_.size();
}

// By how much the stream may still grow.
std::uint64_t PcapngEncoder::room() const noexcept {
  const std::uint64_t end =
      counts_ ? std::uint64_t{numbers_used_} * pcapng::kInterfaceStatisticsBytes : 0;
  return limit_.bytes - std::min(limit_.bytes, bytes_ + end);
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

PcapngEncoder::Next PcapngEncoder::prepare_interface(std::uint32_t index) {
  numbers_[index] = numbers_used_++;
  scratch_.clear();
  pcapng::append_interface_description(scratch_, known_.at({index}));
  if (!fits(scratch_.size())) {
    numbers_[index] = kNotDescribed;
    --numbers_used_;
    scratch_.clear();
    scratch_copied_ = 0;
    return Next::Limit;
  }
  scratch_is_record();
  return Next::Scratch;
}

PcapngEncoder::Next PcapngEncoder::prepare_side_block(const SideBlock& block) {
  if (is(block, pcapng::BlockType::SectionHeader)) {
    ++next_side_block_;
    prepare_section(&block);
    find_described_end();
    return Next::Scratch;
  }
  std::uint32_t number = 0;
  if (is(block, pcapng::BlockType::InterfaceStatistics)) {
    if (numbers_[block.interface.index] == kNotDescribed)
      return prepare_interface(block.interface.index);
    number = numbers_[block.interface.index];
  }
  if (!fits(pcapng::kBlockOverheadBytes + align_up(block.body.size(), 4))) return Next::Limit;
  ++next_side_block_;
  scratch_.clear();
  pcapng::append_side_block(scratch_, block, number);
  scratch_is_record();
  return Next::Scratch;
}

// Interfaces of a section that begins later in this batch are left to it.
void PcapngEncoder::find_described_end() {
  described_end_ = known_.count();
  if (batch_ == nullptr) return;
  for (std::size_t i = next_side_block_; i < batch_->side_blocks.size(); ++i) {
    const SideBlock& block = batch_->side_blocks[i];
    if (!is(block, pcapng::BlockType::SectionHeader)) continue;
    described_end_ = std::min(described_end_, block.interface.index);
    return;
  }
}

// --- losses

void PcapngEncoder::note(InterfaceId interface, const Loss& loss) {
  Loss& open = losses_[interface.index];
  if (open.packets() == 0) ++losses_open_;
  open += loss;
}

void PcapngEncoder::note_gap() {
  gap_open_ = false;
  note(batch_->gap.interface, {.kernel = batch_->gap.packets});
}

void PcapngEncoder::note_rest() {
  if (gap_open_) note_gap();
  for (const PressureLoss& one : std::exchange(dropped_, {})) {
    note(one.interface, {.pressure = one.packets});
  }
}

std::uint32_t PcapngEncoder::lose_rest() {
  if (batch_ == nullptr) return 0;
  note_rest();
  std::uint32_t lost = 0;
  for (; next_packet_ < batch_->count; ++next_packet_) {
    if (!wanted(next_packet_)) continue;
    note(batch_->packets[next_packet_].interface, {.slow_reader = 1});
    ++lost;
  }
  batch_ = nullptr;
  return lost;
}

// The first wanted packet from next_packet_ on that must tell a loss, or `end`.
std::uint32_t PcapngEncoder::find_loss(std::uint32_t end) noexcept {
  std::uint32_t i = next_packet_;
  while (i < end && !(wanted(i) && loss_before(i).packets() != 0)) ++i;
  return i;
}

// The first wanted packet from next_packet_ on that belongs into another stream, or `end`.
std::uint32_t PcapngEncoder::find_limit(std::uint32_t end) const noexcept {
  const std::uint64_t room_bytes = room();
  std::uint64_t bytes = 0;
  for (std::uint32_t i = next_packet_; i < end; ++i) {
    if (!wanted(i)) continue;
    const Packet& packet = batch_->packets[i];
    if (belongs_later(packet)) return i;
    const bool first = packets_ == 0 && bytes == 0;
    bytes += pcapng::enhanced_packet_bytes(packet.captured_bytes, packet.options_bytes);
    if (bytes > room_bytes && !first) return i;
  }
  return end;
}

// Packets [next_packet_, end), as far as a loss, a limit or the window allows. Done: look again.
Fill PcapngEncoder::fill_packets(Window& window, std::uint32_t end) {
  if (gap_open_) {
    if (batch_->gap.before <= next_packet_) {
      note_gap();
    } else {
      end = std::min(end, batch_->gap.before);
    }
  }
  if (window.at >= window.end) return Fill::WindowFull;
  std::uint32_t plain_end = end;
  if (losses_open_ != 0) [[unlikely]] {
    plain_end = find_loss(end);
    if (plain_end == next_packet_) return encode_after_loss(window);
  }
  // Far from the end of a stream without an end in time, no packet needs to be looked at.
  if (limit_.time != StreamLimit::kNoTime || room() < kBatchRoomBytes) {
    plain_end = find_limit(plain_end);
    if (plain_end == next_packet_) return Fill::Limit;
  }
  encode_packets(window, plain_end);
  return Fill::Done;
}

// The packet that comes next tells what was lost before it.
Fill PcapngEncoder::encode_after_loss(Window& window) {
  Packet packet = batch_->packets[next_packet_];
  Loss& loss = loss_before(next_packet_);
  LossText text;
  with_loss_.clear();
  pcapng::append_loss_options(with_loss_, {packet.options, packet.options_bytes}, loss.packets(),
                              describe(loss, "before this one", text));
  packet.options = with_loss_.data();
  packet.options_bytes = static_cast<std::uint32_t>(with_loss_.size());
  const auto bytes = pcapng::enhanced_packet_bytes(packet.captured_bytes, packet.options_bytes);
  if (belongs_later(packet) || !fits(bytes)) return Fill::Limit;
  std::uint8_t* const start = window.at;
  window.at = pcapng::write_enhanced_packet(start, packet, numbers_[packet.interface.index]);
  last_record_ = bytes_;
  last_is_packet_ = true;
  bytes_ += static_cast<std::uint64_t>(window.at - start);
  ++packets_;
  ++next_packet_;
  loss = Loss{};
  --losses_open_;
  return Fill::Done;
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
      if (pcapng::fits_simple_packet(packet, number, known_.at(packet.interface).snaplen)) {
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
