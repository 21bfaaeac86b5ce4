// What stands behind the mutex of a TelemetryStore: the open window in memory and its file.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "storage/sample_compression.h"
#include "storage/series_table.h"
#include "storage/store_file.h"
#include "storage/telemetry_store.h"

namespace weir::storage {

// A closed window of the file.
struct WindowSpan {
  std::uint64_t number = 0;  // below 2^31
  Timestamp first{};         // the earliest and latest time in it
  Timestamp last{};
};

// One window, as far as some series are concerned.
struct FetchedWindow {
  ByteVector times;                // of encode_times()
  std::vector<ByteVector> blocks;  // compressed columns
};

// Of a query: all that it needs to know from one moment. Windows may go afterwards.
struct QuerySnapshot {
  std::vector<std::uint32_t> ids;   // ascending
  std::vector<std::string> labels;  // of each
  std::vector<WindowSpan> windows;
  std::vector<Timestamp> open_times;
  std::vector<SampleColumn> open;  // of each id
};

// The functions run inside StoreFile::run() with its database.
class TelemetryStore::Core {
 public:
  Core(StoreFile& file, const TelemetryStoreOptions& options) : file_(file), options_(options) {}

  // Reads the file again when that is needed: at first, and after it was replaced.
  Result<void> load(Database& database);

  Result<StoreOutcome> store(Database& database, Timestamp when,
                             std::span<const StoredSample> samples);
  Result<QuerySnapshot> snapshot(Database& database, const SampleQuery& query);
  // Nothing: the window has gone. `ids` ascending.
  Result<std::optional<FetchedWindow>> fetch(Database& database, std::uint64_t window,
                                             std::span<const std::uint32_t> ids);
  Result<void> flush(Database& database);
  Result<TelemetryStoreStatus> status(Database& database);

 private:
  struct Block {
    std::uint32_t first = 0;  // series
    ByteVector body;
  };

  Result<void> load_pages(Database& database);
  Result<void> load_windows(Database& database);
  Result<void> load_series(Database& database);
  Result<void> load_batches(Database& database);

  [[nodiscard]] bool window_is_full(Timestamp when) const;
  Result<std::vector<Block>> encode_open(std::vector<SeriesEntry*>& entries);
  Result<void> seal(Database& database);
  Result<void> write_window(Database& database, const std::vector<Block>& blocks,
                            std::span<SeriesEntry* const> entries, const WindowSpan& span);
  StoreOutcome resolve(std::span<const StoredSample> samples);
  Result<void> write_batch(Database& database, Timestamp when);
  void forget_fresh();
  void extend_open(Timestamp when);

  Result<void> drop_old(Database& database);
  Result<void> drop_oldest(Database& database);
  Result<void> make_room(Database& database, std::uint64_t pages);
  Result<void> shrink(Database& database);

  StoreFile& file_;
  const TelemetryStoreOptions& options_;
  bool loaded_ = false;
  std::uint64_t replaced_ = 0;  // of file_, when it was read
  std::uint64_t page_bytes_ = 0;
  std::uint64_t pages_max_ = 0;

  SeriesTable series_;
  std::vector<WindowSpan> windows_;  // by number
  std::vector<Timestamp> open_times_;
  std::uint64_t open_number_ = 1;
  std::uint64_t batch_bytes_ = 0;  // of the rows of the open window
  std::uint64_t next_batch_ = 1;
  std::uint32_t next_series_ = 1;
  std::uint64_t windows_dropped_ = 0;
  MonotonicTime last_sync_{};

  // Of the call that runs.
  std::vector<BatchSample> batch_;
  std::vector<SeriesEntry*> batch_entries_;  // of each sample
  std::vector<SeriesTable::Item*> fresh_;    // series that it brought
  SampleCompressor compressor_;
};

}  // namespace weir::storage
