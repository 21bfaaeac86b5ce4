// Finished logs in the directory of the logs: conn.20261121T200000Z.log.zst, ...
//
// A finished log is renamed at once, then compressed in the background to a file with the ending
// .tmp, which is synced and renamed before the plain one goes: whatever is cut off, each record
// stays in one whole file. What an earlier run left to do is done by take_up().
//
// The time in a name is the beginning of the interval that the log was for. A second log of the
// same one (a clock was set back) is conn.20261121T200000Z_00002.log.zst.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "output/background_work.h"

namespace weir::output {

// One thread owns it; take_failure() is for any.
class LogArchive final : BackgroundWork::Worker {
 public:
  // `directory` is borrowed. Of each log the newest `files_max` finished ones are kept, also those
  // of earlier runs; 0: all.
  LogArchive(std::string path, int directory, std::uint32_t files_max)
      : path_(std::move(path)), directory_(directory), files_max_(files_max) {}

  // Compresses what is there uncompressed.
  void take_up();
  // Takes the log's file away under a name of its own. Nothing has changed after an error.
  Result<void> add(std::string_view log, Timestamp begin);
  // Waits until all is done. Nothing may be added afterwards.
  void finish() noexcept { work_.finish(); }
  // What went wrong first since it was asked: a log that stays plain, one that stays too long.
  std::optional<Error> take_failure();

 private:
  // In the background: a finished log by its stem.
  void work_on(const std::string& stem) noexcept override;
  void compress(const std::string& stem);
  void prune(std::string_view log);
  void note(Error error);

  [[nodiscard]] bool exists(const std::string& name) const noexcept;
  [[nodiscard]] std::vector<std::string> names() const;

  const std::string path_;
  const int directory_;
  const std::uint32_t files_max_;
  std::mutex mutex_;
  std::optional<Error> failure_;  // guarded
  BackgroundWork work_{*this};    // ends first
};

// What a name in the directory says: of "conn.20261121T200000Z_00002.log.zst" the log "conn" and
// the stem "conn.20261121T200000Z_00002". Nothing: it is no finished log.
struct ArchivedLog {
  enum class Form : std::uint8_t { Plain, Compressed, Unfinished };  // .log, .log.zst, .log.zst.tmp
  std::string_view log;
  std::string_view stem;
  Form form;
};
std::optional<ArchivedLog> parse_archived_log(std::string_view name) noexcept;

}  // namespace weir::output
