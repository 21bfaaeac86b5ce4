#include "filter/lowering.h"

#include <algorithm>
#include <optional>

#include "base/assert.h"
#include "filter/operation.h"

namespace weir::filter {
namespace {

using namespace cbpf;

// A chain shorter than this is as fast as single comparisons.
constexpr std::size_t kChainMin = 3;

bool is_branch(const CbpfInstruction& in) {
  return (in.code & 0x07) == kJmp && in.code != (kJmp | kJa);
}

std::optional<Load> load_of(std::uint16_t code) {
  switch (code) {
    case kLd | kB | kAbs:
      return Load::Byte;
    case kLd | kH | kAbs:
      return Load::Half;
    case kLd | kW | kAbs:
      return Load::Word;
    case kLd | kB | kInd:
      return Load::ByteAtX;
    case kLd | kH | kInd:
      return Load::HalfAtX;
    case kLd | kW | kInd:
      return Load::WordAtX;
    default:
      return std::nullopt;
  }
}

std::optional<Test> test_of(std::uint16_t code) {
  switch (code) {
    case kJmp | kJeq | kK:
      return Test::Equal;
    case kJmp | kJgt | kK:
      return Test::Greater;
    case kJmp | kJge | kK:
      return Test::NotLess;
    case kJmp | kJset | kK:
      return Test::AnyBit;
    default:
      return std::nullopt;
  }
}

Operation plain_operation(std::uint16_t code) {
  switch (code) {
    case kJmp | kJeq | kK:
      return Operation::JumpIfEqual;
    case kJmp | kJgt | kK:
      return Operation::JumpIfGreater;
    case kJmp | kJge | kK:
      return Operation::JumpIfNotLess;
    case kJmp | kJset | kK:
      return Operation::JumpIfAnyBit;
    case kJmp | kJeq | kX:
      return Operation::JumpIfEqualX;
    case kJmp | kJgt | kX:
      return Operation::JumpIfGreaterX;
    case kJmp | kJge | kX:
      return Operation::JumpIfNotLessX;
    case kJmp | kJset | kX:
      return Operation::JumpIfAnyBitX;
    case kRet | kK:
      return Operation::Return;
    case kRet | kA:
      return Operation::ReturnA;
    case kLd | kW | kLen:
      return Operation::LoadLength;
    case kLdx | kW | kLen:
      return Operation::LoadXLength;
    case kLd | kImm:
      return Operation::LoadConstant;
    case kLdx | kImm:
      return Operation::LoadXConstant;
    case kLd | kMem:
      return Operation::LoadMemory;
    case kLdx | kMem:
      return Operation::LoadXMemory;
    case kLdx | kB | kMsh:
      return Operation::LoadXHeaderLength;
    case kSt:
      return Operation::Store;
    case kStx:
      return Operation::StoreX;
    case kAlu | kAdd | kK:
      return Operation::Add;
    case kAlu | kSub | kK:
      return Operation::Subtract;
    case kAlu | kMul | kK:
      return Operation::Multiply;
    case kAlu | kDiv | kK:
      return Operation::Divide;
    case kAlu | kMod | kK:
      return Operation::Modulo;
    case kAlu | kAnd | kK:
      return Operation::And;
    case kAlu | kOr | kK:
      return Operation::Or;
    case kAlu | kXor | kK:
      return Operation::Xor;
    case kAlu | kLsh | kK:
      return Operation::ShiftLeft;
    case kAlu | kRsh | kK:
      return Operation::ShiftRight;
    case kAlu | kAdd | kX:
      return Operation::AddX;
    case kAlu | kSub | kX:
      return Operation::SubtractX;
    case kAlu | kMul | kX:
      return Operation::MultiplyX;
    case kAlu | kDiv | kX:
      return Operation::DivideX;
    case kAlu | kMod | kX:
      return Operation::ModuloX;
    case kAlu | kAnd | kX:
      return Operation::AndX;
    case kAlu | kOr | kX:
      return Operation::OrX;
    case kAlu | kXor | kX:
      return Operation::XorX;
    case kAlu | kLsh | kX:
      return Operation::ShiftLeftX;
    case kAlu | kRsh | kX:
      return Operation::ShiftRightX;
    case kAlu | kNeg:
      return Operation::Negate;
    case kMisc | kTax:
      return Operation::CopyAToX;
    case kMisc | kTxa:
      return Operation::CopyXToA;
    default:
      WEIR_ASSERT(false && "the program has been checked");
      return Operation::Return;
  }
}

class Lowering {
 public:
  explicit Lowering(std::span<const CbpfInstruction> program)
      : program_(program), is_target_(program.size(), false), op_at_(program.size(), 0) {
    for (std::size_t i = 0; i < program_.size(); ++i) {
      if (is_branch(program_[i])) {
        mark_target(when_true(i), i);
        mark_target(when_false(i), i);
      } else if (program_[i].code == (kJmp | kJa)) {
        is_target_[follow(static_cast<std::size_t>(jump_target(program_[i], i)))] = true;
      }
    }
  }

  Lowered run() {
    for (std::size_t i = 0; i < program_.size();) {
      op_at_[i] = static_cast<std::int32_t>(out_.ops.size());
      i += emit(i);
    }
    for (std::size_t op = 0; op < out_.ops.size(); ++op) {
      // So far jt and jf are indices into `program_`.
      const auto here = static_cast<std::int32_t>(op);
      out_.ops[op].jt = op_at_[static_cast<std::size_t>(out_.ops[op].jt)] - here;
      out_.ops[op].jf = op_at_[static_cast<std::size_t>(out_.ops[op].jf)] - here;
    }
    return std::move(out_);
  }

 private:
  // Where control really goes when it goes to `at`: forward jumps are followed (they only lead
  // ahead, so this ends).
  [[nodiscard]] std::size_t follow(std::size_t at) const {
    while (program_[at].code == (kJmp | kJa)) {
      const auto target = static_cast<std::size_t>(jump_target(program_[at], at));
      if (target <= at) break;
      at = target;
    }
    return at;
  }
  [[nodiscard]] std::size_t when_true(std::size_t at) const {
    return follow(at + 1 + program_[at].jt);
  }
  [[nodiscard]] std::size_t when_false(std::size_t at) const {
    return follow(at + 1 + program_[at].jf);
  }

  void mark_target(std::size_t target, std::size_t from) {
    if (target != from + 1) is_target_[target] = true;
  }
  // May instruction `at` be merged into its predecessor?
  [[nodiscard]] bool mergeable(std::size_t at) const {
    return at < program_.size() && !is_target_[at];
  }

  // Emits the operation that begins at instruction `at`; returns how many instructions it covers.
  std::size_t emit(std::size_t at) {
    const CbpfInstruction& in = program_[at];
    if (load_of(in.code)) return emit_load(at);
    if (in.code == (kJmp | kJa)) return emit_jump(at);
    if (is_branch(in)) return emit_branch(at);
    if (in.code == (kLdx | kB | kMsh)) need_bytes(in.k, 1);
    const bool memory = in.code == (kLd | kMem) || in.code == (kLdx | kMem);
    out_.uses_memory = out_.uses_memory || memory;
    push(at, {.operation = plain_operation(in.code), .k = in.k, .offset = in.k});
    return 1;
  }

  // The load, a mask on it and a test of it, as far as they follow each other.
  std::size_t emit_load(std::size_t at) {
    const Load load = *load_of(program_[at].code);
    const std::uint32_t offset = program_[at].k;
    if (load == Load::Byte) need_bytes(offset, 1);
    if (load == Load::Half) need_bytes(offset, 2);
    if (load == Load::Word) need_bytes(offset, 4);

    std::size_t test_at = at + 1;
    std::uint32_t mask = ~0u;
    if (mergeable(test_at) && program_[test_at].code == (kAlu | kAnd | kK))
      mask = program_[test_at++].k;
    // A comparison that begins a chain is worth more as part of the chain.
    if (mergeable(test_at) && test_of(program_[test_at].code) &&
        chain_length(test_at) < kChainMin) {
      const CbpfInstruction& test = program_[test_at];
      push_branch(test_at, {.operation = fused(load, *test_of(test.code)),
                            .k = test.k,
                            .offset = offset,
                            .mask = mask});
      return test_at + 1 - at;
    }
    push(at, {.operation = fused(load, Test::None), .offset = offset, .mask = mask});
    return test_at - at;
  }

  std::size_t emit_branch(std::size_t at) {
    const std::size_t chain = chain_length(at);
    if (chain < kChainMin) {
      push_branch(at, {.operation = plain_operation(program_[at].code), .k = program_[at].k});
      return 1;
    }
    const auto begin = out_.tables.size();
    for (std::size_t i = at; i < at + chain; ++i) out_.tables.push_back(program_[i].k);
    std::sort(out_.tables.begin() + static_cast<std::ptrdiff_t>(begin), out_.tables.end());
    // All but the last fall through, so the last one's targets are the chain's.
    push_branch(at + chain - 1, {.operation = Operation::JumpIfAny,
                                 .k = static_cast<std::uint32_t>(begin),
                                 .offset = static_cast<std::uint32_t>(chain)});
    return chain;
  }

  std::size_t emit_jump(std::size_t at) {
    const auto target = static_cast<std::size_t>(jump_target(program_[at], at));
    const bool back = target <= at;
    out_.has_loop = out_.has_loop || back;
    push(at, {.operation = back ? Operation::JumpBack : Operation::Jump});
    out_.ops.back().jt = static_cast<std::int32_t>(follow(target));
    return 1;
  }

  // Number of comparisons with constants from `at` on that lead to one place when equal and fall
  // through otherwise.
  [[nodiscard]] std::size_t chain_length(std::size_t at) const {
    if (program_[at].code != (kJmp | kJeq | kK)) return 0;
    std::size_t next = at + 1;
    while (program_[next - 1].jf == 0 && mergeable(next) &&
           program_[next].code == program_[at].code && when_true(next) == when_true(at)) {
      ++next;
    }
    return next - at;
  }

  void need_bytes(std::uint32_t offset, std::uint32_t bytes) {
    out_.constant_bytes = std::max(out_.constant_bytes, std::uint64_t{offset} + bytes);
  }
  void push(std::size_t at, Op op) {
    op.jt = op.jf = static_cast<std::int32_t>(at);  // unused, but resolvable
    out_.ops.push_back(op);
  }
  void push_branch(std::size_t at, Op op) {
    op.jt = static_cast<std::int32_t>(when_true(at));
    op.jf = static_cast<std::int32_t>(when_false(at));
    out_.ops.push_back(op);
  }

  std::span<const CbpfInstruction> program_;
  std::vector<bool> is_target_;      // of a jump from anywhere but the instruction before
  std::vector<std::int32_t> op_at_;  // operation that begins at each instruction
  Lowered out_;
};

}  // namespace

Lowered lower(std::span<const CbpfInstruction> program) { return Lowering(program).run(); }

}  // namespace weir::filter
