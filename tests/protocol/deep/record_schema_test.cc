// The tables of the logs: which fields, of which types, and what they say of a record.
#include "protocol/deep/record_schema.h"

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/deep/community_id.h"

namespace weir::protocol {
namespace {

constexpr std::array<LogId, kLogCount> kLogs = {LogId::Conn,  LogId::ConnLong,    LogId::Tunnel,
                                                LogId::Weird, LogId::CaptureLoss, LogId::Stats};

std::vector<std::string> columns_of(LogId log) {
  std::vector<std::string> columns;
  for (const Field& field : schema_of(log).fields) {
    columns.push_back(std::string(field.name) + ": " + std::string(name_of(field.type)));
  }
  return columns;
}

// One value as a person would write it; "-" for Absent.
struct Print {
  std::string operator()(Absent) const { return "-"; }
  std::string operator()(Timestamp time) const { return std::to_string(time.ns) + " ns"; }
  std::string operator()(Duration interval) const {
    return std::to_string(interval.count()) + " ns";
  }
  std::string operator()(std::uint64_t count) const { return std::to_string(count); }
  std::string operator()(double number) const {
    std::ostringstream out;
    out << number;
    return out.str();
  }
  std::string operator()(bool yes) const { return yes ? "true" : "false"; }
  std::string operator()(const Address& address) const {
    return "v" + std::to_string(address.ip_version) + " ..." + std::to_string(address.ip.bytes[15]);
  }
  std::string operator()(std::string_view text) const { return std::string(text); }
  std::string operator()(const Uid& uid) const { return "uid " + std::to_string(uid.words[2]); }
  std::string operator()(std::span<const Uid> uids) const {
    std::string all;
    for (const Uid& uid : uids) all += (all.empty() ? "" : ", ") + (*this)(uid);
    return "{" + all + "}";
  }
};

std::map<std::string, std::string> values_of(const RecordBody& body) {
  const Record record{.order = {}, .body = body};
  const CommunityIdHasher community_id;
  RecordContext context{.community_id = &community_id, .scratch = {}};
  std::map<std::string, std::string> values;
  for (const Field& field : schema_of(log_of(record)).fields) {
    values[std::string(field.name)] = std::visit(Print{}, field.get(record, context));
  }
  return values;
}

std::string value_of(const RecordBody& body, const std::string& field) {
  return values_of(body).at(field);
}

IpAddress ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}};
}

ConnRecord conn_with_everything() {
  ConnRecord conn;
  conn.uid = {{0, 0, 7}};
  conn.ends = {.originator = ipv4(10, 0, 0, 1),
               .responder = ipv4(8, 8, 8, 8),
               .originator_port = 40000,
               .responder_port = 443,
               .ip_protocol = 6};
  conn.tenant = {.gwlb_endpoint = 0x0123456789abcdef,
                 .gwlb_attachment = 0xa,
                 .vni = 5000,
                 .vlan = 0,
                 .inner_vlan = 20};
  conn.first = {1'500'000'000};
  conn.duration = Duration(2'000);
  conn.payload_bytes = {100, 200};
  conn.packets = {3, 4};
  conn.ip_bytes = {300, 400};
  conn.missed_bytes = 5;
  conn.store_ref = StoreRef(0, 12, 345);
  conn.tunnel_parents = {Uid{{0, 0, 1}}, Uid{{0, 0, 2}}};
  conn.tunnel_parent_count = 2;
  conn.state = ConnState::SF;
  conn.end = FlowEnd::Evicted;
  conn.history_bytes = 2;
  conn.history = {'S', 'h'};
  return conn;
}

WeirdRecord weird_with_everything() {
  return {.time = {9},
          .uid = {{0, 0, 3}},
          .ends = {.originator = ipv4(1, 1, 1, 1),
                   .responder = ipv4(2, 2, 2, 2),
                   .originator_port = 53,
                   .responder_port = 54},
          .has_ends = true,
          .tenant = {.vni = 1},
          .name = Weird::UdpDatagramLengthMismatch,
          .number = 20,
          .other_number = 18};
}

TEST(RecordSchema, ConnHasZeeksFieldsAndThenOurs) {
  const std::vector<std::string> columns = {"ts: time",
                                            "uid: string",
                                            "id.orig_h: addr",
                                            "id.orig_p: port",
                                            "id.resp_h: addr",
                                            "id.resp_p: port",
                                            "proto: enum",
                                            "duration: interval",
                                            "orig_bytes: count",
                                            "resp_bytes: count",
                                            "conn_state: string",
                                            "local_orig: bool",
                                            "local_resp: bool",
                                            "missed_bytes: count",
                                            "history: string",
                                            "orig_pkts: count",
                                            "orig_ip_bytes: count",
                                            "resp_pkts: count",
                                            "resp_ip_bytes: count",
                                            "tunnel_parents: set[string]",
                                            "ip_proto: count",
                                            "community_id: string",
                                            "vlan: count",
                                            "inner_vlan: count",
                                            "vni: count",
                                            "gwlb_endpoint: string",
                                            "gwlb_attachment: string",
                                            "store_ref: string",
                                            "flow_end: enum"};
  EXPECT_EQ(columns_of(LogId::Conn), columns);
  EXPECT_EQ(columns_of(LogId::ConnLong), columns);
}

TEST(RecordSchema, TunnelHasItsEndsItsTypeAndWhatHappened) {
  EXPECT_EQ(
      columns_of(LogId::Tunnel),
      (std::vector<std::string>{"ts: time", "uid: string", "id.orig_h: addr", "id.orig_p: port",
                                "id.resp_h: addr", "id.resp_p: port", "tunnel_type: enum",
                                "action: enum", "vlan: count", "inner_vlan: count", "vni: count",
                                "gwlb_endpoint: string", "gwlb_attachment: string"}));
}

TEST(RecordSchema, WeirdHasItsNameAndItsExplanation) {
  EXPECT_EQ(columns_of(LogId::Weird),
            (std::vector<std::string>{
                "ts: time", "uid: string", "id.orig_h: addr", "id.orig_p: port", "id.resp_h: addr",
                "id.resp_p: port", "name: string", "addl: string", "notice: bool", "source: string",
                "vlan: count", "inner_vlan: count", "vni: count", "gwlb_endpoint: string",
                "gwlb_attachment: string"}));
}

TEST(RecordSchema, MeasurementsHaveAnIntervalAndCounts) {
  EXPECT_EQ(columns_of(LogId::CaptureLoss),
            (std::vector<std::string>{"ts: time", "ts_delta: interval", "gaps: count",
                                      "acks: count", "percent_lost: double"}));
  EXPECT_EQ(columns_of(LogId::Stats),
            (std::vector<std::string>{
                "ts: time", "ts_delta: interval", "pkts_proc: count", "bytes_recv: count",
                "tcp_conns: count", "udp_conns: count", "icmp_conns: count", "other_conns: count",
                "active_tcp_conns: count", "active_udp_conns: count", "active_icmp_conns: count",
                "active_other_conns: count", "flows_evicted: count"}));
}

TEST(RecordSchema, IsNamedAsItsLog) {
  for (const LogId log : kLogs) EXPECT_EQ(schema_of(log).log, name_of(log));
}

TEST(RecordSchema, NamesAFieldOnceInLettersThatNeedNoEscape) {
  for (const LogId log : kLogs) {
    std::set<std::string_view> names;
    for (const Field& field : schema_of(log).fields) {
      EXPECT_TRUE(names.insert(field.name).second) << field.name;
      EXPECT_EQ(field.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_."),
                std::string_view::npos)
          << field.name;
      EXPECT_LE(field.name.size(), kTextMax);
    }
  }
}

TEST(RecordSchema, ExplainsEveryFieldInASentence) {
  for (const LogId log : kLogs) {
    EXPECT_TRUE(schema_of(log).description.ends_with('.'));
    for (const Field& field : schema_of(log).fields) {
      EXPECT_TRUE(field.meaning.ends_with('.')) << field.name;
      EXPECT_FALSE(field.source.empty()) << field.name;
    }
  }
}

bool fits(FieldType type, const Value& value) {
  if (std::holds_alternative<Absent>(value)) return true;
  switch (type) {
    case FieldType::Time:
      return std::holds_alternative<Timestamp>(value);
    case FieldType::Interval:
      return std::holds_alternative<Duration>(value);
    case FieldType::Count:
    case FieldType::Port:
      return std::holds_alternative<std::uint64_t>(value);
    case FieldType::Double:
      return std::holds_alternative<double>(value);
    case FieldType::Bool:
      return std::holds_alternative<bool>(value);
    case FieldType::Address:
      return std::holds_alternative<Address>(value);
    case FieldType::String:
    case FieldType::Enum:
      return std::holds_alternative<std::string_view>(value) || std::holds_alternative<Uid>(value);
    case FieldType::StringSet:
      return std::holds_alternative<std::span<const Uid>>(value);
    case FieldType::kCount:
      break;
  }
  return false;
}

TEST(RecordSchema, GivesValuesOfTheTypeOfTheirField) {
  ConnRecord conn_long = conn_with_everything();
  conn_long.end = FlowEnd::Interval;
  const std::vector<RecordBody> bodies = {
      ConnRecord{},  conn_with_everything(),  conn_long,           TunnelRecord{},
      WeirdRecord{}, weird_with_everything(), CaptureLossRecord{}, StatsRecord{}};
  for (const RecordBody& body : bodies) {
    const Record record{.order = {}, .body = body};
    RecordContext context;
    for (const Field& field : schema_of(log_of(record)).fields) {
      EXPECT_TRUE(fits(field.type, field.get(record, context))) << field.name;
    }
  }
}

TEST(RecordSchema, ConnSaysEverythingThatTheRecordKnows) {
  EXPECT_EQ(values_of(conn_with_everything()),
            (std::map<std::string, std::string>{{"ts", "1500000000 ns"},
                                                {"uid", "uid 7"},
                                                {"id.orig_h", "v4 ...1"},
                                                {"id.orig_p", "40000"},
                                                {"id.resp_h", "v4 ...8"},
                                                {"id.resp_p", "443"},
                                                {"proto", "tcp"},
                                                {"duration", "2000 ns"},
                                                {"orig_bytes", "100"},
                                                {"resp_bytes", "200"},
                                                {"conn_state", "SF"},
                                                {"local_orig", "true"},
                                                {"local_resp", "false"},
                                                {"missed_bytes", "5"},
                                                {"history", "Sh"},
                                                {"orig_pkts", "3"},
                                                {"orig_ip_bytes", "300"},
                                                {"resp_pkts", "4"},
                                                {"resp_ip_bytes", "400"},
                                                {"tunnel_parents", "{uid 1, uid 2}"},
                                                {"ip_proto", "6"},
                                                {"community_id", "1:BbWJEWTpWJw0xPi4Ie+PnJi9rTk="},
                                                {"vlan", "0"},
                                                {"inner_vlan", "20"},
                                                {"vni", "5000"},
                                                {"gwlb_endpoint", "0123456789abcdef"},
                                                {"gwlb_attachment", "000000000000000a"},
                                                {"store_ref", "0000000012#345"},
                                                {"flow_end", "evicted"}}));
}

TEST(RecordSchema, ConnLeavesOutWhatTheRecordDoesNotKnow) {
  const auto values = values_of(ConnRecord{});
  for (const char* field :
       {"duration", "orig_bytes", "resp_bytes", "history", "tunnel_parents", "vlan", "inner_vlan",
        "vni", "gwlb_endpoint", "gwlb_attachment", "store_ref", "flow_end"}) {
    EXPECT_EQ(values.at(field), "-") << field;
  }
  EXPECT_EQ(values.at("missed_bytes"), "0");
  EXPECT_EQ(values.at("orig_pkts"), "0");
}

TEST(RecordSchema, ConnHasACommunityIdOnlyWithAHasher) {
  const Record record{.order = {}, .body = conn_with_everything()};
  RecordContext context;
  for (const Field& field : schema_of(LogId::Conn).fields) {
    if (field.name != "community_id") continue;
    EXPECT_TRUE(std::holds_alternative<Absent>(field.get(record, context)));
  }
}

TEST(RecordSchema, ConnHasBytesOnlyWithADuration) {
  ConnRecord conn = conn_with_everything();
  for (const std::int64_t ns : {std::int64_t{0}, std::int64_t{-5}}) {
    conn.duration = Duration(ns);
    EXPECT_EQ(value_of(conn, "duration"), "-");
    EXPECT_EQ(value_of(conn, "orig_bytes"), "-");
    EXPECT_EQ(value_of(conn, "resp_bytes"), "-");
    EXPECT_EQ(value_of(conn, "orig_ip_bytes"), "300");
  }
}

TEST(RecordSchema, ConnNamesTheTransportAsZeekDoes) {
  ConnRecord conn;
  const std::vector<std::pair<std::uint8_t, std::string>> names = {
      {1, "icmp"}, {58, "icmp"}, {6, "tcp"}, {17, "udp"}, {47, "unknown_transport"}};
  for (const auto& [protocol, name] : names) {
    conn.ends.ip_protocol = protocol;
    EXPECT_EQ(value_of(conn, "proto"), name);
    EXPECT_EQ(value_of(conn, "ip_proto"), std::to_string(protocol));
  }
}

TEST(RecordSchema, ARecordOfAFlowThatGoesOnIsOfConnLong) {
  ConnRecord conn;
  conn.end = FlowEnd::Interval;
  EXPECT_EQ(log_of({.order = {}, .body = conn}), LogId::ConnLong);
  EXPECT_EQ(value_of(conn, "flow_end"), "interval");
  conn.end = FlowEnd::Reused;
  EXPECT_EQ(log_of({.order = {}, .body = conn}), LogId::Conn);
  EXPECT_EQ(value_of(conn, "flow_end"), "reused");
}

TEST(RecordSchema, TunnelSaysItsTypeAndActionByZeeksNames) {
  const TunnelRecord tunnel{
      .time = {5}, .uid = {{0, 0, 4}}, .type = TunnelType::Vxlan, .action = TunnelAction::Expire};
  EXPECT_EQ(value_of(tunnel, "tunnel_type"), "Tunnel::VXLAN");
  EXPECT_EQ(value_of(tunnel, "action"), "Tunnel::EXPIRE");
  EXPECT_EQ(value_of(tunnel, "uid"), "uid 4");
  EXPECT_EQ(value_of(tunnel, "id.orig_p"), "0");
}

TEST(RecordSchema, WeirdHasNeitherUidNorEndsWithoutAFlow) {
  const auto values = values_of(WeirdRecord{.name = Weird::FragmentWithDf});
  for (const char* field :
       {"uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "addl", "source"}) {
    EXPECT_EQ(values.at(field), "-") << field;
  }
  EXPECT_EQ(values.at("name"), "fragment_with_DF");
  EXPECT_EQ(values.at("notice"), "false");
}

TEST(RecordSchema, WeirdExplainsSomeNamesWithNumbers) {
  WeirdRecord weird = weird_with_everything();
  EXPECT_EQ(value_of(weird, "addl"), "20 != 18");
  EXPECT_EQ(value_of(weird, "source"), "UDP");
  EXPECT_EQ(value_of(weird, "id.resp_p"), "54");
  weird.name = Weird::TunnelMaxChangesPerConnectionExceeded;
  weird.number = 5;
  EXPECT_EQ(value_of(weird, "addl"), "5");
  weird.name = Weird::BadTcpChecksum;
  EXPECT_EQ(value_of(weird, "addl"), "-");
  weird.name = Weird::UdpDatagramLengthMismatch;
  weird.number = weird.other_number = ~std::uint64_t{0};
  EXPECT_EQ(value_of(weird, "addl"), "18446744073709551615 != 18446744073709551615");
}

TEST(RecordSchema, CaptureLossIsAShareOfTheAcknowledgements) {
  EXPECT_EQ(value_of(CaptureLossRecord{.gaps = 1, .acknowledgements = 8}, "percent_lost"), "12.5");
  EXPECT_EQ(value_of(CaptureLossRecord{.gaps = 0, .acknowledgements = 8}, "percent_lost"), "0");
  EXPECT_EQ(value_of(CaptureLossRecord{}, "percent_lost"), "0");
}

TEST(RecordSchema, StatsCountsByProtocol) {
  const auto values = values_of(StatsRecord{.time = {1},
                                            .delta = Duration(2),
                                            .packets = 3,
                                            .bytes = 4,
                                            .flows_begun = {5, 6, 7, 8},
                                            .flows_active = {9, 10, 11, 12},
                                            .flows_evicted = 13});
  int expected = 3;
  for (const char* field : {"pkts_proc", "bytes_recv", "tcp_conns", "udp_conns", "icmp_conns",
                            "other_conns", "active_tcp_conns", "active_udp_conns",
                            "active_icmp_conns", "active_other_conns", "flows_evicted"}) {
    EXPECT_EQ(values.at(field), std::to_string(expected++)) << field;
  }
}

}  // namespace
}  // namespace weir::protocol
