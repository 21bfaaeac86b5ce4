// The directory of record logs, as far as writing them needs it: opening a log's file, bytes to its
// end. The real one is open_log_directory()'s; tests have twins that fail.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

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

  // The file of the log of this name ("conn": conn.log), at the beginning of a line. Once a log.
  virtual Result<std::unique_ptr<LogFile>> open(std::string_view log) = 0;
  [[nodiscard]] virtual const std::string& path() const noexcept = 0;
};

// Makes the directory if it is missing, but none above it. Errors begin with "--logs PATH:";
// Exists: not empty, or something else is in the way; NotFound: no directory above it; Permission,
// NoSpace, Io.
Result<std::unique_ptr<LogDirectory>> open_log_directory(const std::string& path,
                                                         ExistingLogs existing);

}  // namespace weir::output
