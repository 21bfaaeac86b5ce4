// The application protocols that the generator speaks, one file each, and their table.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "message.h"

namespace weir::traffic {

enum class Transport : std::uint8_t {
  Tcp,
  Udp,
  Probe,              // TCP: a SYN that is refused
  Echo,               // ICMP or ICMPv6 echo
  AddressResolution,  // ARP, or neighbour discovery for IPv6
};

// Message number `index` of a flow: writes its head and describes the rest; nothing when the
// conversation is over. A pure function of the flow's seed, addresses and the index, because a
// segment that is sent again asks again.
using Script = std::optional<Message> (*)(const Flow& flow, std::uint32_t index, HeadBuffer& head);

struct Application {
  std::string_view name;
  Transport transport;
  std::uint16_t server_port;
  std::uint16_t client_port;  // 0: an ephemeral one
  Script script;
};

// The order of the table below.
enum class ApplicationId : std::uint8_t {
  Http,
  Tls,
  Ssh,
  Redis,
  Bulk,
  Probe,
  Dns,
  Ntp,
  Sip,
  Rtp,
  Syslog,
  Dhcp,
  Quic,
  Echo,
  AddressResolution,
};
std::span<const Application> applications() noexcept;
inline constexpr std::size_t kApplicationCount = 15;

std::optional<Message> http_message(const Flow& flow, std::uint32_t index, HeadBuffer& head);
std::optional<Message> tls_message(const Flow& flow, std::uint32_t index, HeadBuffer& head);
std::optional<Message> ssh_message(const Flow& flow, std::uint32_t index, HeadBuffer& head);
std::optional<Message> redis_message(const Flow& flow, std::uint32_t index, HeadBuffer& head);
std::optional<Message> bulk_message(const Flow& flow, std::uint32_t index, HeadBuffer& head);
std::optional<Message> dns_message(const Flow& flow, std::uint32_t index, HeadBuffer& head);
std::optional<Message> ntp_message(const Flow& flow, std::uint32_t index, HeadBuffer& head);
std::optional<Message> sip_message(const Flow& flow, std::uint32_t index, HeadBuffer& head);
std::optional<Message> rtp_message(const Flow& flow, std::uint32_t index, HeadBuffer& head);
std::optional<Message> syslog_message(const Flow& flow, std::uint32_t index, HeadBuffer& head);
std::optional<Message> dhcp_message(const Flow& flow, std::uint32_t index, HeadBuffer& head);
std::optional<Message> quic_message(const Flow& flow, std::uint32_t index, HeadBuffer& head);
std::optional<Message> echo_message(const Flow& flow, std::uint32_t index, HeadBuffer& head);

}  // namespace weir::traffic
