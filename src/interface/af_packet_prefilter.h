// The program on a packet socket that turns packets away before they are copied: made from a filter
// expression, replaced while packets flow, and counting what it rejects where the kernel lets us
// load eBPF (CAP_BPF); elsewhere it is classic BPF, which cannot count.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "filter/kernel_filter.h"
#include "interface/af_packet_socket.h"
#include "interface/direction.h"
#include "interface/source.h"
#include "security/privileged_operations.h"

namespace weir::interface {

enum class Loopback : std::uint8_t { No, Yes };

// What passes a packet socket for a capture of this direction.
filter::Passages passages_of(Direction direction, Loopback loopback) noexcept;

// The counters that the programs of one socket share, as long as the socket lives: a program that
// has been replaced may still be busy on another processor. Never moves in memory.
class RejectionCounters {
 public:
  static Result<RejectionCounters> create(security::PrivilegedOperations& privileges);
  RejectionCounters() = default;  // stay zero
  RejectionCounters(RejectionCounters&& other) noexcept;
  RejectionCounters& operator=(RejectionCounters&&) = delete;
  ~RejectionCounters();

  // For the programs; negative when there is none.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  // One of the words of ebpf_filter.h; no system call. Any thread.
  [[nodiscard]] std::uint64_t word(std::size_t index) const noexcept;

 private:
  RejectionCounters(UniqueFd fd, std::uint64_t* words) noexcept
      : fd_(std::move(fd)), words_(words) {}

  UniqueFd fd_;
  std::uint64_t* words_ = nullptr;
};

// One per socket. `privileges` is used by every replace().
class AfPacketPrefilter {
 public:
  AfPacketPrefilter(const filter::KernelFilterOptions& options,
                    security::PrivilegedOperations& privileges);

  // Attaches the kernel's form of `expression` to the socket, in the place of the program before;
  // what accepts everything, where there is no such form or the kernel refuses it. One thread at a
  // time, the one that does set-up and control (see filter::compile()). An error when the kernel
  // refuses even that: the program before is still there.
  Result<Prefilter> replace(AfPacketSocket& socket, std::string_view expression);

  // Since the socket was made, by all programs that count; only grows. Any thread.
  [[nodiscard]] std::uint64_t rejected_packets() const noexcept;
  [[nodiscard]] std::uint64_t rejected_bytes() const noexcept;

 private:
  [[nodiscard]] Prefilter attach(AfPacketSocket& socket, const filter::KernelFilter& filter);
  [[nodiscard]] bool attach_counting(AfPacketSocket& socket, const filter::KernelFilter& filter);

  filter::KernelFilterOptions options_;
  security::PrivilegedOperations* privileges_;
  RejectionCounters counters_;
};

}  // namespace weir::interface
