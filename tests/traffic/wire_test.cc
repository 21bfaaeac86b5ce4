// What an independent dissector, tshark, says about the bytes on the wire.
#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "support/command.h"
#include "traffic/generated_file.h"

namespace weir::traffic {
namespace {

using Columns = std::vector<std::string>;

// The values of `fields`, a row for each packet that `display_filter` accepts.
std::vector<Columns> tshark(const GeneratedFile& file, const std::string& display_filter,
                            const std::vector<std::string>& fields) {
  std::vector<std::string> words = {"tshark", "-n", "-r", file.path(), "-Y", display_filter};
  for (const char* protocol : {"ip", "tcp", "udp"}) {
    words.insert(words.end(), {"-o", std::string(protocol) + ".check_checksum:TRUE"});
  }
  words.insert(words.end(), {"-T", "fields"});
  for (const std::string& field : fields) words.insert(words.end(), {"-e", field});
  const auto result = test::run_command(words);
  EXPECT_EQ(result.status, 0) << result.err;
  std::vector<Columns> rows;
  std::istringstream text(result.out);
  for (std::string line; std::getline(text, line);) {
    Columns& row = rows.emplace_back();
    std::istringstream columns(line);
    for (std::string column; std::getline(columns, column, '\t');) row.push_back(column);
    row.resize(fields.size());
  }
  return rows;
}

constexpr std::string_view kMalformedSource = "10.255.0.1";
constexpr std::string_view kMalformedSource6 = "2001:db8:ff::1";

class Wire : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    file_ = new GeneratedFile({"--seed", "5", "--packets", "30000", "--nanoseconds"});
  }
  static void TearDownTestSuite() { delete file_; }
  static GeneratedFile* file_;
};
GeneratedFile* Wire::file_ = nullptr;

TEST_F(Wire, ChecksumsAreRightExceptInTheStatedShare) {
  const std::string bad =
      "(ip.checksum.status == 0 or tcp.checksum.status == 0 or udp.checksum.status == 0 or "
      "icmp.checksum.status == 0 or icmpv6.checksum.status == 0)";
  std::size_t stated = 0;
  for (const auto& columns : tshark(*file_, bad, {"ip.src", "ipv6.src", "frame.protocols"})) {
    if (columns[0].starts_with(kMalformedSource) || columns[1] == kMalformedSource6) continue;
    EXPECT_EQ(columns[0], "10.254.0.1") << columns[2];
    ++stated;
  }
  EXPECT_EQ(stated, file_->number("bad_checksums"));
}

// tshark keeps no connections apart by tenant, so tunnels with the same inner addresses are left
// out.
TEST_F(Wire, SequenceNumbersAreConsistent) {
  std::size_t retransmissions = 0;
  for (const auto& columns : tshark(*file_, "tcp.analysis.flags and !vxlan and !geneve and !gre",
                                    {"tcp.analysis.retransmission", "frame.number"})) {
    EXPECT_FALSE(columns[0].empty()) << "frame " << columns[1] << " is flagged otherwise";
    ++retransmissions;
  }
  EXPECT_GT(retransmissions, 5u);
  EXPECT_LE(retransmissions, file_->number("retransmissions"));
}

TEST_F(Wire, OnlyTheStatedPacketsAreMalformed) {
  for (const auto& columns :
       tshark(*file_, "_ws.malformed", {"ip.src", "ipv6.src", "frame.protocols", "frame.number"})) {
    const bool cut_before_the_address = columns[0].empty() && columns[1].empty();
    EXPECT_TRUE(cut_before_the_address || columns[0].starts_with(kMalformedSource) ||
                columns[1] == kMalformedSource6)
        << columns[2] << ", frame " << columns[3] << " from " << columns[0] << columns[1];
  }
}

TEST_F(Wire, PayloadsAreOfTheirProtocols) {
  struct Row {
    const char* field;
    std::size_t packets_least;
  };
  constexpr Row kRows[] = {
      {"http.host", 50},       {"http.response.code", 50},
      {"dns.a", 100},          {"tls.handshake.extensions_server_name", 100},
      {"syslog.msg", 50},      {"tls.handshake.ciphersuite", 100},
      {"sip.Method", 4},       {"ssh.kex_algorithms", 5},
      {"ntp.stratum", 5},      {"quic.long.packet_type", 50},
      {"dhcp.option.dhcp", 4}, {"resp.bulk_string.value", 100},
      {"gre.key", 5},          {"geneve.option.class", 50},
  };
  std::vector<std::string> fields;
  for (const Row& row : kRows) fields.emplace_back(row.field);
  std::vector<std::size_t> packets(fields.size());
  for (const auto& columns : tshark(*file_, "frame", fields)) {
    for (std::size_t i = 0; i < columns.size(); ++i) packets[i] += columns[i].empty() ? 0u : 1u;
  }
  for (std::size_t i = 0; i < packets.size(); ++i) {
    EXPECT_GE(packets[i], kRows[i].packets_least) << fields[i];
  }
}

// The same addresses and ports mean different connections: only the identifier of the tunnel tells
// them apart.
TEST(Tenants, UseTheSameInnerAddresses) {
  const GeneratedFile file({"--seed", "5", "--packets", "20000", "--mix", "mirror"});
  std::map<std::string, std::set<std::string>> tenants_of;
  for (const auto& columns :
       tshark(file, "vxlan and tcp.flags.syn == 1 and tcp.flags.ack == 0",
              {"ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "vxlan.vni"})) {
    const auto inner = [](const std::string& both) { return both.substr(both.find(',') + 1); };
    tenants_of[inner(columns[0]) + " " + inner(columns[1]) + " " + columns[2] + " " + columns[3]]
        .insert(columns[4]);
  }
  const auto shared =
      std::ranges::count_if(tenants_of, [](const auto& entry) { return entry.second.size() > 1; });
  EXPECT_GT(shared, 10);
}

}  // namespace
}  // namespace weir::traffic
