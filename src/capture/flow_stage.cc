#include "capture/flow_stage.h"

namespace weir::capture {

FlowTotals& FlowTotals::operator+=(const FlowTotals& other) noexcept {
  for (std::size_t kind = 0; kind < begun.size(); ++kind) {
    begun[kind] += other.begun[kind];
    open[kind] += other.open[kind];
  }
  evicted += other.evicted;
  details_refused += other.details_refused;
  segments_refused += other.segments_refused;
  fragments += other.fragments;
  fragments_lost += other.fragments_lost;
  return *this;
}

FlowTotals totals_of(const protocol::FlowCounters& counters) noexcept {
  FlowTotals totals;
  for (std::size_t kind = 0; kind < totals.begun.size(); ++kind) {
    totals.begun[kind] = counters.begun[kind].value();
    totals.open[kind] = counters.open[kind].value();
  }
  totals.evicted = counters.evicted.value();
  totals.details_refused = counters.extras_refused.value();
  totals.segments_refused = counters.segments_refused.value();
  return totals;
}

FlowTotals totals_of(const protocol::DefragmenterStatistics& fragments) noexcept {
  FlowTotals totals;
  totals.fragments = fragments.fragments_taken.value();
  totals.fragments_lost =
      fragments.fragments_expired.value() + fragments.fragments_evicted.value() +
      fragments.fragments_refused.value() + fragments.fragments_incomplete.value();
  return totals;
}

}  // namespace weir::capture
