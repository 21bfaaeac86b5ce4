// What the analysis tells: one struct a log, plain data of fixed size, so that a record can wait in
// a ring and nothing is allocated on its way. Names, types and meanings of the fields as they are
// written stand in one table a log (record_schema.h).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>
#include <variant>

#include "base/packet_keys.h"
#include "base/time.h"
#include "protocol/deep/flow_key.h"
#include "protocol/deep/store_ref.h"
#include "protocol/deep/uid.h"
#include "protocol/deep/weird.h"

namespace weir::protocol {

// Where a record stands among all others, whoever made it: records are written in this order, so
// that logs do not depend on how many workers there were.
struct RecordOrder {
  std::uint64_t tick = 0;  // of the flow clock, when the record was due
  // Within the tick: records that a packet caused, by the packet's ordinal; then those that time
  // caused, by shard.
  std::uint64_t rank = 0;
  friend constexpr auto operator<=>(const RecordOrder&, const RecordOrder&) = default;
};

// The two ends as a record names them.
struct Endpoints {
  IpAddress originator;
  IpAddress responder;
  std::uint16_t originator_port = 0;
  std::uint16_t responder_port = 0;
  std::uint8_t ip_protocol = 0;
  std::uint8_t ip_version = 4;
};

// conn_state, as Zeek defines it (base/protocols/conn/main.zeek).
enum class ConnState : std::uint8_t {
  S0,
  S1,
  SF,
  REJ,
  S2,
  S3,
  RSTO,
  RSTR,
  RSTOS0,
  RSTRH,
  SH,
  SHR,
  OTH,
  kCount,
};
std::string_view name_of(ConnState state) noexcept;

// Why a flow's record was written.
enum class FlowEnd : std::uint8_t {
  Timeout,   // closed or idle, as far as packets tell
  Reused,    // a new connection between the same ends began
  Evicted,   // the memory for flows was full
  Interval,  // it goes on: conn_long.log
  kCount,
};
std::string_view name_of(FlowEnd end) noexcept;

inline constexpr std::size_t kHistoryMax = 60;       // letters; what comes later is left out
inline constexpr std::size_t kTunnelParentsMax = 6;  // Zeek: the first, and five changes

// conn.log and conn_long.log: one flow.
struct ConnRecord {
  Uid uid;
  Endpoints ends;
  TenantIdentity tenant;
  Timestamp first;      // time of the first packet
  Duration duration{};  // to the last packet that counts; 0 and below: not known
  std::array<std::uint64_t, 2> payload_bytes{};  // originator, responder
  std::array<std::uint64_t, 2> packets{};
  std::array<std::uint64_t, 2> ip_bytes{};
  std::uint64_t missed_bytes = 0;
  StoreRef store_ref;  // of the first packet
  std::array<Uid, kTunnelParentsMax> tunnel_parents{};
  std::uint8_t tunnel_parent_count = 0;
  ConnState state = ConnState::OTH;
  FlowEnd end = FlowEnd::Timeout;
  std::uint8_t history_bytes = 0;
  std::array<char, kHistoryMax> history{};
};

// Zeek's names of tunnels that weir knows.
enum class TunnelType : std::uint8_t { None, Ip, Gre, Vxlan, Geneve, Gtpv1, Teredo, kCount };
std::string_view name_of(TunnelType type) noexcept;  // "Tunnel::VXLAN"

enum class TunnelAction : std::uint8_t { Discover, Close, Expire, kCount };
std::string_view name_of(TunnelAction action) noexcept;  // "Tunnel::DISCOVER"

// tunnel.log: a tunnel was found, or ended.
struct TunnelRecord {
  Timestamp time;
  Uid uid;
  Endpoints ends;  // ports 0 where the tunnel has none
  TenantIdentity tenant;
  TunnelType type = TunnelType::None;
  TunnelAction action = TunnelAction::Discover;
};

// weird.log: something that should not be.
struct WeirdRecord {
  Timestamp time;
  Uid uid;         // empty: no flow
  Endpoints ends;  // ports 0 without a flow
  bool has_ends = false;
  TenantIdentity tenant;
  Weird name{};
  // Two numbers that some names explain themselves with; see the name's row in weird.cc.
  std::uint64_t number = 0;
  std::uint64_t other_number = 0;
};

// capture_loss.log: how often the acknowledgements of an interval were for data that nobody saw.
struct CaptureLossRecord {
  Timestamp time;
  Duration delta{};
  std::uint64_t gaps = 0;
  std::uint64_t acknowledgements = 0;
};

// stats.log: what the analysis did since the last one.
struct StatsRecord {
  Timestamp time;
  Duration delta{};
  std::uint64_t packets = 0;                    // analysed
  std::uint64_t bytes = 0;                      // of them, on the wire
  std::array<std::uint64_t, 4> flows_begun{};   // TCP, UDP, ICMP, others
  std::array<std::uint64_t, 4> flows_active{};  // now
  std::uint64_t flows_evicted = 0;
};

using RecordBody =
    std::variant<ConnRecord, TunnelRecord, WeirdRecord, CaptureLossRecord, StatsRecord>;

// The logs. Each has a file name, a schema, and a row in the ledger of records.
enum class LogId : std::uint8_t { Conn, ConnLong, Tunnel, Weird, CaptureLoss, Stats, kCount };
inline constexpr std::size_t kLogCount = static_cast<std::size_t>(LogId::kCount);
std::string_view name_of(LogId log) noexcept;  // "conn": the file is conn.log

struct Record {
  RecordOrder order;
  RecordBody body;
};

// Which log a record belongs to.
[[nodiscard]] LogId log_of(const Record& record) noexcept;

}  // namespace weir::protocol
