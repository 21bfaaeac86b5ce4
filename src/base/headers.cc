#include "base/headers.h"

namespace weir {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(LayerType::kCount)> kNames = {
    "ethernet", "sll",   "sll2",   "null",    "ppp",     "radiotap", "802.11",  "llc",
    "snap",     "vlan",  "pbb",    "cmd",     "vntag",   "mpls",     "pppoed",  "pppoes",
    "arp",      "ipv4",  "ipv6",   "hopopts", "routing", "fragment", "dstopts", "mobility",
    "hip",      "shim6", "ah",     "esp",     "tcp",     "udp",      "icmp",    "icmpv6",
    "sctp",     "gre",   "erspan", "vxlan",   "geneve",  "gtpu",     "teredo",  "fddi"};
static_assert(kNames.back() == "fddi");

}  // namespace

std::string_view name_of(LayerType type) noexcept { return kNames[static_cast<std::size_t>(type)]; }

}  // namespace weir
