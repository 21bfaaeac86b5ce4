// Packets of a live interface through AF_PACKET (TPACKET_V3): works on every interface, takes no
// traffic away from the host, and sees both directions; on loopback each packet once, as tcpdump.
//
// Ledger. The kernel counts what passes our filter and what of it found the ring full
// (`dropped{kernel}`); what it has counted and we have not delivered is `in_ring`. What a
// pre-filter rejects it counts itself, where it can (`rejected{kernel_filter}`); `received` is
// both. The kernel's counters move only in refresh_statistics(); between two refreshes `in_ring` is
// what was known to wait at the last one, never negative, so that the law holds at every batch.
// After End, Failed or close() the counters are final and exact. `received_bytes` are the wire
// bytes of delivered packets and of those that a pre-filter rejected and counted: nobody knows the
// bytes of packets that the kernel dropped.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "interface/af_packet_framing.h"
#include "interface/af_packet_prefilter.h"
#include "interface/af_packet_ring.h"
#include "interface/af_packet_socket.h"
#include "interface/direction.h"
#include "interface/network_interfaces.h"
#include "interface/receive_barrier.h"
#include "interface/source.h"
#include "security/privileged_operations.h"

struct tpacket3_hdr;

namespace weir::interface {

enum class Promiscuous : std::uint8_t { No, Yes };

// The headers of nearly every packet, tunnels included.
inline constexpr std::uint32_t kDeliveredBytesMin = 512;

struct AfPacketOptions {
  std::string interface;
  // What is to be stored of a packet, 1 to kPacketBytesMax: it stands in the interface's
  // description. Filters judge the packet as it was on the wire, so more is delivered where there
  // is more: at least kDeliveredBytesMin. Whoever stores a packet cuts it.
  std::uint32_t snaplen = kPacketBytesMax;
  std::uint64_t ring_bytes = 64 * 1024 * 1024;  // rounded down to whole blocks; at least two
  std::uint32_t block_bytes =
      1024 * 1024;  // a power of two of pages that holds a packet as it is delivered
  // A quiet link's packets reach the reader after this time at the latest. Whole milliseconds, at
  // least one.
  Duration block_timeout = std::chrono::milliseconds(20);
  Promiscuous promiscuous = Promiscuous::Yes;
  Direction direction = Direction::InOut;
  std::string prefilter;  // set_prefilter(), in place before the first packet
};

// What a source is made of. The socket receives already, or will once its filter lets packets in.
struct AfPacketParts {
  NetworkInterface facts;
  LinkType link_type;
  InterfaceTable interfaces;  // of the whole capture
  InterfaceId interface;      // this source's place in it
  AfPacketSocket socket;
  AfPacketPrefilter prefilter;
  Prefilter prefilter_as_set;
  AfPacketRing ring;
  ReceiveBarrier barrier;
  UniqueFd wake_fd;
};

// Owned and called by one worker, except wake(), set_prefilter() and prefilter().
class AfPacketSource final : public Source {
 public:
  // One interface for one worker; open_af_packet_sources() opens several. When it returns, every
  // packet from now on is seen. Errors: UnknownInterface (with the list of interfaces), Permission
  // (with the capability), Usage (sizes), Resource (ring memory). `privileges` and `clock` outlive
  // the source.
  static Result<std::unique_ptr<AfPacketSource>> open(const AfPacketOptions& options,
                                                      security::PrivilegedOperations& privileges,
                                                      const Clock& clock);
  AfPacketSource(AfPacketParts parts, const Clock& clock);

  Pull next_batch(PacketBatch& batch, std::uint32_t packets_max, Duration timeout) override;
  void release(PacketBatch& batch) override;
  void close_intake() override;
  void close() override;
  void wake() noexcept override;
  // What was rejected before stays counted, whatever follows. A capture that has given up its
  // rights since it was opened gets pre-filters that do not count.
  Prefilter set_prefilter(std::string_view expression) override;
  [[nodiscard]] Prefilter prefilter() const noexcept override {
    return prefilter_as_set_.load(std::memory_order_relaxed);
  }
  void refresh_statistics() override;
  [[nodiscard]] std::uint32_t ring_fill_now() const noexcept override {
    return ring_.fill_estimate();
  }

  [[nodiscard]] const SourceStatistics& statistics() const noexcept override { return statistics_; }
  [[nodiscard]] const InterfaceTable& interfaces() const noexcept override { return interfaces_; }
  [[nodiscard]] std::string_view mode() const noexcept override { return "afpacket"; }
  [[nodiscard]] bool lossless() const noexcept override { return false; }
  [[nodiscard]] Progress progress() const noexcept override { return {}; }
  [[nodiscard]] const std::optional<Error>& error() const noexcept override { return error_; }

 private:
  enum class State : std::uint8_t {
    Running,
    Draining,  // the intake is closed, or the interface is gone: only the ring is left
    Ended,
    Failed,
  };
  enum class Wake : std::uint8_t { Packets, TimedOut, Called };

  [[nodiscard]] bool have_packets() noexcept;
  Pull wait_for_packets(Duration timeout);
  Wake wait(Duration timeout) noexcept;
  [[nodiscard]] Duration longest_quiet_wait() const noexcept;
  void fill(PacketBatch& batch, std::uint32_t packets_max) noexcept;
  void tell_gap(PacketBatch& batch, const tpacket3_hdr& header, Timestamp time) noexcept;
  void view(const tpacket3_hdr& header, Packet& packet) const noexcept;

  void look_at_socket_error() noexcept;
  void lose_interface();
  void start_draining() noexcept;
  [[nodiscard]] bool drained() noexcept;
  Pull finish() noexcept;

  void read_kernel_counters() noexcept;
  void publish_counters() noexcept;

  AfPacketSocket socket_;
  AfPacketPrefilter prefilter_;
  std::atomic<Prefilter> prefilter_as_set_;
  std::atomic<bool> intake_closed_{false};
  AfPacketRing ring_;
  ReceiveBarrier barrier_;
  UniqueFd wake_fd_;
  const Clock& clock_;
  const NetworkInterface facts_;
  const LinkType link_type_;
  const InterfaceTable interfaces_;
  const InterfaceId interface_;

  State state_ = State::Running;
  BlockCursor cursor_;
  bool block_held_ = false;
  bool batch_lent_ = false;
  bool link_down_ =
      false;  // the kernel reported it; removal of the interface can follow unreported
  MonotonicTime drain_until_;
  std::optional<Error> error_;

  std::uint64_t kernel_packets_ = 0;  // sums of the kernel's counters
  std::uint64_t kernel_drops_ = 0;
  std::uint64_t drops_told_ = 0;      // of these, in gaps
  Timestamp drops_read_at_;           // when the first that is not told yet was read of
  std::uint64_t kernel_rejects_ = 0;  // by the pre-filter, as read last
  std::uint64_t kernel_reject_bytes_ = 0;
  std::uint64_t delivered_bytes_ = 0;  // on the wire
  SourceStatistics statistics_;
};

}  // namespace weir::interface
