// Makes new flows: which application, between whom, wrapped how.
//
// Addresses (documentation and benchmarking ranges, RFC 5737, 2544, 3849, and private ones):
//   clients 10.32.0.0/16 and 2001:db8:1::/48, servers 198.18.0.0/16 and 2001:db8:2::/48, both with
//   Zipf popularity: the first server of an application serves a tenth of its flows, the first
//   client makes a sixteenth of all; inside tunnels every tenant uses the same
//   addresses 10.0.0.0/24 and 10.0.128.0/17, so that equal five-tuples occur in several tenants at
//   the same time; 198.51.100.0/24 belongs to the needle alone.
#pragma once

#include <array>
#include <cstdint>

#include "flow.h"
#include "mix.h"

namespace weir::traffic {

inline constexpr std::uint32_t kTenantCount = 8;  // for each kind of tunnel
std::uint32_t vni_of(std::uint32_t tenant) noexcept;

// Ranks of servers are below 2^kServerRankBits - 1.
inline constexpr unsigned kServerRankBits = 10;
Address server_address(ApplicationId application, std::uint32_t rank, bool v6) noexcept;

class FlowFactory {
 public:
  FlowFactory(const Mix& mix, std::uint64_t seed) noexcept : mix_(&mix), prng_(seed) {}

  Flow make();
  [[nodiscard]] std::uint64_t made() const noexcept { return made_; }

 private:
  void choose_hosts(Flow& flow, bool v6);
  void choose_tenant_hosts(Flow& flow, bool v6);

  const Mix* mix_;
  Prng prng_;
  std::uint64_t made_ = 0;
  // Flows made for each tenant: host and port follow from this number, so that they overlap between
  // tenants, not inside one.
  std::array<std::array<std::uint32_t, kTenantCount>, kEncapsulationCount> made_for_tenant_{};
};

}  // namespace weir::traffic
