// Where accepted packets are analysed, between the filter and the output. One for each pipeline.
#pragma once

#include <cstdint>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/time.h"
#include "base/verdicts.h"
#include "protocol/deep/flow_uids.h"

namespace weir::capture {

// Called by the worker of the pipeline.
class DeepStage {
 public:
  virtual ~DeepStage() = default;
  DeepStage() = default;
  DeepStage(const DeepStage&) = delete;
  DeepStage& operator=(const DeepStage&) = delete;

  // The packets of the batch that the session wants. Borrows for the time of the call. `uids`, for
  // outputs that index them, is filled with the uids of all of them; null: nobody asks.
  virtual void take(const PacketBatch& batch, const HeadersArray& headers, const KeysArray& keys,
                    const Verdicts& verdicts, SessionMask session, protocol::FlowUids* uids) = 0;
  // A live capture had no packets for a while: what is due by this time is due.
  virtual void idle(Timestamp now) = 0;
  // From the next packet, or moment, on it holds so many 16ths (1 to 16) of the flows that it may
  // hold: Relief::flow_share. What has no flows of a live capture has nothing to do.
  virtual void limit_flows([[maybe_unused]] std::uint32_t sixteenths) {}
  // There will be no more packets.
  virtual void finish() = 0;
};

}  // namespace weir::capture
