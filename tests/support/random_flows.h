// Flows as networks carry them, at random from a seed: tags, labels and tunnels around an exchange
// between two ends.
#pragma once

#include <cstdint>
#include <vector>

#include "base/prng.h"

namespace weir::test {

// One packet of a flow each way. Headers around the flow agree where both directions have the same
// (tags, labels, network identifiers), are turned round where they name stations, and differ where
// tunnels put in what they like (the source port of VXLAN and GENEVE, the endpoint of GTP-U).
struct BothWays {
  std::vector<std::uint8_t> there;
  std::vector<std::uint8_t> back;
};

// In Ethernet, below 600 bytes.
BothWays random_flow(Prng& random);

}  // namespace weir::test
