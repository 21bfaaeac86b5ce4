// A filter program ready to run on packets: classic BPF, checked and lowered to fewer, larger
// operations. Its verdict is libpcap's bpf_filter()'s for every packet.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "filter/cbpf.h"

namespace weir::filter {

// One operation of a lowered program; program.cc lists what each does.
enum class Operation : std::uint8_t;

struct alignas(32) Op {
  Operation operation{};
  std::int32_t jt = 1;  // operations ahead (behind, for JumpBack), counted from this one
  std::int32_t jf = 1;
  std::uint32_t k = 0;       // constant to compare with, operand, or where a table begins
  std::uint32_t offset = 0;  // of a load; entries of a table
  std::uint32_t mask = ~0u;  // applied to what was loaded, before the comparison
};

// Immutable after creation: any number of threads may run it at once. run() allocates nothing and
// cannot fail.
class Program {
 public:
  // ErrorCode::BadFilter when check() finds a fault.
  static Result<Program> create(std::span<const CbpfInstruction> program);

  // What the program returns for a packet of which `frame` was captured and which had `wire_bytes`
  // on the wire: zero rejects it, all else accepts it (libpcap's programs return the number of
  // bytes to keep). A load outside the frame and a division by zero reject. Memory words are zero
  // at the start.
  [[nodiscard]] std::uint32_t run(Bytes frame, std::uint32_t wire_bytes) const noexcept;

  // True when the program jumps backwards (libpcap's `protochain`). The kernel takes no such
  // program. A packet that makes it jump back more than kBackwardJumpsMax times is rejected.
  [[nodiscard]] bool has_loop() const noexcept { return has_loop_; }
  [[nodiscard]] std::size_t operation_count() const noexcept { return ops_.size(); }
  [[nodiscard]] std::span<const Op> operations() const noexcept { return ops_; }
  // Sorted constants of Operation::JumpIfAny.
  [[nodiscard]] std::span<const std::uint32_t> tables() const noexcept { return tables_; }
  // Frames of this length cannot fail a load at a constant offset.
  [[nodiscard]] std::uint64_t constant_bytes() const noexcept { return constant_bytes_; }

 private:
  Program() = default;

  std::vector<Op> ops_;
  std::vector<std::uint32_t> tables_;  // sorted constants of Operation::JumpIfAny
  std::uint64_t constant_bytes_ = 0;
  bool uses_memory_ = false;  // reads memory words
  bool has_loop_ = false;
};

// libpcap's loops walk along headers, at least 8 bytes a turn, so that no packet of up to 262,144
// bytes takes more.
inline constexpr std::uint32_t kBackwardJumpsMax = 32'768;

}  // namespace weir::filter
