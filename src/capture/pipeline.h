// The packet flow of one worker, one batch at a time: reserve credit → source → headers → filter →
// output → release.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/verdicts.h"
#include "capture/ledger.h"
#include "filter/frame_filter.h"
#include "interface/source.h"
#include "output/sink.h"

namespace weir::capture {

// What became of one round.
enum class Step : std::uint8_t {
  Packets,
  Idle,          // nothing came within the timeout
  LimitReached,  // the last of the wanted packets has been accepted
  SourceEnded,
  Failed,  // error() says why
};

// Owned and called by one worker; the counters may be read by any thread. Allocates nothing after
// construction, except when the source shows a new interface.
class Pipeline {
 public:
  // `accepted_max` 0: no limit. Source and sinks are borrowed and outlive the pipeline.
  Pipeline(interface::Source& source, filter::FrameFilter filter,
           std::span<output::Sink* const> sinks, std::uint64_t accepted_max);

  // Compiles the filter for the interfaces that the source has already shown.
  Result<void> prepare();

  // One round of the packet flow.
  Step run_batch(Duration timeout);
  // One round after the limit: pulls what the source still holds and counts it as rejected.
  Step discard_batch(Duration timeout);

  [[nodiscard]] const PipelineCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] LedgerSnapshot ledger() const noexcept {
    return snapshot(source_.statistics(), counters_);
  }
  // Worker only, or after it has finished.
  [[nodiscard]] const TimeRange& times() const noexcept { return times_; }
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

 private:
  Result<void> reserve_credit();
  Result<void> prepare_new_interfaces();
  void describe_interfaces();
  void count(std::uint32_t accepted);
  Step fail(Error error);

  interface::Source& source_;
  filter::FrameFilter filter_;
  std::vector<output::Sink*> sinks_;
  std::uint64_t accepted_max_;
  std::uint32_t interfaces_prepared_ = 0;
  PipelineCounters counters_;
  TimeRange times_;
  std::optional<Error> error_;

  PacketBatch batch_;
  // Results of the stages, entry i for packet i; on the heap, because they are large.
  std::unique_ptr<HeadersArray> headers_;
  std::unique_ptr<KeysArray> keys_;
  std::unique_ptr<Verdicts> verdicts_;
};

}  // namespace weir::capture
