// What the traffic consists of: named tables of weights.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "applications/applications.h"
#include "flow.h"

namespace weir::traffic {

struct Mix {
  std::string_view name;
  std::string_view description;
  std::array<std::uint16_t, kApplicationCount> applications;  // weight in flows, by ApplicationId
  std::array<std::uint16_t, kEncapsulationCount>
      encapsulations;          // weight in flows, by Encapsulation
  std::uint16_t ipv6_percent;  // of flows
};

std::span<const Mix> mixes() noexcept;
const Mix* find_mix(std::string_view name) noexcept;

// The same in every mix.
inline constexpr std::uint32_t kRetransmissionsPerThousandSegments = 3;
inline constexpr std::uint32_t kMalformedPerTenThousand = 10;
inline constexpr std::uint32_t kBadChecksumsPerTenThousand = 5;
inline constexpr std::uint32_t kResetsPerHundredConnections = 8;  // the others end with FIN

}  // namespace weir::traffic
