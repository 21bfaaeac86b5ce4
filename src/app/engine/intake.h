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
#include "interface/link_monitor.h"
#include "telemetry/log.h"

namespace weir::app {

// The engine's thread, but for link_state().
class Intake {
 public:
  virtual ~Intake() = default;

  // How they were opened.
  virtual void tell(const std::vector<control::InterfaceConfig>& interfaces,
                    const telemetry::Logger& log) const = 0;

  [[nodiscard]] virtual std::vector<capture::Lane> lanes() const = 0;
  [[nodiscard]] virtual std::vector<std::string> names() const = 0;            // by InterfaceId
  [[nodiscard]] virtual std::vector<std::size_t> lane_interfaces() const = 0;  // by lane
  // Readable when take_link_changes() may have something to tell.
  [[nodiscard]] virtual int link_fd() const noexcept = 0;
  virtual std::vector<interface::LinkChange> take_link_changes() = 0;
  [[nodiscard]] virtual interface::LinkState link_state(std::size_t link) const noexcept = 0;
  [[nodiscard]] virtual Upstream& upstream() noexcept = 0;
};

// Where an engine's interfaces are opened: in the kernel, or in a simulation.
class Intakes {
 public:
  virtual ~Intakes() = default;
  // Every packet from now on is seen. Errors: those of interface::open_af_packet_sources().
  virtual Result<std::unique_ptr<Intake>> open(
      const std::vector<control::InterfaceConfig>& interfaces, const Clock& clock) = 0;
};

}  // namespace weir::app
