#include "app/upstream.h"

#include <algorithm>

namespace weir::app {

std::vector<UpstreamReport> Upstream::rows() {
  const std::lock_guard lock(mutex_);
  std::vector<UpstreamReport> rows;
  for (interface::NicStatistics& nic : interfaces_) {
    for (const interface::UpstreamLoss& loss : nic.read()) {
      auto row = std::find_if(rows.begin(), rows.end(),
                              [&](const UpstreamReport& r) { return r.name == loss.name; });
      if (row == rows.end()) row = rows.insert(rows.end(), {.name = loss.name});
      row->count += loss.count;
      row->exact = row->exact && loss.exact;
    }
  }
  return rows;
}

std::uint64_t Upstream::lost(InterfaceId interface) {
  const std::lock_guard lock(mutex_);
  if (interface.index >= interfaces_.size()) return 0;
  for (const interface::UpstreamLoss& loss : interfaces_[interface.index].read()) {
    if (loss.name == "nic") return loss.count;
  }
  return 0;
}

output::InterfaceCounts CaptureCounts::counts(InterfaceId interface) const {
  output::InterfaceCounts counts = orchestrator_.counts(interface);
  if (upstream_ != nullptr) counts.upstream = upstream_->lost(interface);
  return counts;
}

output::InterfaceCounts CaptureCounts::lane_counts(std::size_t lane, InterfaceId interface) const {
  output::InterfaceCounts counts = orchestrator_.lane_counts(lane, interface);
  if (upstream_ != nullptr && orchestrator_.first_lane(interface) == lane) {
    counts.upstream = upstream_->lost(interface);
  }
  return counts;
}

}  // namespace weir::app
