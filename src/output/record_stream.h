// The producer's end of a ring of records towards the merger (record_merger.h).
#pragma once

#include <array>
#include <cstdint>

#include "base/spsc_ring.h"
#include "output/doorbell.h"
#include "output/record_progress.h"
#include "protocol/deep/record_sink.h"
#include "telemetry/counter.h"

namespace weir::output {

// What happens to a record that finds the ring full.
enum class WhenFull : std::uint8_t {
  Wait,  // the producer waits: nothing is lost. Files.
  Drop,  // the record is lost{overrun}: a slow disk of logs must not stop a live capture. When no
         // more packets come, the producer waits here too.
};

using RecordCounters = std::array<telemetry::Counter, protocol::kLogCount>;  // by LogId

// The stream's row of the ledger of records: offered = lost + taken by the merger + in the ring.
struct RecordStreamStatistics {
  RecordCounters offered;
  RecordCounters lost;
};

// take() and reached() belong to the producer, the merger's part to the merger's thread; any thread
// reads the statistics. The merger owns it.
class RecordStream final : public protocol::RecordSink {
 public:
  // `slots`: a power of two, at least 2. `merger` is rung when there is something to merge.
  RecordStream(std::uint32_t slots, WhenFull when_full, Doorbell& merger);

  // With WhenFull::Wait it may wait; the condition is in record_merger.h.
  void take(const protocol::Record& record) override;
  // Wakes the merger. kRecordsEnd ends the stream.
  void reached(protocol::RecordOrder order) override;
  void packets_ended() override { when_full_ = WhenFull::Wait; }

  [[nodiscard]] const RecordStreamStatistics& statistics() const noexcept { return statistics_; }

  // The merger's part. Whoever wants to know that no record before an order is to come asks
  // has_reached() first and for the front after it.
  [[nodiscard]] protocol::RecordOrder has_reached() const noexcept { return progress_.reached(); }
  [[nodiscard]] const protocol::Record* try_front() noexcept { return ring_.try_front(); }
  void pop() noexcept { ring_.pop(); }
  [[nodiscard]] bool half_full() const noexcept { return ring_.size() >= ring_.capacity() / 2; }

 private:
  void ring_merger() noexcept;

  WhenFull when_full_;
  Doorbell& merger_;
  std::uint32_t unannounced_ = 0;  // records since the merger was rung
  RecordStreamStatistics statistics_;
  alignas(64) RecordProgress progress_;
  SpscRing<protocol::Record> ring_;
};

}  // namespace weir::output
