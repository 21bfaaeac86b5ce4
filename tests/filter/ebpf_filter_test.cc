// The counting form of a kernel filter, run by the kernel: the verdicts of the classic form, and
// counters that know every packet that it rejects. Packets whose tag is beside them the kernel
// makes only on a wire: tests/interface_live has those.
#include "filter/ebpf_filter.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <variant>
#include <vector>

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "filter/pcap_compiler.h"
#include "kernel_frames.h"
#include "random_programs.h"
#include "support/ebpf.h"
#include "support/typical_filters.h"

namespace weir::filter {
namespace {

constexpr std::uint32_t kCopied = 512;

KernelFilterOptions options_for(LinkType link_type, Passages passages = Passages::Both) {
  return {.link_type = link_type, .passages = passages, .copied_bytes = kCopied};
}

KernelFilter filter_for(const std::string& expression, Passages passages = Passages::Both) {
  const CbpfProgram program = std::get<CbpfProgram>(compile(expression, LinkType::Ethernet));
  return kernel_filter(program, options_for(LinkType::Ethernet, passages)).value();
}

// A filter as the kernel runs it.
class LoadedFilter {
 public:
  explicit LoadedFilter(const KernelFilter& filter, LinkType link_type = LinkType::Ethernet)
      : LoadedFilter(filter, link_type,
                     security::InProcessPrivileges().create_counters(kRejectionWords).value()) {}
  LoadedFilter(const KernelFilter& filter, LinkType link_type, UniqueFd counters)
      : counters_(std::move(counters)) {
    const EbpfProgram program = counting_program(filter, link_type, counters_.get()).value();
    auto loaded = security::InProcessPrivileges().load_socket_filter(program);
    if (!loaded) {
      ADD_FAILURE() << loaded.error().context;
      return;
    }
    program_ = std::move(*loaded);
    words_ = ::mmap(nullptr, kRejectionWords * sizeof(std::uint64_t), PROT_READ, MAP_SHARED,
                    counters_.get(), 0);
    EXPECT_NE(words_, MAP_FAILED) << std::strerror(errno);
  }
  ~LoadedFilter() {
    if (words_ != nullptr) ::munmap(words_, kRejectionWords * sizeof(std::uint64_t));
  }
  LoadedFilter(const LoadedFilter&) = delete;
  LoadedFilter& operator=(const LoadedFilter&) = delete;

  [[nodiscard]] bool loaded() const { return program_.get() >= 0 && words_ != nullptr; }
  [[nodiscard]] std::uint32_t run(Bytes frame) const {
    // The kernel shows such a program a test frame without its first 14 bytes.
    std::vector<std::uint8_t> input(14);
    input.insert(input.end(), frame.begin(), frame.end());
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = input.data(),
                .data_size_in = static_cast<std::uint32_t>(input.size()), .repeat = 1);
    EXPECT_EQ(bpf_prog_test_run_opts(program_.get(), &options), 0) << std::strerror(errno);
    return options.retval;
  }
  [[nodiscard]] std::uint64_t counted(std::size_t word) const {
    return static_cast<const std::uint64_t*>(words_)[word];
  }

 private:
  UniqueFd counters_;
  UniqueFd program_;
  void* words_ = nullptr;
};

class EbpfFilter : public testing::Test {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_EBPF(); }
};

TEST_F(EbpfFilter, MeansWhatTheClassicFormMeansAndCountsWhatItRejects) {
  constexpr std::uint64_t kSeed = 3;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  Prng prng(kSeed);
  for (const char* expression : test::kTypicalFilters) {
    SCOPED_TRACE(expression);
    const KernelFilter classic = filter_for(expression);
    const LoadedFilter loaded(classic);
    ASSERT_TRUE(loaded.loaded());
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    for (int i = 0; i < 300; ++i) {
      auto frame = test::typical_frame(prng);
      if (prng.chance(1, 4)) frame.resize(prng.below(frame.size()));
      const std::uint32_t verdict = loaded.run(frame);
      ASSERT_EQ(verdict, test::run(classic, test::untouched(frame)));
      packets += verdict == 0 ? 1 : 0;
      bytes += verdict == 0 ? frame.size() : 0;
      ASSERT_EQ(loaded.counted(kRejectedPacketsWord), packets);
      ASSERT_EQ(loaded.counted(kRejectedBytesWord), bytes);
    }
  }
}

TEST_F(EbpfFilter, OfAnyProgramMeansWhatTheClassicFormMeans) {
  constexpr std::uint64_t kSeed = 4;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  Prng prng(kSeed);
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0;
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    const KernelFilter classic =
        kernel_filter(test::random_program(prng), options_for(LinkType::Ethernet)).value();
    const LoadedFilter loaded(classic);
    ASSERT_TRUE(loaded.loaded());
    std::uint64_t packets = 0;
    for (int i = 0; i < 20; ++i) {
      const auto frame = test::random_packet(prng);
      const std::uint32_t verdict = loaded.run(frame);
      ASSERT_EQ(verdict, test::run(classic, test::untouched(frame)));
      packets += verdict == 0 ? 1 : 0;
      ASSERT_EQ(loaded.counted(kRejectedPacketsWord), packets);
      (verdict != 0 ? accepted : rejected) += 1;
    }
  }
  EXPECT_GT(accepted, rejected / 10);
  EXPECT_GT(rejected, accepted / 10);
}

TEST_F(EbpfFilter, CountsWhatItCannotLoadFromLikeAnyOtherRejectedPacket) {
  const LoadedFilter loaded(filter_for("tcp[100000] = 1 or ether[2000] = 1"));
  ASSERT_TRUE(loaded.loaded());
  Prng prng(1);
  for (std::uint64_t i = 1; i <= 50; ++i) {
    EXPECT_EQ(loaded.run(test::typical_frame(prng)), 0u);
    EXPECT_EQ(loaded.counted(kRejectedPacketsWord), i);
  }
}

TEST_F(EbpfFilter, CountsNowhereWhatPassesTheOtherWay) {
  const LoadedFilter leaving(filter_for("udp", Passages::Leaving));  // test frames arrive
  ASSERT_TRUE(leaving.loaded());
  Prng prng(1);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(leaving.run(test::typical_frame(prng)), 0u);
  EXPECT_EQ(leaving.counted(kRejectedPacketsWord), 0u);
  EXPECT_EQ(leaving.counted(kRejectedBytesWord), 0u);
}

TEST_F(EbpfFilter, ProgramsThatFollowEachOtherCountTogether) {
  UniqueFd counters = security::InProcessPrivileges().create_counters(kRejectionWords).value();
  UniqueFd again(::dup(counters.get()));
  const LoadedFilter first(filter_for("udp"), LinkType::Ethernet, std::move(counters));
  const LoadedFilter second(filter_for("tcp"), LinkType::Ethernet, std::move(again));
  ASSERT_TRUE(first.loaded() && second.loaded());
  const auto frame =
      test::PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").icmp(8).payload(50).build();
  EXPECT_EQ(first.run(frame), 0u);
  EXPECT_EQ(second.run(frame), 0u);
  EXPECT_EQ(first.counted(kRejectedPacketsWord), 2u);
  EXPECT_EQ(second.counted(kRejectedBytesWord), 2 * frame.size());
}

TEST_F(EbpfFilter, ALongFilterIsTakenToo) {
  std::string expression = "host 10.1.0.0";
  for (int i = 1; i < 100; ++i) {
    expression += " or host 10.1.0." + std::to_string(i);
  }
  const KernelFilter classic = filter_for(expression);
  const LoadedFilter loaded(classic);
  ASSERT_TRUE(loaded.loaded());
  const auto known =
      test::PacketBuilder().ethernet().ipv4("10.1.0.99", "10.0.0.2").icmp(8).payload(50).build();
  const auto unknown =
      test::PacketBuilder().ethernet().ipv4("10.1.0.100", "10.0.0.2").icmp(8).payload(50).build();
  EXPECT_EQ(loaded.run(known), kCopied);
  EXPECT_EQ(loaded.run(unknown), 0u);
}

}  // namespace
}  // namespace weir::filter
