// The counts that the generator states are those of libpcap.
#include "expression_truth.h"

#include <memory>

#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include "traffic/generated_file.h"

namespace weir::traffic {
namespace {

struct PcapCloser {
  void operator()(pcap_t* pcap) const { ::pcap_close(pcap); }
};

struct CompiledFilter {
  CompiledFilter(pcap_t* pcap, const std::string& text) {
    EXPECT_EQ(::pcap_compile(pcap, &program, text.c_str(), 1, PCAP_NETMASK_UNKNOWN), 0)
        << text << ": " << ::pcap_geterr(pcap);
  }
  ~CompiledFilter() { ::pcap_freecode(&program); }
  CompiledFilter(const CompiledFilter&) = delete;
  CompiledFilter& operator=(const CompiledFilter&) = delete;

  bpf_program program{};
};

struct Case {
  const char* name;
  std::vector<std::string> words;
};

class LibpcapAgrees : public testing::TestWithParam<Case> {};

TEST_P(LibpcapAgrees, OnEveryExpression) {
  const GeneratedFile file(GetParam().words);
  char error[PCAP_ERRBUF_SIZE] = "";
  const std::unique_ptr<pcap_t, PcapCloser> pcap(::pcap_open_offline_with_tstamp_precision(
      file.path().c_str(), PCAP_TSTAMP_PRECISION_NANO, error));
  ASSERT_NE(pcap, nullptr) << error;
  std::vector<std::unique_ptr<CompiledFilter>> filters;
  for (const Expression& expression : expressions()) {
    filters.push_back(std::make_unique<CompiledFilter>(pcap.get(), std::string(expression.text)));
  }

  std::vector<std::uint64_t> matches(filters.size());
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::int64_t last_ns = 0;
  std::uint64_t steps_back = 0;
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  while (::pcap_next_ex(pcap.get(), &header, &data) == 1) {
    ++packets;
    bytes += header->len;
    const std::int64_t now_ns = header->ts.tv_sec * 1'000'000'000 + header->ts.tv_usec;
    steps_back += now_ns < last_ns ? 1u : 0u;
    last_ns = now_ns;
    for (std::size_t i = 0; i < filters.size(); ++i) {
      matches[i] += ::pcap_offline_filter(&filters[i]->program, header, data) != 0 ? 1u : 0u;
    }
  }
  EXPECT_STREQ(::pcap_geterr(pcap.get()), "");
  EXPECT_EQ(packets, file.number("packets"));
  EXPECT_EQ(bytes, file.number("bytes"));
  EXPECT_EQ(steps_back, 0u);
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const std::string text(expressions()[i].text);
    EXPECT_EQ(matches[i], file.expression(text)) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, LibpcapAgrees,
    testing::Values(
        Case{"default_pcap", {"--seed", "11", "--packets", "100000"}},
        Case{"default_pcapng", {"--seed", "12", "--packets", "50000", "--format", "pcapng"}},
        Case{"nanoseconds",
             {"--seed", "13", "--packets", "20000", "--format", "pcapng", "--nanoseconds"}},
        Case{"pcap_nanoseconds", {"--seed", "14", "--packets", "20000", "--nanoseconds"}},
        Case{"headers_only", {"--seed", "15", "--packets", "50000", "--snaplen", "64"}},
        Case{"cut_in_the_ip_header", {"--seed", "16", "--packets", "50000", "--snaplen", "32"}},
        Case{"mirror", {"--seed", "17", "--packets", "50000", "--mix", "mirror"}},
        Case{"bulk", {"--seed", "18", "--packets", "20000", "--mix", "bulk"}}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace weir::traffic
