#include "output/pcapng_file.h"

#include <cstring>

#include "base/assert.h"
#include "output/output_error.h"

namespace weir::output {

namespace pcapng = storage::pcapng;

Result<std::unique_ptr<PcapngFile>> PcapngFile::open(const Options& options) {
  WEIR_TRY(auto pool, buffer::BlockPool::create(kBlocks, kBlockBytes + kSlackBytes));
  WEIR_TRY(auto device, storage::open_block_device({.path = options.path,
                                                    .direct = options.direct,
                                                    .io_uring = options.io_uring,
                                                    .queue_depth = kBlocks,
                                                    .buffers = pool->memory()}));
  return std::make_unique<PcapngFile>(std::move(pool), std::move(device), options.identity);
}

PcapngFile::PcapngFile(std::unique_ptr<buffer::BlockPool> pool,
                       std::unique_ptr<storage::BlockDevice> device,
                       pcapng::SectionIdentity identity)
    : pool_(std::move(pool)),
      device_(std::move(device)),
      writer_(*device_),
      encoder_(std::move(identity)),
      block_(pool_->try_acquire()) {
  WEIR_ASSERT(pool_->block_bytes() == kBlockBytes + kSlackBytes);
  // One block is always being filled; the others may all be in flight.
  WEIR_ASSERT(pool_->count() >= 2 && pool_->count() <= kBlocks &&
              pool_->count() <= writer_.depth() + 1);
}

Result<void> PcapngFile::reserve() {
  if (error_ || closed_) return state();
  commit(writer_.poll());
  const auto room = [this] {
    return kBlockBytes - used_ + std::uint64_t{pool_->free_count()} * kBlockBytes;
  };
  while (!writer_.failure() && room() < kBatchRoomBytes) commit(writer_.wait());
  if (writer_.failure()) settle_failure();
  return state();
}

void PcapngFile::write(const PacketBatch& batch, const InterfaceTable& interfaces,
                       const Verdicts& verdicts, SessionMask session) {
  const std::uint32_t wanted = count_wanted(batch, verdicts, session);
  statistics_.offered.add(wanted);
  if (error_ || closed_) {
    const auto reason = error_ ? lost_reason(error_->sys_errno) : LostReason::Closed;
    statistics_.lost[static_cast<std::size_t>(reason)].add(wanted);
    return;
  }
  // After a failure that reserve() has not seen yet, packets stay pending until it counts them.
  if (!writer_.failure()) {
    encoder_.begin(batch, interfaces, verdicts, session);
    fill();
  }
  count_pending();
}

void PcapngFile::fill() {
  Window window{block_.data() + used_, block_.data() + kBlockBytes};
  while (!encoder_.fill(window)) {
    if (!next_block(window)) return;
  }
  // The last record may have run over the end: used_ is then above kBlockBytes until the block is
  // handed on.
  used_ = static_cast<std::uint32_t>(window.at - block_.data());
  if (used_ >= kBlockBytes) (void)next_block(window);
}

// Hands the full block to the device and goes on in a fresh one. False after a failed write.
bool PcapngFile::next_block(Window& window) {
  buffer::Block next = pool_->try_acquire();
  while (!next) {
    commit(writer_.wait());
    if (writer_.failure()) return false;
    next = pool_->try_acquire();
  }
  const std::uint64_t end = block_offset_ + kBlockBytes;
  const auto overrun = static_cast<std::uint32_t>(window.at - (block_.data() + kBlockBytes));
  std::memcpy(next.data(), block_.data() + kBlockBytes, overrun);

  submitted_[(submitted_first_ + submitted_count_) % kBlocks] = {block_first_,
                                                                 encoder_.extent_before(end)};
  ++submitted_count_;
  constexpr std::uint32_t kAligned = ~(storage::kDirectAlignment - 1);
  writer_.submit(std::move(block_), block_offset_, flushed_ & kAligned, kBlockBytes);

  block_ = std::move(next);
  block_offset_ = end;
  block_first_ = encoder_.extent();
  used_ = overrun;
  flushed_ = 0;
  window = {block_.data() + used_, block_.data() + kBlockBytes};
  commit(writer_.poll());
  return true;
}

void PcapngFile::commit(std::uint32_t blocks) noexcept {
  for (; blocks > 0; --blocks) {
    commit(submitted_[submitted_first_].whole);
    submitted_first_ = (submitted_first_ + 1) % kBlocks;
    --submitted_count_;
  }
}

void PcapngFile::commit(const Extent& extent) noexcept {
  if (extent.bytes <= committed_.bytes) return;  // a record over several blocks, or already flushed
  committed_ = extent;
  statistics_.written.set(committed_.packets);
  statistics_.written_bytes.set(committed_.bytes);
  count_pending();
}

void PcapngFile::count_pending() noexcept {
  std::uint64_t lost = 0;
  for (const auto& reason : statistics_.lost) lost += reason.value();
  statistics_.pending.set(statistics_.offered.value() - statistics_.written.value() - lost);
}

Result<void> PcapngFile::flush() {
  if (error_ || closed_) return state();
  if (!writer_.failure()) {
    encoder_.begin_empty();
    fill();
  }
  commit(writer_.drain());
  if (!writer_.failure() &&
      writer_.write_tail(block_offset_ + flushed_, {block_.data() + flushed_, used_ - flushed_})) {
    flushed_ = used_;
    commit(encoder_.extent());
  }
  if (writer_.failure()) settle_failure();
  return state();
}

// Ends the file after the last record that is in it as a whole, and accounts for every packet
// behind it.
void PcapngFile::settle_failure() {
  commit(writer_.drain());
  const storage::WriteFailure failure = *writer_.failure();
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
  count_pending();
  statistics_.lost[static_cast<std::size_t>(lost_reason(failure.sys_errno))].add(
      statistics_.pending.value());
  count_pending();
}

Result<void> PcapngFile::close() {
  if (closed_) return state();
  (void)flush();
  closed_ = true;
  block_.release();
  auto closed = device_->close();
  if (!closed && !error_) error_ = std::move(closed).error();
  return state();
}

Result<void> PcapngFile::state() const {
  if (error_) return *error_;
  return ok();
}

}  // namespace weir::output
