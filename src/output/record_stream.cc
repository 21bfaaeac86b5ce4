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
    if (when_full_ == WhenFull::Drop) {
      statistics_.lost[log].add(1);
      return;
    }
    slot = &ring_.begin_push();
  }
  *slot = record;
  ring_.end_push();
  // Also within a batch the merger hears of a ring that fills up: at the latest when half a ring is
  // new. So it knows the front of a full one, and, where it goes on at half a ring
  // (Ordering::Bounded), it is awake before a ring is full.
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
