// pcap-filter expressions (pcap-filter(7)) to classic BPF, by libpcap's own compiler.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/link_type.h"
#include "filter/cbpf.h"

namespace weir::filter {

// libpcap's words on why an expression does not compile, unchanged.
struct Refusal {
  std::string message;
};

// For Null and Enc, whose address family stands in the byte order of the machine that wrote the
// file: of a machine like this one, or of the other byte order. Other link types do not care.
enum class FamilyOrder : std::uint8_t { Host, Swapped };

// The optimised program for packets of `link_type`, or why there is none. The meaning is that of
// `tcpdump -r`:
// - any link type of a file is taken (libpcap maps it); what libpcap cannot do on it, it refuses;
// - what is not in the frame cannot be asked for (`inbound` and `ifindex`, on most link types);
// - an expression that no packet can pass is refused ("expression rejects all packets");
// - `ip broadcast` knows no netmask and matches 0.0.0.0 and 255.255.255.255 only;
// - names of hosts, networks, protocols and ports go to the system's resolver, which may use the
//   network.
// For an accepted packet the program returns kPacketBytesMax.
//
// libpcap 1.8 and later compile in several threads at once, but the system's name look-ups behind
// it (getservbyname and its kin) are not reentrant: compile in one thread of the process, the one
// that does set-up and control.
std::variant<CbpfProgram, Refusal> compile(std::string_view expression, LinkType link_type,
                                           FamilyOrder family_order = FamilyOrder::Host);

// libpcap's name of the link type ("EN10MB"), or "link type 12345" when it has none.
std::string link_type_name(LinkType link_type);

}  // namespace weir::filter
