// Interfaces that the kernel captures by AF_PACKET.
#pragma once

#include "app/engine/intake.h"

namespace weir::app {

class AfPacketIntakes final : public Intakes {
 public:
  Result<std::unique_ptr<Intake>> open(const std::vector<control::InterfaceConfig>& interfaces,
                                       const Clock& clock) override;
};

}  // namespace weir::app
