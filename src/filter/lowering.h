// From checked classic BPF to the operations of Program: internal to the module.
//
// Three things make the result faster than the original: a load, a mask and the test of the result
// become one operation; a chain of comparisons with constants ("port 80 or port 443 or ...")
// becomes one look-up; jumps that lead to jumps lead to their target at once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "filter/cbpf.h"
#include "filter/program.h"

namespace weir::filter {

struct Lowered {
  std::vector<Op> ops;
  std::vector<std::uint32_t> tables;
  std::uint64_t constant_bytes = 0;  // frames this long cannot fail a load at a constant offset
  bool uses_memory = false;
  bool has_loop = false;
};

// `program` has passed check().
Lowered lower(std::span<const CbpfInstruction> program);

}  // namespace weir::filter
