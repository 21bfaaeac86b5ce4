#include "flow_factory.h"

#include <numeric>

#include "random_draws.h"

namespace weir::traffic {
namespace {

constexpr std::uint32_t kFirstEphemeralPort = 32768;
constexpr std::uint32_t kEphemeralPorts = 28232;

template <std::size_t kSize>
std::uint8_t draw_weighted(Prng& prng, const std::array<std::uint16_t, kSize>& weights) noexcept {
  std::uint64_t left =
      prng.below(std::accumulate(weights.begin(), weights.end(), std::uint64_t{0}));
  std::uint8_t chosen = 0;
  while (left >= weights[chosen]) left -= weights[chosen++];
  return chosen;
}

bool is_tunnel(Encapsulation e) noexcept {
  return e == Encapsulation::Vxlan || e == Encapsulation::Geneve || e == Encapsulation::Gre;
}

std::uint16_t ephemeral_port(std::uint64_t number) noexcept {
  return static_cast<std::uint16_t>(kFirstEphemeralPort + number % kEphemeralPorts);
}

}  // namespace

std::uint32_t vni_of(std::uint32_t tenant) noexcept { return 1000 + tenant * 1'000'003; }

Address server_address(ApplicationId application, std::uint32_t rank, bool v6) noexcept {
  const auto group = static_cast<std::uint32_t>(application);
  if (v6) return ipv6(0x00020000 | group, rank + 1);
  return ipv4(0xc6120000 + (group << kServerRankBits) + rank + 1);
}

Flow FlowFactory::make() {
  Flow flow;
  flow.seed = prng_.next();
  flow.application = draw_weighted(prng_, mix_->applications);
  const Application& application = applications()[flow.application];
  const auto id = static_cast<ApplicationId>(flow.application);
  flow.encapsulation = static_cast<Encapsulation>(draw_weighted(prng_, mix_->encapsulations));
  // GENEVE and GRE carry IP here, not frames.
  if (id == ApplicationId::AddressResolution &&
      (flow.encapsulation == Encapsulation::Geneve || flow.encapsulation == Encapsulation::Gre)) {
    flow.encapsulation = Encapsulation::Vxlan;
  }
  const bool v6 = prng_.chance(mix_->ipv6_percent, 100) && id != ApplicationId::Dhcp;
  flow.server_port = application.server_port;
  flow.outer_hash = static_cast<std::uint32_t>(prng_.next());
  if (is_tunnel(flow.encapsulation)) {
    choose_tenant_hosts(flow, v6);
  } else {
    choose_hosts(flow, v6);
  }
  if (application.client_port != 0) flow.client_port = application.client_port;
  flow.rtt_ns = draw_heavy_tailed(prng_, 300'000, 150'000'000);
  flow.identification = {static_cast<std::uint16_t>(prng_.next()),
                         static_cast<std::uint16_t>(prng_.next())};
  flow.next_sequence = {static_cast<std::uint32_t>(prng_.next()),
                        static_cast<std::uint32_t>(prng_.next())};
  flow.segment_limit = v6 ? 1428 : 1448;
  flow.window = 10;
  flow.ends_with_reset = prng_.chance(kResetsPerHundredConnections, 100);
  ++made_;
  return flow;
}

void FlowFactory::choose_hosts(Flow& flow, bool v6) {
  const std::uint32_t client = draw_rank(prng_, 16) + 1;
  const std::uint32_t server = draw_rank(prng_, kServerRankBits);
  flow.client = v6 ? ipv6(0x00010000, client) : ipv4(0x0a200000 + client);
  flow.server = server_address(static_cast<ApplicationId>(flow.application), server, v6);
  flow.client_port = ephemeral_port(made_);
  flow.tenant = 100 + draw_rank(prng_, 5);  // the VLAN, if any
}

void FlowFactory::choose_tenant_hosts(Flow& flow, bool v6) {
  flow.tenant = draw_rank(prng_, 4) % kTenantCount;  // popular ones and others
  auto& made_for = made_for_tenant_[static_cast<std::size_t>(flow.encapsulation)];
  const std::uint32_t number = made_for[flow.tenant]++;
  const std::uint32_t client = 1 + number % 200;
  const std::uint32_t server = (std::uint32_t{flow.application} << 8) + 1 + number % 20;
  flow.client = v6 ? ipv6(0x00100000, client) : ipv4(0x0a000000 + client);
  flow.server = v6 ? ipv6(0x00110000, server) : ipv4(0x0a008000 + server);
  flow.client_port = ephemeral_port(number);
}

}  // namespace weir::traffic
