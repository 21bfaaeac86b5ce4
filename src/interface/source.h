// A source of packets: a live interface, a list of files, later a tunnel socket. One worker owns it
// and calls it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/capture_interface.h"
#include "base/error.h"
#include "base/packet_batch.h"
#include "base/reasons.h"
#include "base/time.h"
#include "telemetry/counter.h"

namespace weir::interface {

enum class Pull : std::uint8_t {
  Packets,  // the batch holds at least one packet or side block
  Idle,     // nothing came within the timeout (live), or wake() was called
  End,  // nothing will come any more: end of the files, or the ring is drained after close_intake()
  Failed,  // nothing will come any more, and error() says why; all good packets before it have been
           // delivered
};

// The source's row of the ledger; packets, and bytes on the wire where they are known (the kernel
// does not tell the bytes of packets that it dropped). Written by the owner, read by any thread.
//   received = delivered + Σ dropped + Σ rejected + in_ring
struct SourceStatistics {
  telemetry::Counter received;
  telemetry::Counter received_bytes;
  telemetry::Counter delivered;
  telemetry::Counter in_ring;  // gauge
  // How full the buffer in front of us is, in thousandths: gauge, as of the last refresh. Live
  // sources; it is what a burst can still use that matters.
  telemetry::Counter ring_fill;
  std::array<telemetry::Counter, kReasonCount<DropReason>> dropped;
  std::array<telemetry::Counter, kReasonCount<RejectReason>> rejected;
};

// How far a source of known length has come.
struct Progress {
  std::uint64_t bytes_done = 0;   // of the files as they lie on disk
  std::uint64_t bytes_total = 0;  // 0 = unknown (a pipe)
};

// Where a filter expression is applied before packets reach the user-space filter, which always
// decides: what runs below lets through at least everything that the expression accepts.
enum class FilterPlace : std::uint8_t { User, Kernel };
struct Prefilter {
  FilterPlace place = FilterPlace::User;
  bool counted = true;  // what is rejected below is in `received` and `rejected{kernel_filter}`
};

class Source {
 public:
  virtual ~Source() = default;
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // Fills `batch` (at most `packets_max` packets, all limits of packet_batch.h) with the next
  // packets and lends their bytes until release(). Waits at most `timeout` for the first packet.
  // The counters `received` and `delivered` move here. One batch is lent at a time. Never allocates
  // per packet.
  virtual Pull next_batch(PacketBatch& batch, std::uint32_t packets_max, Duration timeout) = 0;
  // Gives the frames back; the batch is empty afterwards.
  virtual void release(PacketBatch& batch) = 0;

  // Nothing that arrives from now on is delivered; what was received before still is, then End.
  // Files end at once.
  virtual void close_intake() = 0;
  // The last call, with no batch lent: nothing is received any more, the kernel's counters are read
  // for the last time, and what was received but never delivered counts as dropped{stop}. in_ring
  // is 0 afterwards.
  virtual void close() = 0;
  // Makes a next_batch() that waits return Idle. Any thread.
  virtual void wake() noexcept = 0;

  // From now on the source may leave out packets that `expression` rejects (pcap-filter; empty:
  // none). No packet that both the old and the new expression accept is lost in between. Says what
  // became of it: a source that cannot, or an expression that it cannot run below, gives {User}.
  // The thread that does set-up and control; may run beside the owner's calls.
  virtual Prefilter set_prefilter(std::string_view expression) {
    (void)expression;
    return {};
  }
  // As set last. Any thread.
  [[nodiscard]] virtual Prefilter prefilter() const noexcept { return {}; }

  // Reads the kernel's counters into statistics(); the owner calls it about ten times a second and
  // once at the end.
  virtual void refresh_statistics() = 0;
  [[nodiscard]] virtual const SourceStatistics& statistics() const noexcept = 0;

  // How full the buffer in front of a live source is now, in thousandths: an estimate, which needs
  // nothing of the owner. Any thread, while the source is there.
  [[nodiscard]] virtual std::uint32_t ring_fill_now() const noexcept { return 0; }

  [[nodiscard]] virtual const InterfaceTable& interfaces() const noexcept = 0;
  // "file", "afpacket": capture_mode of --stats-json.
  [[nodiscard]] virtual std::string_view mode() const noexcept = 0;
  // A paused lossless source loses nothing (files); a live one does.
  [[nodiscard]] virtual bool lossless() const noexcept = 0;
  // Any thread.
  [[nodiscard]] virtual Progress progress() const noexcept = 0;
  // Why next_batch() returned Failed.
  [[nodiscard]] virtual const std::optional<Error>& error() const noexcept = 0;
};

}  // namespace weir::interface
