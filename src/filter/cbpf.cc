#include "filter/cbpf.h"

#include <array>

namespace weir::filter {
namespace {

using namespace cbpf;

CbpfFault check_load(const CbpfInstruction& in) noexcept {
  switch (in.code) {
    case kLd | kW | kAbs:
    case kLd | kH | kAbs:
    case kLd | kB | kAbs:
    case kLd | kW | kInd:
    case kLd | kH | kInd:
    case kLd | kB | kInd:
    case kLd | kW | kLen:
    case kLdx | kW | kLen:
    case kLd | kImm:
    case kLdx | kImm:
    case kLdx | kB | kMsh:
      return CbpfFault::None;
    case kLd | kMem:
    case kLdx | kMem:
      return in.k < kMemoryWords ? CbpfFault::None : CbpfFault::MemoryOutside;
    default:
      return CbpfFault::UnknownCode;
  }
}

CbpfFault check_store(const CbpfInstruction& in) noexcept {
  if (in.code != kSt && in.code != kStx) return CbpfFault::UnknownCode;
  return in.k < kMemoryWords ? CbpfFault::None : CbpfFault::MemoryOutside;
}

CbpfFault check_alu(const CbpfInstruction& in) noexcept {
  if (in.code == (kAlu | kNeg)) return CbpfFault::None;
  const bool constant = (in.code & kX) == 0;
  switch (in.code & ~(kX | kAlu)) {
    case kAdd:
    case kSub:
    case kMul:
    case kOr:
    case kAnd:
    case kXor:
      return CbpfFault::None;
    case kDiv:
    case kMod:
      return constant && in.k == 0 ? CbpfFault::DivisionByZero : CbpfFault::None;
    case kLsh:
    case kRsh:
      return constant && in.k > 31 ? CbpfFault::ShiftTooFar : CbpfFault::None;
    default:
      return CbpfFault::UnknownCode;
  }
}

CbpfFault check_jump(const CbpfInstruction& in, std::size_t at, std::size_t size) noexcept {
  if (in.code == (kJmp | kJa)) {
    const std::int64_t target = jump_target(in, at);
    const bool inside = target >= 0 && target < static_cast<std::int64_t>(size);
    return inside ? CbpfFault::None : CbpfFault::JumpOutside;
  }
  switch (in.code & ~(kX | kJmp)) {
    case kJeq:
    case kJgt:
    case kJge:
    case kJset:
      return at + 1 + in.jt < size && at + 1 + in.jf < size ? CbpfFault::None
                                                            : CbpfFault::JumpOutside;
    default:
      return CbpfFault::UnknownCode;
  }
}

CbpfFault check_one(const CbpfInstruction& in, std::size_t at, std::size_t size) noexcept {
  const auto known = [](bool yes) { return yes ? CbpfFault::None : CbpfFault::UnknownCode; };
  switch (in.code & 0x07) {
    case kLd:
    case kLdx:
      return check_load(in);
    case kSt:
    case kStx:
      return check_store(in);
    case kAlu:
      return check_alu(in);
    case kJmp:
      return check_jump(in, at, size);
    case kRet:
      return known(in.code == (kRet | kK) || in.code == (kRet | kA));
    default:
      return known(in.code == (kMisc | kTax) || in.code == (kMisc | kTxa));
  }
}

}  // namespace

std::string_view name_of(CbpfFault fault) noexcept {
  constexpr std::array<std::string_view, 8> kNames = {"none",
                                                      "no instructions",
                                                      "unknown instruction",
                                                      "jump out of the program",
                                                      "no such memory word",
                                                      "division by zero",
                                                      "shift by more than 31 bits",
                                                      "no return at the end"};
  static_assert(kNames.size() == static_cast<std::size_t>(CbpfFault::NoReturnAtEnd) + 1);
  return kNames[static_cast<std::size_t>(fault)];
}

std::uint32_t bytes_loaded(const CbpfInstruction& load) noexcept {
  switch (load.code & (kH | kB)) {
    case kB:
      return 1;
    case kH:
      return 2;
    default:
      return 4;
  }
}

std::int64_t jump_target(const CbpfInstruction& jump, std::size_t at) noexcept {
  return static_cast<std::int64_t>(at) + 1 + static_cast<std::int32_t>(jump.k);
}

CbpfCheck check(std::span<const CbpfInstruction> program) noexcept {
  if (program.empty()) return {CbpfFault::Empty, 0};
  for (std::size_t i = 0; i < program.size(); ++i) {
    const CbpfFault fault = check_one(program[i], i, program.size());
    if (fault != CbpfFault::None) return {fault, i};
  }
  const std::size_t last = program.size() - 1;
  if ((program[last].code & 0x07) != kRet) return {CbpfFault::NoReturnAtEnd, last};
  return {};
}

}  // namespace weir::filter
