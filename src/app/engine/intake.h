// The interfaces of a running engine: their sources, their links, what their cards lost.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/upstream.h"
#include "base/clock.h"
#include "base/result.h"
#include "capture/orchestrator.h"
#include "control/config.h"
#include "interface/af_packet_sources.h"
#include "interface/link_monitor.h"
#include "security/privileged_operations.h"
#include "telemetry/log.h"

namespace weir::app {

class Intake {
 public:
  // Every packet from now on is seen. Errors: those of interface::open_af_packet_sources().
  static Result<std::unique_ptr<Intake>> open(
      const std::vector<control::InterfaceConfig>& interfaces, const Clock& clock);
  // How they were opened.
  void tell(const std::vector<control::InterfaceConfig>& interfaces,
            const telemetry::Logger& log) const;

  [[nodiscard]] std::vector<capture::Lane> lanes() const;
  [[nodiscard]] std::vector<std::string> names() const;            // by InterfaceId
  [[nodiscard]] std::vector<std::size_t> lane_interfaces() const;  // by lane
  [[nodiscard]] interface::LinkMonitor& links() noexcept { return *links_; }
  [[nodiscard]] const interface::LinkMonitor& links() const noexcept { return *links_; }
  [[nodiscard]] Upstream& upstream() noexcept { return *upstream_; }
  [[nodiscard]] const interface::Source& source(std::size_t lane) const {
    return *opened_.sources[lane];
  }

 private:
  Intake() = default;

  security::InProcessPrivileges privileges_;
  interface::AfPacketSources opened_;
  std::unique_ptr<interface::LinkMonitor> links_;
  std::unique_ptr<Upstream> upstream_;
};

}  // namespace weir::app
