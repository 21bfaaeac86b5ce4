// The packet flow of one worker, one batch at a time: reserve credit → source → validate → headers
// → filter → deep → output → release. One pass, however many sessions there are.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/verdicts.h"
#include "capture/lane_plan.h"
#include "capture/ledger.h"
#include "capture/pipeline_telemetry.h"
#include "interface/source.h"
#include "security/source_account.h"

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

// Owned and called by one worker, but for what says otherwise. Allocates nothing after
// construction, except when the source shows a new interface.
class Pipeline {
 public:
  // Source and clock are borrowed and outlive the pipeline. Without a clock no stage is timed.
  Pipeline(interface::Source& source, std::unique_ptr<LanePlan> plan, const Clock* clock = nullptr);
  ~Pipeline();

  // Compiles the filters for the interfaces that the source has already shown.
  Result<void> prepare();

  // One round of the packet flow.
  Step run_batch(Duration timeout);
  // One round after the limit: pulls what the source still holds and counts it as rejected.
  Step discard_batch(Duration timeout);

  // Recent packets to readers while the line is quiet; a failure comes back from the next round.
  void flush_outputs();
  // The analysis sees time pass while no packets come.
  void pass_time(Timestamp now);
  // Ends analysis and outputs of the sessions that it has, if the capture ends with them. The first
  // error of all their lives.
  Result<void> close_sessions();

  // What all packets that are pulled from some moment soon on are judged by: prepared for all link
  // types of the source. Any thread; the caller wakes the source if it should not wait for a
  // packet.
  void offer(std::unique_ptr<LanePlan> next) noexcept;
  // Of the plan in force. Any thread.
  [[nodiscard]] std::uint64_t generation() const noexcept {
    return generation_.load(std::memory_order_acquire);
  }
  // An eventfd, written when a plan that was offered comes into force. Before the first round.
  void tell_adoption(int fd) noexcept { adopted_fd_ = fd; }

  [[nodiscard]] const PipelineTelemetry& telemetry() const noexcept { return telemetry_; }
  [[nodiscard]] const PipelineCounters& counters() const noexcept { return counters_; }
  // Packets whose source was refused. Any thread.
  [[nodiscard]] const security::SourceAccount& refused_sources() const noexcept {
    return refused_sources_;
  }
  [[nodiscard]] LedgerSnapshot ledger() const noexcept {
    return snapshot(source_.statistics(), counters_);
  }
  // Worker only, or after it has finished.
  [[nodiscard]] const TimeRange& times() const noexcept { return times_; }
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }
  [[nodiscard]] Fault fault() const noexcept { return fault_; }

 private:
  // Sums of one batch, whatever a session wants of it.
  struct BatchSums {
    std::uint32_t offered = 0;  // packets that no refused source sent
    std::uint64_t offered_bytes = 0;
    std::uint32_t truncated = 0;
  };

  void adopt_offered_plan() noexcept;
  Result<void> reserve();
  [[nodiscard]] bool exhausted() const noexcept;
  [[nodiscard]] std::uint32_t packets_wanted() const noexcept;
  Result<void> prepare_new_interfaces();
  void describe_interfaces();
  void withhold_refused();
  void read_relief() noexcept;
  void judge();
  std::uint32_t judge(const LanePlan::View& session, const Relief& relief);
  void limit_flows(const LanePlan::View& session, const Relief& relief);
  void analyse();
  void write();
  [[nodiscard]] BatchSums sums() const noexcept;
  [[nodiscard]] std::uint32_t packets_with(SessionMask bit) const noexcept;
  [[nodiscard]] RejectReason reason_for(std::uint32_t packet, bool all_paused) const noexcept;
  void count();
  void count_judged(std::uint32_t packets) noexcept;
  Step fail(Fault fault, Error error);

  interface::Source& source_;
  const Clock* const clock_;
  const bool waits_;  // the source does, and loses nothing meanwhile: no session gets relief
  std::unique_ptr<LanePlan> plan_;
  std::uint32_t interfaces_prepared_ = 0;
  PipelineCounters counters_;
  PipelineTelemetry telemetry_;
  security::SourceAccount refused_sources_;
  TimeRange times_;
  std::optional<Error> error_;
  Fault fault_ = Fault::None;

  std::atomic<LanePlan*> offered_ = nullptr;  // owned
  std::atomic<std::uint64_t> generation_;
  int adopted_fd_ = -1;

  PacketBatch batch_;
  security::SourceVerdicts sources_;
  BatchSums sums_;
  OverLimit over_limit_;
  UnderPressure under_pressure_;
  std::array<std::uint32_t, kSessionsMax> accepted_{};  // of this batch, by session of the plan
  // What each does without in this batch, and the words it was read from.
  std::array<Relief, kSessionsMax> relief_;
  std::array<std::uint64_t, kSessionsMax> relief_words_{};
  // Results of the stages, entry i for packet i; on the heap, because they are large.
  std::unique_ptr<HeadersArray> headers_;
  std::unique_ptr<KeysArray> keys_;
  std::unique_ptr<Verdicts> verdicts_;
};

}  // namespace weir::capture
