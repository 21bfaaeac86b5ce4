#include "output/store_sink.h"

namespace weir::output {

Result<std::unique_ptr<StoreSink>> StoreSink::open(SegmentStore& store, const StoreOptions& options,
                                                   const Clock& clock) {
  store.set_bounds(options.bounds);
  std::unique_ptr<StoreSink> sink(new StoreSink(store));
  for (std::uint32_t i = 0; i < options.lanes; ++i) {
    StoreLaneOptions lane{.path = store.path(),
                          .chunk_bytes = options.chunk_bytes,
                          .segment_bytes = options.segment_bytes,
                          .durability = options.durability,
                          .codec = options.codec};
    if (options.counts != nullptr) {
      sink->counts_.push_back(std::make_unique<LaneCounts>(*options.counts, i));
      lane.counts.emplace(*sink->counts_.back(), clock);
    }
    WEIR_TRY(auto made, StoreLane::make(std::move(lane), clock, store));
    sink->lanes_.push_back(std::move(made));
  }
  return sink;
}

SinkCounts StoreSink::counts() const noexcept {
  SinkCounts sum;
  for (const auto& lane : lanes_) sum += lane->counts();
  return sum;
}

std::uint64_t StoreSink::files() const noexcept {
  std::uint64_t files = 0;
  for (const auto& lane : lanes_) files += lane->files();
  return files;
}

}  // namespace weir::output
