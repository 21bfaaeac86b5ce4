// Records as files of JSON lines in a directory: DIR/conn.log, DIR/weird.log, ...
//
// A file comes with the first record of its log. Lines wait in a buffer of 256 KiB a log until it
// is full, or flush(), tend() or close() come. Each log has a row in the ledger: offered = written
// + Σ lost + pending, in records; `written` are those whose line the kernel has taken. A write that
// fails ends its own log only: the file keeps whole lines, what comes later is lost until the log
// is tried again, if at all.
//
// Rotation: at UTC multiples of an interval (rotation_interval.h) all files become finished logs
// (log_archive.h). A record belongs to the interval in which it was written.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/time.h"
#include "output/record_log.h"
#include "output/rotation_interval.h"
#include "protocol/deep/record_sink.h"

namespace weir::output {

// Of logs that are written for long.
struct LogUpkeep {
  const Clock* clock = nullptr;    // borrowed; may be null where nothing else is asked for
  Duration interval{};             // rotation; 0: none
  std::uint32_t archived_max = 0;  // finished logs that are kept of each; 0: all
  Duration retry{};                // a log that failed is tried again after it; 0: never
  int directory = -1;              // open_log_directory()'s `held`
};

// One owner, one thread; statistics() and take_warning() are for any.
class RecordLogs final : public protocol::RecordSink {
 public:
  // Errors: those of open_log_directory(). The hasher, if any, must outlive the logs.
  static Result<std::unique_ptr<RecordLogs>> open(
      const std::string& path, ExistingLogs existing,
      const protocol::CommunityIdHasher* community_id = nullptr, const LogUpkeep& upkeep = {});
  explicit RecordLogs(std::unique_ptr<LogDirectory> directory,
                      const protocol::CommunityIdHasher* community_id = nullptr,
                      const LogUpkeep& upkeep = {});
  ~RecordLogs() override { (void)close(); }

  // Before the first record: finishes what an earlier run left, in the background, on a thread with
  // the rights of this one.
  void start();
  void take(const protocol::Record& record) override;
  // Files need no more than a flush() now and then.
  void reached(protocol::RecordOrder /*order*/) override {}

  // Hands on what waits, so that readers of the files see it.
  Result<void> flush();
  // flush(), and what the upkeep asks for now. An error comes back from close().
  void tend();
  // Everything to the files and their end, and finished logs are as they should be; `pending` is
  // zero afterwards. Nothing may be taken after it. Like flush() it returns the first error of the
  // logs' life, again and again.
  Result<void> close();

  [[nodiscard]] const LogStatistics& statistics(protocol::LogId log) const noexcept {
    return logs_[static_cast<std::size_t>(log)].statistics();
  }
  // Trouble since it was asked: a log that fails, a finished one that stays as it was.
  std::optional<Error> take_warning();
  [[nodiscard]] const std::string& path() const noexcept { return directory_->path(); }

 private:
  void note_error_of(std::size_t log);
  void warn(const Error& error);
  void put_away_old();
  void rotate();
  void try_failed_again(MonotonicTime now);
  Result<void> state() const;

  std::unique_ptr<LogDirectory> directory_;
  protocol::RecordContext context_;
  std::array<RecordLog, protocol::kLogCount> logs_;
  const LogUpkeep upkeep_;
  std::optional<RotationInterval> interval_;
  MonotonicTime next_try_;
  std::array<bool, protocol::kLogCount> failed_{};  // and told
  std::optional<Error> error_;
  bool closed_ = false;

  std::mutex mutex_;
  std::optional<Error> warning_;  // guarded
};

}  // namespace weir::output
