// A program for frames of which something is known beforehand: shorter, often a constant.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "filter/cbpf.h"

namespace weir::filter {

// What is known of a frame: how long it is at least, and bits of its first bytes.
struct KnownFrame {
  static constexpr std::uint32_t kBytesMax = 64;

  std::uint32_t bytes = 0;
  std::array<std::uint8_t, kBytesMax> mask{};   // the bits that are known ...
  std::array<std::uint8_t, kBytesMax> value{};  // ... and what they are; 0 for others

  // Byte `offset` has `bits` in the places of `known`.
  void know(std::uint32_t offset, std::uint8_t bits, std::uint8_t known = 0xff) noexcept {
    mask[offset] |= known;
    value[offset] = static_cast<std::uint8_t>((value[offset] & ~known) | (bits & known));
  }
};

// Returns for every frame of which `known` is true what `program` returns, which has passed
// check(). Tests whose result is known are left out, and loads at X become loads at a constant
// offset where X is known. A program that jumps back is returned as it is.
CbpfProgram specialise(std::span<const CbpfInstruction> program, const KnownFrame& known);

}  // namespace weir::filter
