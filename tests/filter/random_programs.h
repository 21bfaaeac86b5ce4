// Random packets and random valid programs for differential tests. Same generator state, same
// result.
#pragma once

#include <cstdint>
#include <vector>

#include "base/prng.h"
#include "filter/cbpf.h"

namespace weir::test {

// A program that check() passes. It stores to every memory word first, because bpf_filter() leaves
// them undefined. Most offsets and constants are small or stand in typical headers, so that loads
// succeed and comparisons hold often enough.
filter::CbpfProgram random_program(Prng& prng);

// Up to 160 bytes: noise, or an Ethernet frame with IPv4 or IPv6 and ports, cut anywhere.
std::vector<std::uint8_t> random_packet(Prng& prng);

}  // namespace weir::test
