// One sequence of records from several producers, so that logs do not depend on how many workers
// there were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "output/record_stream.h"
#include "output/record_sums.h"

namespace weir::output {

// What the merger does about a stream that is behind the others.
enum class Ordering : std::uint8_t {
  Strict,   // waits for it. Files.
  Bounded,  // waits until the ring of another is half full, then goes on without it: what it brings
            // later stands too late in the log, and by itself where it would have been summed. Live
            // captures.
};

struct RecordMergerOptions {
  std::size_t streams = 1;
  std::uint32_t slots = 1024;  // of each stream's ring: a power of two, at least 2
  WhenFull when_full = WhenFull::Wait;
  Ordering ordering = Ordering::Strict;
};

// The merger's row of the ledger of records:
// Σ offered of the streams = Σ their lost + handed_on + summed + in rings and sums.
struct RecordMergerStatistics {
  RecordCounters handed_on;
  RecordCounters summed;        // has become a part of a record of another stream
  telemetry::Counter overtook;  // records that did not wait for a stream behind (Bounded)
};

// Owns a stream for each producer and a thread that merges them into a sink, in RecordOrder; equal
// orders by index of the stream, and within a stream as they were taken. A record is written when
// no stream can bring one before it. Records of stats.log and capture_loss.log of one order are
// summed.
//
// No deadlock with WhenFull::Wait and Strict, if the users keep this condition: a producer may wait
// for room only if every other stream will reach the orders of what lies in the waiting one's
// ring without it. Then the smallest record of all can always go some time. Workers with a queue of
// batches each keep it, if each batch is given to all of them before the next is given to any:
// whoever gives may wait for a worker that waits for room, but what that one holds came from
// batches that all have been given. A thread that feeds two streams in turn breaks it. With Bounded
// there is no condition.
//
// The rings are allocated by the constructor, and nothing is afterwards.
class RecordMerger {
 public:
  // `sink` is lent, and called by the merger's thread alone.
  RecordMerger(const RecordMergerOptions& options, protocol::RecordSink& sink);
  RecordMerger(const RecordMerger&) = delete;
  RecordMerger& operator=(const RecordMerger&) = delete;
  // Producers are done. A stream that has not ended is ended, so that all is written.
  ~RecordMerger();

  // One producer each.
  [[nodiscard]] RecordStream& stream(std::size_t index) noexcept { return *streams_[index]; }
  [[nodiscard]] const RecordMergerStatistics& statistics() const noexcept { return statistics_; }

  // A thread for run(); join() waits until all streams have ended and all is handed on.
  void start();
  void join();
  // The body of that thread, for callers that bring their own.
  void run();

 private:
  // What the merger knows of a stream.
  struct Head {
    const protocol::Record* record = nullptr;  // in the ring
    protocol::RecordOrder order;               // of it; without one, of what the stream has reached
  };
  // The stream with the smallest record, and how far all streams without a record have come.
  struct Choice {
    std::size_t stream = kNone;
    protocol::RecordOrder floor = kRecordsEnd;
  };
  static constexpr std::size_t kNone = SIZE_MAX;

  void merge();
  void look_at(std::size_t index) noexcept;
  void look_at_empty() noexcept;
  [[nodiscard]] Choice choose() const noexcept;
  [[nodiscard]] bool may_go(const Choice& choice) const noexcept;
  [[nodiscard]] bool any_half_full() const noexcept;
  void take_from(std::size_t index);
  void hand_on(const protocol::Record& record);
  void release_sums();
  void tell_reached();

  const Ordering ordering_;
  protocol::RecordSink& sink_;
  Doorbell bell_;
  std::vector<std::unique_ptr<RecordStream>> streams_;
  std::vector<Head> heads_;  // by stream
  RecordSums sums_;
  protocol::RecordOrder told_;  // the sink
  std::uint32_t untold_ = 0;    // records since then
  RecordMergerStatistics statistics_;
  std::thread thread_;
};

}  // namespace weir::output
