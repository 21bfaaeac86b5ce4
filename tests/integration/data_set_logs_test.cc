// The logs of every capture of the data set: sound in themselves, and, flow for flow, what tshark
// and nDPI counted in the same files.
#include <arpa/inet.h>

#include <iostream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "integration/weir_logs.h"
#include "support/capture_expectations.h"
#include "support/data_set.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using nlohmann::json;

struct Logs {
  std::filesystem::path directory;
  json stats;
  CommandResult result;

  // tshark and weir see different packets here, or cannot both say whose they are.
  [[nodiscard]] bool has_fragments_or_damage() const {
    std::uint64_t malformed = 0;
    for (const auto& [reason, count] : stats["malformed"].items()) {
      malformed += count.get<std::uint64_t>();
    }
    return malformed > 0 || stats["flows"]["fragments"] > 0;
  }
};

// Of all captures, by name. A few processes at a time.
std::map<std::string, Logs> logs_of_all(const TempDir& dir) {
  constexpr std::size_t kAtATime = 4;
  std::vector<std::string> files;
  for (const CaptureExpectation& capture : load_capture_expectations()) {
    files.push_back(capture.file);
  }
  std::map<std::string, Logs> all;
  for (std::size_t begin = 0; begin < files.size(); begin += kAtATime) {
    const std::size_t end = std::min(begin + kAtATime, files.size());
    std::vector<std::unique_ptr<Process>> running;
    for (std::size_t i = begin; i < end; ++i) {
      const std::string name = dir.file(std::to_string(i));
      running.push_back(
          std::make_unique<Process>(weir({"read", (data_set_dir() / files[i]).string(), "--logs",
                                          name, "--checksums", "ignore", "--stats-json", "-"})));
      all[files[i]].directory = name;
    }
    for (std::size_t i = begin; i < end; ++i) {
      Logs& logs = all[files[i]];
      logs.result = running[i - begin]->wait();
      logs.stats = json::parse(logs.result.out, nullptr, false);
    }
  }
  return all;
}

// What each line must be, and what the statistics say of all of them.
void expect_sound(const std::string& file, const Logs& logs) {
  SCOPED_TRACE(file);
  ASSERT_FALSE(logs.stats.is_discarded()) << logs.result.out << logs.result.err;
  // Of a damaged capture what came before the damage is told.
  EXPECT_EQ(logs.result.status, logs.stats["exit_reason"] == "error" ? 1 : 0) << logs.result.err;
  EXPECT_EQ(logs.result.err.find("runtime error"), std::string::npos) << logs.result.err;
  EXPECT_TRUE(law_holds(logs.stats)) << logs.stats;
  std::map<std::string, std::uint64_t> written;
  for (const json& output : logs.stats["outputs"]) {
    const std::filesystem::path path = output["path"].get<std::string>();
    EXPECT_EQ(output["written"], output["offered"]);
    EXPECT_EQ(output["written_bytes"], std::filesystem::file_size(path));
    written[path.stem()] = output["written"];
  }
  for (const char* log : {"conn", "conn_long", "tunnel", "weird", "stats", "capture_loss"}) {
    const Rows rows = log_rows(logs.directory, log);
    EXPECT_EQ(rows.size(), written[log]) << log;
    for (const json& row : rows) {
      EXPECT_TRUE(row.is_object() && row.contains("ts")) << log << ": " << row;
    }
  }
}

// Every flow that began has a line in conn.log; an IP tunnel, which is none, begins in tunnel.log.
void expect_all_flows_told(const std::string& file, const Logs& logs) {
  SCOPED_TRACE(file);
  std::set<std::string> uids;
  const Rows connections = log_rows(logs.directory, "conn");
  const std::size_t lines = connections.size();
  for (const json& row : connections) uids.insert(row["uid"]);
  std::uint64_t tunnels = 0;
  for (const json& row : log_rows(logs.directory, "tunnel")) {
    if (row["action"] == "Tunnel::DISCOVER" && !uids.contains(row["uid"])) ++tunnels;
  }
  std::uint64_t begun = 0;
  for (const auto& [kind, count] : logs.stats["flows"]["begun"].items()) {
    if (kind != "ip_tunnel") begun += count.get<std::uint64_t>();
  }
  EXPECT_EQ(uids.size(), lines) << "a uid names one flow";
  EXPECT_EQ(uids.size(), begun);
  EXPECT_EQ(logs.stats["flows"]["begun"]["ip_tunnel"], tunnels);
}

// The two ends, in an order of their own, and what each sent in all connections between them:
// several programs cut them at different places.
struct Tuple {
  std::string protocol, a, b;
  friend auto operator<=>(const Tuple&, const Tuple&) = default;
};
struct Sums {
  std::uint64_t packets_a = 0, packets_b = 0, bytes_a = 0, bytes_b = 0;

  [[nodiscard]] bool same_packets(const Sums& other) const {
    return packets_a == other.packets_a && packets_b == other.packets_b;
  }
  [[nodiscard]] bool same_bytes(const Sums& other) const {
    return bytes_a == other.bytes_a && bytes_b == other.bytes_b;
  }
};
using Tuples = std::map<Tuple, Sums>;

std::ostream& operator<<(std::ostream& out, const Sums& sums) {
  return out << sums.packets_a << '/' << sums.packets_b << " packets, " << sums.bytes_a << '/'
             << sums.bytes_b << " bytes";
}

// Addresses as inet_ntop() writes them: programs shorten IPv6 in different ways.
std::string end_of(const std::string& address, const std::string& port) {
  std::array<std::uint8_t, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (inet_pton(family, address.c_str(), bytes.data()) != 1) return address + ' ' + port;
  return std::string(inet_ntop(family, bytes.data(), text.data(), text.size())) + ' ' + port;
}

void add(Tuples& tuples, const std::string& protocol, const std::string& a, const std::string& b,
         const Sums& sums) {
  const bool in_order = a < b;
  Sums& all = tuples[in_order ? Tuple{protocol, a, b} : Tuple{protocol, b, a}];
  all.packets_a += in_order ? sums.packets_a : sums.packets_b;
  all.packets_b += in_order ? sums.packets_b : sums.packets_a;
  all.bytes_a += in_order ? sums.bytes_a : sums.bytes_b;
  all.bytes_b += in_order ? sums.bytes_b : sums.bytes_a;
}

// Bytes of each end: those of IP packets, less `header_bytes(row)` for each packet.
template <typename HeaderBytes>
Tuples tuples_of(const Logs& logs, HeaderBytes header_bytes) {
  Tuples tuples;
  for (const json& row : log_rows(logs.directory, "conn")) {
    const std::uint64_t headers = header_bytes(row);
    const std::uint64_t packets_a = row["orig_pkts"];
    const std::uint64_t packets_b = row["resp_pkts"];
    add(tuples, row["proto"], end_of(row["id.orig_h"], std::to_string(row["id.orig_p"].get<int>())),
        end_of(row["id.resp_h"], std::to_string(row["id.resp_p"].get<int>())),
        {packets_a, packets_b, row["orig_ip_bytes"].get<std::uint64_t>() - headers * packets_a,
         row["resp_ip_bytes"].get<std::uint64_t>() - headers * packets_b});
  }
  return tuples;
}

// Captures in which another program sees other flows, and how many.
struct Difference {
  const char* why;
  std::size_t tuples;
};
using Differences = std::map<std::string, Difference>;

std::size_t expected_differences(const Differences& differences, const std::string& file) {
  const auto found = differences.find(file);
  return found == differences.end() ? 0 : found->second.tuples;
}

// expected/flows.jsonl. tshark begins a new TCP stream at other packets than weir a new flow, and
// counts payload as it arrives, again when it is sent again: what both must agree on is how many
// packets each end sent, and the payload of UDP, which needs no sequence numbers.
const Differences kTsharkDifferences = {
    {"libpcap/filter/AH-IPcomp-IPv6.pcap", {"weir does not decompress IPComp", 1}},
    {"ndpi/capwap.pcap", {"weir does not follow CAPWAP", 2}},
    {"ndpi/fuzz-2021-06-07-c6c72a0a56.pcap", {"the UDP header has a wrong length", 1}},
    {"tcpdump/dns-zlip-1.pcap", {"the UDP header has a wrong length", 1}},
    {"zeek/ipv6-hbh-routing0.pcap", {"the bytes of extension headers are no payload", 1}},
    {"zeek/nfs/nfs_write_bad_stable_how.pcap", {"tshark joins the clients of one RPC server", 1}},
    {"zeek/tunnels/Teredo.pcap", {"tshark takes Teredo's origin for ports", 1}},
    {"pcapplusplus/Pcap++Test/null_loopback.pcap",
     {"a Cisco HDLC header where a BSD loopback header should be", 1}},
};

struct Agreement {
  std::size_t compared = 0;
  std::size_t equal = 0;
  std::size_t equal_bytes = 0;
};

template <typename Same>
void compare(const std::string& file, const Tuples& theirs, const Tuples& ours, Same same,
             const Differences& known, Agreement& agreement) {
  std::size_t different = 0;
  std::ostringstream said;
  for (const auto& [tuple, sums] : theirs) {
    const auto found = ours.find(tuple);
    const Sums mine = found == ours.end() ? Sums{} : found->second;
    ++agreement.compared;
    if (same(tuple, sums, mine)) {
      ++agreement.equal;
    } else {
      ++different;
      said << tuple.protocol << ' ' << tuple.a << " - " << tuple.b << ": " << sums << "; weir "
           << mine << '\n';
    }
  }
  EXPECT_EQ(different, expected_differences(known, file)) << file << '\n' << said.str();
}

Agreement compare_with_tshark(const std::map<std::string, Logs>& all) {
  constexpr std::uint64_t kUdpBytes = 8;
  std::map<std::string, Tuples> expected;
  std::ifstream in(data_set_dir() / "expected/flows.jsonl");
  for (std::string line; std::getline(in, line);) {
    const json flow = json::parse(line);
    add(expected[flow["file"]], flow["proto"], end_of(flow["a"][0], flow["a"][1]),
        end_of(flow["b"][0], flow["b"][1]),
        {flow["pkts_ab"], flow["pkts_ba"], flow["payload_ab"], flow["payload_ba"]});
  }
  Agreement agreement;
  for (const auto& [file, theirs] : expected) {
    const Logs& logs = all.at(file);
    if (logs.has_fragments_or_damage()) continue;
    const Tuples ours = tuples_of(logs, [](const json& row) {
      const auto address = row["id.orig_h"].get<std::string>();
      return (address.find(':') == std::string::npos ? 20 : 40) + kUdpBytes;
    });
    const auto same = [](const Tuple& tuple, const Sums& a, const Sums& b) {
      return a.same_packets(b) && (tuple.protocol != "udp" || a.same_bytes(b));
    };
    compare(file, theirs, ours, same, kTsharkDifferences, agreement);
  }
  return agreement;
}

// ndpi/flows.jsonl: packets each way. The bytes are those of frames, on Ethernet 14 more for each
// packet, and more where frames are padded: it is only counted how many are equal.
const Differences kNdpiDifferences = {
    {"ndpi/capwap.pcap", {"nDPI looks into CAPWAP", 2}},
};

// "[2001:db8::1]:53"
std::string end_of_ndpi(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::string address = text.substr(0, colon);
  if (address.starts_with('[')) address = address.substr(1, address.size() - 2);
  return end_of(address, text.substr(colon + 1));
}

Tuples tuples_of_ndpi(const json& capture) {
  Tuples tuples;
  for (const json& flow : capture["flows"]) {
    if (flow["l4"] != "TCP" && flow["l4"] != "UDP") continue;
    // "7 pkts/4845 bytes <-> 73 pkts/178280 bytes"
    std::istringstream text(flow["pkts_bytes"].get<std::string>());
    const std::size_t slash = std::string("pkts/").size();
    std::string there, back, bytes, arrow;
    Sums sums;
    text >> sums.packets_a >> there >> bytes >> arrow >> sums.packets_b >> back >> bytes;
    EXPECT_TRUE(text) << flow["pkts_bytes"];
    sums.bytes_a = std::stoull(there.substr(slash));
    sums.bytes_b = std::stoull(back.substr(slash));
    add(tuples, flow["l4"] == "TCP" ? "tcp" : "udp", end_of_ndpi(flow["a"]), end_of_ndpi(flow["b"]),
        sums);
  }
  return tuples;
}

Agreement compare_with_ndpi(const std::map<std::string, Logs>& all) {
  constexpr std::uint64_t kEthernetBytes = 14;
  Agreement agreement;
  std::ifstream in(data_set_dir() / "ndpi/flows.jsonl");
  for (std::string line; std::getline(in, line);) {
    const json capture = json::parse(line);
    const std::string file = capture["file"];
    const Logs& logs = all.at(file);
    if (logs.has_fragments_or_damage()) continue;
    const Tuples ours = tuples_of(logs, [](const json&) { return std::uint64_t{0}; });
    const auto same = [&agreement](const Tuple&, const Sums& theirs, const Sums& mine) {
      const bool bytes = mine.bytes_a + kEthernetBytes * mine.packets_a == theirs.bytes_a &&
                         mine.bytes_b + kEthernetBytes * mine.packets_b == theirs.bytes_b;
      if (bytes) ++agreement.equal_bytes;
      return mine.same_packets(theirs);
    };
    compare(file, tuples_of_ndpi(capture), ours, same, kNdpiDifferences, agreement);
  }
  return agreement;
}

// expected/communityid.jsonl: tshark's, of every packet with addresses.
constexpr const char* kIgmp = "IGMP makes no flow";
const Differences kIdDifferences = {
    {"ndpi/capwap.pcap", {"weir does not follow CAPWAP", 6}},
    {"ndpi/netflix.pcap", {kIgmp, 1}},
    {"pcapplusplus/ExamplesTest/tcp-reassembly.pcap", {"headers in sFlow samples", 1}},
    {"pcapplusplus/Packet++Test/igmpv3_report2.pcap", {kIgmp, 1}},
    {"pcapplusplus/Packet++Test/ipsec.pcapng", {"ESP makes no flow", 1}},
    {"pcapplusplus/Pcap++Test/null_loopback.pcap",
     {"a Cisco HDLC header where a BSD loopback header should be", 1}},
    {"tcpdump/PIM_register_register-stop.pcap", {"the packet in a PIM register message", 1}},
    {"tcpdump/eapon1.pcap", {kIgmp, 1}},
    {"tcpdump/various_gre.pcap", {"GRE with nothing inside that makes a flow", 3}},
    {"zeek/dns/mdns.pcap", {kIgmp, 1}},
    {"zeek/icmp/icmp6-mldv2.pcap",
     {"tshark drops type and code of messages whose body it finds malformed", 2}},
    {"zeek/igmp/igmp-many-sources.pcap", {kIgmp, 150}},
    {"zeek/tunnels/Teredo.pcap", {"a bubble: IPv6 without a next header", 1}},
};

Agreement compare_community_ids(const std::map<std::string, Logs>& all) {
  Agreement agreement;
  std::ifstream in(data_set_dir() / "expected/communityid.jsonl");
  for (std::string line; std::getline(in, line);) {
    const json capture = json::parse(line);
    const std::string file = capture["file"];
    const Logs& logs = all.at(file);
    if (logs.has_fragments_or_damage()) continue;
    std::set<std::string> ours;
    for (const json& row : log_rows(logs.directory, "conn")) ours.insert(row["community_id"]);
    std::size_t missing = 0;
    for (const auto& [id, packets] : capture["ids"].items()) missing += ours.contains(id) ? 0u : 1u;
    agreement.compared += capture["ids"].size();
    agreement.equal += capture["ids"].size() - missing;
    EXPECT_EQ(missing, expected_differences(kIdDifferences, file)) << file;
  }
  return agreement;
}

TEST(DataSetLogs, AreSoundAndAgreeWithOtherPrograms) {
  WEIR_SKIP_WITHOUT_DATA();
  const TempDir dir;
  const std::map<std::string, Logs> all = logs_of_all(dir);
  EXPECT_GE(all.size(), 483u);
  for (const auto& [file, logs] : all) {
    expect_sound(file, logs);
    expect_all_flows_told(file, logs);
  }

  const Agreement tshark = compare_with_tshark(all);
  const Agreement ndpi = compare_with_ndpi(all);
  const Agreement ids = compare_community_ids(all);
  std::cout << "as tshark: " << tshark.equal << " of " << tshark.compared
            << " tuples; as nDPI: " << ndpi.equal << " of " << ndpi.compared << ", "
            << ndpi.equal_bytes << " also in bytes; Community IDs: " << ids.equal << " of "
            << ids.compared << '\n';
  EXPECT_GE(tshark.equal, 1715u);
  EXPECT_GE(ndpi.equal, 426u);
  EXPECT_GE(ndpi.equal_bytes, 343u);
  EXPECT_GE(ids.equal, 1859u);
}

}  // namespace
}  // namespace weir::test
