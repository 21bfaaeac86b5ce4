#include "output/store_lane.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "output/output_error.h"
#include "output/pcapng_encoder.h"
#include "output/store_seed.h"
#include "storage/pcapng/writer.h"

namespace weir::output {

namespace pcapng = storage::pcapng;
namespace segment = storage::segment;

namespace {

static_assert(kBatchRoomBytes <= 2 * (segment::kRecordsEnd - segment::kChunkHeaderBytes) -
                                     pcapng::kPacketRecordBytesMax);

// Fast enough for one core beside everything else (zstd's own numbers: 500 MB/s).
constexpr int kCompressionLevel = 1;

// Of the flows of a packet, as far as anybody knows them.
std::span<const protocol::Uid> uids_of(const Offer& offer, std::uint32_t index) noexcept {
  return offer.uids != nullptr ? offer.uids->of(index) : std::span<const protocol::Uid>();
}

}  // namespace

Result<std::unique_ptr<StoreLane>> StoreLane::make(StoreLaneOptions options, const Clock& clock,
                                                   SegmentSupply& supply) {
  WEIR_TRY(auto pool, buffer::BlockPool::create(kBlocks, segment::kBlockBytes));
  WEIR_TRY(const std::uint32_t lane, supply.add_lane({.segment_bytes = options.segment_bytes,
                                                      .durability = options.durability,
                                                      .memory = pool->memory(),
                                                      .queue_depth = kQueueDepth}));
  return std::unique_ptr<StoreLane>(
      new StoreLane(std::move(options), clock, supply, std::move(pool), lane));
}

StoreLane::StoreLane(StoreLaneOptions options, const Clock& clock, SegmentSupply& supply,
                     std::unique_ptr<buffer::BlockPool> pool, std::uint32_t lane)
    : options_(std::move(options)),
      lane_(lane),
      clock_(clock),
      supply_(supply),
      pool_(std::move(pool)),
      index_(std::make_unique<segment::LaneIndex>(segment::UidColumn::Yes)),
      facts_(random_seed()),
      chunk_(options_.chunk_bytes) {
  if (options_.codec == segment::Codec::Zstd) {
    compressor_ = std::make_unique<segment::ChunkCompressor>(kCompressionLevel);
  }
  scratch_.reserve(kPacketOptionsBytesMax + pcapng::kLossOptionsBytesMax);
}

StoreLane::~StoreLane() {
  if (closed_) return;
  segment_.reset();
  ending_.reset();
  (void)supply_.close_lane(lane_);
}

bool StoreLane::travels_along(const SideBlock& block) noexcept {
  switch (static_cast<pcapng::BlockType>(block.type)) {
    case pcapng::BlockType::SectionHeader:        // a segment is a section of its own,
    case pcapng::BlockType::InterfaceStatistics:  // with its own statistics
      return false;
    default:
      return true;
  }
}

Result<void> StoreLane::reserve() {
  if (error_ || closed_) return state();
  poll();
  if (chunk_is_due() && !close_chunk()) return state();
  (void)wait_for_blocks(kBlocksForBatch);
  return state();
}

bool StoreLane::try_reserve() {
  if (error_ || closed_) return false;
  poll();
  if (error_ || !has_room()) return false;
  if (!chunk_is_due()) return true;
  return close_chunk() && has_room();
}

// For a whole batch. The first chunk of a segment waits for its head. Where the batch may end the
// segment, the one before it has to be written and the next one to be there.
bool StoreLane::has_room() const {
  if (pool_->free_count() < kBlocksForBatch) return false;
  if (segment_ != nullptr && segment_->directory().chunks == 0 && !segment_->writer().idle()) {
    return false;
  }
  const bool may_end =
      segment_ != nullptr &&
      segment_->writer().bytes() + std::uint64_t{kBlocksForBatch} * options_.chunk_bytes >
          options_.segment_bytes;
  if (may_end && ending_ != nullptr) return false;
  return (segment_ != nullptr && !may_end) || next_ || supply_.ready(lane_);
}

void StoreLane::see(const InterfaceTable& interfaces) {
  while (losses_.size() < interfaces.count()) losses_.emplace_back();
  interfaces_.see(interfaces);
}

void StoreLane::write(const Offer& offer) {
  const std::uint32_t wanted = count_wanted(offer.batch, offer.verdicts, offer.session);
  statistics_.offered.add(wanted);
  if (error_ || closed_) {
    const auto reason = error_ ? lost_reason(error_->sys_errno) : LostReason::Closed;
    statistics_.lost[static_cast<std::size_t>(reason)].add(wanted);
    return;
  }
  WEIR_ASSERT(offer.headers != nullptr && offer.keys != nullptr);
  see(offer.interfaces);
  index_->builder.set_uids(offer.uids != nullptr ? segment::UidColumn::Yes
                                                 : segment::UidColumn::No);
  look_up(offer);
  const std::uint64_t chunks = chunks_begun_;

  std::uint32_t next = 0;
  for (const SideBlock& block : offer.batch.side_blocks) {
    const std::uint32_t end = std::min(block.before, offer.batch.count);
    if (!add_packets(offer, next, end)) break;
    next = end;
    if (travels_along(block) && !add_side_block(offer.interfaces, block)) break;
  }
  if (!error_) (void)add_packets(offer, next, offer.batch.count);
  for (const PressureLoss& one : offer.dropped) note(one.interface, {.pressure = one.packets});
  if (chunks != chunks_begun_) chunk_begun_ = clock_.monotonic();
  // What a failure has left aside is counted by now.
  count();
}

// What the index knows of a packet is rarely in a near cache: all of a batch are fetched first.
void StoreLane::look_up(const Offer& offer) noexcept {
  for (std::uint32_t i = 0; i < offer.batch.count; ++i) {
    if ((offer.verdicts.wanted[i] & offer.session) == 0) continue;
    hashes_[i] = facts_.hash(offer.batch.packets[i], (*offer.headers)[i], (*offer.keys)[i],
                             uids_of(offer, i));
    index_->builder.prefetch(hashes_[i]);
  }
}

bool StoreLane::add_packets(const Offer& offer, std::uint32_t begin, std::uint32_t end) {
  const Gap& gap = offer.batch.gap;
  for (std::uint32_t i = begin; i < end; ++i) {
    if (gap.packets != 0 && gap.before == i) [[unlikely]]
      note(gap.interface, {.kernel = gap.packets});
    if ((offer.verdicts.wanted[i] & offer.session) == 0) continue;
    if (!add_packet(offer, i)) return false;
  }
  return true;
}

bool StoreLane::add_packet(const Offer& offer, std::uint32_t index) {
  const Packet& packet = offer.batch.packets[index];
  const std::uint32_t source = packet.interface.index;
  if (segment_ == nullptr || interfaces_.number(packet.interface) == StoreInterfaces::kNotDescribed)
      [[unlikely]] {
    if (!next_segment(offer.interfaces)) return false;
  }
  if (losses_open_ != 0 && losses_[source].packets() != 0) [[unlikely]] {
    Packet told = packet;
    Loss& loss = losses_[source];
    LossText text;
    scratch_.clear();
    pcapng::append_loss_options(scratch_, {packet.options, packet.options_bytes}, loss.packets(),
                                output::describe(loss, "before this one", text));
    told.options = scratch_.data();
    told.options_bytes = static_cast<std::uint32_t>(scratch_.size());
    const auto bytes = pcapng::enhanced_packet_bytes(told.captured_bytes, told.options_bytes);
    if (!make_room(offer.interfaces, bytes)) return false;
    chunk_.add_lost(loss.packets());
    chunk_.add(told, interfaces_.number(packet.interface), interfaces_.snaplen());
    loss = Loss{};
    --losses_open_;
  } else {
    const auto bytes = pcapng::enhanced_packet_bytes(packet.captured_bytes, packet.options_bytes);
    if (!chunk_.begun() || !chunk_.has_room(bytes)) [[unlikely]] {
      if (!make_room(offer.interfaces, bytes)) return false;
    }
    chunk_.add(packet, interfaces_.number(packet.interface), interfaces_.snaplen());
  }
  facts_.note(hashes_[index], packet, (*offer.headers)[index], (*offer.keys)[index],
              index_->builder, uids_of(offer, index));
  return true;
}

void StoreLane::write_side_blocks(std::span<const SideBlock> blocks,
                                  const InterfaceTable& interfaces) {
  if (error_ || closed_) return;
  see(interfaces);
  const std::uint64_t chunks = chunks_begun_;
  for (const SideBlock& block : blocks) {
    if (travels_along(block) && !add_side_block(interfaces, block)) break;
  }
  if (chunks != chunks_begun_) chunk_begun_ = clock_.monotonic();
}

bool StoreLane::add_side_block(const InterfaceTable& interfaces, const SideBlock& block) {
  if (segment_ == nullptr && !begin_segment(interfaces)) return false;
  scratch_.clear();
  pcapng::append_side_block(scratch_, block, 0);
  if (scratch_.size() > segment::kRecordsEnd - segment::kChunkHeaderBytes) return true;
  if (!make_room(interfaces, static_cast<std::uint32_t>(scratch_.size()))) return false;
  chunk_.add_record(scratch_);
  return true;
}

void StoreLane::note(InterfaceId interface, const Loss& loss) {
  Loss& open = losses_[interface.index];
  if (open.packets() == 0) ++losses_open_;
  open += loss;
}

void StoreLane::take_losses(StoreLane& other) {
  if (other.losses_open_ == 0) return;
  if (losses_.size() < other.losses_.size()) losses_.resize(other.losses_.size());
  for (std::size_t i = 0; i < other.losses_.size(); ++i) {
    Loss& from = other.losses_[i];
    if (from.packets() == 0) continue;
    note({static_cast<std::uint32_t>(i)}, from);
    from = Loss{};
  }
  other.losses_open_ = 0;
}

// A chunk that takes a record of so many bytes.
bool StoreLane::make_room(const InterfaceTable& interfaces, std::uint32_t bytes) {
  if (chunk_.begun()) {
    if (chunk_.has_room(bytes)) return true;
    if (!close_chunk()) return false;
    // The segment may have ended with it.
    if (segment_ == nullptr && !begin_segment(interfaces)) return false;
  }
  if (!wait_for_blocks(1)) return false;
  chunk_.begin(pool_->try_acquire());
  index_->builder.begin_chunk();
  ++chunks_begun_;
  return true;
}

bool StoreLane::wait_for_blocks(std::uint32_t count) {
  while (!error_ && pool_->free_count() < count) {
    // Whichever was begun first has the oldest blocks.
    segment::SegmentAssembler* const waited = ending_ != nullptr ? ending_.get() : segment_.get();
    WEIR_ASSERT(waited != nullptr);
    note_fill();
    waited->writer().wait();
    poll();
  }
  return !error_;
}

bool StoreLane::chunk_is_due() const noexcept {
  return chunk_.begun() && clock_.monotonic() - chunk_begun_ >= options_.chunk_age_max;
}

}  // namespace weir::output
