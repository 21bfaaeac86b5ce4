#include "output/record_sums.h"

#include <algorithm>
#include <variant>

#include "base/assert.h"

namespace weir::output {
namespace {

using protocol::CaptureLossRecord;
using protocol::StatsRecord;

// The interval is that of the worker that saw most of it.
template <typename R>
void widen(R& sum, const R& part) noexcept {
  sum.time = std::max(sum.time, part.time);
  sum.delta = std::max(sum.delta, part.delta);
}

void add_counts(StatsRecord& sum, const StatsRecord& part) noexcept {
  sum.packets += part.packets;
  sum.bytes += part.bytes;
  for (std::size_t kind = 0; kind < sum.flows_begun.size(); ++kind) {
    sum.flows_begun[kind] += part.flows_begun[kind];
    sum.flows_active[kind] += part.flows_active[kind];
  }
  sum.flows_evicted += part.flows_evicted;
}

void add_counts(CaptureLossRecord& sum, const CaptureLossRecord& part) noexcept {
  sum.gaps += part.gaps;
  sum.acknowledgements += part.acknowledgements;
}

template <typename R>
RecordSums::Taken add_to(std::optional<R>& sum, const R& part) noexcept {
  if (!sum) {
    sum = part;
    return RecordSums::Taken::First;
  }
  widen(*sum, part);
  add_counts(*sum, part);
  return RecordSums::Taken::Added;
}

}  // namespace

RecordSums::Taken RecordSums::add(const protocol::Record& record) noexcept {
  WEIR_DEBUG_ASSERT(!hold_other_than(record.order));
  Taken taken = Taken::No;
  if (const auto* stats = std::get_if<StatsRecord>(&record.body)) taken = add_to(stats_, *stats);
  if (const auto* loss = std::get_if<CaptureLossRecord>(&record.body)) taken = add_to(loss_, *loss);
  if (taken != Taken::No) order_ = record.order;
  return taken;
}

}  // namespace weir::output
