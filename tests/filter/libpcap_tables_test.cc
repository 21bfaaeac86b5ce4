// libpcap's own test tables (of 2026), evaluated with the installed libpcap's compiler. Where an
// older libpcap compiles otherwise the case stands in a list here by name, so that any other
// difference fails.
#include <fstream>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "filter/pcap_compiler.h"
#include "filter/program.h"
#include "reference.h"
#include "support/data_set.h"

namespace weir::filter {
namespace {

using nlohmann::json;

json read_table(const std::string& name) {
  std::ifstream stream(test::data_set_dir() / "libpcap" / name);
  return json::parse(stream);
}

using Names = std::set<std::string>;

// libpcap 1.10.3 lacks: Broadcom tags' inner headers, `vxlan`, `gateway` with names of both IP
// versions.
const Names kApplyRefused = {"arp_DSA_TAG_BRCM",
                             "arp_gateway_eth_ipv4_ipv6",
                             "broadcast_DSA_TAG_BRCM",
                             "gateway_eth_ipv4_ipv6",
                             "gateway_eth_ipv4_noipv6",
                             "inbound_DSA_TAG_BRCM",
                             "ip_flag_df_via_index_DSA_TAG_BRCM",
                             "ip_gateway_eth_ipv4_ipv6",
                             "ip_src_host_DSA_TAG_BRCM",
                             "link_dst_host_DSA_TAG_BRCM",
                             "link_src_host_DSA_TAG_BRCM",
                             "llc_DSA_TAG_BRCM",
                             "multicast_DSA_TAG_BRCM",
                             "outbound_DSA_TAG_BRCM",
                             "rarp_gateway_eth_ipv4_ipv6",
                             "stp_DSA_TAG_BRCM",
                             "vlan_5_DSA_TAG_BRCM",
                             "vlan_8_DSA_TAG_BRCM",
                             "vlan_8_and_llc_DSA_TAG_BRCM",
                             "vlan_8_and_stp_DSA_TAG_BRCM",
                             "vlan_DSA_TAG_BRCM",
                             "vxlan",
                             "vxlan_100",
                             "vxlan_101",
                             "vxlan_and_icmp_reply"};
// It has faults that were mended since: addresses on ARCnet, `outbound` on SLIP, the IS-IS type of
// `csnp`.
const Names kApplyDifferent = {"csnp_C_HDLC",
                               "link_dst_host_c0_on_arcnet",
                               "link_host_c0_on_arcnet",
                               "link_host_not_c0_on_arcnet",
                               "link_src_host_c0_on_arcnet",
                               "slip_outbound_on_invalid"};
// It does not check these ranges. `ip broadcast`: we compile with tcpdump's netmask 0, the table
// without one. protochain_disabled is about a libpcap that was built without `protochain`.
const Names kRejectTaken = {"atm_vci",
                            "byte_and_256",
                            "byte_eq_256",
                            "byte_lt_256",
                            "decnet_1",
                            "decnet_1_2_3",
                            "decnet_area",
                            "decnet_node",
                            "ip6_proto_256",
                            "ip_broadcast_explicit",
                            "ip_broadcast_implicit",
                            "ip_proto_256",
                            "ip_protochain_256",
                            "isis_proto_32",
                            "iso_proto_256",
                            "link_proto_1500_EN10MB",
                            "link_proto_1500_IP_OVER_FC",
                            "link_proto_65536_APPLE_IP_OVER_IEEE1394",
                            "link_proto_65536_EN10MB",
                            "link_proto_65536_LINUX_SLL",
                            "link_proto_65536_PPP",
                            "link_proto_65536_PPP_BSDOS",
                            "protochain_disabled"};
// Compile to loads that only the Linux kernel understands; libpcap refuses them for files, and so
// do we.
const Names kLiveOnly = {"ifindex_linuxext", "inbound_DSA_TAG_DSA", "outbound_linuxext"};

// Compiling for a DLT by its number works because libpcap takes an unknown LINKTYPE for the DLT of
// that number.
LinkType link_type_named(const std::string& dlt) {
  return static_cast<LinkType>(pcap_datalink_name_to_val(dlt.c_str()));
}

TEST(LibpcapTables, EveryPacketOfTheApplyTable) {
  WEIR_SKIP_WITHOUT_DATA();
  Names refused;
  Names different;
  std::size_t same = 0;
  for (const json& row : read_table("filter_apply.json")) {
    const std::string name = row["name"];
    const std::string savefile = row["savefile"];
    SCOPED_TRACE(name);
    const test::ReferenceFile file = test::read_reference(test::data_set_dir() / savefile);
    ASSERT_TRUE(file.handle) << file.error;
    const auto compiled = compile(row.value("expr", ""), file.link_type);
    if (std::holds_alternative<Refusal>(compiled)) {
      refused.insert(name);
      continue;
    }
    const Result<Program> program = Program::create(std::get<CbpfProgram>(compiled));
    ASSERT_TRUE(program.ok());
    std::vector<bool> ours;
    for (const test::ReferencePacket& packet : file.packets) {
      ours.push_back(program->run(packet.frame, packet.wire_bytes) != 0);
    }
    std::vector<bool> published;
    for (const std::uint32_t result : row["results"]) published.push_back(result != 0);
    if (ours == published) {
      ++same;
    } else {
      different.insert(name);
    }
  }
  EXPECT_EQ(refused, kApplyRefused);
  EXPECT_EQ(different, kApplyDifferent);
  EXPECT_GT(same, 50u);
}

TEST(LibpcapTables, EveryExpressionOfTheRejectTableIsRefused) {
  WEIR_SKIP_WITHOUT_DATA();
  Names taken;
  for (const json& row : read_table("filter_reject.json")) {
    if (!row.contains("DLT")) continue;  // about reading files
    const auto compiled = compile(row.value("expr", ""), link_type_named(row["DLT"]));
    if (std::holds_alternative<CbpfProgram>(compiled)) taken.insert(row["name"]);
  }
  EXPECT_EQ(taken, kRejectTaken);
}

TEST(LibpcapTables, EveryAliasOfTheAcceptTableCompilesIfLibpcapCompilesIt) {
  WEIR_SKIP_WITHOUT_DATA();
  Names refused;
  std::size_t compiled_aliases = 0;
  for (const json& row : read_table("filter_accept.json")) {
    const int dlt = pcap_datalink_name_to_val(row["DLT"].get<std::string>().c_str());
    // Names that only tables made for the test could resolve; elsewhere the resolver would be
    // asked, for seconds.
    if (row.value("skip_condition", "").starts_with("skip_no_")) continue;
    const test::PcapHandle dead(pcap_open_dead(dlt, 262144));
    for (const std::string alias : row["aliases"]) {
      const auto compiled = compile(alias, static_cast<LinkType>(dlt));
      if (std::holds_alternative<CbpfProgram>(compiled)) {
        ++compiled_aliases;
        EXPECT_TRUE(Program::create(std::get<CbpfProgram>(compiled)).ok()) << alias;
      } else if (test::compile_reference(dead.get(), alias).ok()) {
        refused.insert(row["name"]);
      }
    }
  }
  EXPECT_EQ(refused, kLiveOnly);
  EXPECT_GT(compiled_aliases, 700u);
}

}  // namespace
}  // namespace weir::filter
