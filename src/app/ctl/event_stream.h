// Reads text/event-stream: the lines of server-sent events, as they arrive.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::app {

struct ServerSentEvent {
  std::string name;  // "event:"; empty: a message
  std::string data;  // lines of "data:", joined by newlines
};

class EventStream {
 public:
  static constexpr std::size_t kEventBytesMax = std::size_t{1024} * 1024;

  // The events that are whole with these bytes. Comments and events without data are skipped. Error
  // Damaged: an event is larger than kEventBytesMax.
  Result<std::vector<ServerSentEvent>> add(std::string_view bytes);

 private:
  void take_line(std::string_view line, std::vector<ServerSentEvent>& whole);

  std::string line_;  // not whole yet
  ServerSentEvent event_;
  bool has_data_ = false;
  bool after_return_ = false;  // a line feed next would belong to the line's end
};

}  // namespace weir::app
