// Answers that go on: events and packets.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "control/api_events.h"
#include "control/api_statistics.h"
#include "control/http_stream.h"

namespace weir::control {

// Tells listeners that there is an event; each waits for its client at the same time. Any thread.
class EventBells {
 public:
  // A bell (an eventfd); it is removed before it is closed.
  void add(int bell);
  void remove(int bell) noexcept;
  void ring_all() noexcept;

 private:
  std::mutex mutex_;
  std::vector<int> bells_;
};

// Where a listener begins.
struct EventsFrom {
  std::uint64_t after = 0;  // this id
  bool oldest = false;      // that is kept: what is not kept any more is not missed
};

// Server-sent events.
Result<std::unique_ptr<HttpStream>> make_event_stream(EventFeed& feed, EventBells& bells,
                                                      EventsFrom from, ApiStatistics& statistics);

// What comes from `packets`, until its writer closes it.
std::unique_ptr<HttpStream> make_tail_stream(UniqueFd packets);

}  // namespace weir::control
