// The innermost tuple, seen from outside: Community IDs as tshark computed them over the whole data
// set.
#include <algorithm>
#include <array>
#include <fstream>
#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/data_set.h"
#include "support/headers_of.h"
#include "support/tshark_community_id.h"

namespace weir::test {
namespace {

using Counts = std::map<std::string, int>;

// Link types of the data set that weir does not parse.
constexpr std::array<int, 3> kLinkTypesNotParsed = {107 /* frame relay */, 239 /* NFLOG */,
                                                    258 /* PKTAP */};

// Captures where the two disagree by design, or where tshark is the odd one, and how many of its
// flows weir lacks.
struct Difference {
  const char* why;
  std::size_t flows_missing;
};
const std::map<std::string, Difference> kDifferences = {
    {"zeek/icmp/icmp6-mldv2.pcap",
     {"tshark drops type and code of messages whose body it finds malformed", 2}},
    {"ndpi/capwap.pcap", {"weir does not follow CAPWAP", 7}},
    {"tcpdump/PIM_register_register-stop.pcap", {"weir does not follow PIM register messages", 2}},
    {"tcpdump/ipv6-next-header-oobr-2.pcap",
     {"an endless chain of headers, given up at different places", 1}},
    {"libpcap/filter/AH-IPcomp-IPv6.pcap", {"weir does not decompress IPComp", 1}},
    {"libpcap/filter/ipv6_ext_headers.pcap", {"more extension headers than weir follows", 1}},
    {"pcapplusplus/ExamplesTest/tcp-reassembly.pcap",
     {"weir does not follow sampled headers in sFlow", 1}},
    {"pcapplusplus/Pcap++Test/null_loopback.pcap",
     {"a Cisco HDLC header where a BSD loopback header should be", 1}},
};

bool is_parsed(const CapturedFrame& frame) {
  const int link_type = static_cast<int>(frame.link_type);
  return std::find(kLinkTypesNotParsed.begin(), kLinkTypesNotParsed.end(), link_type) ==
         kLinkTypesNotParsed.end();
}

std::size_t count_missing(const Counts& counted, const Counts& expected) {
  return static_cast<std::size_t>(
      std::count_if(expected.begin(), expected.end(), [&](const auto& flow) {
        const auto found = counted.find(flow.first);
        return found == counted.end() || found->second != flow.second;
      }));
}

TEST(CommunityId, EqualsTsharkOverTheDataSet) {
  WEIR_SKIP_WITHOUT_DATA();
  std::ifstream table(data_set_dir() / "expected" / "communityid.jsonl");
  std::string line;
  std::size_t equal = 0;
  while (std::getline(table, line)) {
    const nlohmann::json row = nlohmann::json::parse(line);
    const std::string file = row["file"];
    const Counts expected = row["ids"].get<Counts>();
    const std::vector<CapturedFrame> frames = read_frames(data_set_dir() / file);
    const std::vector<Parsed> parsed = parse_all(frames);
    Counts counted;
    bool all_parsed = true;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      all_parsed = all_parsed && is_parsed(frames[i]);
      EXPECT_EQ(!is_parsed(frames[i]),
                parsed[i].headers.malformed == MalformedReason::UnknownLinkType)
          << file;
      const std::string id = community_id_by_tshark(frames[i], parsed[i]);
      if (!id.empty()) ++counted[id];
    }
    if (!all_parsed) continue;
    const auto difference = kDifferences.find(file);
    if (difference == kDifferences.end()) {
      EXPECT_EQ(counted, expected) << file;
    } else {
      EXPECT_EQ(count_missing(counted, expected), difference->second.flows_missing)
          << file << ": " << difference->second.why;
    }
    equal += expected.size() - count_missing(counted, expected);
  }
  EXPECT_EQ(equal, 2168u);
}

}  // namespace
}  // namespace weir::test
