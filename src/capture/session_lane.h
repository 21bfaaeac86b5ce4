// What one worker counts and remembers of a session.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/verdicts.h"
#include "capture/accept_budget.h"
#include "capture/flow_cutoff.h"
#include "capture/ledger.h"
#include "capture/relief.h"
#include "filter/rule_set.h"
#include "output/loss.h"
#include "protocol/deep/flow_uids.h"

namespace weir::capture {

// The session's row: received = accepted + Σ rejected + Σ dropped, where `received` is what the
// worker was handed while the session was in its plan, without what came from a refused source.
// Written by the worker, read by any thread.
struct SessionCounters {
  telemetry::Counter received;
  telemetry::Counter received_bytes;
  telemetry::Counter accepted;
  telemetry::Counter accepted_bytes;
  telemetry::Counter truncated;  // accepted, and less than the whole frame was kept
  std::array<telemetry::Counter, kReasonCount<RejectReason>> rejected;
  std::array<telemetry::Counter, kReasonCount<DropReason>> dropped;
};

// What a session may still accept, all its workers together.
struct SessionBudget {
  AcceptBudget packets;
  AcceptBudget bytes;  // on the wire; the packet that crosses the bound is the last one
  [[nodiscard]] bool exhausted() const noexcept { return packets.exhausted() || bytes.exhausted(); }
};

// Packets of a batch that some session wanted and could not take any more.
using OverLimit = std::bitset<kBatchPacketsMax>;
// ... and that some session wanted and dropped under pressure.
using UnderPressure = std::bitset<kBatchPacketsMax>;

// The worker whose lane it is; before the first and after the last batch whoever owns the session.
class SessionLane {
 public:
  // Borrowed.
  explicit SessionLane(SessionBudget& budget) : budget_(budget) {}

  [[nodiscard]] const SessionBudget& budget() const noexcept { return budget_; }

  // Takes back the verdicts that `relief` drops, and remembers them for take_dropped(). Returns how
  // many.
  std::uint32_t drop(const PacketBatch& batch, const HeadersArray& headers, Verdicts& verdicts,
                     SessionMask bit, const Relief& relief, UnderPressure& dropped);
  // What was dropped since it was last called, at most a batch; good until the next drop().
  [[nodiscard]] std::span<const output::PressureLoss> take_dropped() noexcept {
    return {losses_.data(), std::exchange(losses_count_, 0)};
  }

  // Takes back the verdicts that the budget has no room for. `wanted`: packets with the bit.
  // Returns how many are left.
  std::uint32_t keep_within_budget(const PacketBatch& batch, Verdicts& verdicts, SessionMask bit,
                                   std::uint32_t wanted, OverLimit& over);

  // For cutoff without rules: they would keep all of so many packets.
  void keep_all(std::uint32_t packets) noexcept;
  // Shortens the packets to what the session keeps of them: `snaplen` (0: all), and what `outcomes`
  // say. restore() makes the batch what it was.
  void cut(PacketBatch& batch, std::uint32_t snaplen, bool by_outcomes);
  void restore(PacketBatch& batch) const;
  void count_accepted(const PacketBatch& batch, const Verdicts& verdicts, SessionMask bit);

  SessionCounters counters;
  TimeRange times;  // of accepted packets
  // Of the last batch.
  const std::unique_ptr<filter::RuleOutcomes> outcomes = std::make_unique<filter::RuleOutcomes>();
  std::optional<FlowCutoff> cutoff;  // there in every plan
  std::uint32_t flow_share_told = Relief::kWholeShare;
  // Of the last batch that was analysed; null while no output has asked for them.
  std::unique_ptr<protocol::FlowUids> uids;

 private:
  SessionBudget& budget_;
  std::array<std::uint32_t, kBatchPacketsMax> captured_bytes_{};  // before cut()
  std::array<output::PressureLoss, kBatchPacketsMax> losses_{};   // by interface
  std::size_t losses_count_ = 0;
};

}  // namespace weir::capture
