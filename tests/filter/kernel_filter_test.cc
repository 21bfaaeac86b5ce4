// What runs in the kernel lets through at least all that the user-space filter accepts, on frames
// whose tag is in them and on frames whose tag is beside them.
#include "filter/kernel_filter.h"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/packet_batch.h"
#include "base/prng.h"
#include "base/unique_fd.h"
#include "filter/pcap_compiler.h"
#include "filter/program.h"
#include "kernel_frames.h"
#include "random_programs.h"
#include "reference.h"
#include "support/data_set.h"
#include "support/typical_filters.h"

namespace weir::filter {
namespace {

using test::KernelFrame;

constexpr std::uint32_t kCopied = 512;

KernelFilterOptions options_for(LinkType link_type, Passages passages = Passages::Both) {
  return {.link_type = link_type, .passages = passages, .copied_bytes = kCopied};
}

CbpfProgram compiled(const std::string& expression, LinkType link_type = LinkType::Ethernet) {
  const auto result = compile(expression, link_type);
  EXPECT_TRUE(std::holds_alternative<CbpfProgram>(result)) << expression;
  return std::get<CbpfProgram>(result);
}

std::uint32_t length(Bytes frame) { return static_cast<std::uint32_t>(frame.size()); }

// A user-space program beside what is made of it for the kernel.
struct Pair {
  Program user;
  KernelFilter kernel;

  explicit Pair(const CbpfProgram& program, LinkType link_type = LinkType::Ethernet)
      : user(Program::create(program).value()),
        kernel(kernel_filter(program, options_for(link_type)).value()) {}

  [[nodiscard]] bool user_accepts(Bytes frame) const { return user.run(frame, length(frame)) != 0; }
  [[nodiscard]] bool kernel_accepts(const KernelFrame& frame) const {
    const std::uint32_t verdict = test::run(kernel, frame);
    EXPECT_TRUE(verdict == 0 || verdict == kCopied) << verdict;
    return verdict != 0;
  }
};

TEST(KernelFilter, OfWhatPeopleTypeIsExactWithTheTagInTheFrameOrBeside) {
  constexpr std::uint64_t kSeed = 1;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  Prng prng(kSeed);
  std::vector<std::vector<std::uint8_t>> frames;
  for (int i = 0; i < 1000; ++i) frames.push_back(test::typical_frame(prng));

  for (const std::string expression : test::kTypicalFilters) {
    // Where this one would have to jump back, or to load what is half in the tag, it accepts.
    const bool exact = expression.find("protochain") == std::string::npos &&
                       expression.find("ether[12:4]") == std::string::npos;
    SCOPED_TRACE(expression);
    const Pair pair(compiled(expression));
    std::size_t accepted = 0;
    for (const auto& frame : frames) {
      const bool wanted = pair.user_accepts(frame);
      const bool in_frame = pair.kernel_accepts(test::untouched(frame));
      const bool beside = pair.kernel_accepts(test::as_received(frame));
      ASSERT_TRUE(in_frame || !wanted);
      ASSERT_TRUE(beside || !wanted);
      ASSERT_TRUE(wanted || !exact || (!in_frame && !beside));
      accepted += wanted ? 1 : 0;
    }
    EXPECT_GT(accepted, 0u) << "no frame is of interest to it";
    EXPECT_LT(accepted, frames.size());
  }
}

TEST(KernelFilter, OfAnyProgramAcceptsAtLeastWhatTheProgramAccepts) {
  constexpr std::uint64_t kSeed = 20261122;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  Prng prng(kSeed);
  std::size_t accepted = 0;
  std::size_t rejected = 0;
  for (int round = 0; round < 1000; ++round) {
    const CbpfProgram program = test::random_program(prng);
    const Pair pair(program);
    for (int i = 0; i < 20; ++i) {
      const std::vector<std::uint8_t> frame = test::random_packet(prng);
      // The user-space program may see less of the frame than the kernel: what the ring has room
      // for.
      const Bytes seen =
          Bytes(frame).first(prng.chance(1, 4) ? prng.below(frame.size() + 1) : frame.size());
      const bool wanted = pair.user.run(seen, length(frame)) != 0;
      const bool in_frame = pair.kernel_accepts(test::untouched(frame));
      ASSERT_TRUE(in_frame || !wanted) << "round " << round;
      if (frame.size() >= test::kTaggedBytesMin) {
        ASSERT_TRUE(pair.kernel_accepts(test::with_tag_beside(frame)) || !wanted)
            << "round " << round;
      }
      accepted += in_frame ? 1 : 0;
      rejected += in_frame ? 0 : 1;
    }
  }
  EXPECT_GT(accepted, rejected / 10);
  EXPECT_GT(rejected, accepted / 10);
}

TEST(KernelFilter, OnRealFramesAcceptsAtLeastWhatTheFilterAccepts) {
  WEIR_SKIP_WITHOUT_DATA();
  std::vector<Pair> pairs;
  for (const char* expression : test::kTypicalFilters) pairs.emplace_back(compiled(expression));
  std::size_t compared = 0;
  for (const char* suite : {"tcpdump", "libpcap", "derived"}) {
    for (const auto& entry : std::filesystem::directory_iterator(test::data_set_dir() / suite)) {
      const test::ReferenceFile file = test::read_reference(entry.path());
      if (!file.handle || file.link_type != LinkType::Ethernet) continue;
      SCOPED_TRACE(entry.path().string());
      for (const test::ReferencePacket& packet : file.packets) {
        const Bytes frame = packet.frame;  // what the capture has of it is all there is of it
        for (const Pair& pair : pairs) {
          const bool wanted = pair.user_accepts(frame);
          ASSERT_TRUE(pair.kernel_accepts(test::untouched(frame)) || !wanted);
          ASSERT_TRUE(pair.kernel_accepts(test::as_received(frame)) || !wanted);
        }
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 500u);
}

TEST(KernelFilter, OfRawIpTakesNoTagIntoAccount) {
  const Pair pair(compiled("udp port 53", LinkType::Raw), LinkType::Raw);
  for (const CbpfInstruction& in : pair.kernel.program) {
    EXPECT_FALSE(in.k >= cbpf::kKernelMetadata) << "asks for what is beside the packet";
  }
  const auto packet =
      test::PacketBuilder().ipv4("10.0.0.1", "10.0.0.2").udp(53, 1024).payload(8).build();
  const auto other =
      test::PacketBuilder().ipv4("10.0.0.1", "10.0.0.2").udp(54, 1024).payload(8).build();
  EXPECT_TRUE(pair.kernel_accepts(test::untouched(packet)));
  EXPECT_FALSE(pair.kernel_accepts(test::untouched(other)));
}

TEST(KernelFilter, IsNotMadeWhereTheKernelSeesOtherFrames) {
  for (const LinkType link_type : {LinkType::LinuxSll, LinkType::Ieee80211, LinkType::Null}) {
    EXPECT_FALSE(kernel_filter(compiled("ip", link_type), options_for(link_type)).has_value());
  }
}

CbpfProgram long_program(std::size_t tests) {
  CbpfProgram program = {{.code = cbpf::kLd | cbpf::kLen}};
  for (std::size_t i = 0; i < tests; ++i) {
    program.push_back({.code = cbpf::kAlu | cbpf::kAdd, .k = 1});
  }
  program.push_back({.code = cbpf::kRet | cbpf::kA});
  return program;
}

TEST(KernelFilter, ThatIsTooLongTwiceAcceptsTaggedFramesAndTooLongOnceIsNone) {
  const auto twice = kernel_filter(long_program(3000), options_for(LinkType::Ethernet));
  ASSERT_TRUE(twice.has_value());
  EXPECT_LE(twice->program.size(), std::size_t{BPF_MAXINSNS});
  KernelFrame tagged{.bytes = std::vector<std::uint8_t>(60), .tag = {{0x8100, 1}}};
  EXPECT_EQ(test::run(*twice, tagged), kCopied);
  EXPECT_FALSE(kernel_filter(long_program(BPF_MAXINSNS), options_for(LinkType::Ethernet)));
}

TEST(KernelFilter, LeavesOutWhatPassesTheOtherWay) {
  const CbpfProgram program = compiled("greater 60");
  struct Case {
    Passages passages;
    bool arriving;
    bool leaving;
  };
  constexpr std::array kCases = {
      Case{Passages::Both, true, true}, Case{Passages::Arriving, true, false},
      Case{Passages::Leaving, false, true}, Case{Passages::None, false, false}};
  for (const Case& c : kCases) {
    const KernelFilterOptions options = options_for(LinkType::Ethernet, c.passages);
    for (const KernelFilter& filter :
         {kernel_filter(program, options).value(), kernel_filter_for_all(options)}) {
      KernelFrame frame = test::untouched(std::vector<std::uint8_t>(60));
      for (const int arriving_as :
           {PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST}) {
        frame.packet_type = static_cast<std::uint32_t>(arriving_as);
        EXPECT_EQ(test::run(filter, frame), c.arriving ? kCopied : 0);
      }
      frame.packet_type = PACKET_OUTGOING;
      EXPECT_EQ(test::run(filter, frame), c.leaving ? kCopied : 0);
    }
  }
}

// A datagram socket of the kernel that runs the filter on what is sent to it, whole: a packet
// socket without the packets' journey, and for everybody.
class FilteredSocket {
 public:
  explicit FilteredSocket(const KernelFilter& filter) {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
    to_.reset(ends[0]);
    from_.reset(ends[1]);
    std::vector<sock_filter> copy;
    for (const CbpfInstruction& in : filter.program) copy.push_back({in.code, in.jt, in.jf, in.k});
    const sock_fprog program{.len = static_cast<unsigned short>(copy.size()),
                             .filter = copy.data()};
    taken_ = ::setsockopt(from_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
  }
  [[nodiscard]] bool taken() const { return taken_; }
  [[nodiscard]] bool accepts(Bytes frame) const {
    EXPECT_EQ(::send(to_.get(), frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()))
        << std::strerror(errno);
    std::array<std::uint8_t, 2048> received;
    return ::recv(from_.get(), received.data(), received.size(), 0) >= 0;
  }

 private:
  UniqueFd to_;
  UniqueFd from_;
  bool taken_ = false;
};

TEST(KernelFilter, IsTakenByTheKernelAndMeansTheSameThere) {
  constexpr std::uint64_t kSeed = 7;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  Prng prng(kSeed);
  for (const char* expression : test::kTypicalFilters) {
    SCOPED_TRACE(expression);
    const Pair pair(compiled(expression));
    const FilteredSocket socket(pair.kernel);
    ASSERT_TRUE(socket.taken()) << std::strerror(errno);
    for (int i = 0; i < 200; ++i) {
      const auto frame = test::typical_frame(prng);
      ASSERT_EQ(socket.accepts(frame), pair.kernel_accepts(test::untouched(frame)));
    }
  }
}

TEST(KernelFilter, OfAnyProgramTheKernelAcceptsAtLeastWhatTheProgramAccepts) {
  constexpr std::uint64_t kSeed = 8;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  Prng prng(kSeed);
  for (int round = 0; round < 1000; ++round) {
    const Pair pair(test::random_program(prng));
    const FilteredSocket socket(pair.kernel);
    ASSERT_TRUE(socket.taken()) << std::strerror(errno);
    for (int i = 0; i < 10; ++i) {
      const auto frame = test::random_packet(prng);
      if (frame.empty()) continue;
      ASSERT_TRUE(socket.accepts(frame) || !pair.user_accepts(frame)) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace weir::filter
