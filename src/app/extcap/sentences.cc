#include "app/extcap/sentences.h"

#include <algorithm>

#include "app/ctl/table.h"

namespace weir::app {
namespace {

// Braces end a sentence's parts.
std::string in_braces(const std::string& text) {
  std::string harmless = printable(text);
  std::ranges::replace(harmless, '{', '(');
  std::ranges::replace(harmless, '}', ')');
  return "{" + harmless + "}";
}

std::string display_of(const ExtcapInterface& interface) {
  return interface.kind == ExtcapInterface::Kind::Session
             ? "weir: session " + interface.target + " (live)"
             : "weir: store " + interface.target;
}

}  // namespace

std::string extcap_interfaces_text(const ExtcapInterfaces& interfaces) {
  std::string text = "extcap {version=" WEIR_VERSION "}{display=weir}\n";
  for (const ExtcapInterface& one : interfaces.found) {
    text += "interface " + in_braces("value=" + one.value) +
            in_braces("display=" + display_of(one)) + "\n";
  }
  return text;
}

std::string extcap_link_types_text() {
  // What Wireshark's own extcaps say that do not know beforehand.
  return "dlt {number=147}{name=weir}{display=Each packet has that of its interface}\n";
}

std::string extcap_arguments_text(ExtcapInterface::Kind kind) {
  if (kind == ExtcapInterface::Kind::Session) return {};
  // Times are no {type=timestamp}: such a field cannot be left empty, and says 1970 when it is not
  // touched.
  return "arg {number=0}{call=--since}{display=From}{type=string}{required=false}"
         "{placeholder=2026-11-21T20:00:00Z, or 15m}{group=Packets}"
         "{tooltip=The first moment: RFC 3339, seconds since 1970, or how long ago; empty: the "
         "oldest packets}\n"
         "arg {number=1}{call=--until}{display=Up to}{type=string}{required=false}"
         "{placeholder=2026-11-21T21:00:00Z, or 5m}{group=Packets}"
         "{tooltip=The last moment, which is still of it; empty: what is stored now}\n"
         "arg {number=2}{call=--filter}{display=Filter}{type=string}{required=false}"
         "{placeholder=host 10.1.2.3 and port 443}{group=Packets}"
         "{tooltip=The same as the capture filter of the interface: give one of them}\n"
         "arg {number=3}{call=--inner}{display=Filter what tunnels carry}{type=boolflag}"
         "{default=false}{group=Packets}"
         "{tooltip=Filters look at the innermost frame of a tunnel, not at the outer one}\n"
         "arg {number=4}{call=--community-id}{display=Community ID}{type=string}{required=false}"
         "{placeholder=1:wCb3OG7yAFWelaUydu0D+125CLM=}{group=Packets}"
         "{tooltip=Only packets of flows with this Community ID, of seed 0}\n"
         "arg {number=5}{call=--count}{display=At most}{type=unsigned}{required=false}"
         "{placeholder=packets}{group=Packets}"
         "{tooltip=Stop after this many packets; empty: all of them}\n";
}

}  // namespace weir::app
