#include "output/store_sink.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace weir::output {

StoreSink::StoreSink(std::span<SegmentStore* const> stores)
    : stores_(stores.begin(), stores.end()), failed_(stores.size()) {
  WEIR_ASSERT(!stores_.empty());
  for (const SegmentStore* store : stores_) {
    path_ += (path_.empty() ? "" : ",") + store->path();
  }
}

Result<std::unique_ptr<StoreSink>> StoreSink::open(std::span<SegmentStore* const> stores,
                                                   const StoreOptions& options,
                                                   const Clock& clock) {
  std::unique_ptr<StoreSink> sink(new StoreSink(stores));
  for (SegmentStore* store : stores) store->set_bounds(options.bounds);
  for (std::uint32_t i = 0; i < options.lanes; ++i) {
    WEIR_TRY(Lane lane, make_lane(*sink, i, options, clock));
    sink->lanes_.push_back(std::move(lane));
  }
  return sink;
}

Result<StoreSink::Lane> StoreSink::make_lane(StoreSink& sink, std::uint32_t number,
                                             const StoreOptions& options, const Clock& clock) {
  Lane lane;
  if (options.counts != nullptr) {
    lane.counts = std::make_unique<LaneCounts>(*options.counts, number);
    lane.section = std::make_unique<SectionCounts>(*lane.counts, clock);
  }
  std::vector<std::unique_ptr<StoreLane>> stripes;
  for (SegmentStore* store : sink.stores_) {
    WEIR_TRY(auto stripe, StoreLane::make({.path = store->path(),
                                           .chunk_bytes = options.chunk_bytes,
                                           .segment_bytes = options.segment_bytes,
                                           .durability = options.durability,
                                           .codec = options.codec,
                                           .counts = lane.section.get()},
                                          clock, *store));
    stripes.push_back(std::move(stripe));
  }
  // Workers begin in different directories.
  const std::size_t first = number % stripes.size();
  lane.striped = std::make_unique<StripedLane>(std::move(stripes), first, sink);
  return lane;
}

void StoreSink::stripe_failed(std::size_t stripe, const Error& why) {
  const std::lock_guard lock(mutex_);
  if (failed_[stripe]) return;
  failed_[stripe] = true;
  warnings_.push_back({.code = why.code,
                       .sys_errno = why.sys_errno,
                       .context = "store " + stores_[stripe]->path() + " takes no more packets: " +
                                  why.context + "; the other directories go on"});
}

std::optional<Error> StoreSink::take_warning() {
  for (SegmentStore* store : stores_) store->tend();
  const std::lock_guard lock(mutex_);
  if (warnings_.empty()) return std::nullopt;
  std::optional<Error> first = std::move(warnings_.front());
  warnings_.pop_front();
  return first;
}

SinkCounts StoreSink::counts() const noexcept {
  SinkCounts sum;
  for (const Lane& lane : lanes_) sum += lane.striped->counts();
  return sum;
}

double StoreSink::fill() const noexcept {
  double most = 0;
  for (const Lane& lane : lanes_) most = std::max(most, lane.striped->fill());
  return most;
}

std::uint64_t StoreSink::files() const noexcept {
  std::uint64_t files = 0;
  for (const Lane& lane : lanes_) files += lane.striped->files();
  return files;
}

SinkPlace StoreSink::place(std::size_t index) const {
  SinkPlace place{.path = stores_[index]->path(), .files = 0, .counts = {}};
  for (const Lane& lane : lanes_) {
    const StoreLane& stripe = lane.striped->stripe(index);
    place.files += stripe.files();
    place.counts += counts_of(stripe.statistics());
  }
  return place;
}

}  // namespace weir::output
