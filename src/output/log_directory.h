// The directory of record logs, as far as writing them needs it: opening a log's file, bytes to its
// end, putting finished ones away. The real one is open_log_directory()'s; tests have twins
// that fail.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

namespace weir::output {

// What to do about logs of an earlier run.
enum class ExistingLogs : std::uint8_t {
  Refuse,     // the directory must be new or empty
  Append,     // their files go on
  Overwrite,  // files of our names are deleted, others stay
};

// A file that grows at its end. One owner. The destructor closes too, without the error.
class LogFile {
 public:
  virtual ~LogFile() = default;
  LogFile() = default;
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // Bytes written, perhaps fewer than asked for, or a negative errno.
  virtual std::int64_t write(Bytes bytes) noexcept = 0;
  // Takes the last `bytes` off again. 0 or an errno.
  virtual int cut(std::uint64_t bytes) noexcept = 0;
  virtual int close() noexcept = 0;
};

class LogDirectory {
 public:
  virtual ~LogDirectory() = default;
  LogDirectory() = default;
  LogDirectory(const LogDirectory&) = delete;
  LogDirectory& operator=(const LogDirectory&) = delete;

  // The file of the log of this name ("conn": conn.log), at the beginning of a line: a new one, or
  // one that goes on because that was asked for or it is ours. One at a time a log.
  virtual Result<std::unique_ptr<LogFile>> open(std::string_view log) = 0;
  // Compresses finished logs that an earlier run left as they were; with ExistingLogs::Append only.
  virtual void take_up() = 0;
  // Takes the log's file away as a finished one (log_archive.h); the next open() makes a new one.
  // Nothing has changed after an error.
  virtual Result<void> archive(std::string_view log, Timestamp begin) = 0;
  // When something was last written to the log's file; nothing where there is none, or none that
  // holds anything.
  [[nodiscard]] virtual std::optional<Timestamp> written(std::string_view log) const = 0;
  // Finished logs are as they should be, or are known not to be. Nothing may be called afterwards
  // but take_failure().
  virtual void finish() noexcept = 0;
  // What went wrong first with finished logs since it was asked. Any thread.
  virtual std::optional<Error> take_failure() = 0;
  [[nodiscard]] virtual const std::string& path() const noexcept = 0;
};

// Makes the directory if it is missing, but none above it. Errors begin with "--logs PATH:";
// Exists: not empty, or something else is in the way; NotFound: no directory above it; Permission,
// NoSpace, Io. `archived_max`: LogArchive.
// `held`: the directory, open already (borrowed for the call); the path is for people then, and no
// link in it is followed. -1: it is where the path leads.
Result<std::unique_ptr<LogDirectory>> open_log_directory(const std::string& path,
                                                         ExistingLogs existing,
                                                         std::uint32_t archived_max = 0,
                                                         int held = -1);

}  // namespace weir::output
