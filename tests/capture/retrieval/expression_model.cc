#include "capture/retrieval/expression_model.h"

#include <array>

namespace weir::test {
namespace {

template <std::size_t N>
std::string one_of(Prng& random, const std::array<const char*, N>& words) {
  return words[random.below(N)];
}

// The addresses, ports and tags of typical_frame() and random_flow() among others.
std::string host(Prng& random) {
  return one_of(random, std::array{"10.0.0.1", "10.9.8.7", "192.168.0.9", "192.0.2.1", "10.0.0.2",
                                   "172.16.0.1", "1.2.3.4", "2001:db8::1", "2001:db8::2", "fe80::1",
                                   "::ffff:10.0.0.1"});
}
std::string net(Prng& random) {
  return one_of(random, std::array{"10.0.0.0/8", "10", "10.0", "10.0.0", "192.168.0.0/16",
                                   "192.0.2.0/24", "172.16.0.0 mask 255.240.0.0", "0.0.0.0/0",
                                   "2001:db8::/32", "fe80::/10", "::/0", "1.2.3.4", "224"});
}
std::string port(Prng& random) {
  return one_of(random, std::array{"443", "53", "55", "22", "80", "8080", "1024", "50000", "4789",
                                   "6081", "0", "0x50", "http", "domain", "ssh", "9999"});
}

std::string direction(Prng& random) {
  return random.chance(1, 2) ? ""
                             : one_of(random, std::array{"src ", "dst ", "src or dst ",
                                                         "src and dst ", "dst or src "});
}

// `value` with others that inherit its qualifiers.
template <typename Value>
std::string list(Prng& random, Value&& value) {
  std::string text = value(random);
  const bool parentheses = random.chance(1, 3);
  for (std::uint64_t more = random.below(3); more > 0; --more) {
    text += one_of(random, std::array{" or ", " and ", " || ", " or not ", " and ! "});
    text += value(random);
  }
  return parentheses ? "(" + text + ")" : text;
}

std::string tested(Prng& random) {
  switch (random.below(12)) {
    case 0:
    case 1:
      return one_of(random, std::array{"", "", "ip ", "ip6 ", "arp ", "ether ", "rarp "}) +
             direction(random) + "host " + list(random, host);
    case 2:
      return one_of(random, std::array{"", "", "ip ", "arp "}) + direction(random) + "net " +
             list(random, net);
    case 3:
    case 4:
      return one_of(random, std::array{"", "", "tcp ", "udp ", "sctp "}) + direction(random) +
             "port " + list(random, port);
    case 5:
      return one_of(random, std::array{"", "tcp ", "udp "}) + direction(random) + "portrange " +
             one_of(random, std::array{"50-60", "1-1023", "8080-443", "53", "50000-65535"});
    case 6:
      return one_of(random, std::array{"tcp", "udp", "sctp", "icmp", "icmp6", "ip", "ip6", "arp",
                                       "igmp", "rarp", "esp", "ah", "pim", "vrrp"});
    case 7:
      return one_of(random,
                    std::array{"ip proto 17", "ip6 proto 6", "proto 17", "ip proto \\tcp",
                               "ip6 proto \\udp", "ip proto 47", "proto \\icmp", "ether proto \\ip",
                               "ether proto 0x86dd", "ip protochain 17", "ip proto (6 or 17)"});
    case 8:
      return one_of(random,
                    std::array{"vlan", "vlan 100", "vlan 10", "vlan 20", "vlan 4095", "mpls",
                               "mpls 16", "pppoes", "geneve", "geneve 5", "pppoed"});
    case 9:
      return one_of(
          random, std::array{"tcp[tcpflags] & tcp-syn != 0", "ip[8] < 5", "len = 104",
                             "(tcp[12] & 0xf0) > 80", "udp[0:2] = 53", "ether[12:2] = 0x800",
                             "icmp[0] = 8", "ip6[6] = 17", "len - 4 > 60", "(ip[0] & 0xf) * 4 = 20",
                             "4 + ip[8] < tcp[0]"});
    case 10:
      return one_of(random, std::array{"greater 200", "less 64", "broadcast", "ip multicast",
                                       "ether broadcast", "ether host 02:00:00:00:00:01",
                                       "ip6 multicast", "multicast"});
    default:
      return direction(random) + list(random, random.chance(1, 2) ? host : net);
  }
}

std::string expression(Prng& random, std::uint32_t depth) {
  std::string text;
  for (std::uint64_t parts = 1 + random.below(3); parts > 0; --parts) {
    if (!text.empty()) text += one_of(random, std::array{" and ", " or ", " && ", " || "});
    if (random.chance(1, 4)) text += one_of(random, std::array{"not ", "! ", "!"});
    text += depth > 0 && random.chance(1, 4) ? "(" + expression(random, depth - 1) + ")"
                                             : tested(random);
  }
  return text;
}

}  // namespace

std::string random_expression(Prng& random) { return expression(random, 3); }

void PcapProgram::Free::operator()(bpf_program* program) const noexcept {
  pcap_freecode(program);
  delete program;
}

std::optional<PcapProgram> PcapProgram::compile(const std::string& expression, LinkType link_type) {
  // libpcap has another number for it here than files have.
  const int number = link_type == LinkType::Raw ? DLT_RAW : static_cast<int>(link_type);
  pcap_t* const handle = pcap_open_dead(number, 262'144);
  PcapProgram compiled;
  auto program = std::make_unique<bpf_program>();
  const int outcome =
      pcap_compile(handle, program.get(), expression.c_str(), 1, PCAP_NETMASK_UNKNOWN);
  pcap_close(handle);
  if (outcome != 0) return std::nullopt;
  compiled.program_.reset(program.release());
  return compiled;
}

bool PcapProgram::matches(const std::vector<std::uint8_t>& frame) const {
  const auto bytes = static_cast<u_int>(frame.size());
  return bpf_filter(program_->bf_insns, frame.data(), bytes, bytes) != 0;
}

}  // namespace weir::test
