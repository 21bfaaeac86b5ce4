// conn.log and conn_long.log.
#include "protocol/deep/community_id.h"
#include "protocol/deep/private_addresses.h"
#include "protocol/deep/schema_rows.h"

namespace weir::protocol {
namespace {

constexpr std::string_view kFromZeek = "Zeek conn.log";

std::string_view transport_of(std::uint8_t ip_protocol) noexcept {
  switch (ip_protocol) {
    case 1:
    case 58:
      return "icmp";
    case 6:
      return "tcp";
    case 17:
      return "udp";
    default:
      return "unknown_transport";
  }
}

// Zeek counts payload only over a time: a flow of one packet has neither duration nor bytes.
Value if_lasted(const ConnRecord& conn, Value value) noexcept {
  return conn.duration > Duration(0) ? value : Value(Absent{});
}

Value community_id_of(const ConnRecord& conn, RecordContext& context) noexcept {
  if (context.community_id == nullptr) return Absent{};
  const CommunityIdText text = context.community_id->text(conn.ends);
  static_assert(CommunityIdText::kBytes <= kTextMax);
  std::copy(text.chars.begin(), text.chars.end(), context.scratch.begin());
  return std::string_view(context.scratch.data(), text.chars.size());
}

constexpr std::array<Field, 2> kHead = {{
    {"ts", FieldType::Time, "The time of the first packet.", kFromZeek,
     value<ConnRecord>([](const ConnRecord& conn) { return conn.first; })},
    {"uid", FieldType::String, "The name of the flow in every log.", kFromZeek,
     value<ConnRecord>([](const ConnRecord& conn) { return conn.uid; })},
}};

constexpr std::array<Field, 15> kFlow = {{
    {"proto", FieldType::Enum,
     "The transport: `tcp`, `udp`, `icmp` (also for ICMPv6) or `unknown_transport`.", kFromZeek,
     value<ConnRecord>([](const ConnRecord& conn) { return transport_of(conn.ends.ip_protocol); })},
    {"duration", FieldType::Interval,
     "From the first packet to the last that counts; left out when it is not above 0.", kFromZeek,
     value<ConnRecord>([](const ConnRecord& conn) { return if_lasted(conn, conn.duration); })},
    {"orig_bytes", FieldType::Count,
     "Payload that the originator sent, for TCP by its sequence numbers; left out without a "
     "duration.",
     kFromZeek, value<ConnRecord>([](const ConnRecord& conn) {
       return if_lasted(conn, conn.payload_bytes[0]);
     })},
    {"resp_bytes", FieldType::Count, "Payload that the responder sent, as `orig_bytes`.", kFromZeek,
     value<ConnRecord>(
         [](const ConnRecord& conn) { return if_lasted(conn, conn.payload_bytes[1]); })},
    {"conn_state", FieldType::String,
     "How far the connection came: `S0`, `S1`, `SF`, `REJ`, `S2`, `S3`, `RSTO`, `RSTR`, "
     "`RSTOS0`, `RSTRH`, `SH`, `SHR` or `OTH`.",
     kFromZeek, value<ConnRecord>([](const ConnRecord& conn) { return name_of(conn.state); })},
    {"local_orig", FieldType::Bool, "Whether the originator's address is a private one.", kFromZeek,
     value<ConnRecord>([](const ConnRecord& conn) { return is_private(conn.ends.originator); })},
    {"local_resp", FieldType::Bool, "Whether the responder's address is a private one.", kFromZeek,
     value<ConnRecord>([](const ConnRecord& conn) { return is_private(conn.ends.responder); })},
    {"missed_bytes", FieldType::Count,
     "Payload that was acknowledged and never seen: packets lost on the way to the capture.",
     kFromZeek, value<ConnRecord>([](const ConnRecord& conn) { return conn.missed_bytes; })},
    {"history", FieldType::String,
     "A letter for each thing that happened, upper case for the originator; at most 60.", kFromZeek,
     value<ConnRecord>([](const ConnRecord& conn) {
       return text_or_absent({conn.history.data(), conn.history_bytes});
     })},
    {"orig_pkts", FieldType::Count, "Packets that the originator sent.", kFromZeek,
     value<ConnRecord>([](const ConnRecord& conn) { return conn.packets[0]; })},
    {"orig_ip_bytes", FieldType::Count, "Their bytes, by the length in the IP header.", kFromZeek,
     value<ConnRecord>([](const ConnRecord& conn) { return conn.ip_bytes[0]; })},
    {"resp_pkts", FieldType::Count, "Packets that the responder sent.", kFromZeek,
     value<ConnRecord>([](const ConnRecord& conn) { return conn.packets[1]; })},
    {"resp_ip_bytes", FieldType::Count, "Their bytes, by the length in the IP header.", kFromZeek,
     value<ConnRecord>([](const ConnRecord& conn) { return conn.ip_bytes[1]; })},
    {"tunnel_parents", FieldType::StringSet,
     "The uids of the tunnels that the flow was seen in; at most 6.", kFromZeek,
     value<ConnRecord>([](const ConnRecord& conn) -> Value {
       if (conn.tunnel_parent_count == 0) return Absent{};
       return std::span(conn.tunnel_parents).first(conn.tunnel_parent_count);
     })},
    {"ip_proto", FieldType::Count, "The protocol number of the IP header.", kFromZeek,
     value<ConnRecord>(
         [](const ConnRecord& conn) { return std::uint64_t{conn.ends.ip_protocol}; })},
}};

constexpr std::array<Field, 1> kCommunityId = {{
    {"community_id", FieldType::String, "The flow's name in other tools: Community ID, version 1.",
     "Corelight Community ID",
     value<ConnRecord>([](const ConnRecord& conn, RecordContext& context) {
       return community_id_of(conn, context);
     })},
}};

constexpr std::array<Field, 2> kTail = {{
    {"store_ref", FieldType::String,
     "Where the packet store of the session has the packets, as segment#chunk: in that chunk or "
     "behind it. The number of the segment is in the name of its file; several directories: "
     "directory/segment#chunk, counted from 1 as they were named.",
     kFromWeir, value<ConnRecord>([](const ConnRecord& conn, RecordContext& context) -> Value {
       if (conn.store_ref.empty()) return Absent{};
       return conn.store_ref.text(context.scratch);
     })},
    {"flow_end", FieldType::Enum,
     "Why the record was written when the flow had not ended by itself: `reused` (a new "
     "connection between the same ends began), `evicted` (the memory for flows was full, or its "
     "share under pressure), "
     "`interval` (it goes on).",
     kFromWeir, value<ConnRecord>([](const ConnRecord& conn) -> Value {
       if (conn.end == FlowEnd::Timeout) return Absent{};
       return name_of(conn.end);
     })},
}};

constexpr auto kFields = join(kHead, endpoint_rows<ConnRecord>(kFromZeek), kFlow, kCommunityId,
                              tenant_rows<ConnRecord>(), kTail);

}  // namespace

constinit const Schema kConnSchema = {"conn", "One line for each flow, when it has ended.",
                                      kFields};
constinit const Schema kConnLongSchema = {
    "conn_long", "A flow that goes on for long, so far; the line in conn.log follows at its end.",
    kFields};

}  // namespace weir::protocol
