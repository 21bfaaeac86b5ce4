// A program over many frames says of each what it says of it alone.
#include "filter/column_program.h"

#include <algorithm>
#include <array>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "filter/pcap_compiler.h"
#include "filter/program.h"
#include "filter/specialise.h"
#include "known_frames.h"

namespace weir::filter {
namespace {

constexpr std::uint32_t kFrameBytes = 64;
using Frame = std::array<std::uint8_t, kFrameBytes>;

// Few values, so that tests hold now and then.
std::uint8_t some_byte(Prng& prng) { return static_cast<std::uint8_t>(prng.below(4)); }

std::vector<Frame> random_frames(Prng& prng, std::size_t count) {
  std::vector<Frame> frames(count);
  for (Frame& frame : frames)
    std::generate(frame.begin(), frame.end(), [&] { return some_byte(prng); });
  return frames;
}

// Loads at constant places, tests and ends in any order, jumps ahead only.
CbpfProgram random_tests(Prng& prng) {
  using namespace cbpf;
  constexpr std::array<std::uint16_t, 3> kSizes = {kB, kH, kW};
  constexpr std::array<std::uint16_t, 4> kTests = {kJeq, kJgt, kJge, kJset};
  const std::size_t length = 2 + prng.below(20);
  CbpfProgram program;
  for (std::size_t i = 0; i + 1 < length; ++i) {
    const std::size_t left = length - i - 1;  // behind the next instruction
    const auto ahead = [&] {
      return static_cast<std::uint8_t>(prng.below(std::min<std::size_t>(left, 4) + 1));
    };
    switch (prng.below(5)) {
      case 0:
        program.push_back({.code = static_cast<std::uint16_t>(kJmp | kJa), .k = ahead()});
        break;
      case 1:
      case 2: {
        std::uint32_t k = some_byte(prng);
        for (std::uint64_t more = prng.below(4); more > 0; --more) k = k << 8 | some_byte(prng);
        program.push_back({.code = static_cast<std::uint16_t>(kJmp | kTests[prng.below(4)]),
                           .jt = ahead(),
                           .jf = ahead(),
                           .k = k});
        break;
      }
      default:
        program.push_back({.code = static_cast<std::uint16_t>(kLd | kAbs | kSizes[prng.below(3)]),
                           .k = static_cast<std::uint32_t>(prng.below(kFrameBytes - 4))});
    }
  }
  program.push_back({.code = kRet | kK, .k = 1});
  program.push_back({.code = kRet | kK, .k = 0});
  return program;
}

std::uint64_t one_by_one(const Program& program, const std::vector<Frame>& frames) {
  std::uint64_t accepted = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (program.run(frames[i], kFrameBytes) != 0) accepted |= std::uint64_t{1} << i;
  }
  return accepted;
}
std::uint64_t together(const ColumnProgram& program, const std::vector<Frame>& frames) {
  std::vector<const std::uint8_t*> places;
  for (const Frame& frame : frames) places.push_back(frame.data());
  return program.run(places);
}

TEST(ColumnProgram, SaysOfEachFrameWhatTheProgramSays) {
  constexpr std::uint64_t kSeed = 77;
  Prng prng(kSeed);
  int made = 0;
  int mixed = 0;  // that accept some frames and reject others
  for (int round = 0; round < 50'000; ++round) {
    const auto program = Program::create(random_tests(prng));
    ASSERT_TRUE(program) << program.error().context << ", seed " << kSeed << ", round " << round;
    const auto columns = ColumnProgram::make(*program, kFrameBytes);
    if (!columns) continue;
    ++made;
    const auto frames = random_frames(prng, 1 + prng.below(ColumnProgram::kFramesMax));
    const std::uint64_t expected = one_by_one(*program, frames);
    ASSERT_EQ(together(*columns, frames), expected) << "seed " << kSeed << ", round " << round;
    const std::uint64_t all = ~std::uint64_t{0} >> (ColumnProgram::kFramesMax - frames.size());
    mixed += expected != 0 && expected != all ? 1 : 0;
  }
  EXPECT_GT(made, 10'000);
  EXPECT_GT(mixed, 2'000);
}

// What is left of an expression for TCP in IPv4 without options.
Program rest_of(const char* expression) {
  const auto compiled = std::get<CbpfProgram>(compile(expression, LinkType::Ethernet));
  return Program::create(specialise(compiled, test::tcp_in_ipv4())).value();
}

TEST(ColumnProgram, IsMadeOfTheUsualExpressions) {
  for (const char* expression :
       {"tcp port 443", "port 22 or port 80 or port 8080", "host 10.0.0.1", "net 10.0.0.0/8",
        "src net 192.168.0.0/16 and tcp portrange 5000-6000", "not port 22",
        "tcp[tcpflags] & (tcp-syn|tcp-rst) != 0"}) {
    EXPECT_TRUE(ColumnProgram::make(rest_of(expression), 54)) << expression;
  }
}

TEST(ColumnProgram, IsNotMadeOfWhatItCannotDo) {
  EXPECT_FALSE(ColumnProgram::make(rest_of("tcp port 443"), 37)) << "frames may be shorter";
  EXPECT_FALSE(ColumnProgram::make(rest_of("tcp[((tcp[12:1] & 0xf0) >> 2):1] == 22"), 54));
  EXPECT_FALSE(ColumnProgram::make(rest_of("greater 1000"), 54)) << "the length is no byte of it";
  EXPECT_FALSE(ColumnProgram::make(
      rest_of("port 1 or port 2 or port 3 or port 4 or port 5 or port 6 or port 7"), 54));
}

TEST(ColumnProgram, OfNoFramesAcceptsNone) {
  const auto columns = ColumnProgram::make(rest_of("tcp port 443"), 54);
  ASSERT_TRUE(columns);
  EXPECT_EQ(columns->run({}), 0u);
}

}  // namespace
}  // namespace weir::filter
