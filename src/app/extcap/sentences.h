// What Wireshark reads on the standard output of an extcap: a sentence a line, of the form
// `interface {value=X}{display=Y}` (Wireshark's doc/extcap.adoc).
#pragma once

#include <string>

#include "app/extcap/interfaces.h"

namespace weir::app {

std::string extcap_interfaces_text(const ExtcapInterfaces& interfaces);
// One for all: what is written is pcapng, where each interface has a link type of its own.
std::string extcap_link_types_text();
// The options that an interface takes behind --capture; none: nothing.
std::string extcap_arguments_text(ExtcapInterface::Kind kind);

}  // namespace weir::app
