#include "app/flow_timeouts.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "app/values.h"

namespace weir::app {
namespace {

using protocol::FlowTimeouts;

struct Kind {
  std::string_view name;
  Duration FlowTimeouts::*timeout;
};

constexpr std::array<Kind, 9> kKinds = {{
    {"tcp", &FlowTimeouts::tcp},
    {"tcp-handshake", &FlowTimeouts::tcp_handshake},
    {"tcp-attempt", &FlowTimeouts::tcp_attempt},
    {"tcp-linger", &FlowTimeouts::tcp_linger},
    {"tcp-interactive", &FlowTimeouts::tcp_interactive},
    {"udp", &FlowTimeouts::udp},
    {"icmp", &FlowTimeouts::icmp},
    {"other", &FlowTimeouts::other},
    {"ip-tunnel", &FlowTimeouts::ip_tunnel},
}};

}  // namespace

std::string timeout_kinds() {
  std::string text;
  for (const Kind& kind : kKinds) text += (text.empty() ? "" : ", ") + std::string(kind.name);
  return text;
}

std::optional<std::string> set_timeout(FlowTimeouts& timeouts, const std::string& text) {
  const std::string what = "--flow-timeout " + text + ": ";
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) return what + "no KIND=T (udp=1m)";
  const std::string_view name = std::string_view(text).substr(0, equals);
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                 [name](const Kind& one) { return one.name == name; });
  if (kind == kKinds.end()) return what + "no such kind (there are " + timeout_kinds() + ")";
  auto parsed = parse_duration(std::string_view(text).substr(equals + 1));
  if (!parsed) return what + parsed.error().context;
  // A flow that has closed waits in one turn of the timer wheel.
  constexpr Duration kLingerMax = std::chrono::minutes(5);
  if (kind->timeout == &FlowTimeouts::tcp_linger && *parsed > kLingerMax) {
    return what + "too long (at most 5m)";
  }
  timeouts.*kind->timeout = *parsed;
  return std::nullopt;
}

}  // namespace weir::app
