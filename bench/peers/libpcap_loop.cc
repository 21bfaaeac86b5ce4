// libpcap-loop FILE [EXPRESSION]: the least that a program on libpcap does with every packet:
// pcap_loop, an optional filter, and a hash of the outer five-tuple (Ethernet, up to two VLAN tags,
// IPv4 and IPv6, TCP and UDP).
#include <cstdint>
#include <cstdio>

#include <pcap/pcap.h>

#include "base/bytes.h"

namespace {

struct Totals {
  std::uint64_t packets = 0;
  std::uint64_t hashes = 0;  // a sum, so that the compiler keeps the work
};

constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 29);
}

std::uint64_t hash_transport(weir::Bytes packet, std::uint8_t protocol, std::uint64_t hash) {
  hash = mix(hash, protocol);
  const bool has_ports = (protocol == 6 || protocol == 17) && packet.size() >= 4;
  return has_ports ? mix(hash, weir::load_be32(packet.data())) : hash;
}

std::uint64_t hash_tuple(weir::Bytes frame) {
  std::size_t at = 12;
  if (frame.size() < at + 2) return 0;
  std::uint16_t type = weir::load_be16(frame.data() + at);
  for (int tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); ++tags) {
    at += 4;
    if (frame.size() < at + 2) return 0;
    type = weir::load_be16(frame.data() + at);
  }
  const weir::Bytes packet = frame.subspan(at + 2);
  if (type == 0x0800 && packet.size() >= 20) {
    const std::size_t header_bytes = (packet[0] & 0x0fu) * 4u;
    const std::uint64_t hash = mix(1, weir::load_be64(packet.data() + 12));
    const bool first = (weir::load_be16(packet.data() + 6) & 0x1fff) == 0;
    if (!first || header_bytes > packet.size()) return hash;
    return hash_transport(packet.subspan(header_bytes), packet[9], hash);
  }
  if (type == 0x86dd && packet.size() >= 40) {
    std::uint64_t hash = 2;
    for (std::size_t word = 8; word < 40; word += 8) {
      hash = mix(hash, weir::load_be64(packet.data() + word));
    }
    return hash_transport(packet.subspan(40), packet[6], hash);
  }
  return 0;
}

}  // namespace

extern "C" {
static void count_packet(u_char* user, const pcap_pkthdr* header, const u_char* data) {
  auto* totals = static_cast<Totals*>(static_cast<void*>(user));
  totals->packets += 1;
  totals->hashes += hash_tuple({data, header->caplen});
}
}

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fputs("usage: libpcap-loop FILE [EXPRESSION]\n", stderr);
    return 2;
  }
  char error[PCAP_ERRBUF_SIZE] = "";
  pcap_t* pcap = ::pcap_open_offline(argv[1], error);
  if (pcap == nullptr) {
    std::fprintf(stderr, "libpcap-loop: %s\n", error);
    return 1;
  }
  bpf_program program{};
  if (argc == 3 && (::pcap_compile(pcap, &program, argv[2], 1, PCAP_NETMASK_UNKNOWN) != 0 ||
                    ::pcap_setfilter(pcap, &program) != 0)) {
    std::fprintf(stderr, "libpcap-loop: %s\n", ::pcap_geterr(pcap));
    return 2;
  }
  Totals totals;
  const int end =
      ::pcap_loop(pcap, -1, count_packet, static_cast<u_char*>(static_cast<void*>(&totals)));
  std::printf("%llu packets, hash %016llx\n", static_cast<unsigned long long>(totals.packets),
              static_cast<unsigned long long>(totals.hashes));
  ::pcap_freecode(&program);
  ::pcap_close(pcap);
  return end == 0 ? 0 : 1;
}
