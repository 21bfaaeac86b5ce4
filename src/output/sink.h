// Where accepted packets go: a pcapng file, a pipe, nowhere. One thread at a time calls a sink;
// workers that share one take turns (shared_sink.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/capture_interface.h"
#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/packet_keys.h"
#include "base/reasons.h"
#include "base/result.h"
#include "base/verdicts.h"
#include "output/loss.h"
#include "protocol/deep/flow_uids.h"
#include "protocol/deep/store_ref.h"
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

// offered = written + Σ lost + pending: between two calls of the sink.
[[nodiscard]] inline bool balanced(const SinkStatistics& sink) noexcept {
  std::uint64_t lost = 0;
  for (const auto& counter : sink.lost) lost += counter.value();
  return sink.offered.value() == sink.written.value() + lost + sink.pending.value();
}

// Plain numbers of one moment.
struct SinkCounts {
  std::uint64_t offered = 0;
  std::uint64_t written = 0;
  std::uint64_t written_bytes = 0;
  std::uint64_t pending = 0;
  std::array<std::uint64_t, kReasonCount<LostReason>> lost{};

  SinkCounts& operator+=(const SinkCounts& other) noexcept;
};
[[nodiscard]] SinkCounts counts_of(const SinkStatistics& statistics) noexcept;

// What a sink has put in one of its places: a row of reports.
struct SinkPlace {
  std::string_view path;
  std::uint64_t files = 1;
  SinkCounts counts;
};

// A pipe that has a queue on disk for what its reader does not take.
struct SpillStatus {
  std::string_view state;     // "writing", "spilling", "blocked": docs/states.md
  std::uint64_t bytes = 0;    // that the queue takes now
  std::uint64_t packets = 0;  // that have gone through it
};

// A batch with what the stages before the output found. Borrowed for the length of a call.
struct Offer {
  const PacketBatch& batch;
  const InterfaceTable& interfaces;
  const Verdicts& verdicts;
  SessionMask session = 0;  // the packets whose verdict has a bit of it are offered
  // Needed by sinks that index what they store.
  const HeadersArray* headers = nullptr;
  const KeysArray* keys = nullptr;
  // Of the offered packets, from the analysis of the session; null: there is none.
  const protocol::FlowUids* uids = nullptr;
  // What the session dropped of the batch: told before the first packet that is stored after it.
  std::span<const PressureLoss> dropped = {};
};

class Sink {
 public:
  virtual ~Sink() = default;
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // Gives one credit: room for one whole batch (kBatchBytesMax and framing). The pipeline takes it
  // before it pulls from the source, and keeps it while nothing comes; as many credits may be out
  // as the sink was opened for. Waits for the room, except where the sink was opened to drop what
  // finds none. An error is final: from then on write() counts packets as lost.
  virtual Result<void> reserve() = 0;
  // Takes the wanted packets of the batch, its gap and its side blocks; copies what it keeps. Uses
  // up one credit. Never waits, never fails: trouble is reported by the next reserve() or close().
  // The next packet that it stores of an interface carries what was lost before it (epb_dropcount
  // and a comment), whoever lost it.
  virtual void write(const Offer& offer) = 0;
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

  // Whether it makes something of Offer::uids.
  [[nodiscard]] virtual bool wants_uids() const noexcept { return false; }
  // Where the packets of the next write() will be, or behind that; empty: nowhere that records can
  // name. As write(), with a credit, and only when it follows.
  [[nodiscard]] virtual protocol::StoreRef store_ref() { return {}; }
  // The part of this sink that the worker of a lane calls: workers share one sink (shared_sink.h),
  // or each has its own.
  virtual Sink& lane(std::size_t index) {
    (void)index;
    return *this;
  }

  // Of all lanes together. Any thread.
  [[nodiscard]] virtual SinkCounts counts() const noexcept { return counts_of(statistics()); }
  // Of the one that is called. The owner writes, any thread reads.
  [[nodiscard]] virtual const SinkStatistics& statistics() const noexcept = 0;
  [[nodiscard]] virtual std::string_view kind() const noexcept = 0;  // "pcapng"
  [[nodiscard]] virtual std::string_view path() const noexcept = 0;  // "-" for standard output
  // Where bytes go now: path(), or the file of a series that is open. The owner; a pipe's never
  // changes: any thread.
  [[nodiscard]] virtual std::string file() const { return std::string(path()); }
  // How bytes leave now: BlockDevice::mode() for files, "pipe". As file(), or anyone after close().
  [[nodiscard]] virtual std::string_view mode() const noexcept = 0;
  // Files begun, for outputs that rotate. Any thread.
  [[nodiscard]] virtual std::uint64_t files() const noexcept { return 1; }
  // A sink may write to several places, each packet to one of them. Any thread.
  [[nodiscard]] virtual std::size_t places() const noexcept { return 1; }
  [[nodiscard]] virtual SinkPlace place(std::size_t index) const {
    (void)index;
    return {path(), files(), counts()};
  }
  // As mode().
  [[nodiscard]] virtual std::string_view place_mode(std::size_t index) const noexcept {
    (void)index;
    return mode();
  }
  // How much of the room for packets on their way is taken, as of the last batch: from 1 on what
  // comes next waits, or is lost. 0: it has no bound that is known, or has failed: nobody waits for
  // it. Any thread.
  [[nodiscard]] virtual double fill() const noexcept { return 0; }
  // Of outputs that have such a queue. Any thread.
  [[nodiscard]] virtual std::optional<SpillStatus> spill() const noexcept { return std::nullopt; }
  // Trouble that ended nothing (an old file that could not be deleted), each kind told once. The
  // owner.
  virtual std::optional<Error> take_warning() { return std::nullopt; }
};

}  // namespace weir::output
