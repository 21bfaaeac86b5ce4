#include "control/api_streams.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include "control/api_json.h"
#include "control/http_poll.h"

namespace weir::control {
namespace {

constexpr Duration kPumpPeriod = std::chrono::milliseconds(50);
constexpr Duration kCommentPeriod = std::chrono::seconds(15);
constexpr std::size_t kEventsAtOnce = 100;
constexpr std::size_t kTailBytes = 64 * 1024;

class EventStream final : public HttpStream {
 public:
  EventStream(EventFeed& feed, EventPump& pump, EventsFrom from, ApiStatistics& statistics,
              UniqueFd bell)
      : feed_(feed), pump_(pump), from_(from), statistics_(statistics), bell_(std::move(bell)) {
    pump_.add(bell_.get());
  }
  ~EventStream() override { pump_.remove(bell_.get()); }

  void run(StreamWriter& out) override {
    // Something at once, so that the client knows that it is connected.
    if (!out.write(": events of weir\n\n")) return;
    for (;;) {
      const std::string text = next();
      if (!text.empty()) {
        if (!out.write(text)) return;
        continue;
      }
      switch (out.wait(bell_.get(), kCommentPeriod)) {
        case StreamWriter::Wake::Gone:
          return;
        case StreamWriter::Wake::Readable:
          silence(bell_.get());
          break;
        case StreamWriter::Wake::TimedOut:
          if (!out.write(":\n\n")) return;
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
  EventPump& pump_;
  EventsFrom from_;
  ApiStatistics& statistics_;
  UniqueFd bell_;
};

class TailStream final : public HttpStream {
 public:
  explicit TailStream(UniqueFd packets) noexcept : packets_(std::move(packets)) {}

  void run(StreamWriter& out) override {
    std::array<char, kTailBytes> bytes;
    for (;;) {
      switch (out.wait(packets_.get(), std::chrono::hours(1))) {
        case StreamWriter::Wake::Gone:
          return;
        case StreamWriter::Wake::TimedOut:
          continue;
        case StreamWriter::Wake::Readable:
          break;
      }
      const ssize_t count = ::read(packets_.get(), bytes.data(), bytes.size());
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (count <= 0) return;
      if (!out.write({bytes.data(), static_cast<std::size_t>(count)})) return;
    }
  }

 private:
  UniqueFd packets_;
};

}  // namespace

Result<void> EventPump::start() {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    return system_error(error.code().value(), "start the thread that waits for events");
  }
  return ok();
}

void EventPump::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void EventPump::add(int bell) {
  {
    const std::lock_guard lock(mutex_);
    bells_.push_back(bell);
  }
  changed_.notify_all();
}

void EventPump::remove(int bell) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase(bells_, bell);
}

void EventPump::run() {
  std::uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ends_ || !bells_.empty(); });
      if (ends_) return;
    }
    if (!feed_.wait_after(seen, kPumpPeriod)) continue;
    seen = feed_.newest_id();
    const std::lock_guard lock(mutex_);
    for (const int bell : bells_) ring(bell);
  }
}

Result<std::unique_ptr<HttpStream>> make_event_stream(EventFeed& feed, EventPump& pump,
                                                      EventsFrom from, ApiStatistics& statistics) {
  WEIR_TRY(UniqueFd bell, make_bell());
  return std::unique_ptr<HttpStream>(
      std::make_unique<EventStream>(feed, pump, from, statistics, std::move(bell)));
}

std::unique_ptr<HttpStream> make_tail_stream(UniqueFd packets) {
  return std::make_unique<TailStream>(std::move(packets));
}

}  // namespace weir::control
