#include "filter/specialise.h"

#include <algorithm>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/packet_batch.h"
#include "filter/pcap_compiler.h"
#include "filter/program.h"
#include "known_frames.h"
#include "random_programs.h"

namespace weir::filter {
namespace {

CbpfProgram compiled(const char* expression) {
  return std::get<CbpfProgram>(compile(expression, LinkType::Ethernet));
}

TEST(Specialise, LeavesWhatIsNotKnown) {
  EXPECT_EQ(specialise(compiled("udp port 53"), test::tcp_in_ipv4()),
            (CbpfProgram{{.code = cbpf::kRet, .k = 0}}));
  EXPECT_EQ(specialise(compiled("tcp"), test::tcp_in_ipv4()),
            (CbpfProgram{{.code = cbpf::kRet, .k = kPacketBytesMax}}));
  constexpr std::uint16_t kLoadHalf = cbpf::kLd | cbpf::kH | cbpf::kAbs;
  constexpr std::uint16_t kIfEqual = cbpf::kJmp | cbpf::kJeq;
  EXPECT_EQ(specialise(compiled("tcp port 443"), test::tcp_in_ipv4()),
            (CbpfProgram{{.code = kLoadHalf, .k = 34},
                         {.code = kIfEqual, .jt = 2, .jf = 0, .k = 443},
                         {.code = kLoadHalf, .k = 36},
                         {.code = kIfEqual, .jt = 0, .jf = 1, .k = 443},
                         {.code = cbpf::kRet, .k = kPacketBytesMax},
                         {.code = cbpf::kRet, .k = 0}}));
}

TEST(Specialise, KeepsALoadThatMayFail) {
  const CbpfProgram program = specialise(compiled("tcp[200] >= 0"), test::tcp_in_ipv4());
  EXPECT_EQ(program[0],
            (CbpfInstruction{.code = cbpf::kLd | cbpf::kB | cbpf::kAbs, .k = 14 + 20 + 200}));
}

// The known part is taken from the frame itself, so it is always true. Any program, any frame.
TEST(Specialise, ReturnsWhatTheProgramReturns) {
  constexpr std::uint64_t kSeed = 31;
  Prng prng(kSeed);
  std::size_t shorter = 0;
  for (int round = 0; round < 30'000; ++round) {
    const CbpfProgram program = test::random_program(prng);
    const std::vector<std::uint8_t> frame = test::random_packet(prng);
    KnownFrame known;
    known.bytes = static_cast<std::uint32_t>(prng.below(frame.size() + 1));
    const std::uint32_t knowable = std::min(known.bytes, KnownFrame::kBytesMax);
    for (std::uint32_t offset = 0; offset < knowable; ++offset) {
      if (prng.chance(1, 2)) known.know(offset, frame[offset]);
      if (prng.chance(1, 8)) {
        known.know(offset, frame[offset], static_cast<std::uint8_t>(prng.next()));
      }
    }
    const CbpfProgram special = specialise(program, known);
    const auto original = Program::create(program);
    const auto result = Program::create(special);
    ASSERT_TRUE(original.ok());
    ASSERT_TRUE(result.ok()) << result.error().context << ", seed " << kSeed << ", " << round;
    const auto wire_bytes = static_cast<std::uint32_t>(frame.size() + prng.below(3));
    ASSERT_EQ(result->run(frame, wire_bytes), original->run(frame, wire_bytes))
        << "seed " << kSeed << ", round " << round;
    shorter += special.size() < program.size() ? 1u : 0u;
  }
  EXPECT_GT(shorter, 1000u);
}

}  // namespace
}  // namespace weir::filter
