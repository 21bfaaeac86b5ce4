#include "filter/program.h"

#include <algorithm>
#include <array>
#include <string>
#include <type_traits>

#include "base/assert.h"
#include "filter/lowering.h"
#include "filter/operation.h"

namespace weir::filter {
namespace {

// Registers and packet of one run. The fast kind is for frames that no load at a constant offset
// can leave, and for programs without memory words; the full kind for all. Loads relative to X
// always check.
enum class Kind : std::uint8_t { Fast, Full };

template <Kind kKind>
class Evaluator {
 public:
  Evaluator(const Op* ops, const std::uint32_t* tables, Bytes frame, std::uint32_t wire_bytes)
      : op_(ops),
        tables_(tables),
        frame_(frame.data()),
        bytes_(frame.size()),
        wire_bytes_(wire_bytes) {}

  std::uint32_t run();

 private:
  template <typename T>
  static std::uint32_t value_at(const std::uint8_t* at) noexcept {
    if constexpr (sizeof(T) == 1) {
      return *at;
    } else {
      return byte_swap(unchecked_load<T>(at));
    }
  }
  // Loads, masks, tests, and moves on; false when the load leaves the frame.
  template <typename T, Test kTest>
  [[gnu::always_inline]] bool load() noexcept {
    if constexpr (kKind == Kind::Full) {
      if (std::uint64_t{op_->offset} + sizeof(T) > bytes_) return false;
    }
    a_ = value_at<T>(frame_ + op_->offset) & op_->mask;
    test<kTest>();
    return true;
  }
  template <typename T, Test kTest>
  [[gnu::always_inline]] bool load_at_x() noexcept {
    const std::uint64_t offset = std::uint64_t{x_} + op_->offset;
    if (offset + sizeof(T) > bytes_) return false;
    a_ = value_at<T>(frame_ + offset) & op_->mask;
    test<kTest>();
    return true;
  }
  template <Test kTest>
  [[gnu::always_inline]] void test() noexcept {
    if constexpr (kTest == Test::None) ++op_;
    if constexpr (kTest == Test::Equal) jump_if(a_ == op_->k);
    if constexpr (kTest == Test::Greater) jump_if(a_ > op_->k);
    if constexpr (kTest == Test::NotLess) jump_if(a_ >= op_->k);
    if constexpr (kTest == Test::AnyBit) jump_if((a_ & op_->k) != 0);
  }
  [[gnu::always_inline]] void jump_if(bool condition) noexcept {
    op_ += condition ? op_->jt : op_->jf;
  }

  // A short table is searched faster from front to back.
  [[nodiscard]] bool in_table() const noexcept {
    constexpr std::uint32_t kShort = 24;
    const std::uint32_t* begin = tables_ + op_->k;
    const std::uint32_t count = op_->offset;
    if (count > kShort) return std::binary_search(begin, begin + count, a_);
    bool found = false;
    for (std::uint32_t i = 0; i < count; ++i) found |= begin[i] == a_;
    return found;
  }

  const Op* op_;
  const std::uint32_t* tables_;
  const std::uint8_t* frame_;
  std::size_t bytes_;
  std::uint32_t wire_bytes_;
  std::uint32_t a_ = 0;
  std::uint32_t x_ = 0;
  std::uint32_t backward_jumps_ = 0;

  struct NoMemory {  // takes what nobody reads
    std::uint32_t nothing = 0;
    std::uint32_t& operator[](std::uint32_t) noexcept { return nothing; }
  };
  using Memory = std::array<std::uint32_t, cbpf::kMemoryWords>;
  std::conditional_t<kKind == Kind::Full, Memory, NoMemory> memory_{};
};

// One line an operation, so that the whole machine can be seen at once.
template <Kind kKind>
std::uint32_t Evaluator<kKind>::run() {
  using enum Operation;
  using U8 = std::uint8_t;
  using U16 = std::uint16_t;
  using U32 = std::uint32_t;
  for (;;) {
    switch (op_->operation) {
      // clang-format off
      case LoadByte: if (!load<U8, Test::None>()) return 0; continue;
      case LoadByteIfEqual: if (!load<U8, Test::Equal>()) return 0; continue;
      case LoadByteIfGreater: if (!load<U8, Test::Greater>()) return 0; continue;
      case LoadByteIfNotLess: if (!load<U8, Test::NotLess>()) return 0; continue;
      case LoadByteIfAnyBit: if (!load<U8, Test::AnyBit>()) return 0; continue;
      case LoadHalf: if (!load<U16, Test::None>()) return 0; continue;
      case LoadHalfIfEqual: if (!load<U16, Test::Equal>()) return 0; continue;
      case LoadHalfIfGreater: if (!load<U16, Test::Greater>()) return 0; continue;
      case LoadHalfIfNotLess: if (!load<U16, Test::NotLess>()) return 0; continue;
      case LoadHalfIfAnyBit: if (!load<U16, Test::AnyBit>()) return 0; continue;
      case LoadWord: if (!load<U32, Test::None>()) return 0; continue;
      case LoadWordIfEqual: if (!load<U32, Test::Equal>()) return 0; continue;
      case LoadWordIfGreater: if (!load<U32, Test::Greater>()) return 0; continue;
      case LoadWordIfNotLess: if (!load<U32, Test::NotLess>()) return 0; continue;
      case LoadWordIfAnyBit: if (!load<U32, Test::AnyBit>()) return 0; continue;
      case LoadByteAtX: if (!load_at_x<U8, Test::None>()) return 0; continue;
      case LoadByteAtXIfEqual: if (!load_at_x<U8, Test::Equal>()) return 0; continue;
      case LoadByteAtXIfGreater: if (!load_at_x<U8, Test::Greater>()) return 0; continue;
      case LoadByteAtXIfNotLess: if (!load_at_x<U8, Test::NotLess>()) return 0; continue;
      case LoadByteAtXIfAnyBit: if (!load_at_x<U8, Test::AnyBit>()) return 0; continue;
      case LoadHalfAtX: if (!load_at_x<U16, Test::None>()) return 0; continue;
      case LoadHalfAtXIfEqual: if (!load_at_x<U16, Test::Equal>()) return 0; continue;
      case LoadHalfAtXIfGreater: if (!load_at_x<U16, Test::Greater>()) return 0; continue;
      case LoadHalfAtXIfNotLess: if (!load_at_x<U16, Test::NotLess>()) return 0; continue;
      case LoadHalfAtXIfAnyBit: if (!load_at_x<U16, Test::AnyBit>()) return 0; continue;
      case LoadWordAtX: if (!load_at_x<U32, Test::None>()) return 0; continue;
      case LoadWordAtXIfEqual: if (!load_at_x<U32, Test::Equal>()) return 0; continue;
      case LoadWordAtXIfGreater: if (!load_at_x<U32, Test::Greater>()) return 0; continue;
      case LoadWordAtXIfNotLess: if (!load_at_x<U32, Test::NotLess>()) return 0; continue;
      case LoadWordAtXIfAnyBit: if (!load_at_x<U32, Test::AnyBit>()) return 0; continue;

      case JumpIfEqual: jump_if(a_ == op_->k); continue;
      case JumpIfGreater: jump_if(a_ > op_->k); continue;
      case JumpIfNotLess: jump_if(a_ >= op_->k); continue;
      case JumpIfAnyBit: jump_if((a_ & op_->k) != 0); continue;
      case JumpIfEqualX: jump_if(a_ == x_); continue;
      case JumpIfGreaterX: jump_if(a_ > x_); continue;
      case JumpIfNotLessX: jump_if(a_ >= x_); continue;
      case JumpIfAnyBitX: jump_if((a_ & x_) != 0); continue;
      case JumpIfAny: jump_if(in_table()); continue;
      case Jump: op_ += op_->jt; continue;
      case JumpBack:
        if (++backward_jumps_ > kBackwardJumpsMax) return 0;
        op_ += op_->jt;
        continue;
      case Return: return op_->k;
      case ReturnA: return a_;

      case LoadLength: a_ = wire_bytes_; break;
      case LoadXLength: x_ = wire_bytes_; break;
      case LoadConstant: a_ = op_->k; break;
      case LoadXConstant: x_ = op_->k; break;
      case LoadMemory: a_ = memory_[op_->k]; break;
      case LoadXMemory: x_ = memory_[op_->k]; break;
      case LoadXHeaderLength:
        if (kKind == Kind::Full && op_->offset >= bytes_) return 0;
        x_ = (frame_[op_->offset] & 0x0fu) << 2;
        break;
      case Store: memory_[op_->k] = a_; break;
      case StoreX: memory_[op_->k] = x_; break;

      case Add: a_ += op_->k; break;
      case Subtract: a_ -= op_->k; break;
      case Multiply: a_ *= op_->k; break;
      case Divide: a_ /= op_->k; break;
      case Modulo: a_ %= op_->k; break;
      case And: a_ &= op_->k; break;
      case Or: a_ |= op_->k; break;
      case Xor: a_ ^= op_->k; break;
      case ShiftLeft: a_ <<= op_->k; break;
      case ShiftRight: a_ >>= op_->k; break;
      case AddX: a_ += x_; break;
      case SubtractX: a_ -= x_; break;
      case MultiplyX: a_ *= x_; break;
      case DivideX: if (x_ == 0) return 0; a_ /= x_; break;
      case ModuloX: if (x_ == 0) return 0; a_ %= x_; break;
      case AndX: a_ &= x_; break;
      case OrX: a_ |= x_; break;
      case XorX: a_ ^= x_; break;
      case ShiftLeftX: a_ = x_ < 32 ? a_ << x_ : 0; break;
      case ShiftRightX: a_ = x_ < 32 ? a_ >> x_ : 0; break;
      case Negate: a_ = 0u - a_; break;
      case CopyAToX: x_ = a_; break;
      case CopyXToA: a_ = x_; break;
      default: __builtin_unreachable();
        // clang-format on
    }
    ++op_;
  }
}

}  // namespace

Result<Program> Program::create(std::span<const CbpfInstruction> program) {
  if (const CbpfCheck checked = check(program); checked.fault != CbpfFault::None) {
    return Error{.code = ErrorCode::BadFilter,
                 .context = "filter program: " + std::string(name_of(checked.fault)) +
                            " at instruction " + std::to_string(checked.at)};
  }
  Lowered lowered = lower(program);
  Program out;
  out.ops_ = std::move(lowered.ops);
  out.tables_ = std::move(lowered.tables);
  out.constant_bytes_ = lowered.constant_bytes;
  out.uses_memory_ = lowered.uses_memory;
  out.has_loop_ = lowered.has_loop;
  return out;
}

std::uint32_t Program::run(Bytes frame, std::uint32_t wire_bytes) const noexcept {
  if (frame.size() >= constant_bytes_ && !uses_memory_) {
    return Evaluator<Kind::Fast>(ops_.data(), tables_.data(), frame, wire_bytes).run();
  }
  return Evaluator<Kind::Full>(ops_.data(), tables_.data(), frame, wire_bytes).run();
}

}  // namespace weir::filter
