// What of a filter may run in the kernel, on a packet socket, before a packet is copied: classic
// BPF as the kernel takes it (Documentation/networking/filter.rst).
//
// The user-space program decides, on the frame with its VLAN tag in place. The kernel runs its form
// on the frame from which the outermost tag has been taken and put beside, so that form must be
// made: it accepts at least every packet that the user-space program accepts. What cannot be said
// in the kernel's terms becomes "accept" at the place where it would be executed: a load that
// straddles the tag, a shift by a register (the kernel takes the count modulo 32, libpcap does
// not), a jump back
// (`protochain`).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/link_type.h"
#include "filter/cbpf.h"

namespace weir::filter {

// Packets pass a packet socket on their way into the host and out of it. What passes otherwise than
// asked for is left out, as if it had never been.
enum class Passages : std::uint8_t { Both, Arriving, Leaving, None };

struct KernelFilterOptions {
  LinkType link_type = LinkType::Ethernet;
  Passages passages = Passages::Both;
  std::uint32_t copied_bytes = 0;  // of an accepted packet, without its outermost tag; not zero
};

struct KernelFilter {
  CbpfProgram program;
  // Instructions before this one look at the passage alone. What they leave out is counted nowhere;
  // what is rejected behind them is rejected{kernel_filter}.
  std::size_t passage_end = 0;
};

// Accepts every packet of the wanted passages.
KernelFilter kernel_filter_for_all(const KernelFilterOptions& options);

// For `program`, which has passed check(). Nothing where the kernel sees frames so differently that
// it should not judge (anything but Ethernet and raw IP), or where it would not take a program of
// this length.
std::optional<KernelFilter> kernel_filter(std::span<const CbpfInstruction> program,
                                          const KernelFilterOptions& options);

}  // namespace weir::filter
