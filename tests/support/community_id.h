// Community ID v1 (github.com/corelight/community-id-spec), seed 0, from what weir says about a
// packet: a number that other tools compute too, and so a check of the innermost tuple from
// outside.
#pragma once

#include <string>

#include "base/packet_keys.h"

namespace weir::test {

// "1:" and the base64 of the SHA-1; empty for a packet without IP. `has_ports`: false for fragments
// without a transport header, whose tuple ends with the protocol.
std::string community_id(const PacketKeys& keys, bool has_ports);

}  // namespace weir::test
