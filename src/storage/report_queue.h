// Reports that wait on disk while their receiver is away: first in, first out, bounded in bytes;
// the oldest are dropped, and counted, when there is no room. One SQLite file.
//
// What push() acknowledged survives a kill of the process; of the last ones a loss of power may
// take some. Damage and errors are as in state_store.h. Threads: any.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "storage/store_observer.h"

namespace weir::storage {

class Database;
class StoreFile;

struct ReportQueueOptions {
  // Of payloads, each counted with kReportRowBytes more; the file is at most a quarter larger.
  std::uint64_t bytes_max = 64ull * 1024 * 1024;
  StoreObserver* observer = nullptr;  // outlives the queue
};
inline constexpr std::uint64_t kReportRowBytes = 64;

struct QueuedReport {
  std::uint64_t id = 0;  // grows
  std::string payload;
};

struct ReportQueueStatus {
  std::uint64_t reports = 0;
  std::uint64_t bytes = 0;
  // Since the queue was opened:
  std::uint64_t dropped = 0;  // for want of room
  std::uint64_t damaged = 0;  // did not fit their checksum
};

class ReportQueue {
 public:
  struct Opened {
    std::unique_ptr<ReportQueue> queue;
    std::string warning;  // that a damaged file was moved aside; empty: all was well
  };
  // As StateStore::open.
  static Result<Opened> open(const std::string& path, const ReportQueueOptions& options,
                             const Clock& clock);
  ~ReportQueue();
  ReportQueue(const ReportQueue&) = delete;
  ReportQueue& operator=(const ReportQueue&) = delete;

  // Errors: Usage for a payload that alone is over the bound.
  Result<std::uint64_t> push(std::string_view payload);
  // The oldest, which stay in the queue; at most `bytes_max` of payload, but at least one report.
  Result<std::vector<QueuedReport>> front(std::size_t reports_max,
                                          std::uint64_t bytes_max = 4ull * 1024 * 1024);
  // Removes the reports up to and with this one.
  Result<void> pop(std::uint64_t id);
  ReportQueueStatus status();

 private:
  ReportQueue(std::unique_ptr<StoreFile> file, const ReportQueueOptions& options);
  struct Removed {
    std::uint64_t reports = 0;
    std::uint64_t bytes = 0;
  };

  template <typename Body>
  auto guarded(std::string_view what, Body body);
  Result<void> count(Database& database);
  Result<Removed> remove_for(Database& database, std::uint64_t bytes);
  Result<void> remove_damaged(Database& database, std::uint64_t id);

  const ReportQueueOptions options_;
  std::mutex mutex_;  // guards what follows
  std::unique_ptr<StoreFile> file_;
  bool counted_ = false;        // status_ has what is in the file
  std::uint64_t replaced_ = 0;  // of the file, when its reports were counted
  std::uint64_t next_id_ = 1;
  ReportQueueStatus status_;
};

}  // namespace weir::storage
