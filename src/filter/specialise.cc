#include "filter/specialise.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include "base/packet_batch.h"

namespace weir::filter {
namespace {

using namespace cbpf;

// A number of which some bits are known.
struct Value {
  std::uint32_t known = 0;  // mask
  std::uint32_t bits = 0;   // those; 0 for others

  static Value constant(std::uint32_t k) noexcept { return {.known = ~0u, .bits = k}; }
  [[nodiscard]] bool is_constant() const noexcept { return known == ~0u; }
  [[nodiscard]] Value joined(const Value& other) const noexcept {
    const std::uint32_t both = known & other.known & ~(bits ^ other.bits);
    return {.known = both, .bits = bits & both};
  }
};

// What is known before an instruction, whichever way led there.
struct State {
  bool reached = false;
  Value a;
  Value x;
  std::array<Value, kMemoryWords> memory{};

  void join(const State& other) noexcept {
    if (!reached) {
      *this = other;
      return;
    }
    a = a.joined(other.a);
    x = x.joined(other.x);
    for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = memory[i].joined(other.memory[i]);
  }
};

std::uint16_t class_of(const CbpfInstruction& in) noexcept { return in.code & 0x07; }
std::uint16_t mode_of(const CbpfInstruction& in) noexcept { return in.code & 0xe0; }
bool is_conditional(const CbpfInstruction& in) noexcept {
  return class_of(in) == kJmp && in.code != (kJmp | kJa);
}

Value loaded(const KnownFrame& known, std::uint64_t offset, std::uint32_t bytes) noexcept {
  if (offset + bytes > std::min(known.bytes, KnownFrame::kBytesMax)) return {};
  Value out{.known = bytes == 4 ? 0 : ~0u << (8 * bytes), .bits = 0};
  for (std::uint32_t i = 0; i < bytes; ++i) {
    const std::uint32_t shift = 8 * (bytes - 1 - i);
    out.known |= std::uint32_t{known.mask[offset + i]} << shift;
    out.bits |= std::uint32_t{known.value[offset + i]} << shift;
  }
  return out;
}

Value calculated(std::uint16_t operation, const Value& a, const Value& b) noexcept {
  if (operation == kAnd) {
    const std::uint32_t zeros = (a.known & ~a.bits) | (b.known & ~b.bits);
    return {.known = zeros | (a.known & b.known), .bits = a.bits & b.bits};
  }
  if (!a.is_constant() || !b.is_constant()) return {};
  switch (operation) {
    case kAdd:
      return Value::constant(a.bits + b.bits);
    case kSub:
      return Value::constant(a.bits - b.bits);
    case kOr:
      return Value::constant(a.bits | b.bits);
    case kXor:
      return Value::constant(a.bits ^ b.bits);
    case kLsh:
      return Value::constant(b.bits < 32 ? a.bits << b.bits : 0);
    case kRsh:
      return Value::constant(b.bits < 32 ? a.bits >> b.bits : 0);
    default:  // not worth the lines
      return {};
  }
}

// The result of a test, where it is known.
std::optional<bool> tested(std::uint16_t operation, const Value& a, const Value& b) noexcept {
  const std::uint32_t both = a.known & b.known;
  switch (operation) {
    case kJeq:
      if (((a.bits ^ b.bits) & both) != 0) return false;
      break;
    case kJset:
      if ((a.bits & b.bits) != 0) return true;
      if (((a.known & ~a.bits) | (b.known & ~b.bits)) == ~0u) return false;
      return std::nullopt;
    default:
      break;
  }
  if (both != ~0u) return std::nullopt;
  if (operation == kJeq) return true;
  return operation == kJgt ? a.bits > b.bits : a.bits >= b.bits;
}

class Specialiser {
 public:
  Specialiser(std::span<const CbpfInstruction> program, const KnownFrame& known)
      : program_(program.begin(), program.end()),
        known_(known),
        states_(program.size()),
        kept_(program.size(), true),
        next_(program.size()) {
    for (std::size_t i = 0; i < program_.size(); ++i) next_[i] = i + 1;
  }

  std::optional<CbpfProgram> run() {
    calculate();
    while (leave_out_unused()) {
    }
    return emitted();
  }

 private:
  // What an instruction needs behind it, or at all: registers and memory.
  struct Needs {
    bool a = false;
    bool x = false;
    std::uint16_t memory = 0;
  };

  void calculate();
  void calculate_load(CbpfInstruction& in, State& state) const noexcept;
  void calculate_other(const CbpfInstruction& in, State& state) const noexcept;
  void leave_out(std::size_t at, std::size_t go_on) {
    kept_[at] = false;
    next_[at] = go_on;
  }
  // The instruction that runs when `at` should: it, or what stands for it.
  [[nodiscard]] std::size_t resolved(std::size_t at) const noexcept {
    while (!kept_[at]) at = next_[at];
    return at;
  }
  [[nodiscard]] std::size_t if_true(std::size_t at) const noexcept {
    return resolved(at + 1 + program_[at].jt);
  }
  [[nodiscard]] std::size_t if_false(std::size_t at) const noexcept {
    return resolved(at + 1 + program_[at].jf);
  }
  bool leave_out_unused();
  [[nodiscard]] bool can_end_program(const CbpfInstruction& in) const noexcept;
  static bool is_unused(const CbpfInstruction& in, const Needs& behind) noexcept;
  static Needs needs_before(const CbpfInstruction& in, Needs needs) noexcept;
  [[nodiscard]] std::vector<std::size_t> reachable() const;
  [[nodiscard]] std::optional<CbpfProgram> emitted() const;

  CbpfProgram program_;
  const KnownFrame& known_;
  std::vector<State> states_;
  std::vector<bool> kept_;
  std::vector<std::size_t> next_;  // what runs instead of one that is not kept
};

// Forward: every jump leads on, so each instruction is met after all that lead to it.
void Specialiser::calculate() {
  State& first = states_[0];
  first.reached = true;
  first.a = first.x = Value::constant(0);
  first.memory.fill(Value::constant(0));
  for (std::size_t at = 0; at < program_.size(); ++at) {
    if (!states_[at].reached) continue;
    State state = states_[at];
    CbpfInstruction& in = program_[at];
    if (in.code == (kJmp | kJa)) {
      leave_out(at, at + 1 + in.k);
      states_[next_[at]].join(state);
    } else if (is_conditional(in)) {
      const Value operand = (in.code & kX) != 0 ? state.x : Value::constant(in.k);
      const auto result = tested(in.code & 0xf0, state.a, operand);
      if (result.value_or(true)) states_[at + 1 + in.jt].join(state);
      if (!result.value_or(false)) states_[at + 1 + in.jf].join(state);
      if (result) leave_out(at, at + 1 + (*result ? in.jt : in.jf));
    } else if (class_of(in) != kRet) {
      if (class_of(in) == kLd || class_of(in) == kLdx) {
        calculate_load(in, state);
      } else {
        calculate_other(in, state);
      }
      states_[at + 1].join(state);
    }
  }
}

void Specialiser::calculate_load(CbpfInstruction& in, State& state) const noexcept {
  if (mode_of(in) == kInd && state.x.is_constant() &&
      std::uint64_t{state.x.bits} + in.k < kPacketBytesMax) {
    in.k += state.x.bits;
    in.code = static_cast<std::uint16_t>((in.code & ~0xe0) | kAbs);
  }
  Value value;
  switch (mode_of(in)) {
    case kImm:
      value = Value::constant(in.k);
      break;
    case kMem:
      value = state.memory[in.k];
      break;
    case kAbs:
      value = loaded(known_, in.k, bytes_loaded(in));
      break;
    case kMsh: {
      const Value byte = loaded(known_, in.k, 1);
      if ((byte.known & 0x0f) == 0x0f) value = Value::constant((byte.bits & 0x0f) * 4);
      break;
    }
    default:
      break;
  }
  (class_of(in) == kLd ? state.a : state.x) = value;
}

void Specialiser::calculate_other(const CbpfInstruction& in, State& state) const noexcept {
  switch (class_of(in)) {
    case kSt:
      state.memory[in.k] = state.a;
      break;
    case kStx:
      state.memory[in.k] = state.x;
      break;
    case kAlu:
      if (in.code == (kAlu | kNeg)) {
        state.a = state.a.is_constant() ? Value::constant(0u - state.a.bits) : Value{};
      } else {
        state.a = calculated(in.code & 0xf0, state.a,
                             (in.code & kX) != 0 ? state.x : Value::constant(in.k));
      }
      break;
    default:
      (in.code == (kMisc | kTax) ? state.x : state.a) =
          in.code == (kMisc | kTax) ? state.a : state.x;
  }
}

// Loads outside the frame and divisions by zero do.
bool Specialiser::can_end_program(const CbpfInstruction& in) const noexcept {
  if (class_of(in) == kAlu) {
    const std::uint16_t operation = in.code & 0xf0;
    return (operation == kDiv || operation == kMod) && (in.code & kX) != 0;
  }
  if (class_of(in) != kLd && class_of(in) != kLdx) return false;
  if (mode_of(in) == kAbs || mode_of(in) == kMsh) {
    return std::uint64_t{in.k} + bytes_loaded(in) > known_.bytes;
  }
  return mode_of(in) == kInd;
}

bool Specialiser::is_unused(const CbpfInstruction& in, const Needs& behind) noexcept {
  switch (class_of(in)) {
    case kLd:
    case kAlu:
      return !behind.a;
    case kLdx:
      return !behind.x;
    case kSt:
    case kStx:
      return (behind.memory >> in.k & 1) == 0;
    case kMisc:
      return in.code == (kMisc | kTax) ? !behind.x : !behind.a;
    default:
      return false;
  }
}

Specialiser::Needs Specialiser::needs_before(const CbpfInstruction& in, Needs needs) noexcept {
  const auto word = static_cast<std::uint16_t>(1u << (in.k % kMemoryWords));
  switch (class_of(in)) {
    case kLd:
      needs.a = false;
      if (mode_of(in) == kInd) needs.x = true;
      if (mode_of(in) == kMem) needs.memory |= word;
      break;
    case kLdx:
      needs.x = false;
      if (mode_of(in) == kMem) needs.memory |= word;
      break;
    case kSt:
    case kStx:
      needs.memory &= static_cast<std::uint16_t>(~word);
      (class_of(in) == kSt ? needs.a : needs.x) = true;
      break;
    case kAlu:
    case kJmp:
      needs.a = true;
      if ((in.code & kX) != 0 && in.code != (kAlu | kNeg)) needs.x = true;
      break;
    case kRet:
      needs = {.a = (in.code & kA) != 0};
      break;
    default:
      if (in.code == (kMisc | kTax)) {
        needs.x = false;
        needs.a = true;
      } else {
        needs.a = false;
        needs.x = true;
      }
  }
  return needs;
}

// Backward: leaves out what nobody needs and tests that lead to one place. True when something was.
bool Specialiser::leave_out_unused() {
  bool changed = false;
  std::vector<Needs> needs(program_.size());
  for (std::size_t at = program_.size(); at-- > 0;) {
    if (!kept_[at] || !states_[at].reached) continue;
    const CbpfInstruction& in = program_[at];
    Needs behind;
    if (is_conditional(in)) {
      if (if_true(at) == if_false(at)) {
        leave_out(at, if_true(at));
        changed = true;
        continue;
      }
      const Needs& one = needs[if_true(at)];
      const Needs& other = needs[if_false(at)];
      behind = {.a = one.a || other.a,
                .x = one.x || other.x,
                .memory = static_cast<std::uint16_t>(one.memory | other.memory)};
    } else if (class_of(in) != kRet) {
      behind = needs[resolved(at + 1)];
    }
    if (is_unused(in, behind) && !can_end_program(in)) {
      leave_out(at, at + 1);
      changed = true;
      continue;
    }
    needs[at] = needs_before(in, behind);
  }
  return changed;
}

std::vector<std::size_t> Specialiser::reachable() const {
  std::vector<bool> reached(program_.size());
  reached[resolved(0)] = true;
  std::vector<std::size_t> out;
  for (std::size_t at = 0; at < program_.size(); ++at) {
    if (!reached[at]) continue;
    out.push_back(at);
    if (is_conditional(program_[at])) {
      reached[if_true(at)] = reached[if_false(at)] = true;
    } else if (class_of(program_[at]) != kRet) {
      reached[resolved(at + 1)] = true;
    }
  }
  return out;
}

// What is kept, in its order; a jump where something else would follow. Nothing when a test would
// have to reach too far.
std::optional<CbpfProgram> Specialiser::emitted() const {
  const std::vector<std::size_t> kept = reachable();
  const auto jumps_behind = [&](std::size_t i) {
    const CbpfInstruction& in = program_[kept[i]];
    return !is_conditional(in) && class_of(in) != kRet && resolved(kept[i] + 1) != kept[i + 1];
  };
  std::vector<std::size_t> place(program_.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    place[kept[i]] = size;
    size += jumps_behind(i) ? 2u : 1u;
  }
  CbpfProgram out;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const std::size_t at = kept[i];
    CbpfInstruction in = program_[at];
    if (is_conditional(in)) {
      const std::size_t jt = place[if_true(at)] - out.size() - 1;
      const std::size_t jf = place[if_false(at)] - out.size() - 1;
      constexpr std::size_t kFarthest = std::numeric_limits<std::uint8_t>::max();
      if (jt > kFarthest || jf > kFarthest) return std::nullopt;
      in.jt = static_cast<std::uint8_t>(jt);
      in.jf = static_cast<std::uint8_t>(jf);
    }
    out.push_back(in);
    if (jumps_behind(i)) {
      const std::size_t distance = place[resolved(at + 1)] - out.size() - 1;
      out.push_back({.code = kJmp | kJa, .k = static_cast<std::uint32_t>(distance)});
    }
  }
  return out;
}

}  // namespace

CbpfProgram specialise(std::span<const CbpfInstruction> program, const KnownFrame& known) {
  const bool jumps_back = std::any_of(program.begin(), program.end(), [](const auto& in) {
    return in.code == (kJmp | kJa) && static_cast<std::int32_t>(in.k) < 0;
  });
  CbpfProgram same(program.begin(), program.end());
  if (jumps_back) return same;
  return Specialiser(program, known).run().value_or(std::move(same));
}

}  // namespace weir::filter
