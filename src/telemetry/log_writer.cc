#include "telemetry/log_writer.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "base/thread_name.h"

namespace weir::telemetry {
namespace {

// What a pipe that is ready takes without blocking (PIPE_BUF).
constexpr std::size_t kPieceBytes = 4096;
// How long the descriptor is waited for before looking whether the end has come.
constexpr int kWaitMs = 100;

}  // namespace

LogWriter::LogWriter(UniqueFd output, Options options)
    : output_(std::move(output)), options_(options), thread_([this] {
        name_this_thread("weir-log");
        run();
      }) {}

LogWriter::~LogWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  given_.notify_one();
  thread_.join();
}

void LogWriter::write(LogLevel level, std::string line) {
  {
    const std::lock_guard lock(mutex_);
    if (lines_.size() >= options_.lines_max || bytes_ + line.size() > options_.bytes_max) {
      ++lost_;
      return;
    }
    bytes_ += line.size();
    lines_.push_back({level, std::move(line)});
    ++given_count_;
  }
  given_.notify_one();
}

bool LogWriter::flush(Duration timeout) {
  std::unique_lock lock(mutex_);
  const std::uint64_t goal = given_count_;
  return taken_.wait_for(lock, timeout, [&] { return done_count_ >= goal; });
}

std::uint64_t LogWriter::written(LogLevel level) const {
  const std::lock_guard lock(mutex_);
  return written_[static_cast<std::size_t>(level)];
}

std::uint64_t LogWriter::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

void LogWriter::run() {
  std::vector<Line> lines;
  std::unique_lock lock(mutex_);
  while (true) {
    given_.wait(lock, [this] { return stopping_ || !lines_.empty(); });
    if (lines_.empty()) return;
    lines.swap(lines_);
    bytes_ = 0;
    lock.unlock();
    write_all(lines);
    lines.clear();
    lock.lock();
  }
}

void LogWriter::write_all(const std::vector<Line>& lines) {
  for (const Line& line : lines) {
    // What comes behind half a line stands on a line of its own.
    if (mid_line_ && write_text("\n")) mid_line_ = false;
    const bool written = !mid_line_ && write_text(line.text);
    {
      const std::lock_guard lock(mutex_);
      ++done_count_;
      if (written)
        ++written_[static_cast<std::size_t>(line.level)];
      else
        ++lost_;
    }
    taken_.notify_all();
  }
}

bool LogWriter::write_text(std::string_view text) {
  while (!text.empty()) {
    if (!wait_until_ready()) return false;
    const ssize_t count = ::write(output_.get(), text.data(), std::min(text.size(), kPieceBytes));
    if (count > 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
      mid_line_ = !text.empty();
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
      return false;
    }
  }
  return true;
}

// False: the descriptor is broken, or the end has come and it stays full.
bool LogWriter::wait_until_ready() {
  while (!gave_up_) {
    pollfd ready{.fd = output_.get(), .events = POLLOUT, .revents = 0};
    const int count = ::poll(&ready, 1, kWaitMs);
    if (count > 0) return (ready.revents & (POLLERR | POLLNVAL)) == 0;
    if (count < 0 && errno != EINTR) return false;
    const std::lock_guard lock(mutex_);
    if (count == 0 && stopping_) {
      patience_left_ -= std::chrono::milliseconds(kWaitMs);
      gave_up_ = patience_left_ <= Duration::zero();
    }
  }
  return false;
}

}  // namespace weir::telemetry
