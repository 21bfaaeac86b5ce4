// Records, and directories of logs that fail as disks do.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "output/record_logs.h"

namespace weir::output {

inline protocol::Record conn_record(std::uint64_t number) {
  protocol::ConnRecord conn;
  conn.uid = {{0, 0, static_cast<std::uint32_t>(number)}};
  conn.first = {static_cast<std::int64_t>(number) * 1'000'000'000};
  conn.ends.ip_protocol = 6;
  return {.order = {.tick = number}, .body = conn};
}
inline protocol::Record weird_record() {
  return {.order = {}, .body = protocol::WeirdRecord{.name = protocol::Weird::TruncatedHeader}};
}

inline std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::uint64_t lost(const LogStatistics& log, LostReason reason) {
  return log.lost[static_cast<std::size_t>(reason)].value();
}

// What goes wrong, and when.
struct Faults {
  std::uint64_t disk_bytes = ~std::uint64_t{0};  // writes beyond it fail with `write_errno`
  int write_errno = ENOSPC;
  std::uint64_t bytes_at_once = ~std::uint64_t{0};  // more is written short
  int open_errno = 0;
  int cut_errno = 0;
  int close_errno = 0;
  int archive_errno = 0;
};

class FaultyLogFile final : public LogFile {
 public:
  FaultyLogFile(std::unique_ptr<LogFile> file, Faults& faults)
      : file_(std::move(file)), faults_(faults) {}

  std::int64_t write(Bytes bytes) noexcept override {
    if (faults_.disk_bytes == 0) return -faults_.write_errno;
    const std::uint64_t room = std::min(faults_.disk_bytes, faults_.bytes_at_once);
    const std::int64_t written = file_->write(bytes.first(std::min(bytes.size(), room)));
    if (written > 0) faults_.disk_bytes -= static_cast<std::uint64_t>(written);
    return written;
  }
  int cut(std::uint64_t bytes) noexcept override {
    return faults_.cut_errno != 0 ? faults_.cut_errno : file_->cut(bytes);
  }
  int close() noexcept override {
    const int error = file_->close();
    return faults_.close_errno != 0 ? faults_.close_errno : error;
  }

 private:
  std::unique_ptr<LogFile> file_;
  Faults& faults_;
};

// A real directory whose files fail as `faults` says; the faults must outlive it.
class FaultyLogDirectory final : public LogDirectory {
 public:
  FaultyLogDirectory(const std::string& path, Faults& faults)
      : directory_(open_log_directory(path, ExistingLogs::Refuse).value()), faults_(faults) {}

  Result<std::unique_ptr<LogFile>> open(std::string_view log) override {
    if (faults_.open_errno != 0) return system_error(faults_.open_errno, "open a log");
    WEIR_TRY(auto file, directory_->open(log));
    return std::unique_ptr<LogFile>(std::make_unique<FaultyLogFile>(std::move(file), faults_));
  }
  void take_up() override { directory_->take_up(); }
  Result<void> archive(std::string_view log, Timestamp begin) override {
    if (faults_.archive_errno != 0) return system_error(faults_.archive_errno, "rename a log");
    return directory_->archive(log, begin);
  }
  [[nodiscard]] std::optional<Timestamp> written(std::string_view log) const override {
    return directory_->written(log);
  }
  void finish() noexcept override { directory_->finish(); }
  std::optional<Error> take_failure() override { return directory_->take_failure(); }
  [[nodiscard]] const std::string& path() const noexcept override { return directory_->path(); }

 private:
  std::unique_ptr<LogDirectory> directory_;
  Faults& faults_;
};

}  // namespace weir::output
