// Where accepted packets go: a pcapng file, a pipe, nowhere. One worker owns a sink and calls it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/capture_interface.h"
#include "base/packet_batch.h"
#include "base/reasons.h"
#include "base/result.h"
#include "base/verdicts.h"
#include "telemetry/counter.h"

namespace weir::output {

// The sink's row of the ledger: offered = written + Σ lost + pending. `written` counts packets
// whose last byte the kernel has taken (for files: is in the file). Written by the owner, read by
// any thread.
struct SinkStatistics {
  telemetry::Counter offered;
  telemetry::Counter written;
  telemetry::Counter written_bytes;  // of the file or pipe, with all framing
  telemetry::Counter pending;        // gauge
  std::array<telemetry::Counter, kReasonCount<LostReason>> lost;
};

class Sink {
 public:
  virtual ~Sink() = default;
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // Waits until one whole batch (kBatchBytesMax and framing) finds room: the credit that the
  // pipeline takes before it pulls from the source. An error is final: from then on write() counts
  // packets as lost.
  virtual Result<void> reserve() = 0;
  // Takes the packets of the batch whose verdict has a bit of `session`, and the side blocks;
  // copies what it keeps. Needs a reserve() before each call. Never waits, never fails: trouble is
  // reported by the next reserve() or close().
  virtual void write(const PacketBatch& batch, const InterfaceTable& interfaces,
                     const Verdicts& verdicts, SessionMask session) = 0;
  // Hands on what it holds (a live capture calls it when the line is quiet, so that readers see
  // recent packets).
  virtual Result<void> flush() = 0;
  // Everything to the end of the file; the gauge `pending` is zero afterwards. Returns the first
  // error of the sink's life, also when it was returned before. After an error the file holds whole
  // packets only.
  virtual Result<void> close() = 0;

  // Makes a reserve(), flush() or close() that waits for a slow reader give up: what it still holds
  // counts as lost. Any thread; needed only where waiting has no bound (pipes).
  virtual void cancel() noexcept = 0;

  [[nodiscard]] virtual const SinkStatistics& statistics() const noexcept = 0;
  [[nodiscard]] virtual std::string_view kind() const noexcept = 0;  // "pcapng"
  [[nodiscard]] virtual std::string_view path() const noexcept = 0;  // "-" for standard output
  // How bytes leave now: BlockDevice::mode() for files, "pipe". The owner, or anyone after close().
  [[nodiscard]] virtual std::string_view mode() const noexcept = 0;
};

}  // namespace weir::output
