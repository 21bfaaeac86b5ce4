// What an independent dissector, tshark, says about the bytes on the wire.
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "support/command.h"
#include "traffic/generated_file.h"

namespace weir::traffic {
namespace {

// The values of one field, a line for each packet that `display_filter` accepts.
std::vector<std::string> tshark(const GeneratedFile& file, const std::string& display_filter,
                                const std::string& field) {
  const auto result =
      test::run_command({"tshark", "-n", "-r", file.path(), "-o", "ip.check_checksum:TRUE", "-o",
                         "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-Y",
                         display_filter, "-T", "fields", "-e", field});
  EXPECT_EQ(result.status, 0) << result.err;
  std::vector<std::string> lines;
  std::istringstream text(result.out);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

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
  EXPECT_TRUE(tshark(*file_, bad + " and !(ip.src == 10.254.0.1) and !(ip.src == 10.255.0.1)",
                     "frame.number")
                  .empty());
  EXPECT_EQ(tshark(*file_, bad + " and ip.src == 10.254.0.1", "frame.number").size(),
            file_->number("bad_checksums"));
}

// tshark keeps no connections apart by tenant, so tunnels with the same inner addresses are left
// out.
TEST_F(Wire, SequenceNumbersAreConsistent) {
  const auto outside_tunnels = " and !vxlan and !geneve and !gre";
  const auto flagged =
      tshark(*file_, std::string("tcp.analysis.flags") + outside_tunnels, "frame.number");
  const auto retransmitted =
      tshark(*file_, std::string("tcp.analysis.retransmission") + outside_tunnels, "frame.number");
  EXPECT_EQ(flagged, retransmitted);
  EXPECT_GT(retransmitted.size(), 5u);
  EXPECT_LE(retransmitted.size(), file_->number("retransmissions"));
}

TEST_F(Wire, OnlyTheStatedPacketsAreMalformed) {
  const auto sources =
      tshark(*file_, "_ws.malformed and !(ip.src == 10.255.0.1) and ip.src", "frame.protocols");
  for (const std::string& protocols : sources) {
    ADD_FAILURE() << "tshark calls a packet malformed: " << protocols;
  }
}

TEST_F(Wire, PayloadsAreOfTheirProtocols) {
  EXPECT_GT(tshark(*file_, "http.request", "http.host").size(), 50u);
  EXPECT_GT(tshark(*file_, "http.response.code == 200", "frame.number").size(), 50u);
  EXPECT_GT(tshark(*file_, "tls.handshake.extensions_server_name", "frame.number").size(), 100u);
  EXPECT_GT(tshark(*file_, "tls.handshake.type == 2", "frame.number").size(), 100u);
  EXPECT_GT(tshark(*file_, "dns.flags.response == 1 and dns.a", "frame.number").size(), 100u);
  EXPECT_GT(tshark(*file_, "ssh.kex_algorithms", "frame.number").size(), 5u);
  EXPECT_GT(tshark(*file_, "ntp.stratum == 2", "frame.number").size(), 5u);
  EXPECT_GT(tshark(*file_, "sip.Method == INVITE", "frame.number").size(), 2u);
  EXPECT_GT(tshark(*file_, "syslog.msg", "frame.number").size(), 50u);
  EXPECT_GT(tshark(*file_, "dhcp.option.dhcp == 5", "frame.number").size(), 1u);
  EXPECT_GT(tshark(*file_, "quic.long.packet_type == 0", "frame.number").size(), 50u);
  EXPECT_GT(tshark(*file_, "resp", "frame.number").size(), 100u);
}

TEST_F(Wire, TenantsUseTheSameInnerAddresses) {
  // Source, destination and port of the client, with the tenants where they occur.
  const auto tuples = test::run_command({"tshark", "-n", "-r", file_->path(), "-Y",
                                         "vxlan and tcp.flags.syn == 1 and tcp.flags.ack == 0",
                                         "-T", "fields", "-e", "ip.src", "-e", "ip.dst", "-e",
                                         "tcp.srcport", "-e", "tcp.dstport", "-e", "vxlan.vni"});
  ASSERT_EQ(tuples.status, 0);
  std::set<std::string> seen;
  std::size_t shared = 0;
  std::istringstream text(tuples.out);
  for (std::string line; std::getline(text, line);) {
    // The outer addresses name the mirrored interface: the inner ones stand behind the comma.
    std::string inner;
    std::istringstream columns(line.substr(0, line.rfind('\t')));
    for (std::string column; std::getline(columns, column, '\t');) {
      inner += column.substr(column.find(',') + 1) + " ";
    }
    shared += seen.insert(inner).second ? 0u : 1u;
  }
  EXPECT_GT(seen.size(), 50u);
  EXPECT_GT(shared, 10u);
}

}  // namespace
}  // namespace weir::traffic
