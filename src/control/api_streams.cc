#include "control/api_streams.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "control/api_json.h"
#include "control/http_poll.h"

namespace weir::control {
namespace {

constexpr Duration kCommentPeriod = std::chrono::seconds(15);
constexpr std::size_t kEventsAtOnce = 100;
constexpr std::size_t kTailBytes = 64 * 1024;

class EventStream final : public HttpStream {
 public:
  EventStream(EventFeed& feed, EventBells& bells, EventsFrom from, ApiStatistics& statistics,
              UniqueFd bell)
      : feed_(feed), bells_(bells), from_(from), statistics_(statistics), bell_(std::move(bell)) {
    bells_.add(bell_.get());
  }
  ~EventStream() override { bells_.remove(bell_.get()); }

  Ending run(StreamWriter& out) override {
    // Something at once, so that the client knows that it is connected.
    if (!out.write(": events of weir\n\n")) return Ending::Whole;
    for (;;) {
      const std::string text = next();
      if (!text.empty()) {
        if (!out.write(text)) return Ending::Whole;
        continue;
      }
      switch (out.wait(bell_.get(), kCommentPeriod)) {
        case StreamWriter::Wake::Gone:
          return Ending::Whole;
        case StreamWriter::Wake::Readable:
          silence(bell_.get());
          break;
        case StreamWriter::Wake::TimedOut:
          if (!out.write(":\n\n")) return Ending::Whole;
      }
    }
  }

 private:
  std::string next() {
    std::string text;
    for (const ApiEvent& event : feed_.read_after(from_.after, kEventsAtOnce)) {
      if (event.id > from_.after + 1 && !from_.oldest) {
        const std::uint64_t missed = event.id - from_.after - 1;
        statistics_.missed_events.add(missed);
        text += "event: missed\ndata: {\"missed\":" + std::to_string(missed) + "}\n\n";
      }
      text += "id: " + std::to_string(event.id) + "\ndata: " + to_json(event) + "\n\n";
      from_ = {.after = event.id};
    }
    return text;
  }

  EventFeed& feed_;
  EventBells& bells_;
  EventsFrom from_;
  ApiStatistics& statistics_;
  UniqueFd bell_;
};

class TailStream final : public HttpStream {
 public:
  explicit TailStream(UniqueFd packets) noexcept : packets_(std::move(packets)) {}

  Ending run(StreamWriter& out) override {
    std::array<char, kTailBytes> bytes;
    for (;;) {
      switch (out.wait(packets_.get(), std::chrono::hours(1))) {
        case StreamWriter::Wake::Gone:
          return Ending::Whole;
        case StreamWriter::Wake::TimedOut:
          continue;
        case StreamWriter::Wake::Readable:
          break;
      }
      const ssize_t count = ::read(packets_.get(), bytes.data(), bytes.size());
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (count <= 0) return Ending::Whole;
      if (!out.write({bytes.data(), static_cast<std::size_t>(count)})) return Ending::Whole;
    }
  }

 private:
  UniqueFd packets_;
};

}  // namespace

void EventBells::add(int bell) {
  const std::lock_guard lock(mutex_);
  bells_.push_back(bell);
}

void EventBells::remove(int bell) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase(bells_, bell);
}

void EventBells::ring_all() noexcept {
  const std::lock_guard lock(mutex_);
  for (const int bell : bells_) ring(bell);
}

Result<std::unique_ptr<HttpStream>> make_event_stream(EventFeed& feed, EventBells& bells,
                                                      EventsFrom from, ApiStatistics& statistics) {
  WEIR_TRY(UniqueFd bell, make_bell());
  return std::unique_ptr<HttpStream>(
      std::make_unique<EventStream>(feed, bells, from, statistics, std::move(bell)));
}

std::unique_ptr<HttpStream> make_tail_stream(UniqueFd packets) {
  return std::make_unique<TailStream>(std::move(packets));
}

}  // namespace weir::control
