// tunnel.log.
#include "protocol/deep/schema_rows.h"

namespace weir::protocol {
namespace {

constexpr std::string_view kFromZeek = "Zeek tunnel.log";

constexpr std::array<Field, 2> kHead = {{
    {"ts", FieldType::Time, "When the tunnel was found or ended.", kFromZeek,
     value<TunnelRecord>([](const TunnelRecord& tunnel) { return tunnel.time; })},
    {"uid", FieldType::String,
     "The name of the tunnel: the uid of its flow in conn.log, where it has one.", kFromZeek,
     value<TunnelRecord>([](const TunnelRecord& tunnel) { return tunnel.uid; })},
}};

constexpr std::array<Field, 2> kTunnel = {{
    {"tunnel_type", FieldType::Enum,
     "`Tunnel::IP`, `Tunnel::GRE`, `Tunnel::VXLAN`, `Tunnel::GENEVE`, `Tunnel::GTPv1` or "
     "`Tunnel::TEREDO`.",
     kFromZeek,
     value<TunnelRecord>([](const TunnelRecord& tunnel) { return name_of(tunnel.type); })},
    {"action", FieldType::Enum,
     "`Tunnel::DISCOVER` (its first packet), `Tunnel::CLOSE` (its own flow ended) or "
     "`Tunnel::EXPIRE` (no new flow in it for long).",
     kFromZeek,
     value<TunnelRecord>([](const TunnelRecord& tunnel) { return name_of(tunnel.action); })},
}};

constexpr auto kFields =
    join(kHead, endpoint_rows<TunnelRecord>(kFromZeek), kTunnel, tenant_rows<TunnelRecord>());

}  // namespace

constinit const Schema kTunnelSchema = {
    "tunnel", "One line when a tunnel is found, and one when it is over.", kFields};

}  // namespace weir::protocol
