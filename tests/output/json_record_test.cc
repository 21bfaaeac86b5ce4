// One record as one line: literal lines, and the bound.
#include "output/json_record.h"

#include <array>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "output/address_text.h"
#include "output/json_text.h"

namespace weir::output {
namespace {

using protocol::CaptureLossRecord;
using protocol::ConnRecord;
using protocol::FieldType;
using protocol::RecordBody;
using protocol::StatsRecord;
using protocol::TunnelRecord;
using protocol::WeirdRecord;

std::string line_of(const RecordBody& body) {
  std::array<char, kJsonLineMax> line;
  protocol::RecordContext context;
  const protocol::Record record{.order = {}, .body = body};
  return {line.data(), write_json_line(line, record, context)};
}

IpAddress ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}};
}

// The number behind "ts" of a record of that time.
std::string seconds(std::int64_t ns) {
  const std::string line = line_of(CaptureLossRecord{.time = {ns}});
  constexpr std::size_t kBegin = sizeof(R"({"ts":)") - 1;
  return line.substr(kBegin, line.find(',') - kBegin);
}

TEST(JsonRecord, ConnIsFlatWithZeeksKeys) {
  ConnRecord conn;
  conn.uid = {{1, 2, 3}};
  conn.ends = {.originator = ipv4(192, 168, 1, 10),
               .responder = ipv4(93, 184, 216, 34),
               .originator_port = 50123,
               .responder_port = 80,
               .ip_protocol = 6};
  conn.tenant.vlan = 100;
  conn.first = {1'700'000'000'123'456'000};
  conn.duration = Duration(1'250'000'000);
  conn.payload_bytes = {78, 1200};
  conn.packets = {6, 5};
  conn.ip_bytes = {398, 1468};
  conn.tunnel_parents = {protocol::Uid{{0, 0, 1}}, protocol::Uid{{0, 0, 62}}};
  conn.tunnel_parent_count = 2;
  conn.state = protocol::ConnState::SF;
  conn.history_bytes = 8;
  conn.history = {'S', 'h', 'A', 'D', 'a', 'd', 'F', 'f'};
  EXPECT_EQ(line_of(conn),
            R"({"ts":1700000000.123456,"uid":"C000000LygHaATUlwR","id.orig_h":"192.168.1.10",)"
            R"("id.orig_p":50123,"id.resp_h":"93.184.216.34","id.resp_p":80,"proto":"tcp",)"
            R"("duration":1.250000,"orig_bytes":78,"resp_bytes":1200,"conn_state":"SF",)"
            R"("local_orig":true,"local_resp":false,"missed_bytes":0,"history":"ShADadFf",)"
            R"("orig_pkts":6,"orig_ip_bytes":398,"resp_pkts":5,"resp_ip_bytes":1468,)"
            R"("tunnel_parents":["C00000000000000001","C00000000000000010"],"ip_proto":6,)"
            R"("vlan":100})"
            "\n");
}

TEST(JsonRecord, TunnelBetweenIpv6AddressesOfATenant) {
  EXPECT_EQ(
      line_of(TunnelRecord{
          .time = {5'000},
          .uid = {{0, 0, 1}},
          .ends = {.originator = {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
                   .responder = {{0xfe, 0x80}},
                   .originator_port = 6081,
                   .responder_port = 6081,
                   .ip_protocol = 17,
                   .ip_version = 6},
          .tenant = {.gwlb_endpoint = 0x7f, .gwlb_attachment = 0, .vni = 77},
          .type = protocol::TunnelType::Geneve}),
      R"({"ts":0.000005,"uid":"C00000000000000001","id.orig_h":"2001:db8::1",)"
      R"("id.orig_p":6081,"id.resp_h":"fe80::","id.resp_p":6081,)"
      R"("tunnel_type":"Tunnel::GENEVE","action":"Tunnel::DISCOVER","vni":77,)"
      R"("gwlb_endpoint":"000000000000007f"})"
      "\n");
}

TEST(JsonRecord, WeirdWithoutAFlowHasNoEnds) {
  EXPECT_EQ(line_of(WeirdRecord{.time = {1'000'000'000}, .name = protocol::Weird::TruncatedHeader}),
            R"({"ts":1.000000,"name":"truncated_header","notice":false,"source":"IP"})"
            "\n");
}

TEST(JsonRecord, MeasurementsAreNumbers) {
  EXPECT_EQ(line_of(CaptureLossRecord{.time = {60'000'000'000},
                                      .delta = Duration(60'000'000'000),
                                      .gaps = 1,
                                      .acknowledgements = 3}),
            R"({"ts":60.000000,"ts_delta":60.000000,"gaps":1,"acks":3,)"
            R"("percent_lost":33.333333333333336})"
            "\n");
  EXPECT_EQ(line_of(StatsRecord{.packets = ~std::uint64_t{0}}),
            R"({"ts":0.000000,"ts_delta":0.000000,"pkts_proc":18446744073709551615,)"
            R"("bytes_recv":0,"tcp_conns":0,"udp_conns":0,"icmp_conns":0,"other_conns":0,)"
            R"("active_tcp_conns":0,"active_udp_conns":0,"active_icmp_conns":0,)"
            R"("active_other_conns":0,"flows_evicted":0})"
            "\n");
}

TEST(JsonRecord, ADoubleNeverLooksLikeAWholeNumber) {
  EXPECT_NE(line_of(CaptureLossRecord{}).find(R"("percent_lost":0.0})"), std::string::npos);
  EXPECT_NE(
      line_of(CaptureLossRecord{.gaps = 1, .acknowledgements = 2}).find(R"("percent_lost":50.0})"),
      std::string::npos);
}

TEST(JsonRecord, TimesHaveSixDecimalsOrNine) {
  EXPECT_EQ(seconds(0), "0.000000");
  EXPECT_EQ(seconds(1'000), "0.000001");
  EXPECT_EQ(seconds(1), "0.000000001");
  EXPECT_EQ(seconds(1'700'000'000'000'000'000), "1700000000.000000");
  EXPECT_EQ(seconds(1'700'000'000'999'999'999), "1700000000.999999999");
}

TEST(JsonRecord, TimesBefore1970AreNegative) {
  EXPECT_EQ(seconds(-1'000), "-0.000001");
  EXPECT_EQ(seconds(-1'500), "-0.000001500");
  EXPECT_EQ(seconds(-1'500'000'000), "-1.500000");
  EXPECT_EQ(seconds(INT64_MIN), "-9223372036.854775808");
}

TEST(JsonRecord, BytesOfAHistoryThatAreNotTextAreShown) {
  ConnRecord conn;
  conn.history = {'S', '"', '\xff'};
  conn.history_bytes = 3;
  EXPECT_NE(line_of(conn).find(R"("history":"S\"\\xff")"), std::string::npos);
}

// What a value of this type takes at most.
std::size_t width_of(FieldType type) {
  constexpr std::size_t kUid = 2 + protocol::UidText::kBytes;
  switch (type) {
    case FieldType::Time:
    case FieldType::Interval:
      return sizeof("-9223372036.854775808") - 1;
    case FieldType::Count:
    case FieldType::Port:
    case FieldType::Double:
      return sizeof("-1.7976931348623157e+308") - 1;
    case FieldType::Bool:
      return sizeof("false") - 1;
    case FieldType::Address:
      return 2 + kAddressTextMax;
    case FieldType::String:
    case FieldType::Enum:
      return 2 + kJsonEscapeMax * protocol::kTextMax;
    case FieldType::StringSet:
      return 2 + (kUid + 1) * protocol::kTunnelParentsMax;
    case FieldType::kCount:
      break;
  }
  return 0;
}

TEST(JsonRecord, NoLineOfAnySchemaCanBeLongerThanTheBound) {
  for (std::size_t log = 0; log < protocol::kLogCount; ++log) {
    const auto& schema = protocol::schema_of(static_cast<protocol::LogId>(log));
    std::size_t bytes = sizeof("{}\n") - 1;
    for (const protocol::Field& field : schema.fields) {
      bytes += sizeof(R"("":,)") - 1 + field.name.size() + width_of(field.type);
    }
    EXPECT_LE(bytes, kJsonLineMax) << schema.log;
  }
}

TEST(JsonRecord, TheLongestRecordIsJson) {
  ConnRecord conn;
  conn.uid = {{~0U, ~0U, ~0U}};
  conn.ends.originator.bytes.fill(0xff);
  conn.ends.responder.bytes.fill(0xff);
  conn.ends.originator_port = conn.ends.responder_port = 65535;
  conn.ends.ip_protocol = 255;
  conn.ends.ip_version = 6;
  conn.tenant = {.gwlb_endpoint = ~std::uint64_t{0},
                 .gwlb_attachment = ~std::uint64_t{0},
                 .vni = 0xffffff,
                 .vlan = 4095,
                 .inner_vlan = 4095};
  conn.first = {INT64_MIN};
  conn.duration = Duration(INT64_MAX);
  conn.missed_bytes = ~std::uint64_t{0};
  for (auto* counts : {&conn.payload_bytes, &conn.packets, &conn.ip_bytes}) {
    counts->fill(~std::uint64_t{0});
  }
  conn.tunnel_parents.fill(conn.uid);
  conn.tunnel_parent_count = protocol::kTunnelParentsMax;
  conn.state = protocol::ConnState::RSTOS0;
  conn.end = protocol::FlowEnd::Interval;
  conn.history.fill('\x1f');
  conn.history_bytes = protocol::kHistoryMax;
  const std::string line = line_of(conn);
  EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

}  // namespace
}  // namespace weir::output
