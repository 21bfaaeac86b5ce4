// The operations that need a right which ordinary processes lack. Sources never open privileged
// things themselves: they ask here, so that there is one place to review, and so that a helper
// process can answer later while the engine runs without rights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/unique_fd.h"

namespace weir::security {

enum class PacketSocketKind : std::uint8_t {
  Frames,  // SOCK_RAW: packets with their link-layer header
  Cooked,  // SOCK_DGRAM: the kernel takes the link-layer header away
};

// The caller owns the descriptors. Any thread.
class PrivilegedOperations {
 public:
  virtual ~PrivilegedOperations() = default;

  // An AF_PACKET socket of protocol 0: it receives nothing until the caller binds it, so filter and
  // ring are in place before the first packet. Needs CAP_NET_RAW, nothing else; all that the caller
  // does with it afterwards (ring, filter, bind, promiscuous membership) needs no right at all.
  // ErrorCode::Permission says how to grant the right.
  virtual Result<UniqueFd> open_packet_socket(PacketSocketKind kind) = 0;

  // The three below need CAP_BPF (before Linux 5.8 CAP_SYS_ADMIN), or a system that lets everybody
  // load socket filters (kernel.unprivileged_bpf_disabled = 0); a caller can do without them. The
  // kernel's verifier sees to it that such a program only looks at packets and at its own map.
  // ErrorCode::Permission says how to grant the right, Unsupported what the kernel did not like.

  // An eBPF program of the type for sockets (BPF_PROG_TYPE_SOCKET_FILTER), one instruction a word
  // as in struct bpf_insn. It may use maps whose descriptors stand in its instructions.
  virtual Result<UniqueFd> load_socket_filter(std::span<const std::uint64_t> instructions) = 0;
  // The one program of an object file that clang made, of the same type, without maps.
  virtual Result<UniqueFd> load_socket_program(std::span<const std::byte> object) = 0;
  // Counters for programs: `count` 64-bit words that are zero and can be mapped into memory,
  // together the one value of an array (BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE), so that programs can
  // have their address (BPF_PSEUDO_MAP_VALUE).
  virtual Result<UniqueFd> create_counters(std::uint32_t count) = 0;
};

// Does them in this process, with the rights that it has.
class InProcessPrivileges final : public PrivilegedOperations {
 public:
  Result<UniqueFd> open_packet_socket(PacketSocketKind kind) override;
  Result<UniqueFd> load_socket_filter(std::span<const std::uint64_t> instructions) override;
  Result<UniqueFd> load_socket_program(std::span<const std::byte> object) override;
  Result<UniqueFd> create_counters(std::uint32_t count) override;
};

}  // namespace weir::security
