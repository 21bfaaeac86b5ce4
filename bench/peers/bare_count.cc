// bare-count IF: counts the packets of an interface in a TPACKET_V3 ring and does nothing else, not
// even touch a frame. Nothing that reads packets from such a ring can be cheaper. Ends at SIGINT.
#include <cstdio>

#include "bare_ring.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: bare-count IF\n", stderr);
    return 2;
  }
  auto ring = weir::bare::Ring::open(argv[1]);
  if (!ring) return 1;
  std::fputs("bare-count: capturing\n", stderr);
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  while (const auto block = ring->next()) {
    const tpacket3_hdr* packet = block->first;
    for (std::uint32_t i = 0; i < block->packets; ++i) {
      bytes += packet->tp_len;
      packet = weir::bare::next_packet(packet);
    }
    packets += block->packets;
  }
  std::printf("{\"captured\": %llu, \"bytes\": %llu, \"dropped\": %llu}\n",
              static_cast<unsigned long long>(packets), static_cast<unsigned long long>(bytes),
              static_cast<unsigned long long>(ring->take_drops()));
  return 0;
}
