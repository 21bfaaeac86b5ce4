// The timeouts of flows as people name them: "udp=1m".
#pragma once

#include <optional>
#include <string>

#include "protocol/deep/flow_options.h"

namespace weir::app {

// "tcp, tcp-handshake, ...".
std::string timeout_kinds();

// Sets one of them; the text of an error, or nothing.
std::optional<std::string> set_timeout(protocol::FlowTimeouts& timeouts, const std::string& text);

}  // namespace weir::app
