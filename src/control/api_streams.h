// Answers that go on: events and packets.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "control/api_events.h"
#include "control/api_statistics.h"
#include "control/http_stream.h"

namespace weir::control {

// One thread waits for events and rings for every listener, which waits for its client at the same
// time. It is idle while there is no listener.
class EventPump {
 public:
  explicit EventPump(EventFeed& feed) noexcept : feed_(feed) {}
  ~EventPump() { stop(); }
  EventPump(const EventPump&) = delete;
  EventPump& operator=(const EventPump&) = delete;

  Result<void> start();
  void stop() noexcept;  // within 50 ms

  // Any thread. A bell (an eventfd) rings after each event; it is removed before it is closed.
  void add(int bell);
  void remove(int bell) noexcept;

 private:
  void run();

  EventFeed& feed_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> bells_;
  bool ends_ = false;
  std::thread thread_;
};

// Where a listener begins.
struct EventsFrom {
  std::uint64_t after = 0;  // this id
  bool oldest = false;      // that is kept: what is not kept any more is not missed
};

// Server-sent events.
Result<std::unique_ptr<HttpStream>> make_event_stream(EventFeed& feed, EventPump& pump,
                                                      EventsFrom from, ApiStatistics& statistics);

// What comes from `packets`, until its writer closes it.
std::unique_ptr<HttpStream> make_tail_stream(UniqueFd packets);

}  // namespace weir::control
