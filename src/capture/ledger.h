// Every packet is accounted for: the ledger of one worker, as counters while it runs and as a
// snapshot with its laws.
// - source (its own row): received = delivered + Σ dropped + Σ rejected + in_ring
// - admission and filter (the pipeline's row): delivered = accepted + Σ rejected + Σ dropped
// - whole: received = accepted + Σ rejected + Σ dropped + in_flight
// - sink (output/sink.h): offered = written + Σ lost + pending
// A malformed packet is accepted or rejected like any other and counted beside the laws.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>

#include "base/reasons.h"
#include "base/time.h"
#include "interface/source.h"
#include "output/sink.h"
#include "telemetry/counter.h"

namespace weir::capture {

// Written by the worker at the end of each batch, read by any thread.
struct PipelineCounters {
  telemetry::Counter accepted;
  telemetry::Counter accepted_bytes;  // on the wire
  telemetry::Counter
      truncated;  // delivered packets of which less was captured than was on the wire
  std::array<telemetry::Counter, kReasonCount<RejectReason>> rejected;
  std::array<telemetry::Counter, kReasonCount<DropReason>> dropped;
  std::array<telemetry::Counter, kReasonCount<MalformedReason>> malformed;
};

// The earliest and latest packet time among delivered packets that carry one. Worker only, until it
// has finished.
struct TimeRange {
  Timestamp first{std::numeric_limits<std::int64_t>::max()};
  Timestamp last{std::numeric_limits<std::int64_t>::min()};
  [[nodiscard]] bool empty() const noexcept { return first > last; }
};

// Plain numbers of one moment. While a worker runs they are a few packets apart; after it has
// finished they are exact.
struct LedgerSnapshot {
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t delivered = 0;
  std::uint64_t accepted = 0;
  std::uint64_t accepted_bytes = 0;
  std::uint64_t truncated = 0;
  std::uint64_t in_ring = 0;
  std::array<std::uint64_t, kReasonCount<RejectReason>> rejected{};
  std::array<std::uint64_t, kReasonCount<DropReason>> dropped{};
  std::array<std::uint64_t, kReasonCount<MalformedReason>> malformed{};

  [[nodiscard]] std::uint64_t rejected_total() const noexcept;
  [[nodiscard]] std::uint64_t dropped_total() const noexcept;
  // received = accepted + Σ rejected + Σ dropped + in_flight, with in_flight = in_ring between
  // batches.
  [[nodiscard]] bool balanced() const noexcept;

  // The ledger of several workers together.
  LedgerSnapshot& operator+=(const LedgerSnapshot& other) noexcept;
};

LedgerSnapshot snapshot(const interface::SourceStatistics& source,
                        const PipelineCounters& pipeline) noexcept;

}  // namespace weir::capture
