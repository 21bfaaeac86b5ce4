// One log: a buffer of lines, and the file that they go to. RecordLogs has one of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "output/log_directory.h"
#include "output/sink.h"
#include "protocol/deep/record_schema.h"

namespace weir::output {

// The row of the ledger that a log has: as a sink's, of records instead of packets.
using LogStatistics = SinkStatistics;

// One owner, one thread; the counters may be read by any.
class RecordLog {
 public:
  static constexpr std::size_t kBufferBytes = 256 * 1024;

  // The directory must outlive the log.
  RecordLog(LogDirectory& directory, protocol::LogId log) noexcept
      : directory_(directory), log_(log) {}

  // The first record opens the file and makes the buffer; no other allocates. A full buffer is
  // written out first. After an error records count as lost.
  void take(const protocol::Record& record, protocol::RecordContext& context);
  // All lines to the kernel.
  void push();
  // push(), and the file becomes a finished log of the interval that began at `begin`; the next
  // record opens a new one. An error here ends nothing: the file goes on.
  Result<void> rotate(Timestamp begin);
  // After an error: the next record opens the file anew.
  void try_again() noexcept;
  // push(), and the end of the file. Nothing may be taken afterwards.
  void close();

  // Why records are lost.
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }
  [[nodiscard]] const LogStatistics& statistics() const noexcept { return statistics_; }

 private:
  bool make_room();
  void open();
  int send(std::size_t& sent) noexcept;
  void fail(int sys_errno, std::size_t sent);
  [[nodiscard]] std::string path() const;

  LogDirectory& directory_;
  protocol::LogId log_;
  std::unique_ptr<LogFile> file_;
  std::unique_ptr<char[]> buffer_;
  std::size_t used_ = 0;  // bytes of the buffer: whole lines
  std::optional<Error> error_;
  LostReason reason_ = LostReason::WriteError;  // for what comes after the error
  LogStatistics statistics_;
};

}  // namespace weir::output
