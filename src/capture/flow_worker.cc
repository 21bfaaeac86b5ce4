#include "capture/flow_worker.h"

#include "base/thread_name.h"

namespace weir::capture {

FlowWorker::~FlowWorker() { join(); }

void FlowWorker::join() {
  if (thread_.joinable()) thread_.join();
}

void FlowWorker::run() {
  name_this_thread("weir-flows");
  for (bool last = false; !last;) {
    FlowBatch& batch = *ring_.front();
    if (batch.next_ordinal > 1) engine_->begin(batch.first);
    engine_->take(std::span(batch.packets).first(batch.count));
    engine_->advance(batch.now);
    engine_->passed(batch.next_ordinal);
    last = batch.last;
    if (last) engine_->finish(batch.now);
    ring_.pop();
  }
}

}  // namespace weir::capture
