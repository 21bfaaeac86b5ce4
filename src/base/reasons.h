// Why a packet is not where one might look for it: the closed lists of reasons that the ledger
// counts by. The names are the ones of --stats-json, of the metrics and of docs/errors.md (a test
// compares).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

// Turned away by a decision. Laws: source, admission and filter rows of the ledger.
enum class RejectReason : std::uint8_t {
  Filter,        // the session's filter said no
  KernelFilter,  // the session's filter, or a part of it that runs in the kernel, said no
  Limit,   // arrived after the capture had all that it was asked for (-c, a signal, --duration)
  Rule,    // one of the session's rules said no
  Paused,  // the session was paused; of a whole capture: no session was there that would look at it
  Source,  // it came from where no packet may come from; no session was offered it
  Policy,  // a policy blocks everything; no session was offered it
  kCount,
};

// Lost against the will of whoever asked for it.
enum class DropReason : std::uint8_t {
  Kernel,    // the kernel's ring was full (tp_drops)
  Stop,      // received, but not yet examined when a second signal or an error ended the capture at
             // once
  Pressure,  // a session did without it, by its ladder, while something was short
  kCount,
};

// A packet whose headers could not be followed to the end. It is accepted or rejected like any
// other; counted beside the law. One reason a packet: the first that was met.
enum class MalformedReason : std::uint8_t {
  None,             // headers parsed to the innermost layer that weir knows
  UnknownLinkType,  // link type without a parser
  TruncatedHeader,  // the frame, as long as it was on the wire, ends inside a header
  SnappedHeader,    // the capture's snaplen cut the frame inside a header
  BadVersion,       // IP version, GENEVE, VXLAN, GTP or PPPoE version that cannot be
  BadHeaderLength,  // a header says that it is shorter than its fixed part or longer than its
                    // packet
  BadTotalLength,   // IP total or payload length beyond the frame or below the header
  TooDeep,          // more nested layers than weir follows, or headers behind the first 64 KiB
  kCount,
};

// Accepted, offered to a sink, and not stored.
enum class LostReason : std::uint8_t {
  NoSpace,     // disk or quota full
  Closed,      // the reader of a pipe went away
  SlowReader,  // the reader of a pipe was too slow, and another output must not wait for it
  WriteError,  // another write failure
  Overrun,     // found no room on its way to an output that was too slow
  kCount,
};

template <typename Reason>
inline constexpr std::size_t kReasonCount = static_cast<std::size_t>(Reason::kCount);

std::string_view name_of(RejectReason reason) noexcept;
std::string_view name_of(DropReason reason) noexcept;
std::string_view name_of(MalformedReason reason) noexcept;
std::string_view name_of(LostReason reason) noexcept;

}  // namespace weir
