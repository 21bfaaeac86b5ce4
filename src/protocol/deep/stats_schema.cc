// stats.log.
#include "protocol/deep/schema_rows.h"

namespace weir::protocol {
namespace {

constexpr std::string_view kFromZeek = "Zeek stats.log";

// The kinds of StatsRecord::flows_begun and flows_active.
enum Kind : std::size_t { Tcp, Udp, Icmp, Others };

template <Kind kKind>
constexpr auto begun() noexcept {
  return value<StatsRecord>([](const StatsRecord& stats) { return stats.flows_begun[kKind]; });
}
template <Kind kKind>
constexpr auto active() noexcept {
  return value<StatsRecord>([](const StatsRecord& stats) { return stats.flows_active[kKind]; });
}

constexpr std::array<Field, 13> kFields = {{
    {"ts", FieldType::Time, "The end of the interval.", kFromZeek,
     value<StatsRecord>([](const StatsRecord& stats) { return stats.time; })},
    {"ts_delta", FieldType::Interval, "Its length.", kFromWeir,
     value<StatsRecord>([](const StatsRecord& stats) { return stats.delta; })},
    {"pkts_proc", FieldType::Count, "Packets analysed.", kFromZeek,
     value<StatsRecord>([](const StatsRecord& stats) { return stats.packets; })},
    {"bytes_recv", FieldType::Count, "Their bytes, as long as they were on the wire.", kFromZeek,
     value<StatsRecord>([](const StatsRecord& stats) { return stats.bytes; })},
    {"tcp_conns", FieldType::Count, "TCP flows that began.", kFromZeek, begun<Tcp>()},
    {"udp_conns", FieldType::Count, "UDP flows that began.", kFromZeek, begun<Udp>()},
    {"icmp_conns", FieldType::Count, "ICMP flows that began.", kFromZeek, begun<Icmp>()},
    {"other_conns", FieldType::Count, "Flows of other protocols that began.", kFromWeir,
     begun<Others>()},
    {"active_tcp_conns", FieldType::Count, "TCP flows in memory at the end.", kFromZeek,
     active<Tcp>()},
    {"active_udp_conns", FieldType::Count, "UDP flows in memory at the end.", kFromZeek,
     active<Udp>()},
    {"active_icmp_conns", FieldType::Count, "ICMP flows in memory at the end.", kFromZeek,
     active<Icmp>()},
    {"active_other_conns", FieldType::Count, "Flows of other protocols in memory at the end.",
     kFromWeir, active<Others>()},
    {"flows_evicted", FieldType::Count,
     "Flows that ended early because the memory, or its share under pressure, was full.", kFromWeir,
     value<StatsRecord>([](const StatsRecord& stats) { return stats.flows_evicted; })},
}};

}  // namespace

constinit const Schema kStatsSchema = {
    "stats", "What the analysis did in an interval, and what it holds.", kFields};

}  // namespace weir::protocol
