// Where records go. Implemented by output (record logs, a ring to the thread that writes them);
// handed in by app.
#pragma once

#include "protocol/deep/records.h"

namespace weir::protocol {

// One owner, one thread.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  RecordSink() = default;
  RecordSink(const RecordSink&) = delete;
  RecordSink& operator=(const RecordSink&) = delete;

  // Takes a copy. Records come in the order of `order`. Never fails: what cannot be written is
  // counted as lost by the sink.
  virtual void take(const Record& record) = 0;
  // Every record before `order` has been handed over.
  virtual void reached(RecordOrder order) = 0;
  // No packet waits any more while a record is taken: the sink may take its time with what comes.
  virtual void packets_ended() {}
};

}  // namespace weir::protocol
