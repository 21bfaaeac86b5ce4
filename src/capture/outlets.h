// The outputs of one pipeline: credit is taken from all of them before packets are pulled, and one
// that fails does not stop the others.
#pragma once

#include <span>
#include <vector>

#include "base/packet_batch.h"
#include "base/result.h"
#include "base/verdicts.h"
#include "output/sink.h"

namespace weir::capture {

// Owned and called by one worker.
class Outlets {
 public:
  // Those of one lane (Sink::lane()). Borrowed. None at all: packets are counted only.
  explicit Outlets(std::span<output::Sink* const> sinks);

  // Of the flows of packets, when there is an analysis.
  [[nodiscard]] bool want_uids() const noexcept { return store_ != nullptr; }
  // Where the batch that is offered next will be stored: Sink::store_ref() of the first that wants
  // uids. Empty: nowhere.
  [[nodiscard]] protocol::StoreRef store_ref() const {
    return store_ != nullptr ? store_->store_ref() : protocol::StoreRef();
  }

  // One credit of every sink that still works; credits that were not used are kept. The error of
  // the last one when none works any more.
  Result<void> reserve();
  // Offers the batch to all, also to those that failed: they count it as lost.
  void write(const output::Offer& offer);
  // Recent packets to readers while the line is quiet; a failure comes back from reserve().
  void flush();
  // Closes all, in the order given; the first error of each sink's life, the first of all returned.
  Result<void> close();

 private:
  struct Outlet {
    output::Sink* sink;
    bool credit = false;
    bool failed = false;
  };
  std::vector<Outlet> outlets_;
  output::Sink* store_ = nullptr;  // the first that wants uids
};

}  // namespace weir::capture
