#include "applications/applications.h"

#include <array>

namespace weir::traffic {

std::span<const Application> applications() noexcept {
  static constexpr std::array<Application, kApplicationCount> kTable = {{
      {"http", Transport::Tcp, 80, 0, http_message},
      {"tls", Transport::Tcp, 443, 0, tls_message},
      {"ssh", Transport::Tcp, 22, 0, ssh_message},
      {"redis", Transport::Tcp, 6379, 0, redis_message},
      {"bulk", Transport::Tcp, 5001, 0, bulk_message},
      {"probe", Transport::Probe, 445, 0, nullptr},
      {"dns", Transport::Udp, 53, 0, dns_message},
      {"ntp", Transport::Udp, 123, 123, ntp_message},
      {"sip", Transport::Udp, 5060, 5060, sip_message},
      {"rtp", Transport::Udp, 16384, 0, rtp_message},
      {"syslog", Transport::Udp, 514, 0, syslog_message},
      {"dhcp", Transport::Udp, 67, 67, dhcp_message},
      {"quic", Transport::Udp, 443, 0, quic_message},
      {"echo", Transport::Echo, 0, 0, echo_message},
      {"address-resolution", Transport::AddressResolution, 0, 0, nullptr},
  }};
  return kTable;
}

}  // namespace weir::traffic
