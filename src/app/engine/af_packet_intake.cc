#include "app/engine/af_packet_intake.h"

#include "buffer/memory_plan.h"
#include "interface/af_packet_sources.h"
#include "interface/nic_statistics.h"
#include "security/privileged_operations.h"

namespace weir::app {
namespace {

std::vector<interface::AfPacketCapture> captures_of(
    const std::vector<control::InterfaceConfig>& interfaces) {
  std::vector<interface::AfPacketCapture> captures;
  for (const control::InterfaceConfig& one : interfaces) {
    captures.push_back(
        {.interfaces = {one.name},
         .workers_per_interface = one.workers,
         .snaplen = one.snaplen,
         .ring_bytes = one.ring_bytes,
         .promiscuous = one.promiscuous ? interface::Promiscuous::Yes : interface::Promiscuous::No,
         .direction = one.direction});
  }
  return captures;
}

class AfPacketIntake final : public Intake {
 public:
  static Result<std::unique_ptr<Intake>> open(
      const std::vector<control::InterfaceConfig>& interfaces, const Clock& clock);

  void tell(const std::vector<control::InterfaceConfig>& interfaces,
            const telemetry::Logger& log) const override;
  [[nodiscard]] std::vector<capture::Lane> lanes() const override;
  [[nodiscard]] std::vector<std::string> names() const override;
  [[nodiscard]] std::vector<std::size_t> lane_interfaces() const override;
  [[nodiscard]] int link_fd() const noexcept override { return links_->fd(); }
  std::vector<interface::LinkChange> take_link_changes() override { return links_->take(); }
  [[nodiscard]] interface::LinkState link_state(std::size_t link) const noexcept override {
    return links_->state(link);
  }
  [[nodiscard]] Upstream& upstream() noexcept override { return *upstream_; }

 private:
  AfPacketIntake() = default;

  security::InProcessPrivileges privileges_;
  interface::AfPacketSources opened_;
  std::unique_ptr<interface::LinkMonitor> links_;
  std::unique_ptr<Upstream> upstream_;
};

Result<std::unique_ptr<Intake>> AfPacketIntake::open(
    const std::vector<control::InterfaceConfig>& interfaces, const Clock& clock) {
  std::unique_ptr<AfPacketIntake> intake(new AfPacketIntake());
  const std::vector<interface::AfPacketCapture> captures = captures_of(interfaces);
  WEIR_TRY(intake->opened_,
           interface::open_af_packet_sources(captures, intake->privileges_, clock));
  std::vector<int> indexes;
  std::vector<interface::NicStatistics> nics;
  for (const interface::AfPacketInterface& one : intake->opened_.interfaces) {
    indexes.push_back(one.index);
    WEIR_TRY(interface::NicStatistics nic, interface::NicStatistics::open(one.index));
    nics.push_back(std::move(nic));
  }
  WEIR_TRY(intake->links_, interface::LinkMonitor::open(indexes));
  intake->upstream_ = std::make_unique<Upstream>(std::move(nics));
  return std::unique_ptr<Intake>(std::move(intake));
}

void AfPacketIntake::tell(const std::vector<control::InterfaceConfig>& interfaces,
                          const telemetry::Logger& log) const {
  for (std::size_t i = 0; i < opened_.interfaces.size(); ++i) {
    const interface::AfPacketInterface& one = opened_.interfaces[i];
    log.info("capturing", {{"interface", one.name}, {"mode", "afpacket"}});
    if (one.steering == interface::Steering::KernelHash) {
      log.warning("packets are steered by the kernel's hash of the outer headers",
                  {{"interface", one.name}, {"why", one.why_kernel_hash}});
    }
  }
  for (const interface::AfPacketQueue& queue : opened_.queues) {
    const control::InterfaceConfig& one = interfaces[queue.interface.index];
    if (queue.ring_bytes + (std::uint64_t{1} << 20) > one.ring_bytes) continue;
    log.warning("the ring is smaller than configured",
                {{"interface", one.name}, {"bytes", queue.ring_bytes}});
  }
}

std::vector<capture::Lane> AfPacketIntake::lanes() const {
  std::vector<capture::Lane> lanes;
  for (std::size_t i = 0; i < opened_.sources.size(); ++i) {
    lanes.push_back({.source = opened_.sources[i].get(),
                     .interface = opened_.queues[i].interface,
                     .queue = opened_.queues[i].queue});
  }
  return lanes;
}

std::vector<std::string> AfPacketIntake::names() const {
  std::vector<std::string> names;
  for (const interface::AfPacketInterface& one : opened_.interfaces) names.push_back(one.name);
  return names;
}

std::vector<std::size_t> AfPacketIntake::lane_interfaces() const {
  std::vector<std::size_t> interfaces;
  for (const interface::AfPacketQueue& queue : opened_.queues) {
    interfaces.push_back(queue.interface.index);
  }
  return interfaces;
}

}  // namespace

Result<std::unique_ptr<Intake>> AfPacketIntakes::open(
    const std::vector<control::InterfaceConfig>& interfaces, const Clock& clock) {
  return AfPacketIntake::open(interfaces, clock);
}

}  // namespace weir::app
