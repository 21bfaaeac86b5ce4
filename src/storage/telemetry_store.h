// Samples of all metrics, kept for days in one SQLite file, bounded by age and by bytes.
//
// Samples are first kept in memory and in a row of the file for each call of store(); windows of
// kWindowSamples calls are then written as columns (sample_block.h) and the rows deleted. A kill of
// the process loses nothing that store() acknowledged; a loss of power at most what the file system
// had not yet written, and at most what came after the last sync: two minutes, or a window.
//
// Bounds: the file stays within `bytes_max` (its write-ahead log comes on top, normally below 8
// MiB); whole windows go, oldest first. Memory: about 10 bytes a sample of the open window, 18 MB
// for 10,000 series. Damage and errors are as in state_store.h. Threads: any; a query holds the
// store up only while it fetches one window.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/time.h"
#include "storage/store_observer.h"

namespace weir::storage {

class StoreFile;

inline constexpr std::size_t kWindowSamples = 180;

struct TelemetryStoreOptions {
  Duration keep = std::chrono::hours(72);
  std::uint64_t bytes_max = 256ull * 1024 * 1024;  // at least kTelemetryBytesMin
  std::size_t series_max = 100'000;                // further ones are refused and counted
  StoreObserver* observer = nullptr;               // outlives the store
};
inline constexpr std::uint64_t kTelemetryBytesMin = 1024 * 1024;

// telemetry::Sample converts by its names.
struct StoredSample {
  std::string_view metric;
  std::string_view labels;  // canonical: key="value",key="value", sorted; may be empty
  double value = 0;
};

struct StoreOutcome {
  std::size_t stored = 0;
  std::size_t refused = 0;  // of series above series_max, or with names over 4 KiB
};

struct SampleQuery {
  std::string metric;  // the exact name
  Timestamp since{};   // both ends belong to it
  Timestamp until{};
  Duration step{};  // 0: every sample; else the last value of each step, counted from `since`
  std::size_t points_max = 10'000;  // of all series together
};

struct SampleSeries {
  std::string labels;
  std::vector<std::pair<Timestamp, double>> points;  // by time
};

struct TelemetryStoreStatus {
  std::size_t series = 0;
  std::size_t windows = 0;  // closed ones
  std::uint64_t file_bytes = 0;
  std::uint64_t windows_dropped = 0;  // by age or bytes, since the store was opened
};

// key="value",... into pairs with the values unescaped; what is no such text ends the list.
std::vector<std::pair<std::string, std::string>> split_labels(std::string_view labels);

class TelemetryStore {
 public:
  struct Opened {
    std::unique_ptr<TelemetryStore> store;
    std::string warning;  // that a damaged file was moved aside; empty: all was well
  };
  // As StateStore::open.
  static Result<Opened> open(const std::string& path, const TelemetryStoreOptions& options,
                             const Clock& clock);
  ~TelemetryStore();
  TelemetryStore(const TelemetryStore&) = delete;
  TelemetryStore& operator=(const TelemetryStore&) = delete;

  // All samples of one time. A metric and its labels occur at most once (else the last one counts).
  // After an error nothing of these samples is in the file.
  Result<StoreOutcome> store(Timestamp when, std::span<const StoredSample> samples);
  template <typename Sample>
  Result<StoreOutcome> store(Timestamp when, const std::vector<Sample>& samples) {
    std::vector<StoredSample> converted;
    converted.reserve(samples.size());
    for (const Sample& sample : samples) {
      converted.push_back({sample.metric, sample.labels, sample.value});
    }
    return store(when, std::span<const StoredSample>(converted));
  }

  // Series without a point in the time asked for are left out. Errors: Usage when the answer would
  // have more than points_max points (a longer step is named).
  Result<std::vector<SampleSeries>> query(const SampleQuery& query);

  // Syncs the file: what was stored outlives a loss of power from here on. Nobody needs to call it
  // before the end.
  Result<void> flush();
  TelemetryStoreStatus status();

 private:
  class Core;
  TelemetryStore(std::unique_ptr<StoreFile> file, const TelemetryStoreOptions& options);
  template <typename Body>
  auto guarded(std::string_view what, Body body);

  const TelemetryStoreOptions options_;
  std::mutex mutex_;  // guards what follows
  std::unique_ptr<StoreFile> file_;
  std::unique_ptr<Core> core_;
};

}  // namespace weir::storage
