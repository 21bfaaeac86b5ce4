// The packet flow of one worker, one batch at a time: reserve credit → source → headers → filter →
// deep → output → release.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/verdicts.h"
#include "capture/accept_budget.h"
#include "capture/deep_stage.h"
#include "capture/ledger.h"
#include "capture/outlets.h"
#include "filter/frame_filter.h"
#include "interface/source.h"
#include "output/sink.h"

namespace weir::capture {

// What became of one round.
enum class Step : std::uint8_t {
  Packets,
  Idle,          // nothing came within the timeout
  LimitReached,  // the last of the wanted packets has been accepted, here or by another worker
  SourceEnded,
  Failed,  // error() says why
};

// Whose fault Step::Failed was.
enum class Fault : std::uint8_t {
  None,
  Source,   // the files are damaged, the interface is gone: other workers can go on
  Outputs,  // none is left that takes packets: the capture is over
};

struct PipelineOptions {
  // Cut off after the filter, so that a filter sees what it would see without it; 0 = nothing.
  std::uint32_t snaplen = 0;
  DeepStage* deep = nullptr;  // borrowed; null: packets are not analysed
};

// Owned and called by one worker, but for what says otherwise. Allocates nothing after
// construction, except when the source shows a new interface.
class Pipeline {
 public:
  // Source, sinks and budget are borrowed and outlive the pipeline.
  Pipeline(interface::Source& source, filter::FrameFilter filter,
           std::span<output::Sink* const> sinks, AcceptBudget& budget,
           PipelineOptions options = {});
  ~Pipeline();

  // Compiles the filter for the interfaces that the source has already shown.
  Result<void> prepare();

  // One round of the packet flow.
  Step run_batch(Duration timeout);
  // One round after the limit: pulls what the source still holds and counts it as rejected.
  Step discard_batch(Duration timeout);

  // Recent packets to readers while the line is quiet; a failure comes back from the next round.
  void flush_outputs() { outlets_.flush(); }
  // The analysis sees time pass while no packets come.
  void pass_time(Timestamp now) {
    if (options_.deep != nullptr) options_.deep->idle(now);
  }
  void finish_analysis() {
    if (options_.deep != nullptr) options_.deep->finish();
  }
  // The first error of all outputs' lives. They are closed in the order in which they were given.
  Result<void> close_outputs() { return outlets_.close(); }

  // The filter of all packets that are pulled from some moment soon on: prepared for all link types
  // of the source. Any thread; the caller wakes the source if it should not wait for a packet.
  void offer_filter(std::unique_ptr<filter::FrameFilter> next) noexcept;
  // Returns when the last filter that was offered decides. Any thread.
  void wait_for_filter() const noexcept;
  // Nothing is filtered any more: ends the wait of others. The worker.
  void end_filtering() noexcept { take_offered_filter(); }

  [[nodiscard]] const PipelineCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] LedgerSnapshot ledger() const noexcept {
    return snapshot(source_.statistics(), counters_);
  }
  // Worker only, or after it has finished.
  [[nodiscard]] const TimeRange& times() const noexcept { return times_; }
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }
  [[nodiscard]] Fault fault() const noexcept { return fault_; }

 private:
  void take_offered_filter() noexcept;
  Result<void> prepare_new_interfaces();
  void describe_interfaces();
  std::uint32_t keep_within_budget(std::uint32_t accepted) noexcept;
  void cut_to_snaplen() noexcept;
  void count(std::uint32_t accepted, std::uint32_t over_limit);
  Step fail(Fault fault, Error error);

  interface::Source& source_;
  filter::FrameFilter filter_;
  Outlets outlets_;
  AcceptBudget& budget_;
  const PipelineOptions options_;
  std::uint32_t interfaces_prepared_ = 0;
  PipelineCounters counters_;
  TimeRange times_;
  std::optional<Error> error_;
  Fault fault_ = Fault::None;

  std::atomic<filter::FrameFilter*> offered_filter_ = nullptr;  // owned

  PacketBatch batch_;
  // Results of the stages, entry i for packet i; on the heap, because they are large.
  std::unique_ptr<HeadersArray> headers_;
  std::unique_ptr<KeysArray> keys_;
  std::unique_ptr<Verdicts> verdicts_;
};

}  // namespace weir::capture
