// What the interfaces of a capture lost before the capture could see it, and where outputs get it
// from.
#pragma once

#include <mutex>
#include <vector>

#include "app/report.h"
#include "capture/orchestrator.h"
#include "interface/nic_statistics.h"
#include "output/interface_counts.h"

namespace weir::app {

// Any thread: the worker that ends a file asks as well as the report.
class Upstream {
 public:
  // In the order of their InterfaceIds.
  explicit Upstream(std::vector<interface::NicStatistics> interfaces)
      : interfaces_(std::move(interfaces)) {}

  // All interfaces together, by name; exact where all are.
  std::vector<UpstreamReport> rows();
  // What the interface itself lost ("nic").
  std::uint64_t lost(InterfaceId interface);

 private:
  std::mutex mutex_;
  std::vector<interface::NicStatistics> interfaces_;
};

// The counters behind Interface Statistics Blocks: the orchestrator's and these.
class CaptureCounts final : public output::InterfaceCountsReader {
 public:
  // Borrowed. `upstream` may be null.
  CaptureCounts(const capture::Orchestrator& orchestrator, Upstream* upstream)
      : orchestrator_(orchestrator), upstream_(upstream) {}
  [[nodiscard]] output::InterfaceCounts counts(InterfaceId interface) const override;
  // What the interface itself lost stands with its first lane.
  [[nodiscard]] output::InterfaceCounts lane_counts(std::size_t lane,
                                                    InterfaceId interface) const override;

 private:
  const capture::Orchestrator& orchestrator_;
  Upstream* upstream_;
};

}  // namespace weir::app
