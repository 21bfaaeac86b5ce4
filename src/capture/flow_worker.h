// One thread that follows the flows of some shards.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <thread>

#include "base/packet_batch.h"
#include "base/spsc_ring.h"
#include "protocol/deep/flow_engine.h"

namespace weir::capture {

// What one worker gets of one batch.
struct FlowBatch {
  Timestamp first;                 // when the capture began
  Timestamp now;                   // the flow clock at the end of the batch
  std::uint64_t next_ordinal = 0;  // of the first packet after it
  std::uint32_t count = 0;
  bool last = false;
  // At most one flow packet of each packet is no carrier.
  std::array<protocol::FlowPacket, kBatchPacketsMax> packets;
};

class FlowWorker {
 public:
  explicit FlowWorker(std::unique_ptr<protocol::FlowEngine> engine)
      : engine_(std::move(engine)), ring_(kBatches), thread_([this] { run(); }) {}
  ~FlowWorker();  // the last batch has been pushed
  FlowWorker(const FlowWorker&) = delete;
  FlowWorker& operator=(const FlowWorker&) = delete;

  // The dispatcher fills the batch in place. Waits for room.
  FlowBatch& begin_batch() {
    FlowBatch& batch = ring_.begin_push();
    batch.count = 0;
    return batch;
  }
  void end_batch() { ring_.end_push(); }
  // Waits until the last batch has been taken.
  void join();

  [[nodiscard]] const protocol::FlowCounters& counters() const noexcept {
    return engine_->counters();
  }

 private:
  static constexpr std::uint32_t kBatches = 32;
  void run();

  std::unique_ptr<protocol::FlowEngine> engine_;
  SpscRing<FlowBatch> ring_;
  std::thread thread_;
};

}  // namespace weir::capture
