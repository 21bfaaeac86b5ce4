// The segments of a lane: how they begin, take chunks, end, fail.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "output/output_error.h"
#include "output/store_lane.h"
#include "storage/pcapng/writer.h"
#include "storage/wait_fd.h"

namespace weir::output {

namespace segment = storage::segment;

// The first one, or one that describes interfaces that the one before it did not know.
bool StoreLane::next_segment(const InterfaceTable& interfaces) {
  if (segment_ != nullptr) {
    if (chunk_.begun() && !close_chunk()) return false;
    if (segment_ != nullptr && !end_segment()) return false;
  }
  return begin_segment(interfaces);
}

bool StoreLane::take_next() {
  if (next_) return true;
  auto fresh = supply_.take(lane_);
  if (!fresh) return fail(std::move(fresh).error());
  next_ = std::move(*fresh);
  return true;
}

protocol::StoreRef StoreLane::store_ref() {
  if (error_ || closed_) return {};
  if (segment_ != nullptr) return {0, segment_->head().sequence, segment_->directory().chunks};
  if (!take_next()) return {};
  return {0, next_->sequence, 0};
}

bool StoreLane::begin_segment(const InterfaceTable& interfaces) {
  WEIR_ASSERT(segment_ == nullptr);
  // Its head needs a block, and those of the one before it come back to that one's writer only.
  if (!wait_for_blocks(1)) return false;
  if (!take_next()) return false;
  auto fresh = std::exchange(next_, std::nullopt);
  interfaces_.begin(interfaces);
  segment_fd_ = storage::wait_fd(*fresh->device);
  segment_ = std::make_unique<segment::SegmentAssembler>(
      std::make_unique<Writer>(std::move(fresh->device), *pool_, fresh->uuid, options_.durability),
      segment::HeadFacts{
          .sequence = fresh->sequence,
          .created = fresh->begun,
          .lane = lane_,
          .interface_count = static_cast<std::uint32_t>(interfaces_.described().size()),
          .chunk_bytes_max = options_.chunk_bytes},
      *index_);
  mode_ = segment_->writer().mode();
  files_.add(1);
  segment_->begin(interfaces_.described());
  poll();
  return !error_;
}

// Ends it as a whole, but for what is under way: it is sealed when that is written.
bool StoreLane::end_segment() {
  WEIR_ASSERT(segment_ != nullptr && !chunk_.begun());
  while (ending_ != nullptr && !error_) {
    ending_->writer().wait();
    poll();
  }
  if (error_) return false;
  segment_->end(take_statistics(), clock_.wall());
  ending_ = std::move(segment_);
  ending_fd_ = segment_fd_;
  poll();
  return !error_;
}

std::vector<std::uint8_t> StoreLane::take_statistics() {
  std::vector<std::uint8_t> blocks;
  if (options_.counts == nullptr) return blocks;
  options_.counts->end();
  for (std::uint32_t i = 0; i < interfaces_.described().size(); ++i) {
    const InterfaceId source = interfaces_.source_of(i);
    storage::pcapng::InterfaceStatistics statistics = options_.counts->take(source);
    // The kernel's losses are in the statistics, those of the session are not.
    const Loss own{.pressure = losses_[source.index].pressure};
    LossText text;
    if (own.packets() != 0) statistics.comment = describe(own, "after the last one", text);
    storage::pcapng::append_interface_statistics(blocks, i, statistics);
  }
  return blocks;
}

bool StoreLane::close_chunk() {
  WEIR_ASSERT(segment_ != nullptr && chunk_.begun());
  segment::ChunkBuilder::Finished finished = chunk_.finish();
  if (compressor_ != nullptr) {
    if (!wait_for_blocks(1)) return false;
    finished = compressor_->compress(std::move(finished), pool_->try_acquire());
  }
  ++chunks_closed_;
  segment_->add(std::move(finished));
  poll();
  if (error_) return false;
  const bool full = segment_->writer().bytes() + options_.chunk_bytes > options_.segment_bytes;
  return full ? end_segment() : true;
}

Result<void> StoreLane::flush() {
  if (error_ || closed_) return state();
  poll();
  if (!error_ && chunk_is_due()) (void)close_chunk();
  return state();
}

Result<void> StoreLane::close() {
  if (closed_) return state();
  if (!error_ && chunk_.begun()) (void)close_chunk();
  if (!error_ && segment_ != nullptr) (void)end_segment();
  while (!error_ && ending_ != nullptr) {
    ending_->writer().drain();
    poll();
  }
  // Nothing came that it was taken for.
  if (next_) {
    auto unused = std::exchange(next_, std::nullopt);
    (void)supply_.give_up(std::make_unique<Writer>(std::move(unused->device), *pool_, unused->uuid,
                                                   options_.durability));
  }
  closed_ = true;
  auto sealed = supply_.close_lane(lane_);
  if (!sealed && !error_) error_ = std::move(sealed).error();
  return state();
}

// What is under way has come so far; a segment that is complete goes to be sealed.
// Full where a batch would wait for blocks.
void StoreLane::note_fill() noexcept {
  constexpr std::uint32_t kBlocksToFill = kBlocks - kBlocksForBatch + 1;
  const std::uint32_t taken = pool_->count() - pool_->free_count();
  fill_.set(error_ ? kFailed : std::min<std::uint64_t>(taken * 1000 / kBlocksToFill, 1000));
}

void StoreLane::poll() {
  for (segment::SegmentAssembler* const one : {ending_.get(), segment_.get()}) {
    if (one == nullptr || error_) continue;
    one->writer().poll();
    if (one->writer().failure()) (void)settle_failure(*one);
  }
  if (ending_ != nullptr && !error_ && ending_->complete()) seal_ended();
  count();
  note_fill();
}

void StoreLane::seal_ended() {
  const auto done = ending_->writer().acknowledged();
  earlier_.bytes += done.bytes + ending_->writer().tail_bytes();
  earlier_.packets += done.packets;
  supply_.seal(lane_, ending_->release(),
               {.sequence = ending_->head().sequence,
                .begun = ending_->head().created,
                .packets = done.packets,
                .lost = ending_->directory().lost,
                .times = ending_->directory().times});
  ending_.reset();
}

void StoreLane::count() noexcept {
  segment::SegmentWriter::Progress done = earlier_;
  for (const segment::SegmentAssembler* const one : {ending_.get(), segment_.get()}) {
    if (one == nullptr) continue;
    done.bytes += one->writer().acknowledged().bytes;
    done.packets += one->writer().acknowledged().packets;
  }
  statistics_.written.set(done.packets);
  statistics_.written_bytes.set(done.bytes);
  std::uint64_t lost = 0;
  for (const auto& reason : statistics_.lost) lost += reason.value();
  std::uint64_t pending = statistics_.offered.value() - done.packets - lost;
  if (error_ && pending != 0) {
    statistics_.lost[static_cast<std::size_t>(lost_reason(error_->sys_errno))].add(pending);
    pending = 0;
  }
  statistics_.pending.set(pending);
}

bool StoreLane::settle_failure(const segment::SegmentAssembler& failed) {
  const auto& done = failed.writer().acknowledged();
  return fail(output_error(failed.writer().failure()->sys_errno, failed.writer().path(), done.bytes,
                           done.packets));
}

// A segment that is complete is sealed all the same. One that is not ends behind what was
// acknowledged, and stays open: the next start seals it, if there is room by then. Everything else
// is lost.
bool StoreLane::fail(Error error) {
  WEIR_ASSERT(!error_);
  error_ = std::move(error);
  fill_.set(kFailed);
  chunk_.abandon();
  if (ending_ != nullptr) {
    ending_->writer().drain();
    if (ending_->complete()) seal_ended();
  }
  for (auto* const one : {&ending_, &segment_}) {
    if (*one == nullptr) continue;
    Writer& writer = (*one)->writer();
    writer.drain();
    earlier_.bytes += writer.acknowledged().bytes;
    earlier_.packets += writer.acknowledged().packets;
    if (auto cut = supply_.give_up((*one)->release()); !cut) {
      error_->context += "; and cutting off its incomplete end failed: " + cut.error().context;
    }
    one->reset();
  }
  count();
  return false;
}

Result<void> StoreLane::state() const {
  if (error_) return *error_;
  return ok();
}

}  // namespace weir::output
