#include "app/ctl/event_stream.h"

#include <utility>

namespace weir::app {

Result<std::vector<ServerSentEvent>> EventStream::add(std::string_view bytes) {
  std::vector<ServerSentEvent> whole;
  for (const char c : bytes) {
    // A line ends with a return, a line feed, or both.
    const bool second_half = after_return_ && c == '\n';
    after_return_ = c == '\r';
    if (second_half) continue;
    if (c == '\n' || c == '\r') {
      take_line(line_, whole);
      line_.clear();
    } else {
      line_ += c;
    }
    if (line_.size() + event_.data.size() > kEventBytesMax) {
      return Error{.code = ErrorCode::Damaged,
                   .sys_errno = 0,
                   .context =
                       "an event of the engine is larger than 1 MiB (is it weir that "
                       "listens there?)"};
    }
  }
  return whole;
}

void EventStream::take_line(std::string_view line, std::vector<ServerSentEvent>& whole) {
  if (line.empty()) {
    ServerSentEvent event = std::exchange(event_, {});
    if (std::exchange(has_data_, false)) whole.push_back(std::move(event));
    return;
  }
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") event_.name = value;
  if (field != "data") return;
  if (has_data_) event_.data += '\n';
  event_.data += value;
  has_data_ = true;
}

}  // namespace weir::app
