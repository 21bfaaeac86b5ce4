// Records as files of JSON lines in a directory: DIR/conn.log, DIR/weird.log, ...
//
// A file comes with the first record of its log. Lines wait in a buffer of 256 KiB a log until it
// is full, or flush() or close() come. Each log has a row in the ledger: offered = written + Σ lost
// + pending, in records; `written` are those whose line the kernel has taken. A write that fails
// ends its own log only: the file keeps whole lines, what comes later is lost.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "output/record_log.h"
#include "protocol/deep/record_sink.h"

namespace weir::output {

// One owner, one thread; statistics() may be read by any.
class RecordLogs final : public protocol::RecordSink {
 public:
  // Errors: those of open_log_directory(). The hasher, if any, must outlive the logs.
  static Result<std::unique_ptr<RecordLogs>> open(
      const std::string& path, ExistingLogs existing,
      const protocol::CommunityIdHasher* community_id = nullptr);
  explicit RecordLogs(std::unique_ptr<LogDirectory> directory,
                      const protocol::CommunityIdHasher* community_id = nullptr);
  ~RecordLogs() override { (void)close(); }

  void take(const protocol::Record& record) override;
  // Files need no more than a flush() now and then.
  void reached(protocol::RecordOrder /*order*/) override {}

  // Hands on what waits, so that readers of the files see it.
  Result<void> flush();
  // Everything to the files and their end; `pending` is zero afterwards. Nothing may be taken after
  // it. Both return the first error of the logs' life, again and again.
  Result<void> close();

  [[nodiscard]] const LogStatistics& statistics(protocol::LogId log) const noexcept {
    return logs_[static_cast<std::size_t>(log)].statistics();
  }
  [[nodiscard]] const std::string& path() const noexcept { return directory_->path(); }

 private:
  void note_error_of(const RecordLog& log);
  Result<void> state() const;

  std::unique_ptr<LogDirectory> directory_;
  protocol::RecordContext context_;
  std::array<RecordLog, protocol::kLogCount> logs_;
  std::optional<Error> error_;
  bool closed_ = false;
};

}  // namespace weir::output
