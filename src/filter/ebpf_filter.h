// A kernel filter as eBPF: the same verdicts, and what it rejects is counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/link_type.h"
#include "filter/kernel_filter.h"

namespace weir::filter {

// One instruction a word, as struct bpf_insn; for BPF_PROG_TYPE_SOCKET_FILTER.
using EbpfProgram = std::vector<std::uint64_t>;

// The 64-bit words in which programs count, in one map value. They only grow; programs on several
// processors may add to them at once, and programs that follow each other on a socket share them.
inline constexpr std::size_t kRejectedPacketsWord = 0;
inline constexpr std::size_t kRejectedBytesWord = 1;  // on the wire, with the outermost tag
inline constexpr std::size_t kRejectionWords = 2;

// `counters` is the descriptor of a map with one value of kRejectionWords words
// (security::PrivilegedOperations::create_counters); it must be open when the program is loaded,
// which keeps the map from then on. Nothing for a program too long to be told.
std::optional<EbpfProgram> counting_program(const KernelFilter& filter, LinkType link_type,
                                            int counters);

}  // namespace weir::filter
