// `weir read --logs` as a user runs it.
#include <algorithm>

#include <gtest/gtest.h>

#include "capture/frames.h"
#include "integration/weir_logs.h"
#include "support/capture_expectations.h"
#include "support/data_set.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using nlohmann::json;

class ReadLogs : public testing::Test {
 protected:
  // Two flows: 900 packets to port 9, 100 to port 53.
  std::string input() {
    const std::string path = dir_.file("in.pcap");
    write_file(path, pcap_bytes(frames_with_dns(1000, 10)));
    return path;
  }
  [[nodiscard]] std::filesystem::path logs() const { return dir_.path() / "logs"; }

  TempDir dir_;
};

TEST_F(ReadLogs, EachFlowIsALineOfConnLog) {
  const auto result = run_weir({"read", input(), "--logs", logs(), "--stats-json", "-"});
  EXPECT_EQ(result.status, 0) << result.err;
  const Rows rows = log_rows(logs(), "conn");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["id.orig_h"], "10.0.0.1");
  EXPECT_EQ(rows[0]["id.resp_h"], "10.0.0.2");
  EXPECT_EQ(rows[0]["proto"], "udp");
  EXPECT_EQ(rows[0]["orig_pkts"].get<int>() + rows[1]["orig_pkts"].get<int>(), 1000);
  const json stats = json::parse(result.out);
  EXPECT_EQ(stats["flows"]["begun"]["udp"], 2);
  EXPECT_EQ(stats["records"]["conn"], 2) << stats["records"];
  EXPECT_TRUE(law_holds(stats)) << stats;
  EXPECT_NE(result.err.find("wrote 2 records to " + (logs() / "conn.log").string()),
            std::string::npos)
      << result.err;
}

TEST_F(ReadLogs, LogsOfAnEarlierRunAreKeptUntilTheUserSaysWhatToDo) {
  const std::string path = input();
  ASSERT_EQ(run_weir({"read", path, "--logs", logs()}).status, 0);
  const auto before = log_files(logs());
  ASSERT_TRUE(before.contains("conn.log"));

  const auto refused = run_weir({"read", path, "--logs", logs()});
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.err.find("the directory is not empty"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("--append or --overwrite"), std::string::npos) << refused.err;
  EXPECT_EQ(log_files(logs()), before);

  EXPECT_EQ(run_weir({"read", path, "--logs", logs(), "--append"}).status, 0);
  EXPECT_EQ(log_files(logs()).at("conn.log"), before.at("conn.log") + before.at("conn.log"));

  write_file(logs() / "notes.txt", "mine");
  EXPECT_EQ(run_weir({"read", path, "--logs", logs(), "--overwrite", "-f", "port 53"}).status, 0);
  EXPECT_EQ(log_rows(logs(), "conn").size(), 1u);
  EXPECT_EQ(log_files(logs()).at("notes.txt"), "mine") << "what is no log stays";
}

TEST_F(ReadLogs, OnlyAcceptedPacketsAreAnalysed) {
  const std::string path = input();
  EXPECT_EQ(run_weir({"read", path, "--logs", logs(), "-f", "port 53"}).status, 0);
  const Rows filtered = log_rows(logs(), "conn");
  ASSERT_EQ(filtered.size(), 1u);
  EXPECT_EQ(filtered[0]["id.resp_p"], 53);
  EXPECT_EQ(filtered[0]["orig_pkts"], 100);

  EXPECT_EQ(run_weir({"read", path, "--logs", logs(), "--overwrite", "-c", "7"}).status, 0);
  int packets = 0;
  for (const json& row : log_rows(logs(), "conn")) packets += row["orig_pkts"].get<int>();
  EXPECT_EQ(packets, 7);
}

TEST_F(ReadLogs, OptionsOfTheAnalysisNeedOne) {
  const std::vector<std::vector<std::string>> all = {
      {"--append"},
      {"--overwrite"},
      {"--checksums", "verify"},
      {"--flow-timeout", "udp=1m"},
      {"--flow-memory", "2MiB"},
      {"--long-flows", "1m"},
      {"--uid-seed", "1"},
      {"--community-id-seed", "1"},
      {"--workers", "2"},
  };
  const std::string path = input();
  for (const std::vector<std::string>& option : all) {
    std::vector<std::string> words = {"read", path};
    words.insert(words.end(), option.begin(), option.end());
    const auto result = run_weir(words);
    EXPECT_EQ(result.status, 2) << option[0];
    EXPECT_NE(result.err.find("--logs DIR"), std::string::npos) << result.err;
  }
}

TEST_F(ReadLogs, APlaceThatCannotBeIsNamed) {
  const std::string path = input();
  const auto nowhere = run_weir({"read", path, "--logs", dir_.file("no/such/place")});
  EXPECT_EQ(nowhere.status, 1);
  EXPECT_NE(nowhere.err.find("no/such/place: No such file"), std::string::npos) << nowhere.err;
  const auto file = run_weir({"read", path, "--logs", path});
  EXPECT_NE(file.status, 0);
  EXPECT_NE(file.err.find(path + ": it is no directory"), std::string::npos) << file.err;
  EXPECT_EQ(read_file(path), pcap_bytes(frames_with_dns(1000, 10)));
}

TEST_F(ReadLogs, FlowsThatFindNoRoomAreEvictedAndSayIt) {
  constexpr std::size_t kFlows = 20'000;
  const std::string path = dir_.file("many.pcap");
  write_file(path, pcap_bytes(frames_of_flows(kFlows)));
  for (const char* workers : {"1", "2"}) {
    const auto result = run_weir({"read", path, "--logs", logs(), "--overwrite", "--workers",
                                  workers, "--flow-memory", "1MiB", "--stats-json", "-"});
    EXPECT_EQ(result.status, 0) << result.err;
    const json stats = json::parse(result.out);
    const Rows rows = log_rows(logs(), "conn");
    const auto evicted = std::ranges::count_if(
        rows, [](const json& row) { return row.value("flow_end", "") == "evicted"; });
    EXPECT_EQ(rows.size(), kFlows);
    EXPECT_EQ(stats["flows"]["begun"]["udp"], kFlows);
    EXPECT_EQ(stats["flows"]["evicted"], evicted);
    EXPECT_GT(evicted, 10'000);
  }
}

// Runs weir on these captures and returns what it wrote.
std::map<std::string, std::string> logs_with_workers(const std::vector<std::string>& captures,
                                                     const char* workers) {
  const TempDir dir;
  std::vector<std::string> words = {"read"};
  words.insert(words.end(), captures.begin(), captures.end());
  words.insert(words.end(), {"--logs", dir.file("logs"), "--workers", workers});
  const auto result = run_weir(words);
  EXPECT_EQ(result.status, 0) << result.err;
  return log_files(dir.file("logs"));
}

void expect_same_for_any_workers(const std::vector<std::string>& captures) {
  const auto alone = logs_with_workers(captures, "1");
  EXPECT_FALSE(alone.empty());
  for (const char* workers : {"2", "8"}) {
    const auto shared = logs_with_workers(captures, workers);
    ASSERT_EQ(shared.size(), alone.size()) << workers;
    for (const auto& [name, bytes] : alone) {
      EXPECT_TRUE(shared.contains(name) && shared.at(name) == bytes) << name << ", " << workers;
    }
  }
}

// Tunnels of every kind, fragments, many flows, losses, a clock that goes back.
constexpr std::array kVariedCaptures = {
    "derived/encap-geneve.pcap",
    "derived/encap-gtpu.pcap",
    "derived/encap-vxlan.pcap",
    "derived/ip-fragments-in-order.pcap",
    "libpcap/filter/geneve.pcap",
    "libpcap/filter/vxlan.pcap",
    "ndpi/4in4tunnel.pcap",
    "ndpi/dns_fragmented.pcap",
    "ndpi/ip_fragmented_garbage.pcap",
    "ndpi/netflix.pcap",
    "pcapplusplus/ExamplesTest/ip-frag.pcap",
    "tcpdump/gso-ipv4-vxlan-ipv6.pcap",
    "tcpdump/various_gre.pcap",
    "zeek/erspan.pcap",
    "zeek/icmp/icmp6-mldv2.pcap",
    "zeek/ipv4/fragmented-1.pcap",
    "zeek/modbus/fuzz-72.pcap",
    "zeek/nmap-vsn.pcap",
    "zeek/pppoe-over-qinq.pcap",
    "zeek/tcp/retransmit-fast009.pcap",
    "zeek/tunnels/Teredo.pcap",
    "zeek/tunnels/gre-within-gre.pcap",
    "zeek/tunnels/gtp/gtp7_ipv6.pcap",
    "zeek/tunnels/vxlan-triple-v2.pcap",
    "zeek/wikipedia.pcap",
    "zeek/workshop_2011_browse.pcap",
};

TEST_F(ReadLogs, AreTheSameBytesForAnyNumberOfWorkers) {
  WEIR_SKIP_WITHOUT_DATA();
  for (const char* file : kVariedCaptures) {
    SCOPED_TRACE(file);
    expect_same_for_any_workers({(data_set_dir() / file).string()});
  }
}

// All sound captures one after the other; also with the newest first, so that almost every packet
// comes late.
TEST_F(ReadLogs, OfManyFilesAreTheSameBytesForAnyNumberOfWorkersInAnyOrder) {
  WEIR_SKIP_WITHOUT_DATA();
  std::vector<CaptureExpectation> captures = load_capture_expectations();
  std::erase_if(captures,
                [](const CaptureExpectation& one) { return one.damaged || one.may_fail; });
  ASSERT_GT(captures.size(), 400u);
  const auto all_paths = [&captures] {
    std::vector<std::string> paths;
    for (const CaptureExpectation& one : captures) {
      paths.push_back((data_set_dir() / one.file).string());
    }
    return paths;
  };
  expect_same_for_any_workers(all_paths());
  std::ranges::stable_sort(captures, std::ranges::greater{},
                           [](const CaptureExpectation& one) { return one.first_ns.value_or(0); });
  expect_same_for_any_workers(all_paths());
}

}  // namespace
}  // namespace weir::test
