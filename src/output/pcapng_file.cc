#include "output/pcapng_file.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "output/output_error.h"

namespace weir::output {

namespace pcapng = storage::pcapng;

Result<std::unique_ptr<PcapngFile>> PcapngFile::open(const Options& options) {
  const std::uint32_t count = blocks(options.credits_max);
  WEIR_TRY(auto pool,
           buffer::BlockPool::create(count, kBlockBytes + kSlackBytes,
                                     options.live ? buffer::Touch::Now : buffer::Touch::AsNeeded));
  WEIR_TRY(auto device, storage::open_block_device({.path = options.path,
                                                    .direct = options.direct,
                                                    .io_uring = options.io_uring,
                                                    .queue_depth = count,
                                                    .buffers = pool->memory(),
                                                    .register_now = options.live}));
  return std::make_unique<PcapngFile>(Parts{.pool = std::move(pool),
                                            .device = std::move(device),
                                            .identity = options.identity,
                                            .credits_max = options.credits_max,
                                            .counts = options.counts});
}

PcapngFile::PcapngFile(Parts parts)
    : pool_(std::move(parts.pool)),
      rotation_(std::move(parts.rotation)),
      device_(std::move(parts.device)),
      writer_(*device_),
      path_(rotation_ ? rotation_->path() : device_->path()),
      encoder_(std::move(parts.identity), std::move(parts.counts)),
      block_(pool_->try_acquire()),
      submitted_(pool_->count()),
      credits_max_(parts.credits_max) {
  WEIR_ASSERT(pool_->block_bytes() == kBlockBytes + kSlackBytes);
  // One block is always being filled; the others may all be in flight.
  WEIR_ASSERT(pool_->count() <= writer_->depth() + 1);
  // Without anything in flight there is room for all credits.
  WEIR_ASSERT(credits_max_ >= 1 && credits_max_ <= kCreditsMax);
  WEIR_ASSERT(std::uint64_t{credits_max_} * kBatchRoomBytes <=
              std::uint64_t{pool_->count() - 1} * kBlockBytes);
  if (rotation_) encoder_.set_limit(rotation_->limit());
}

Result<void> PcapngFile::reserve() {
  if (error_ || closed_) return state();
  if (rotation_ && rotation_->due() && !end_interval()) return state();
  credits_ = std::min(credits_ + 1, credits_max_);
  commit(writer_->poll());
  const std::uint64_t wanted = std::uint64_t{credits_} * kBatchRoomBytes;
  note_fill(wanted);
  while (!writer_->failure() && room() < wanted) {
    commit(writer_->wait());
    note_fill(wanted);
  }
  if (writer_->failure()) settle_failure();
  return state();
}

std::uint64_t PcapngFile::room() const noexcept {
  return kBlockBytes - used_ + std::uint64_t{pool_->free_count()} * kBlockBytes;
}

// Before it waits, so that others see that it does, and after it: who has got room is not who is
// waited for, however long the worker then waits for another.
void PcapngFile::note_fill(std::uint64_t wanted) noexcept {
  constexpr std::uint64_t kFullest = 990;  // that nobody waits for
  const std::uint64_t most = std::uint64_t{pool_->count()} * kBlockBytes - wanted;
  const std::uint64_t left = room() - std::min(room(), wanted);
  const std::uint64_t taken = 1000 - std::min<std::uint64_t>(left * 1000 / most, 1000);
  fill_.set(room() < wanted ? 1000 : std::min(taken, kFullest));
}

void PcapngFile::write(const Offer& offer) {
  if (credits_ > 0) --credits_;
  const std::uint32_t wanted = count_wanted(offer.batch, offer.verdicts, offer.session);
  statistics_.offered.add(wanted);
  if (error_ || closed_) {
    const auto reason = error_ ? lost_reason(error_->sys_errno) : LostReason::Closed;
    statistics_.lost[static_cast<std::size_t>(reason)].add(wanted);
    return;
  }
  // After a failure that reserve() has not seen yet, packets stay pending until it counts them.
  if (!writer_->failure()) {
    encoder_.begin(offer.batch, offer.interfaces, offer.verdicts, offer.session, offer.dropped);
    while (fill_blocks() == Fill::Limit && next_file(encoder_.next_packet())) {
    }
  }
  count_pending();
}

// WindowFull after a failed write.
Fill PcapngFile::fill_blocks() {
  Window window{block_.data() + used_, block_.data() + kBlockBytes};
  Fill filled = Fill::Done;
  while ((filled = encoder_.fill(window)) == Fill::WindowFull) {
    if (!next_block(window)) return filled;
  }
  // The last record may have run over the end: used_ is then above kBlockBytes until the block is
  // handed on.
  used_ = static_cast<std::uint32_t>(window.at - block_.data());
  if (used_ >= kBlockBytes && !next_block(window)) return Fill::WindowFull;
  return filled;
}

// Hands the full block to the device and goes on in a fresh one. False after a failed write.
bool PcapngFile::next_block(Window& window) {
  buffer::Block next = pool_->try_acquire();
  while (!next) {
    commit(writer_->wait());
    if (writer_->failure()) return false;
    next = pool_->try_acquire();
  }
  const std::uint64_t end = block_offset_ + kBlockBytes;
  const auto overrun = static_cast<std::uint32_t>(window.at - (block_.data() + kBlockBytes));
  std::memcpy(next.data(), block_.data() + kBlockBytes, overrun);

  submitted_[(submitted_first_ + submitted_count_) % submitted_.size()] = {
      block_first_, encoder_.extent_before(end)};
  ++submitted_count_;
  constexpr std::uint32_t kAligned = ~(storage::kDirectAlignment - 1);
  writer_->submit(std::move(block_), block_offset_, flushed_ & kAligned, kBlockBytes);

  block_ = std::move(next);
  block_offset_ = end;
  block_first_ = encoder_.extent();
  used_ = overrun;
  flushed_ = 0;
  window = {block_.data() + used_, block_.data() + kBlockBytes};
  commit(writer_->poll());
  return true;
}

void PcapngFile::commit(std::uint32_t blocks) noexcept {
  for (; blocks > 0; --blocks) {
    commit(submitted_[submitted_first_].whole);
    submitted_first_ = (submitted_first_ + 1) % submitted_.size();
    --submitted_count_;
  }
}

void PcapngFile::commit(const Extent& extent) noexcept {
  if (extent.bytes <= committed_.bytes) return;  // a record over several blocks, or already flushed
  committed_ = extent;
  statistics_.written.set(earlier_.packets + committed_.packets);
  statistics_.written_bytes.set(earlier_.bytes + committed_.bytes);
  count_pending();
}

void PcapngFile::count_pending() noexcept {
  std::uint64_t lost = 0;
  for (const auto& reason : statistics_.lost) lost += reason.value();
  statistics_.pending.set(statistics_.offered.value() - statistics_.written.value() - lost);
}

Result<void> PcapngFile::flush() {
  if (error_ || closed_) return state();
  if (rotation_ && rotation_->due() && !end_interval()) return state();
  if (!writer_->failure()) {
    encoder_.begin_empty();
    (void)fill_blocks();
  }
  (void)write_out();
  return state();
}

// Everything that is encoded into the file; false after a failure.
bool PcapngFile::write_out() {
  commit(writer_->drain());
  if (!writer_->failure() &&
      writer_->write_tail(block_offset_ + flushed_, {block_.data() + flushed_, used_ - flushed_})) {
    flushed_ = used_;
    commit(encoder_.extent());
  }
  if (writer_->failure()) settle_failure();
  return !error_;
}

// The statistics that end the file, and everything into it.
bool PcapngFile::finish_file() {
  if (!writer_->failure()) {
    encoder_.begin_end();
    (void)fill_blocks();
  }
  return write_out();
}

bool PcapngFile::end_interval() {
  encoder_.begin_empty();
  if (!writer_->failure()) (void)fill_blocks();
  return next_file(nullptr);
}

// Goes on in a new file, because of `packet` or, without one, for another reason.
bool PcapngFile::next_file(const Packet* packet) {
  if (!finish_file()) return false;
  if (auto closed = device_->close(); !closed) return fail(std::move(closed).error());
  auto next = rotation_->open_next(packet);
  if (!next) return fail(std::move(next).error());
  writer_.reset();
  device_ = std::move(next).value();
  writer_.emplace(*device_);
  WEIR_ASSERT(writer_->depth() + 1 >= pool_->count());
  earlier_.bytes += committed_.bytes;
  earlier_.packets += committed_.packets;
  committed_ = {};
  block_offset_ = 0;
  block_first_ = {};
  used_ = 0;
  flushed_ = 0;
  encoder_.begin_stream();
  encoder_.set_limit(rotation_->limit());
  return true;
}

// The end of a series whose files are whole so far.
bool PcapngFile::fail(Error error) {
  error_ = std::move(error);
  lose_pending(lost_reason(error_->sys_errno));
  fill_.set(0);
  return false;
}

void PcapngFile::lose_pending(LostReason reason) noexcept {
  count_pending();
  statistics_.lost[static_cast<std::size_t>(reason)].add(statistics_.pending.value());
  count_pending();
}

// Ends the file after the last record that is in it as a whole, and accounts for every packet
// behind it.
void PcapngFile::settle_failure() {
  commit(writer_->drain());
  const storage::WriteFailure failure = *writer_->failure();
  // The block that failed is the oldest that is not committed, or else the one being filled (a
  // tail).
  const bool in_flight = submitted_count_ > 0;
  const Extent first = in_flight ? submitted_[submitted_first_].first : block_first_;
  const std::uint64_t begin = in_flight ? failure.block_offset : block_offset_;
  const std::uint8_t* const memory = in_flight ? failure.block : block_.data();
  if (first.bytes <= failure.offset) {
    const auto got =
        pcapng::whole_records({memory + (first.bytes - begin), failure.offset - first.bytes});
    commit(Extent{first.bytes + got.bytes, first.packets + got.packets});
  }
  error_ = output_error(failure.sys_errno, device_->path(), failure.offset, committed_.packets);
  if (auto cut = device_->set_size(committed_.bytes); !cut) {
    error_->context += "; and cutting off its incomplete end failed: " + cut.error().context;
  }
  lose_pending(lost_reason(failure.sys_errno));
  fill_.set(0);
}

Result<void> PcapngFile::close() {
  if (closed_) return state();
  if (!error_) {
    encoder_.begin_empty();
    if (!writer_->failure()) (void)fill_blocks();
    (void)finish_file();
  }
  closed_ = true;
  block_.release();
  if (rotation_) rotation_->finish();
  auto closed = device_->close();
  if (!closed && !error_) error_ = std::move(closed).error();
  return state();
}

Result<void> PcapngFile::state() const {
  if (error_) return *error_;
  return ok();
}

}  // namespace weir::output
