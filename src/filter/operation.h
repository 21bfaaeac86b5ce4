// The operations of a lowered program: internal to the lowering (lowering.cc) and the evaluator
// (program.cc).
#pragma once

#include <cstdint>

namespace weir::filter {

// How the accumulator is loaded: bytes in network order, at a constant offset or at X plus one.
enum class Load : std::uint8_t { Byte, Half, Word, ByteAtX, HalfAtX, WordAtX };

// What is done with it, in the same operation.
enum class Test : std::uint8_t {
  None,     // A = value
  Equal,    // A = value & mask; jump on A == k
  Greater,  //   ... A > k
  NotLess,  //   ... A >= k
  AnyBit,   //   ... (A & k) != 0
};
inline constexpr std::uint8_t kTests = 5;

enum class Operation : std::uint8_t {
  // Loads with their tests, in the order of the two enums above: see fused().
  // clang-format off
  LoadByte, LoadByteIfEqual, LoadByteIfGreater, LoadByteIfNotLess, LoadByteIfAnyBit,
  LoadHalf, LoadHalfIfEqual, LoadHalfIfGreater, LoadHalfIfNotLess, LoadHalfIfAnyBit,
  LoadWord, LoadWordIfEqual, LoadWordIfGreater, LoadWordIfNotLess, LoadWordIfAnyBit,
  LoadByteAtX, LoadByteAtXIfEqual, LoadByteAtXIfGreater, LoadByteAtXIfNotLess, LoadByteAtXIfAnyBit,
  LoadHalfAtX, LoadHalfAtXIfEqual, LoadHalfAtXIfGreater, LoadHalfAtXIfNotLess, LoadHalfAtXIfAnyBit,
  LoadWordAtX, LoadWordAtXIfEqual, LoadWordAtXIfGreater, LoadWordAtXIfNotLess, LoadWordAtXIfAnyBit,
  // clang-format on
  // Jumps on A and a constant, on A and X, and on membership of A in a sorted table of constants.
  JumpIfEqual,
  JumpIfGreater,
  JumpIfNotLess,
  JumpIfAnyBit,
  JumpIfEqualX,
  JumpIfGreaterX,
  JumpIfNotLessX,
  JumpIfAnyBitX,
  JumpIfAny,
  Jump,
  JumpBack,
  Return,
  ReturnA,
  // Loads of other things than packet bytes, and stores.
  LoadLength,
  LoadXLength,
  LoadConstant,
  LoadXConstant,
  LoadMemory,
  LoadXMemory,
  LoadXHeaderLength,  // X = 4 * (low nibble of the byte at k): the length of an IPv4 header
  Store,
  StoreX,
  // Arithmetic on A with a constant, and with X.
  Add,
  Subtract,
  Multiply,
  Divide,
  Modulo,
  And,
  Or,
  Xor,
  ShiftLeft,
  ShiftRight,
  AddX,
  SubtractX,
  MultiplyX,
  DivideX,
  ModuloX,
  AndX,
  OrX,
  XorX,
  ShiftLeftX,
  ShiftRightX,
  Negate,
  CopyAToX,
  CopyXToA,
};

constexpr Operation fused(Load load, Test test) noexcept {
  return static_cast<Operation>(static_cast<std::uint8_t>(load) * kTests +
                                static_cast<std::uint8_t>(test));
}
static_assert(fused(Load::Byte, Test::None) == Operation::LoadByte);
static_assert(fused(Load::HalfAtX, Test::Equal) == Operation::LoadHalfAtXIfEqual);
static_assert(fused(Load::WordAtX, Test::AnyBit) == Operation::LoadWordAtXIfAnyBit);

}  // namespace weir::filter
