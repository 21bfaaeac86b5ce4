// What the rules of a flow may do beside setting its fields: write history, say that something is
// weird, keep details that few flows have. One for each shard.
#pragma once

#include <cstdint>

#include "protocol/deep/flow.h"
#include "protocol/deep/flow_counters.h"
#include "protocol/deep/flow_options.h"
#include "protocol/deep/pool.h"
#include "protocol/deep/record_sink.h"

namespace weir::protocol {

// Borrowed by all shards of an engine; outlives them.
struct FlowServices {
  const FlowOptions& options;
  RecordSink& records;
  FlowCounters& counters;
};

class FlowNotes {
 public:
  static Result<FlowNotes> make(const FlowServices& services, std::uint32_t flows_max);

  // Where the records of what is done next stand among all others, and when it happens.
  void at(RecordOrder order, Timestamp time) noexcept {
    order_ = order;
    time_ = time;
  }
  [[nodiscard]] RecordOrder order() const noexcept { return order_; }

  // A letter of the history as it is written for the originator; the responder's is in lower case.
  void letter(Flow& flow, End end, char upper) noexcept;
  // The same, but only the first time; true when it was there before.
  bool letter_once(Flow& flow, End end, HistoryLetter which, char upper) noexcept;
  // Neither case: '^'.
  void flip_roles(Flow& flow) noexcept;
  void set_history(Flow& flow, std::string_view letters) noexcept;
  // Counts the event, and writes its letter at the first, tenth, hundredth ... time.
  void scaled(Flow& flow, End end, ScaledEvent event) noexcept;

  // Told once for each flow and name.
  void weird(Flow& flow, Weird name, std::uint64_t number = 0, std::uint64_t other = 0) noexcept;
  [[nodiscard]] bool told_weird(const Flow& flow) const noexcept;
  void missed(Flow& flow, std::uint64_t bytes) noexcept;
  // Another flow carries it from now on. False: that happened too often.
  bool add_parent(Flow& flow, const Uid& parent) noexcept;

  // Null: there is none, and for extra() none could be had, which is counted.
  [[nodiscard]] FlowExtra* extra(Flow& flow) noexcept;
  [[nodiscard]] const FlowExtra* extra_of(const Flow& flow) const noexcept {
    return flow.extra == kNoIndex ? nullptr : &extras_[flow.extra];
  }
  void free_extra(Flow& flow) noexcept;

  // Data of `end` beyond a hole: keeps [begin, end) in the list, sorted, without overlaps.
  void keep_segment(Flow& flow, End sender, std::uint32_t begin, std::uint32_t end) noexcept;
  [[nodiscard]] const Segment* first_segment(const Flow& flow, End sender) const noexcept;
  void drop_first_segment(Flow& flow, End sender) noexcept;
  void drop_segments(Flow& flow, End sender) noexcept;
  // One past the last byte, and the sum of all bytes, of what is kept. There is something.
  struct SegmentTotals {
    std::uint32_t end = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] SegmentTotals segment_totals(const Flow& flow, End sender) const noexcept;

  [[nodiscard]] Uid uid_of(const Flow& flow) const noexcept;
  [[nodiscard]] Timestamp time() const noexcept { return time_; }
  [[nodiscard]] FlowCounters& counters() noexcept { return services_->counters; }
  [[nodiscard]] const FlowOptions& options() const noexcept { return services_->options; }

  // The flow's record, now.
  void tell(const Flow& flow, FlowEnd end) noexcept;
  void tell_tunnel(const Flow& flow, TunnelAction action, Timestamp time) noexcept;

 private:
  explicit FlowNotes(const FlowServices& services) : services_(&services) {}

  const FlowServices* services_;
  Pool<FlowExtra> extras_;
  Pool<Segment> segments_;
  RecordOrder order_;
  Timestamp time_;
};

// The ends of a flow as a record names them.
[[nodiscard]] Endpoints ends_of(const Flow& flow) noexcept;

}  // namespace weir::protocol
