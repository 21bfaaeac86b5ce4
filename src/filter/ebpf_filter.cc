#include "filter/ebpf_filter.h"

#include <linux/bpf.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "base/assert.h"
#include "base/packet_batch.h"

namespace weir::filter {
namespace {

using namespace cbpf;
static_assert(sizeof(bpf_insn) == sizeof(std::uint64_t));

// The machine of classic BPF in registers. Loads from the frame want the context in r6 and leave
// r1 to r5 undefined.
enum Register : std::uint8_t {
  kAccumulator = BPF_REG_0,
  kScratch = BPF_REG_1,
  kScratch2 = BPF_REG_2,
  kContext = BPF_REG_6,
  kIndex = BPF_REG_7,   // X
  kLength = BPF_REG_8,  // of the frame in the kernel
  kSaved = BPF_REG_9,
  kFrame = BPF_REG_10,
};

constexpr std::int16_t kWordBytes = 4;
constexpr std::int16_t kMemoryBytes = kMemoryWords * kWordBytes;
constexpr std::int16_t memory_at(std::uint32_t word) {
  return static_cast<std::int16_t>(static_cast<std::int16_t>(word) * kWordBytes - kMemoryBytes);
}

bool is_jump(const CbpfInstruction& in) noexcept { return (in.code & 0x07) == kJmp; }
bool is_return(const CbpfInstruction& in) noexcept { return (in.code & 0x07) == kRet; }

// Which instructions can be reached: the kernel refuses a program with others. Jumps lead forward.
std::vector<bool> reachable(std::span<const CbpfInstruction> program) {
  std::vector<bool> reached(program.size() + 1);
  reached[0] = true;
  for (std::size_t i = 0; i < program.size(); ++i) {
    const CbpfInstruction& in = program[i];
    if (!reached[i] || is_return(in)) continue;
    if (in.code == (kJmp | kJa)) {
      reached[i + 1 + in.k] = true;
    } else if (is_jump(in)) {
      reached[i + 1 + in.jt] = reached[i + 1 + in.jf] = true;
    } else {
      reached[i + 1] = true;
    }
  }
  return reached;
}

class Translator {
 public:
  Translator(const KernelFilter& filter, LinkType link_type, int counters)
      : filter_(filter), tagged_apart_(link_type == LinkType::Ethernet), counters_(counters) {}

  std::optional<EbpfProgram> run();

 private:
  // Jumps lead to instructions of the classic program, or to one of its two bad ends.
  using Target = std::size_t;
  [[nodiscard]] Target rejected() const noexcept { return filter_.program.size(); }
  [[nodiscard]] Target left_out() const noexcept { return filter_.program.size() + 1; }

  void emit(std::uint8_t code, Register to, std::uint8_t from, std::int16_t offset,
            std::uint32_t constant) {
    const bpf_insn in{.code = code,
                      .dst_reg = static_cast<std::uint8_t>(to & 0x0f),
                      .src_reg = static_cast<std::uint8_t>(from & 0x0f),
                      .off = offset,
                      .imm = static_cast<std::int32_t>(constant)};
    out_.push_back(std::bit_cast<std::uint64_t>(in));
  }
  // 32-bit arithmetic with a constant or a register.
  void alu(std::uint8_t operation, Register to, std::uint32_t constant) {
    emit(static_cast<std::uint8_t>(BPF_ALU | operation | BPF_K), to, 0, 0, constant);
  }
  void alu(std::uint8_t operation, Register to, Register from) {
    emit(static_cast<std::uint8_t>(BPF_ALU | operation | BPF_X), to, from, 0, 0);
  }
  void load_context(Register to, std::size_t field) {
    emit(BPF_LDX | BPF_W | BPF_MEM, to, kContext, static_cast<std::int16_t>(field), 0);
  }
  void jump_if(std::uint8_t operation, Register a, std::uint32_t constant, Target target) {
    fixups_.emplace_back(out_.size(), target);
    emit(static_cast<std::uint8_t>(BPF_JMP32 | operation | BPF_K), a, 0, 0, constant);
  }
  void jump_if(std::uint8_t operation, Register a, Register b, Target target) {
    fixups_.emplace_back(out_.size(), target);
    emit(static_cast<std::uint8_t>(BPF_JMP32 | operation | BPF_X), a, b, 0, 0);
  }
  // A test of the classic program, of the accumulator with its operand.
  void jump_if(std::uint8_t operation, const CbpfInstruction& in, Target target) {
    if ((in.code & kX) != 0) return jump_if(operation, kAccumulator, kIndex, target);
    jump_if(operation, kAccumulator, in.k, target);
  }
  void jump(Target target) {
    fixups_.emplace_back(out_.size(), target);
    emit(BPF_JMP | BPF_JA, kAccumulator, 0, 0, 0);
  }
  void exit_with(std::uint32_t value) {
    alu(BPF_MOV, kAccumulator, value);
    emit(BPF_JMP | BPF_EXIT, kAccumulator, 0, 0, 0);
  }

  void begin();
  void translate(std::size_t at);
  void translate_load(const CbpfInstruction& in);
  void load_from_frame(const CbpfInstruction& in);
  void load_metadata(std::uint32_t which);
  void translate_alu(const CbpfInstruction& in);
  void translate_jump(std::size_t at);
  void translate_return(std::size_t at);
  void end_with_counting();
  bool resolve();

  const KernelFilter& filter_;
  const bool tagged_apart_;
  const int counters_;
  EbpfProgram out_;
  std::vector<std::size_t> starts_;  // of classic instructions, and of the two bad ends
  std::vector<std::pair<std::size_t, Target>> fixups_;
};

std::optional<EbpfProgram> Translator::run() {
  const CbpfProgram& program = filter_.program;
  const std::vector<bool> reached = reachable(program);
  starts_.resize(program.size() + 2);
  begin();
  for (std::size_t i = 0; i < program.size(); ++i) {
    starts_[i] = out_.size();
    if (reached[i]) translate(i);
  }
  const auto wanted = [&](Target target) {
    for (const auto& fixup : fixups_) {
      if (fixup.second == target) return true;
    }
    return false;
  };
  starts_[rejected()] = out_.size();
  if (wanted(rejected())) end_with_counting();
  starts_[left_out()] = out_.size();
  if (wanted(left_out())) exit_with(0);
  if (!resolve()) return std::nullopt;
  return std::move(out_);
}

void Translator::begin() {
  emit(BPF_ALU64 | BPF_MOV | BPF_X, kContext, BPF_REG_1, 0, 0);
  load_context(kLength, offsetof(__sk_buff, len));
  alu(BPF_MOV, kAccumulator, 0u);
  alu(BPF_MOV, kIndex, 0u);
  bool uses_memory = false;
  for (const CbpfInstruction& in : filter_.program) {
    uses_memory = uses_memory || in.code == (kLd | kMem) || in.code == (kLdx | kMem);
  }
  if (!uses_memory) return;
  for (std::uint32_t word = 0; word < kMemoryWords; word += 2) {
    emit(BPF_ST | BPF_DW | BPF_MEM, kFrame, 0, memory_at(word), 0);
  }
}

void Translator::translate(std::size_t at) {
  const CbpfInstruction& in = filter_.program[at];
  switch (in.code & 0x07) {
    case kLd:
    case kLdx:
      return translate_load(in);
    case kSt:
      return emit(BPF_STX | BPF_W | BPF_MEM, kFrame, kAccumulator, memory_at(in.k), 0);
    case kStx:
      return emit(BPF_STX | BPF_W | BPF_MEM, kFrame, kIndex, memory_at(in.k), 0);
    case kAlu:
      return translate_alu(in);
    case kJmp:
      return translate_jump(at);
    case kRet:
      return translate_return(at);
    default:
      return in.code == (kMisc | kTax) ? alu(BPF_MOV, kIndex, kAccumulator)
                                       : alu(BPF_MOV, kAccumulator, kIndex);
  }
}

void Translator::translate_load(const CbpfInstruction& in) {
  const Register to = (in.code & 0x07) == kLdx ? kIndex : kAccumulator;
  switch (in.code & 0xe0) {
    case kImm:
      return alu(BPF_MOV, to, in.k);
    case kMem:
      return emit(BPF_LDX | BPF_W | BPF_MEM, to, kFrame, memory_at(in.k), 0);
    case kLen:
      return alu(BPF_MOV, to, kLength);
    case kMsh:
      alu(BPF_MOV, kSaved, kAccumulator);
      load_from_frame({.code = kLd | kB | kAbs, .k = in.k});
      alu(BPF_AND, kAccumulator, 0x0fu);
      alu(BPF_LSH, kAccumulator, 2u);
      alu(BPF_MOV, kIndex, kAccumulator);
      return alu(BPF_MOV, kAccumulator, kSaved);
    default:
      return in.k >= kKernelMetadata ? load_metadata(in.k - kKernelMetadata) : load_from_frame(in);
  }
}

// A load outside the frame would end the program at once and uncounted, so its place is checked
// first; a load inside it cannot fail.
void Translator::load_from_frame(const CbpfInstruction& in) {
  WEIR_ASSERT(in.k < kPacketBytesMax);
  const std::uint32_t bytes = bytes_loaded(in);
  const auto size = static_cast<std::uint8_t>(in.code & (kH | kB));
  const std::uint32_t end = in.k + bytes;
  if ((in.code & 0xe0) == kAbs) {
    jump_if(BPF_JLT, kLength, end, rejected());
    return emit(static_cast<std::uint8_t>(BPF_LD | BPF_ABS | size), kAccumulator, 0, 0, in.k);
  }
  // In 64 bits, where the sum cannot wrap.
  alu(BPF_MOV, kScratch, kIndex);
  emit(BPF_ALU64 | BPF_ADD | BPF_K, kScratch, 0, 0, end);
  fixups_.emplace_back(out_.size(), rejected());
  emit(BPF_JMP | BPF_JGT | BPF_X, kScratch, kLength, 0, 0);
  emit(static_cast<std::uint8_t>(BPF_LD | BPF_IND | size), kAccumulator, kIndex, 0, in.k);
}

void Translator::load_metadata(std::uint32_t which) {
  switch (which) {
    case kKernelPacketType:
      return load_context(kAccumulator, offsetof(__sk_buff, pkt_type));
    case kKernelVlanPresent:
      return load_context(kAccumulator, offsetof(__sk_buff, vlan_present));
    case kKernelVlanTag:
      return load_context(kAccumulator, offsetof(__sk_buff, vlan_tci));
    default:
      WEIR_ASSERT(which == kKernelVlanTpid);
      load_context(kAccumulator, offsetof(__sk_buff, vlan_proto));
      return emit(BPF_ALU | BPF_END | BPF_TO_BE, kAccumulator, 0, 0, 16);
  }
}

void Translator::translate_alu(const CbpfInstruction& in) {
  // Operations have the same numbers in both languages.
  const auto operation = static_cast<std::uint8_t>(in.code & 0xf0);
  if (operation == kNeg) return emit(BPF_ALU | BPF_NEG, kAccumulator, 0, 0, 0);
  if ((in.code & kX) == 0) return alu(operation, kAccumulator, in.k);
  if (operation == kDiv || operation == kMod) jump_if(BPF_JEQ, kIndex, 0u, rejected());
  alu(operation, kAccumulator, kIndex);
}

// The test that holds where `operation` does not; JSET has none.
std::uint8_t opposite(std::uint8_t operation) noexcept {
  switch (operation) {
    case kJeq:
      return BPF_JNE;
    case kJgt:
      return BPF_JLE;
    default:
      WEIR_ASSERT(operation == kJge);
      return BPF_JLT;
  }
}

void Translator::translate_jump(std::size_t at) {
  const CbpfInstruction& in = filter_.program[at];
  const Target next = at + 1;
  if (in.code == (kJmp | kJa)) return jump(next + in.k);
  const Target if_true = next + in.jt;
  const Target if_false = next + in.jf;
  if (if_true == if_false) return jump(if_true);
  const auto operation = static_cast<std::uint8_t>(in.code & 0xf0);
  if (if_true == next && operation != kJset) return jump_if(opposite(operation), in, if_false);
  jump_if(operation, in, if_true);
  if (if_false != next) jump(if_false);
}

void Translator::translate_return(std::size_t at) {
  const CbpfInstruction& in = filter_.program[at];
  WEIR_ASSERT(in.code == (kRet | kK));
  if (in.k != 0) return exit_with(in.k);
  jump(at < filter_.passage_end ? left_out() : rejected());
}

void Translator::end_with_counting() {
  const auto add = [&](std::size_t word, Register amount) {
    emit(BPF_STX | BPF_DW | BPF_ATOMIC, kScratch, amount,
         static_cast<std::int16_t>(word * sizeof(std::uint64_t)), BPF_ADD);
  };
  emit(BPF_LD | BPF_DW | BPF_IMM, kScratch, BPF_PSEUDO_MAP_VALUE, 0,
       static_cast<std::uint32_t>(counters_));
  out_.push_back(0);  // second half: offset 0 of the value
  alu(BPF_MOV, kScratch2, 1u);
  add(kRejectedPacketsWord, kScratch2);
  if (tagged_apart_) {
    constexpr std::int16_t kSkipAddition = 1;
    constexpr std::uint32_t kTagBytes = 4;
    load_context(kScratch2, offsetof(__sk_buff, vlan_present));
    emit(BPF_JMP32 | BPF_JEQ | BPF_K, kScratch2, 0, kSkipAddition, 0);
    alu(BPF_ADD, kLength, kTagBytes);
  }
  add(kRejectedBytesWord, kLength);
  exit_with(0);
}

bool Translator::resolve() {
  for (const auto& [at, target] : fixups_) {
    const std::size_t distance = starts_[target] - at - 1;
    if (distance > static_cast<std::size_t>(std::numeric_limits<std::int16_t>::max())) return false;
    auto jump = std::bit_cast<bpf_insn>(out_[at]);
    jump.off = static_cast<std::int16_t>(distance);
    out_[at] = std::bit_cast<std::uint64_t>(jump);
  }
  return true;
}

}  // namespace

std::optional<EbpfProgram> counting_program(const KernelFilter& filter, LinkType link_type,
                                            int counters) {
  return Translator(filter, link_type, counters).run();
}

}  // namespace weir::filter
