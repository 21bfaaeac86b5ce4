#include "storage/telemetry_core.h"

#include <algorithm>
#include <limits>

#include "storage/row_digest.h"

namespace weir::storage {
namespace {

constexpr Duration kSyncInterval = std::chrono::minutes(2);
constexpr std::size_t kNameBytesMax = 4096;  // of metric and labels
constexpr std::uint64_t kWindowNumberMax = (1ull << 31) - 1;
constexpr int kSealLevel = 3;
constexpr int kBatchLevel = 1;
// Of the work that a call of store() may do for old windows.
constexpr std::size_t kDropsPerCall = 4;
constexpr std::uint64_t kVacuumPages = 1024;

constexpr std::uint64_t block_key(std::uint64_t window, std::uint32_t series) noexcept {
  return window << 32 | series;
}

std::uint64_t digest_of(std::uint64_t id, Bytes body) noexcept {
  return RowDigest().add(id).add(body).value();
}

std::uint64_t digest_of(std::uint64_t id, SeriesNameView name) noexcept {
  return RowDigest().add(id).add(name.first).add(name.second).value();
}

std::uint64_t digest_of(const WindowSpan& span, Bytes times) noexcept {
  return RowDigest().add(span.number).add(span.first.ns).add(span.last.ns).add(times).value();
}

struct Pages {
  std::uint64_t all = 0;
  std::uint64_t unused = 0;
};

Result<Pages> count_pages(Database& database) {
  WEIR_TRY(const std::int64_t all, database.integer("PRAGMA page_count"));
  WEIR_TRY(const std::int64_t unused, database.integer("PRAGMA freelist_count"));
  if (unused < 0 || unused >= all) {
    database.mark_damaged();
    return Error{.code = ErrorCode::Damaged, .context = "more pages are unused than there are"};
  }
  return Pages{.all = static_cast<std::uint64_t>(all),
               .unused = static_cast<std::uint64_t>(unused)};
}

Error no_memory() {
  return Error{.code = ErrorCode::Resource, .context = "zstd has no memory (free some)"};
}

}  // namespace

Result<StoreOutcome> TelemetryStore::Core::store(Database& database, Timestamp when,
                                                 std::span<const StoredSample> samples) {
  WEIR_CHECK(load(database));
  WEIR_CHECK(drop_old(database));
  if (window_is_full(when)) WEIR_CHECK(seal(database));
  const StoreOutcome outcome = resolve(samples);
  if (batch_.empty()) return outcome;
  if (auto written = write_batch(database, when); !written) {
    forget_fresh();
    return std::move(written).error();
  }
  extend_open(when);
  // The samples are stored, whatever becomes of this: the next call tries again.
  [[maybe_unused]] const auto shrunk = shrink(database);
  return outcome;
}

bool TelemetryStore::Core::window_is_full(Timestamp when) const {
  if (open_times_.empty()) return false;
  return open_times_.size() >= kWindowSamples || batch_bytes_ > options_.bytes_max / 8 ||
         when - open_times_.front() > options_.keep / 4;
}

// Fills batch_, batch_entries_ and fresh_.
StoreOutcome TelemetryStore::Core::resolve(std::span<const StoredSample> samples) {
  batch_.clear();
  batch_entries_.clear();
  fresh_.clear();
  StoreOutcome outcome;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const SeriesNameView name(samples[i].metric, samples[i].labels);
    SeriesEntry* entry = series_.find(name, i);
    if (entry == nullptr) {
      if (series_.size() >= options_.series_max || batch_.size() >= kBatchSamplesMax ||
          name.first.size() + name.second.size() > kNameBytesMax ||
          next_series_ == std::numeric_limits<std::uint32_t>::max()) {
        ++outcome.refused;
        continue;
      }
      auto& item = series_.add(name, next_series_++, open_number_);
      fresh_.push_back(&item);
      entry = &item.second;
    }
    batch_.push_back({.series = entry->open.series, .value = samples[i].value});
    batch_entries_.push_back(entry);
    ++outcome.stored;
  }
  return outcome;
}

Result<void> TelemetryStore::Core::write_batch(Database& database, Timestamp when) {
  const ByteVector body = compressor_.compress(encode_batch(batch_), kBatchLevel);
  if (body.empty()) return no_memory();
  std::uint64_t bytes = body.size() + 2 * page_bytes_;
  for (const auto* item : fresh_)
    bytes += item->first.first.size() + item->first.second.size() + 64;
  WEIR_CHECK(make_room(database, bytes * 5 / 4 / page_bytes_ + 4));

  const MonotonicTime now = file_.clock().monotonic();
  const bool sync = now - last_sync_ >= kSyncInterval;
  WEIR_TRY(Transaction transaction,
           Transaction::begin(database, sync ? Durability::Power : Durability::Process));
  WEIR_TRY(Statement add, database.prepare("INSERT INTO series VALUES(?, ?, ?, ?, ?)"));
  for (const auto* item : fresh_) {
    const SeriesNameView name = SeriesNameLess::view(item->first);
    const std::uint64_t id = item->second.open.series;
    add.bind(id).bind(name.first).bind(name.second).bind(item->second.seen);
    WEIR_CHECK(add.bind(digest_of(id, name)).run());
  }
  WEIR_TRY(Statement statement, database.prepare("INSERT INTO batch VALUES(?, ?, ?, ?)"));
  statement.bind(next_batch_).bind(when.ns).bind(Bytes(body));
  const std::uint64_t digest = digest_of(next_batch_ ^ static_cast<std::uint64_t>(when.ns), body);
  WEIR_CHECK(statement.bind(digest).run());
  WEIR_CHECK(transaction.commit());
  if (sync) last_sync_ = now;
  ++next_batch_;
  batch_bytes_ += body.size();
  return ok();
}

// After a failure: the series that the call brought are in no file.
void TelemetryStore::Core::forget_fresh() {
  next_series_ -= static_cast<std::uint32_t>(fresh_.size());
  for (const auto* item : fresh_) series_.erase(SeriesName(item->first));
  fresh_.clear();
}

void TelemetryStore::Core::extend_open(Timestamp when) {
  const auto at = static_cast<std::uint16_t>(open_times_.size());
  open_times_.push_back(when);
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    SampleColumn& column = batch_entries_[i]->open;
    if (!column.at.empty() && column.at.back() == at) {
      column.values.back() = batch_[i].value;
    } else {
      column.at.push_back(at);
      column.values.push_back(batch_[i].value);
    }
  }
}

// The open window as blocks; `entries` become the series that it has, by id.
Result<std::vector<TelemetryStore::Core::Block>> TelemetryStore::Core::encode_open(
    std::vector<SeriesEntry*>& entries) {
  for (auto& [name, entry] : series_.all()) {
    if (!entry.open.at.empty()) entries.push_back(&entry);
  }
  std::sort(entries.begin(), entries.end(), [](const SeriesEntry* a, const SeriesEntry* b) {
    return a->open.series < b->open.series;
  });
  std::vector<Block> blocks;
  std::vector<const SampleColumn*> columns;
  for (std::size_t begin = 0; begin < entries.size(); begin += kSeriesInBlockMax) {
    const std::size_t end = std::min(begin + kSeriesInBlockMax, entries.size());
    columns.clear();
    for (std::size_t i = begin; i < end; ++i) columns.push_back(&entries[i]->open);
    ByteVector body = compressor_.compress(encode_columns(columns), kSealLevel);
    if (body.empty()) return no_memory();
    blocks.push_back({.first = columns.front()->series, .body = std::move(body)});
  }
  return blocks;
}

Result<void> TelemetryStore::Core::seal(Database& database) {
  if (open_number_ >= kWindowNumberMax) {
    return Error{.code = ErrorCode::Resource, .context = "no numbers are left (begin a new file)"};
  }
  std::vector<SeriesEntry*> entries;
  WEIR_TRY(const std::vector<Block> blocks, encode_open(entries));
  std::uint64_t pages = 16 + entries.size() / 64;
  for (const Block& block : blocks) pages += block.body.size() / (page_bytes_ - 64) + 2;
  WEIR_CHECK(make_room(database, pages));
  const auto [first, last] = std::minmax_element(open_times_.begin(), open_times_.end());
  const WindowSpan span{.number = open_number_, .first = *first, .last = *last};
  WEIR_CHECK(write_window(database, blocks, entries, span));

  windows_.push_back(span);
  for (SeriesEntry* entry : entries) {
    entry->seen = span.number;
    entry->open.at.clear();
    entry->open.values.clear();
  }
  open_times_.clear();
  batch_bytes_ = 0;
  ++open_number_;
  last_sync_ = file_.clock().monotonic();
  return ok();
}

Result<void> TelemetryStore::Core::write_window(Database& database,
                                                const std::vector<Block>& blocks,
                                                std::span<SeriesEntry* const> entries,
                                                const WindowSpan& span) {
  const ByteVector times = encode_times(open_times_);
  WEIR_TRY(Transaction transaction, Transaction::begin(database, Durability::Power));
  WEIR_TRY(Statement window, database.prepare("INSERT INTO window VALUES(?, ?, ?, ?, ?)"));
  window.bind(span.number).bind(span.first.ns).bind(span.last.ns).bind(Bytes(times));
  WEIR_CHECK(window.bind(digest_of(span, times)).run());
  WEIR_TRY(Statement insert, database.prepare("INSERT INTO block VALUES(?, ?, ?)"));
  for (const Block& block : blocks) {
    const std::uint64_t key = block_key(span.number, block.first);
    insert.bind(key).bind(Bytes(block.body));
    WEIR_CHECK(insert.bind(digest_of(key, block.body)).run());
  }
  WEIR_TRY(Statement seen, database.prepare("UPDATE series SET seen = ? WHERE id = ?"));
  for (const SeriesEntry* entry : entries) {
    if (entry->seen == span.number) continue;
    WEIR_CHECK(seen.bind(span.number).bind(std::uint64_t{entry->open.series}).run());
  }
  WEIR_CHECK(database.execute("DELETE FROM batch"));
  return transaction.commit();
}

Result<void> TelemetryStore::Core::drop_old(Database& database) {
  const Timestamp oldest = file_.clock().wall() + -options_.keep;
  for (std::size_t i = 0; i < kDropsPerCall; ++i) {
    if (windows_.empty() || windows_.front().last >= oldest) break;
    WEIR_CHECK(drop_oldest(database));
  }
  return ok();
}

// With the series that nothing is left of.
Result<void> TelemetryStore::Core::drop_oldest(Database& database) {
  const std::uint64_t number = windows_.front().number;
  std::vector<SeriesName> gone;
  WEIR_TRY(Transaction transaction, Transaction::begin(database, Durability::Process));
  WEIR_TRY(Statement blocks, database.prepare("DELETE FROM block WHERE key >= ? AND key < ?"));
  WEIR_CHECK(blocks.bind(block_key(number, 0)).bind(block_key(number + 1, 0)).run());
  WEIR_TRY(Statement window, database.prepare("DELETE FROM window WHERE number = ?"));
  WEIR_CHECK(window.bind(number).run());
  WEIR_TRY(Statement series, database.prepare("DELETE FROM series WHERE id = ?"));
  for (const auto& [name, entry] : series_.all()) {
    if (entry.seen > number || !entry.open.at.empty()) continue;
    WEIR_CHECK(series.bind(std::uint64_t{entry.open.series}).run());
    gone.push_back(name);
  }
  WEIR_CHECK(transaction.commit());
  windows_.erase(windows_.begin());
  ++windows_dropped_;
  for (const SeriesName& name : gone) series_.erase(name);
  return ok();
}

// Old windows go until so many pages are free within the bound.
Result<void> TelemetryStore::Core::make_room(Database& database, std::uint64_t pages) {
  for (;;) {
    WEIR_TRY(const Pages now, count_pages(database));
    if (now.all - now.unused + pages <= pages_max_) return ok();
    if (windows_.empty()) {
      return Error{.code = ErrorCode::NoSpace,
                   .context = "these series do not fit into " + std::to_string(options_.bytes_max) +
                              " bytes (allow more)"};
    }
    WEIR_CHECK(drop_oldest(database));
  }
}

// Gives pages back to the file system when many are unused; a part of them a call.
Result<void> TelemetryStore::Core::shrink(Database& database) {
  WEIR_TRY(const Pages now, count_pages(database));
  const bool over = now.all > pages_max_;
  if (now.unused == 0 || (!over && (now.unused < 256 || now.unused < now.all / 4))) return ok();
  return database.execute("PRAGMA incremental_vacuum(" + std::to_string(kVacuumPages) + ")");
}

Result<void> TelemetryStore::Core::load(Database& database) {
  if (loaded_ && replaced_ == file_.replaced()) return ok();
  loaded_ = false;
  series_.clear();
  windows_.clear();
  open_times_.clear();
  fresh_.clear();
  open_number_ = 1;
  next_series_ = 1;
  next_batch_ = 1;
  batch_bytes_ = 0;
  WEIR_CHECK(load_pages(database));
  WEIR_CHECK(load_windows(database));
  WEIR_CHECK(load_series(database));
  WEIR_CHECK(load_batches(database));
  last_sync_ = file_.clock().monotonic();
  replaced_ = file_.replaced();
  loaded_ = true;
  return ok();
}

Result<void> TelemetryStore::Core::load_pages(Database& database) {
  WEIR_TRY(const std::int64_t bytes, database.integer("PRAGMA page_size"));
  page_bytes_ = static_cast<std::uint64_t>(bytes);
  pages_max_ = options_.bytes_max / page_bytes_;
  // SQLite keeps the bound too: should an estimate be short, the call fails and the file does not
  // grow.
  return database.execute("PRAGMA max_page_count=" + std::to_string(pages_max_));
}

Result<void> TelemetryStore::Core::load_windows(Database& database) {
  std::vector<std::uint64_t> damaged;
  {
    WEIR_TRY(Statement row,
             database.prepare("SELECT number, first, last, times, digest FROM window "
                              "ORDER BY number"));
    for (;;) {
      WEIR_TRY(const bool more, row.step());
      if (!more) break;
      const WindowSpan span{
          .number = row.number(0), .first = {row.integer(1)}, .last = {row.integer(2)}};
      if (span.number < kWindowNumberMax) open_number_ = std::max(open_number_, span.number + 1);
      if (digest_of(span, row.bytes(3)) == row.number(4)) {
        windows_.push_back(span);
      } else {
        damaged.push_back(span.number);
      }
    }
  }
  if (damaged.empty()) return ok();
  WEIR_TRY(Transaction transaction, Transaction::begin(database, Durability::Process));
  for (const std::uint64_t number : damaged) {
    file_.warn("samples of window " + std::to_string(number) + " are damaged, removed");
    WEIR_TRY(Statement window, database.prepare("DELETE FROM window WHERE number = ?"));
    WEIR_CHECK(window.bind(number).run());
    if (number >= kWindowNumberMax) continue;
    WEIR_TRY(Statement blocks, database.prepare("DELETE FROM block WHERE key >= ? AND key < ?"));
    WEIR_CHECK(blocks.bind(block_key(number, 0)).bind(block_key(number + 1, 0)).run());
  }
  return transaction.commit();
}

Result<void> TelemetryStore::Core::load_series(Database& database) {
  WEIR_TRY(Statement row,
           database.prepare("SELECT id, metric, labels, seen, digest FROM series ORDER BY id"));
  for (;;) {
    WEIR_TRY(const bool more, row.step());
    if (!more) return ok();
    const std::uint64_t id = row.number(0);
    const SeriesName name(row.text(1), row.text(2));
    const std::uint64_t seen = std::min(row.number(3), kWindowNumberMax - 1);
    if (id >= std::numeric_limits<std::uint32_t>::max() ||
        digest_of(id, SeriesNameLess::view(name)) != row.number(4) ||
        series_.all().contains(name)) {
      file_.warn("the name of series " + std::to_string(id) + " is damaged, left out");
      continue;
    }
    series_.add(SeriesNameLess::view(name), static_cast<std::uint32_t>(id), seen);
    next_series_ = static_cast<std::uint32_t>(id) + 1;
    open_number_ = std::max(open_number_, seen);
  }
}

// The open window, from the rows that the calls of store() have left.
Result<void> TelemetryStore::Core::load_batches(Database& database) {
  std::vector<SeriesEntry*> by_id;
  for (auto& [name, entry] : series_.all()) by_id.push_back(&entry);
  const auto less = [](const SeriesEntry* entry, std::uint32_t id) {
    return entry->open.series < id;
  };
  std::sort(by_id.begin(), by_id.end(), [](const SeriesEntry* a, const SeriesEntry* b) {
    return a->open.series < b->open.series;
  });
  SampleDecompressor decompressor;
  WEIR_TRY(Statement row, database.prepare("SELECT id, at, body, digest FROM batch ORDER BY id"));
  for (;;) {
    WEIR_TRY(const bool more, row.step());
    if (!more) return ok();
    const std::uint64_t id = row.number(0);
    next_batch_ = id + 1;
    const Bytes body = row.bytes(2);
    const std::uint64_t stamp = id ^ row.number(1);
    std::optional<std::vector<BatchSample>> samples;
    if (digest_of(stamp, body) == row.number(3) && open_times_.size() < kColumnSamplesMax) {
      const auto plain = decompressor.decompress(body, kBlockBytesMax * 4);
      if (plain) samples = decode_batch(*plain);
    }
    if (!samples) {
      file_.warn("samples of a call, number " + std::to_string(id) + ", are damaged, left out");
      continue;
    }
    batch_bytes_ += body.size();
    batch_.clear();
    batch_entries_.clear();
    for (const BatchSample& sample : *samples) {
      const auto found = std::lower_bound(by_id.begin(), by_id.end(), sample.series, less);
      if (found == by_id.end() || (*found)->open.series != sample.series) continue;
      batch_.push_back(sample);
      batch_entries_.push_back(*found);
    }
    extend_open({row.integer(1)});
  }
}

Result<QuerySnapshot> TelemetryStore::Core::snapshot(Database& database, const SampleQuery& query) {
  WEIR_CHECK(load(database));
  QuerySnapshot snapshot;
  const auto [begin, end] = series_.of_metric(query.metric);
  std::vector<const SeriesTable::Item*> items;
  for (auto at = begin; at != end; ++at) items.push_back(&*at);
  std::sort(items.begin(), items.end(), [](const auto* a, const auto* b) {
    return a->second.open.series < b->second.open.series;
  });
  for (const auto* item : items) {
    snapshot.ids.push_back(item->second.open.series);
    snapshot.labels.push_back(item->first.second);
    snapshot.open.push_back(item->second.open);
  }
  for (const WindowSpan& window : windows_) {
    if (window.last >= query.since && window.first <= query.until) {
      snapshot.windows.push_back(window);
    }
  }
  snapshot.open_times = open_times_;
  return snapshot;
}

Result<std::optional<FetchedWindow>> TelemetryStore::Core::fetch(
    Database& database, std::uint64_t window, std::span<const std::uint32_t> ids) {
  WEIR_TRY(Statement times, database.prepare("SELECT times FROM window WHERE number = ?"));
  WEIR_TRY(const bool there, times.bind(window).step());
  if (!there) return std::optional<FetchedWindow>();
  FetchedWindow fetched;
  const Bytes encoded = times.bytes(0);
  fetched.times.assign(encoded.begin(), encoded.end());

  // A block has the series from its own number to the next block's.
  WEIR_TRY(Statement key, database.prepare("SELECT key FROM block WHERE key >= ? AND key <= ? "
                                           "ORDER BY key"));
  key.bind(block_key(window, 0)).bind(block_key(window, ids.back()));
  std::vector<std::uint64_t> keys;
  for (;;) {
    WEIR_TRY(const bool more, key.step());
    if (!more) break;
    keys.push_back(key.number(0));
  }
  WEIR_TRY(Statement block, database.prepare("SELECT body, digest FROM block WHERE key = ?"));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto wanted = std::lower_bound(ids.begin(), ids.end(), keys[i], [&](auto id, auto at) {
      return block_key(window, id) < at;
    });
    if (wanted == ids.end()) break;
    if (i + 1 < keys.size() && block_key(window, *wanted) >= keys[i + 1]) continue;
    WEIR_TRY(const bool found, block.bind(keys[i]).step());
    if (found && digest_of(keys[i], block.bytes(0)) == block.number(1)) {
      const Bytes body = block.bytes(0);
      fetched.blocks.emplace_back(body.begin(), body.end());
    } else {
      file_.warn("samples of window " + std::to_string(window) + " are damaged, left out");
    }
    block.reset();
  }
  return std::optional(std::move(fetched));
}

// The pages of the log go into the file, and both are synced.
Result<void> TelemetryStore::Core::flush(Database& database) {
  WEIR_CHECK(database.execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  last_sync_ = file_.clock().monotonic();
  return ok();
}

Result<TelemetryStoreStatus> TelemetryStore::Core::status(Database& database) {
  WEIR_CHECK(load(database));
  WEIR_TRY(const Pages now, count_pages(database));
  return TelemetryStoreStatus{.series = series_.size(),
                              .windows = windows_.size(),
                              .file_bytes = now.all * page_bytes_,
                              .windows_dropped = windows_dropped_};
}

}  // namespace weir::storage
