// Classic BPF as libpcap's compiler emits it and as the Linux kernel takes it: plain data, without
// pcap or kernel headers (the two define the same names). Numbers: McCanne and Jacobson 1993, and
// linux/filter.txt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace weir::filter {

// One instruction, laid out as the kernel's struct sock_filter.
struct CbpfInstruction {
  std::uint16_t code = 0;  // class | size | mode, or class | operation | source
  std::uint8_t jt = 0;     // instructions to skip when a test is true ...
  std::uint8_t jf = 0;     // ... and when it is false
  std::uint32_t k = 0;

  friend bool operator==(const CbpfInstruction&, const CbpfInstruction&) = default;
};
static_assert(sizeof(CbpfInstruction) == 8);

using CbpfProgram = std::vector<CbpfInstruction>;

namespace cbpf {

// Instruction classes.
inline constexpr std::uint16_t kLd = 0x00, kLdx = 0x01, kSt = 0x02, kStx = 0x03;
inline constexpr std::uint16_t kAlu = 0x04, kJmp = 0x05, kRet = 0x06, kMisc = 0x07;
// Sizes and modes of loads.
inline constexpr std::uint16_t kW = 0x00, kH = 0x08, kB = 0x10;
inline constexpr std::uint16_t kImm = 0x00, kAbs = 0x20, kInd = 0x40, kMem = 0x60, kLen = 0x80,
                               kMsh = 0xa0;
// Operations of the ALU and of jumps.
inline constexpr std::uint16_t kAdd = 0x00, kSub = 0x10, kMul = 0x20, kDiv = 0x30, kOr = 0x40,
                               kAnd = 0x50;
inline constexpr std::uint16_t kLsh = 0x60, kRsh = 0x70, kNeg = 0x80, kMod = 0x90, kXor = 0xa0;
inline constexpr std::uint16_t kJa = 0x00, kJeq = 0x10, kJgt = 0x20, kJge = 0x30, kJset = 0x40;
// Second operand: the constant k, the X register; for returns also the accumulator.
inline constexpr std::uint16_t kK = 0x00, kX = 0x08, kA = 0x10;
inline constexpr std::uint16_t kTax = 0x00, kTxa = 0x80;

inline constexpr std::uint32_t kMemoryWords = 16;

// Offsets of loads by which a program in the kernel asks for what is known beside the frame
// (SKF_AD_OFF and its kin). User-space programs have none: there, they lie outside of any frame.
inline constexpr std::uint32_t kKernelMetadata = 0xfffff000;
inline constexpr std::uint32_t kKernelPacketType = 4, kKernelVlanTag = 44, kKernelVlanPresent = 48,
                               kKernelVlanTpid = 60;

}  // namespace cbpf

// What makes a program unfit for evaluation.
enum class CbpfFault : std::uint8_t {
  None,
  Empty,
  UnknownCode,     // no such instruction
  JumpOutside,     // a jump leaves the program
  MemoryOutside,   // no such memory word
  DivisionByZero,  // by a constant zero
  ShiftTooFar,     // by a constant above 31
  NoReturnAtEnd,   // execution could run off the end
};
std::string_view name_of(CbpfFault fault) noexcept;

struct CbpfCheck {
  CbpfFault fault = CbpfFault::None;
  std::size_t at = 0;  // index of the faulty instruction
};

// Finds the first fault. Backward jumps are allowed for `ja` only: libpcap compiles `protochain` to
// them.
CbpfCheck check(std::span<const CbpfInstruction> program) noexcept;

// Bytes that a load from the frame reads.
std::uint32_t bytes_loaded(const CbpfInstruction& load) noexcept;

// Index that the unconditional jump at `at` leads to; may be outside the program.
std::int64_t jump_target(const CbpfInstruction& jump, std::size_t at) noexcept;

}  // namespace weir::filter
