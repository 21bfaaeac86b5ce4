#include "filter/program.h"

#include <array>
#include <initializer_list>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "random_programs.h"
#include "reference.h"

namespace weir::filter {
namespace {

using namespace cbpf;

constexpr std::array<std::uint8_t, 6> kFrame = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66};
constexpr std::uint32_t kWireBytes = 1000;

std::uint32_t run(const CbpfProgram& program) {
  return Program::create(program).value().run(kFrame, kWireBytes);
}

TEST(Program, LoadsBytesInNetworkOrder) {
  EXPECT_EQ(run({{kLd | kB | kAbs, 0, 0, 5}, {kRet | kA}}), 0x66u);
  EXPECT_EQ(run({{kLd | kH | kAbs, 0, 0, 4}, {kRet | kA}}), 0x5566u);
  EXPECT_EQ(run({{kLd | kW | kAbs, 0, 0, 2}, {kRet | kA}}), 0x33445566u);
  EXPECT_EQ(run({{kLdx | kImm, 0, 0, 1}, {kLd | kW | kInd, 0, 0, 1}, {kRet | kA}}), 0x33445566u);
}

TEST(Program, LengthIsThatOnTheWire) {
  EXPECT_EQ(run({{kLd | kW | kLen}, {kRet | kA}}), kWireBytes);
}

TEST(Program, ALoadThatLeavesTheFrameRejects) {
  const CbpfInstruction accept{kRet | kK, 0, 0, 1};
  EXPECT_EQ(run({{kLd | kB | kAbs, 0, 0, 6}, accept}), 0u);
  EXPECT_EQ(run({{kLd | kH | kAbs, 0, 0, 5}, accept}), 0u);
  EXPECT_EQ(run({{kLd | kW | kAbs, 0, 0, 3}, accept}), 0u);
  EXPECT_EQ(run({{kLd | kW | kAbs, 0, 0, 0xfffffffe}, accept}), 0u);
  EXPECT_EQ(run({{kLdx | kB | kMsh, 0, 0, 6}, accept}), 0u);
  EXPECT_EQ(run({{kLdx | kImm, 0, 0, 0xffffffff}, {kLd | kB | kInd, 0, 0, 1}, accept}), 0u)
      << "X plus the offset does not wrap around";
}

TEST(Program, AFrameTooShortForALoadThatIsNotReachedIsNoReason) {
  EXPECT_EQ(run({{kLd | kB | kAbs, 0, 0, 0},
                 {kJmp | kJeq, 0, 1, 0x11},
                 {kRet | kK, 0, 0, 7},
                 {kLd | kW | kAbs, 0, 0, 1000},
                 {kRet | kK, 0, 0, 8}}),
            7u);
}

TEST(Program, DivisionByAZeroXRejects) {
  EXPECT_EQ(run({{kLd | kImm, 0, 0, 9}, {kAlu | kDiv | kX}, {kRet | kK, 0, 0, 1}}), 0u);
  EXPECT_EQ(run({{kLd | kImm, 0, 0, 9}, {kAlu | kMod | kX}, {kRet | kK, 0, 0, 1}}), 0u);
}

TEST(Program, ShiftsByMoreThan31GiveZero) {
  EXPECT_EQ(run({{kLd | kImm, 0, 0, 9}, {kLdx | kImm, 0, 0, 32}, {kAlu | kLsh | kX}, {kRet | kA}}),
            0u);
  EXPECT_EQ(run({{kLd | kImm, 0, 0, 9}, {kLdx | kImm, 0, 0, 33}, {kAlu | kRsh | kX}, {kRet | kA}}),
            0u);
}

TEST(Program, MemoryIsZeroAtTheStart) { EXPECT_EQ(run({{kLd | kMem, 0, 0, 15}, {kRet | kA}}), 0u); }

TEST(Program, ALoopThatNeverEndsRejects) {
  const CbpfProgram program = {
      {kLd | kImm, 0, 0, 1}, {kJmp | kJa, 0, 0, 0xfffffffe}, {kRet | kK, 0, 0, 1}};
  EXPECT_TRUE(Program::create(program).value().has_loop());
  EXPECT_EQ(run(program), 0u);
}

TEST(Program, LoadMaskAndTestBecomeOneOperation) {
  const CbpfProgram program = {{kLd | kB | kAbs, 0, 0, 0},
                               {kAlu | kAnd | kK, 0, 0, 0x10},
                               {kJmp | kJeq, 0, 1, 0x10},
                               {kRet | kK, 0, 0, 1},
                               {kRet | kK, 0, 0, 0}};
  EXPECT_EQ(Program::create(program)->operation_count(), 3u);
  EXPECT_EQ(run(program), 1u);
}

TEST(Program, AJumpBetweenLoadAndTestKeepsThemApart) {
  EXPECT_EQ(run({{kLd | kImm, 0, 0, 5},
                 {kJmp | kJeq, 1, 0, 5},  // over the load, to the test
                 {kLd | kB | kAbs, 0, 0, 0},
                 {kJmp | kJeq, 0, 1, 5},
                 {kRet | kK, 0, 0, 1},
                 {kRet | kK, 0, 0, 2}}),
            1u);
}

TEST(Program, AChainOfComparisonsIsOneLookUp) {
  CbpfProgram program = {{kLd | kB | kAbs, 0, 0, 0}};
  for (std::uint8_t i = 0; i < 5; ++i) {
    program.push_back({kJmp | kJeq, static_cast<std::uint8_t>(5 - i), 0, 0x0fu + i});
  }
  program.insert(program.end(), {{kRet | kK, 0, 0, 0}, {kRet | kK, 0, 0, 1}});
  EXPECT_EQ(Program::create(program)->operation_count(), 4u);
  EXPECT_EQ(run(program), 1u);
  program[3].k = 0x99;  // was 0x11, what the frame begins with
  EXPECT_EQ(run(program), 0u);
}

struct Faulty {
  CbpfProgram program;
  CbpfFault fault;
  std::size_t at;
};

TEST(Program, IsRefusedWhenItCouldMisbehave) {
  const CbpfInstruction ret{kRet | kK, 0, 0, 1};
  const std::vector<Faulty> table = {
      {{}, CbpfFault::Empty, 0},
      {{{kLd | kImm}}, CbpfFault::NoReturnAtEnd, 0},
      {{{0xffff}, ret}, CbpfFault::UnknownCode, 0},
      {{{kRet | kX}, ret}, CbpfFault::UnknownCode, 0},
      {{{kLd | kMsh}, ret}, CbpfFault::UnknownCode, 0},
      {{{kAlu | 0xb0}, ret}, CbpfFault::UnknownCode, 0},
      {{{kJmp | 0x50}, ret}, CbpfFault::UnknownCode, 0},
      {{{kMisc | 0x40}, ret}, CbpfFault::UnknownCode, 0},
      {{ret, {kJmp | kJeq, 0, 1, 0}, ret}, CbpfFault::JumpOutside, 1},
      {{{kJmp | kJa, 0, 0, 1}, ret}, CbpfFault::JumpOutside, 0},
      {{{kJmp | kJa, 0, 0, 0xfffffffe}, ret}, CbpfFault::JumpOutside, 0},
      {{{kSt, 0, 0, 16}, ret}, CbpfFault::MemoryOutside, 0},
      {{{kLdx | kMem, 0, 0, 16}, ret}, CbpfFault::MemoryOutside, 0},
      {{{kAlu | kDiv | kK, 0, 0, 0}, ret}, CbpfFault::DivisionByZero, 0},
      {{{kAlu | kMod | kK, 0, 0, 0}, ret}, CbpfFault::DivisionByZero, 0},
      {{{kAlu | kLsh | kK, 0, 0, 32}, ret}, CbpfFault::ShiftTooFar, 0},
  };
  for (const Faulty& faulty : table) {
    const CbpfCheck found = check(faulty.program);
    EXPECT_EQ(found.fault, faulty.fault)
        << name_of(found.fault) << ", not " << name_of(faulty.fault);
    EXPECT_EQ(found.at, faulty.at);
    EXPECT_FALSE(Program::create(faulty.program).ok());
  }
}

TEST(Program, AgreesWithBpfFilterOnRandomProgramsAndPackets) {
  std::size_t accepted = 0;
  for (std::uint64_t seed = 1; seed <= 8'000; ++seed) {
    Prng prng(seed);
    const CbpfProgram program = test::random_program(prng);
    const test::ReferenceProgram reference = test::to_reference(program);
    const Result<Program> ours = Program::create(program);
    ASSERT_TRUE(ours.ok()) << "seed " << seed << ": " << ours.error().context;
    for (int i = 0; i < 8; ++i) {
      const std::vector<std::uint8_t> packet = test::random_packet(prng);
      const auto wire_bytes = static_cast<std::uint32_t>(packet.size() + prng.below(100));
      const std::uint32_t expected = reference.run(packet, wire_bytes);
      ASSERT_EQ(ours->run(packet, wire_bytes), expected) << "seed " << seed << ", packet " << i;
      accepted += expected != 0 ? 1 : 0;
    }
  }
  EXPECT_GT(accepted, 10'000u) << "the programs and packets reach too little";
}

}  // namespace
}  // namespace weir::filter
