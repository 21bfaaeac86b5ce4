// One AF_PACKET socket: its options in the order that loses and adds no packet, its counters, its
// end.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "filter/cbpf.h"
#include "interface/af_packet_ring.h"
#include "interface/timestamping.h"

namespace weir::interface {

// Room in front of every frame in the ring, for what is put back there (a VLAN tag).
inline constexpr std::uint32_t kFrameHeadroomBytes = 16;

// What the kernel counted since the last time that it was asked.
struct KernelCounters {
  std::uint64_t packets = 0;  // that passed the filter, dropped ones included
  std::uint64_t drops = 0;    // found the ring full
};

// Owned and used by one thread, except where something else is said. Nothing here is called per
// packet.
class AfPacketSocket {
 public:
  explicit AfPacketSocket(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  // Ring of TPACKET_V3 blocks; a block with packets is handed over after `block_timeout` at the
  // latest.
  Result<void> make_ring(RingGeometry geometry, Duration block_timeout);
  // Nanosecond timestamps taken by the card, or when a packet enters the network stack; not when it
  // is copied.
  Result<void> stamp_on_arrival(TimestampSource source);
  // What the program returns for a packet is how many of its bytes are copied into the ring (the
  // length on the wire stays known); zero rejects it. It takes the place of the program before in
  // one step: every packet meets the one or the other. After an error the one before stays. Any
  // thread.
  Result<void> attach(std::span<const filter::CbpfInstruction> program);
  // The same for an eBPF program, which the socket keeps: the caller may close it.
  Result<void> attach_program(int program);
  // Every packet is accepted whole. Any thread.
  void detach_filter() noexcept;
  // The interface takes frames for other stations as long as this socket is open. A membership:
  // several captures share it, and the kernel ends it with the process.
  Result<void> join_promiscuous(int interface_index);
  // From here on packets are received.
  Result<void> bind(int interface_index);

  // No packet that arrives from now on is received, or counted. One that another processor is just
  // receiving may still be: ReceiveBarrier waits for it. Any thread.
  void reject_all() noexcept;

  // Counters since the last call: reading resets them in the kernel.
  KernelCounters read_counters() noexcept;
  // Takes (and thereby clears) the pending error of the socket; 0 = none.
  int take_error() noexcept;
  // The interface has been removed, or was moved to another network namespace.
  [[nodiscard]] bool interface_is_gone() const noexcept;

 private:
  UniqueFd fd_;
};

}  // namespace weir::interface
