// Programs and counters that the kernel takes, attached to a real socket.
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <fstream>
#include <optional>
#include <vector>

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "security/capability_sets.h"
#include "security/privileged_operations.h"
#include "security/rights.h"
#include "support/skip.h"

extern "C" const std::byte weir_bpf_long_frames[];
extern "C" const std::byte weir_bpf_long_frames_end[];

namespace weir::security {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::int32_t kWholePacket = -1;
constexpr std::int32_t kNothing = 0;

std::uint64_t word(std::uint8_t code, std::uint8_t target, std::uint8_t source,
                   std::int32_t value) {
  bpf_insn instruction{};
  instruction.code = code;
  instruction.dst_reg = target & 0xf;
  instruction.src_reg = source & 0xf;
  instruction.imm = value;
  return std::bit_cast<std::uint64_t>(instruction);
}

std::uint64_t set(std::uint8_t target, std::int32_t value) {
  return word(BPF_ALU64 | BPF_MOV | BPF_K, target, 0, value);
}
std::uint64_t exit_program() { return word(BPF_JMP | BPF_EXIT, 0, 0, 0); }

std::vector<std::uint64_t> program_that_returns(std::int32_t verdict) {
  return {set(BPF_REG_0, verdict), exit_program()};
}

// Adds one to the only counter for each packet that it sees, and takes all.
std::vector<std::uint64_t> program_that_counts(int counters) {
  return {word(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, counters),
          word(0, 0, 0, 0),
          set(BPF_REG_2, 1),
          word(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_1, BPF_REG_2, BPF_ADD),
          set(BPF_REG_0, kWholePacket),
          exit_program()};
}

// Two datagram sockets, one of which has a program in front of it.
class FilteredPair {
 public:
  explicit FilteredPair(const UniqueFd& program) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    sender_.reset(ends[0]);
    receiver_.reset(ends[1]);
    const int fd = program.get();
    EXPECT_EQ(::setsockopt(receiver_.get(), SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof fd), 0);
  }

  // Sends a datagram of this size; true when it comes through.
  bool passes(std::size_t bytes) {
    std::array<char, 1000> datagram{};
    (void)::send(sender_.get(), datagram.data(), bytes, 0);
    return ::recv(receiver_.get(), datagram.data(), datagram.size(), 0) ==
           static_cast<ssize_t>(bytes);
  }

 private:
  UniqueFd sender_;
  UniqueFd receiver_;
};

UniqueFd taken(Result<UniqueFd> result) {
  EXPECT_TRUE(result.ok()) << result.error().context;
  return result.ok() ? std::move(result).value() : UniqueFd();
}

class BpfOperations : public testing::Test {
 protected:
  void SetUp() override { WEIR_SKIP_BECAUSE(why_not_root(), test::UnderCi::Fail); }
  InProcessPrivileges privileges_;
};

TEST_F(BpfOperations, ASocketFilterDecides) {
  const UniqueFd all = taken(privileges_.load_socket_filter(program_that_returns(kWholePacket)));
  EXPECT_TRUE(FilteredPair(all).passes(10));
  const UniqueFd none = taken(privileges_.load_socket_filter(program_that_returns(kNothing)));
  EXPECT_FALSE(FilteredPair(none).passes(10));
}

TEST_F(BpfOperations, AProgramOfAnObjectFileDecides) {
  const UniqueFd program = taken(privileges_.load_socket_program(
      {weir_bpf_long_frames,
       static_cast<std::size_t>(weir_bpf_long_frames_end - weir_bpf_long_frames)}));
  FilteredPair pair(program);
  EXPECT_FALSE(pair.passes(99));
  EXPECT_TRUE(pair.passes(100));
}

// Counters as the process sees them.
class MappedCounters {
 public:
  MappedCounters(const UniqueFd& counters, std::size_t count)
      : bytes_(count * sizeof(std::uint64_t)),
        mapped_(::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, counters.get(), 0)) {
    EXPECT_NE(mapped_, MAP_FAILED);
  }
  ~MappedCounters() { ::munmap(mapped_, bytes_); }
  MappedCounters(const MappedCounters&) = delete;
  MappedCounters& operator=(const MappedCounters&) = delete;

  [[nodiscard]] std::uint64_t operator[](std::size_t i) const {
    return std::atomic_ref(static_cast<std::uint64_t*>(mapped_)[i]).load();
  }

 private:
  std::size_t bytes_;
  void* mapped_;
};

TEST_F(BpfOperations, CountersBeginAtZero) {
  constexpr std::uint32_t kCount = 1000;
  const UniqueFd counters = taken(privileges_.create_counters(kCount));
  const MappedCounters values(counters, kCount);
  for (std::size_t i = 0; i < kCount; ++i) EXPECT_EQ(values[i], 0u) << i;
  EXPECT_FALSE(privileges_.create_counters(0).ok());
}

TEST_F(BpfOperations, WhatAProgramCountsIsReadWithoutASystemCall) {
  const UniqueFd counter = taken(privileges_.create_counters(2));
  const MappedCounters values(counter, 2);
  const UniqueFd program =
      taken(privileges_.load_socket_filter(program_that_counts(counter.get())));
  FilteredPair pair(program);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(pair.passes(10));
  EXPECT_EQ(values[0], 5u);
}

TEST_F(BpfOperations, DescriptorsDoNotReachProgramsThatAreStarted) {
  const UniqueFd filter = taken(privileges_.load_socket_filter(program_that_returns(kNothing)));
  const UniqueFd counters = taken(privileges_.create_counters(1));
  for (const UniqueFd* fd : {&filter, &counters})
    EXPECT_EQ(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(BpfOperations, WhatTheVerifierRefusesIsAnsweredWithItsReasonInOneLine) {
  const std::array reads_what_was_never_set = {exit_program()};
  const auto refused = privileges_.load_socket_filter(reads_what_was_never_set);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::Unsupported);
  EXPECT_THAT(refused.error().context, testing::StartsWith("load a socket program: "));
  EXPECT_THAT(refused.error().context, testing::EndsWith(": R0 !read_ok"));
  EXPECT_THAT(refused.error().context, Not(HasSubstr("CAP_BPF"))) << "no right would help";
}

// The kernel has an error number of its own for this, which no C library knows.
TEST_F(BpfOperations, ReasonsOfTheKernelsOwnAreNamedToo) {
  // Of an array of two values no program may have the address.
  const UniqueFd array(bpf_map_create(BPF_MAP_TYPE_ARRAY, "two_values", sizeof(std::uint32_t),
                                      sizeof(std::uint64_t), 2, nullptr));
  const auto refused = privileges_.load_socket_filter(program_that_counts(array.get()));
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().context, HasSubstr("Operation not supported: "));
}

TEST_F(BpfOperations, RubbishIsNoProgram) {
  const std::vector rubbish(500, std::byte{0x5a});
  const auto refused = privileges_.load_socket_program(rubbish);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::Unsupported);
  EXPECT_THAT(refused.error().context, testing::StartsWith("read a socket program: "));
  EXPECT_THAT(refused.error().context, Not(HasSubstr("Unknown error")));
  EXPECT_FALSE(privileges_.load_socket_program({}).ok());
}

std::string why_everybody_may() {
  std::ifstream file("/proc/sys/kernel/unprivileged_bpf_disabled");
  int disabled = 0;
  file >> disabled;
  return disabled == 0 ? "this system lets everybody load socket filters" : "";
}

TEST_F(BpfOperations, WithoutTheRightEachIsRefusedAndTheRightNamed) {
  WEIR_SKIP_BECAUSE(why_everybody_may(), test::UnderCi::Skip);
  in_a_thread([&] {
    lose();
    EXPECT_FALSE(has(Capability::Bpf));
    std::vector<Result<UniqueFd>> results;
    results.push_back(privileges_.load_socket_filter(program_that_returns(kNothing)));
    results.push_back(privileges_.load_socket_program(
        {weir_bpf_long_frames,
         static_cast<std::size_t>(weir_bpf_long_frames_end - weir_bpf_long_frames)}));
    results.push_back(privileges_.create_counters(1));
    for (const auto& result : results) {
      ASSERT_FALSE(result.ok());
      EXPECT_EQ(result.error().code, ErrorCode::Permission);
      EXPECT_EQ(result.error().sys_errno, EPERM);
      EXPECT_THAT(result.error().context,
                  HasSubstr("(needs CAP_BPF: run as root, or once: sudo setcap "
                            "cap_net_raw,cap_bpf=eip /"));
    }
  });
}

TEST_F(BpfOperations, TheRightAloneIsEnough) {
  in_a_thread([&] {
    const cap_t only = cap_init();
    const cap_value_t bpf = CAP_BPF;
    for (const cap_flag_t flag : {CAP_PERMITTED, CAP_EFFECTIVE})
      ASSERT_EQ(cap_set_flag(only, flag, 1, &bpf, CAP_SET), 0);
    ASSERT_EQ(cap_set_proc(only), 0);
    cap_free(only);
    EXPECT_TRUE(privileges_.load_socket_filter(program_that_returns(kNothing)).ok());
    EXPECT_TRUE(privileges_.create_counters(1).ok());
    EXPECT_FALSE(privileges_.open_packet_socket(PacketSocketKind::Frames).ok());
  });
}

}  // namespace
}  // namespace weir::security
