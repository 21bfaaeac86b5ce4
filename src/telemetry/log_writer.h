// Writes lines to a descriptor from a thread of its own.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/time.h"
#include "base/unique_fd.h"
#include "telemetry/log_level.h"

namespace weir::telemetry {

// Any thread writes. Bounded: a line that finds no room is lost and counted, as is one whose
// writing fails. Writes in pieces that a pipe takes at once, and only when the descriptor is ready,
// so that the end waits no longer than `patience` for a reader that stands still.
class LogWriter {
 public:
  struct Options {
    std::size_t lines_max = 8192;  // that wait
    std::size_t bytes_max = 4 * 1024 * 1024;
    Duration patience = std::chrono::seconds(1);  // at the end
  };
  LogWriter(UniqueFd output, Options options);
  ~LogWriter();  // writes what waits
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  void write(LogLevel level, std::string line);
  // Waits until all that was given before has been written or lost. False: not in time.
  bool flush(Duration timeout);

  [[nodiscard]] std::uint64_t written(LogLevel level) const;
  [[nodiscard]] std::uint64_t lost() const;

 private:
  struct Line {
    LogLevel level{};
    std::string text;
  };
  void run();
  void write_all(const std::vector<Line>& lines);
  bool write_text(std::string_view text);
  bool wait_until_ready();

  const UniqueFd output_;
  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable given_;
  std::condition_variable taken_;
  std::vector<Line> lines_;
  std::size_t bytes_ = 0;  // of lines_
  std::uint64_t given_count_ = 0;
  std::uint64_t done_count_ = 0;  // written or lost in writing
  std::array<std::uint64_t, 4> written_{};
  std::uint64_t lost_ = 0;
  bool stopping_ = false;
  Duration patience_left_ = options_.patience;  // the thread's own, as is the next
  bool gave_up_ = false;
  bool mid_line_ = false;  // a line was begun and its end failed
  std::thread thread_;     // last: uses all of the above
};

}  // namespace weir::telemetry
