#include "mix.h"

#include <algorithm>

namespace weir::traffic {

std::span<const Mix> mixes() noexcept {
  // clang-format off
  static constexpr std::array<Mix, 3> kTable = {{
      {"default", "an office and a data centre behind one tap, frames of 268 bytes in the mean",
       // http tls ssh redis bulk probe dns ntp sip rtp syslog dhcp quic echo arp
       {{  85, 190, 14,   66,   2,   60, 340, 20,  6,   5,    40,   6,  34,  10, 120}},
       // none vlan qinq vxlan geneve gre
       {{ 760,  100,  20,   90,    20, 10}}, 15},
      {"mirror", "what AWS VPC Traffic Mirroring delivers: all in VXLAN or GENEVE",
       {{  85, 190, 14,   66,   2,   60, 340, 20,  6,   5,    40,   6,  34,  10, 120}},
       {{   0,    0,   0,  850,   150,  0}}, 10},
      {"bulk", "few long transfers with full frames",
       {{  20,  40,  0,    0,  40,    5,  60,  5,  0,   0,     5,   0,  10,   2,   5}},
       {{ 900,  100,   0,    0,     0,  0}}, 15},
  }};
  // clang-format on
  return kTable;
}

const Mix* find_mix(std::string_view name) noexcept {
  const auto found = std::ranges::find(mixes(), name, &Mix::name);
  return found == mixes().end() ? nullptr : &*found;
}

}  // namespace weir::traffic
