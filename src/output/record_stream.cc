#include "output/record_stream.h"

#include "base/assert.h"

namespace weir::output {

using protocol::Record;
using protocol::RecordOrder;

RecordStream::RecordStream(std::uint32_t slots, WhenFull when_full, Doorbell& merger)
    : when_full_(when_full), merger_(merger), ring_(slots) {
  WEIR_ASSERT(slots >= 2);
}

void RecordStream::take(const Record& record) {
  const auto log = static_cast<std::size_t>(protocol::log_of(record));
  statistics_.offered[log].add(1);
  Record* slot = ring_.try_begin_push();
  if (slot == nullptr) {
    // The merger may not know of what came since the last reached().
    ring_merger();
    if (when_full_ == WhenFull::Drop) {
      statistics_.lost[log].add(1);
      return;
    }
    slot = &ring_.begin_push();
  }
  *slot = record;
  ring_.end_push();
  // A merger that does not wait for others (Ordering::Bounded) gets to know of a ring that fills up
  // before it is full: it slept at less than a half, and is rung before another half has come.
  if (++unannounced_ == ring_.capacity() / 2) ring_merger();
}

void RecordStream::reached(RecordOrder order) {
  WEIR_DEBUG_ASSERT(order >= progress_.reached());
  progress_.advance_to(order);
  ring_merger();
}

void RecordStream::ring_merger() noexcept {
  unannounced_ = 0;
  merger_.ring();
}

}  // namespace weir::output
