#include "storage/telemetry_store.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "storage/sample_codec.h"
#include "storage/sample_compression.h"
#include "storage/store_file.h"
#include "storage/telemetry_core.h"

namespace weir::storage {
namespace {

// The key of a block: its window's number, and in the low 32 bits its first series.
constexpr std::array<std::string_view, 4> kTables = {
    "CREATE TABLE series(id INTEGER PRIMARY KEY, metric TEXT NOT NULL, labels TEXT NOT NULL, "
    "seen INTEGER NOT NULL, digest INTEGER NOT NULL) STRICT",
    "CREATE TABLE window(number INTEGER PRIMARY KEY, first INTEGER NOT NULL, "
    "last INTEGER NOT NULL, times BLOB NOT NULL, digest INTEGER NOT NULL) STRICT",
    "CREATE TABLE block(key INTEGER PRIMARY KEY, body BLOB NOT NULL, digest INTEGER NOT NULL) "
    "STRICT",
    "CREATE TABLE batch(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL, "
    "digest INTEGER NOT NULL) STRICT"};

// The blocks are many, and each is checked when it is read.
constexpr StoreSchema kSchema{.what = "store of samples",
                              .application = 0x77656974,
                              .version = 1,
                              .tables = kTables,
                              .checked_table = "series"};

// Points as they come, series by series: windows follow each other in time unless the clock was set
// back.
class Answer {
 public:
  Answer(const SampleQuery& query, const QuerySnapshot& snapshot)
      : query_(query), snapshot_(snapshot), series_(snapshot.ids.size()) {}

  void add(std::span<const Timestamp> times, const SampleColumn& column) {
    const auto id = std::lower_bound(snapshot_.ids.begin(), snapshot_.ids.end(), column.series);
    if (id == snapshot_.ids.end() || *id != column.series) return;
    auto& points = series_[static_cast<std::size_t>(id - snapshot_.ids.begin())].points;
    for (std::size_t i = 0; i < column.at.size(); ++i) {
      if (column.at[i] >= times.size()) return;
      const Timestamp time = times[column.at[i]];
      if (time < query_.since || time > query_.until) continue;
      const bool same_step = query_.step > Duration::zero() && !points.empty() &&
                             step_of(points.back().first) == step_of(time);
      if (same_step && time >= points.back().first) {
        points.back() = {time, column.values[i]};
      } else {
        points.emplace_back(time, column.values[i]);
        ++count_;
      }
    }
  }

  [[nodiscard]] std::size_t count() const noexcept { return count_; }

  std::vector<SampleSeries> take() && {
    std::vector<std::pair<std::string, std::size_t>> order;
    for (std::size_t i = 0; i < series_.size(); ++i) {
      if (series_[i].points.empty()) continue;
      put_in_order(series_[i].points);
      order.emplace_back(snapshot_.labels[i], i);
    }
    std::sort(order.begin(), order.end());
    std::vector<SampleSeries> out;
    out.reserve(order.size());
    for (auto& [labels, i] : order) {
      out.push_back({.labels = std::move(labels), .points = std::move(series_[i].points)});
    }
    return out;
  }

 private:
  using Points = std::vector<std::pair<Timestamp, double>>;

  [[nodiscard]] std::uint64_t step_of(Timestamp time) const noexcept {
    const auto since = static_cast<std::uint64_t>(query_.since.ns);
    return (static_cast<std::uint64_t>(time.ns) - since) /
           static_cast<std::uint64_t>(query_.step.count());
  }

  void put_in_order(Points& points) const {
    const auto earlier = [](const auto& a, const auto& b) { return a.first < b.first; };
    if (std::is_sorted(points.begin(), points.end(), earlier)) return;
    std::stable_sort(points.begin(), points.end(), earlier);
    if (query_.step <= Duration::zero()) return;
    Points last;
    for (const auto& point : points) {
      if (!last.empty() && step_of(last.back().first) == step_of(point.first)) last.pop_back();
      last.push_back(point);
    }
    points = std::move(last);
  }

  const SampleQuery& query_;
  const QuerySnapshot& snapshot_;
  std::vector<SampleSeries> series_;
  std::size_t count_ = 0;
};

Error too_many(const SampleQuery& query, const QuerySnapshot& snapshot) {
  std::int64_t first = query.until.ns;
  std::int64_t last = query.since.ns;
  for (const WindowSpan& window : snapshot.windows) {
    first = std::min(first, window.first.ns);
    last = std::max(last, window.last.ns);
  }
  for (const Timestamp time : snapshot.open_times) {
    first = std::min(first, time.ns);
    last = std::max(last, time.ns);
  }
  first = std::max(first, query.since.ns);
  last = std::min(last, query.until.ns);
  const std::size_t each = query.points_max / std::max<std::size_t>(snapshot.ids.size(), 1);
  std::string advice = "ask for fewer series or a shorter time";
  if (each > 1 && last > first) {
    // One step more than the time has whole ones.
    const auto steps = static_cast<std::int64_t>(each - 1);
    const std::int64_t seconds = (last - first) / steps / 1'000'000'000 + 1;
    advice = "ask with a step of " + std::to_string(seconds) + " s or more";
  }
  return Error{.code = ErrorCode::Usage,
               .context = "the answer has more than " + std::to_string(query.points_max) +
                          " points (" + advice + ")"};
}

// Decodes what was fetched, outside of the store's turn.
Result<void> add_window(const FetchedWindow& fetched, const QuerySnapshot& snapshot,
                        SampleDecompressor& decompressor, Answer& answer) {
  const Error damaged{.code = ErrorCode::Damaged, .context = "samples fit no format of ours"};
  const auto times = decode_times(fetched.times);
  if (!times) return damaged;
  for (const ByteVector& block : fetched.blocks) {
    const auto plain = decompressor.decompress(block, kBlockBytesMax);
    if (!plain) return damaged;
    const auto columns = decode_columns(*plain, snapshot.ids);
    if (!columns) return damaged;
    for (const SampleColumn& column : *columns) answer.add(*times, column);
  }
  return ok();
}

}  // namespace

TelemetryStore::TelemetryStore(std::unique_ptr<StoreFile> file,
                               const TelemetryStoreOptions& options)
    : options_(options), file_(std::move(file)), core_(std::make_unique<Core>(*file_, options_)) {}

TelemetryStore::~TelemetryStore() = default;

Result<TelemetryStore::Opened> TelemetryStore::open(const std::string& path,
                                                    const TelemetryStoreOptions& options,
                                                    const Clock& clock) {
  WEIR_ASSERT(options.bytes_max >= kTelemetryBytesMin && options.keep > Duration::zero());
  WEIR_TRY(auto file, StoreFile::open(path, kSchema, clock));
  std::unique_ptr<TelemetryStore> store(new TelemetryStore(std::move(file), options));
  // Reads it, so that damage is found now.
  const auto load = [&](Database& database) { return store->core_->load(database); };
  if (auto loaded = store->file_->run(load); !loaded) {
    return std::move(loaded).error().with_context("open " + store->file_->name());
  }
  std::string warning = store->file_->take_warning();
  return Opened{.store = std::move(store), .warning = std::move(warning)};
}

template <typename Body>
auto TelemetryStore::guarded(std::string_view what, Body body) {
  return in_turn(mutex_, *file_, options_.observer, what, std::move(body));
}

Result<StoreOutcome> TelemetryStore::store(Timestamp when, std::span<const StoredSample> samples) {
  return guarded("store samples",
                 [&](Database& database) { return core_->store(database, when, samples); });
}

Result<std::vector<SampleSeries>> TelemetryStore::query(const SampleQuery& query) {
  WEIR_TRY(const QuerySnapshot snapshot, guarded("look for samples", [&](Database& database) {
             return core_->snapshot(database, query);
           }));
  if (snapshot.ids.empty()) return std::vector<SampleSeries>();
  Answer answer(query, snapshot);
  SampleDecompressor decompressor;
  for (const WindowSpan& window : snapshot.windows) {
    WEIR_TRY(const auto fetched, guarded("read samples", [&](Database& database) {
               return core_->fetch(database, window.number, snapshot.ids);
             }));
    if (!fetched) continue;
    WEIR_CHECK(add_window(*fetched, snapshot, decompressor, answer));
    if (answer.count() > query.points_max) return too_many(query, snapshot);
  }
  for (const SampleColumn& column : snapshot.open) answer.add(snapshot.open_times, column);
  if (answer.count() > query.points_max) return too_many(query, snapshot);
  return std::move(answer).take();
}

Result<void> TelemetryStore::flush() {
  return guarded("sync", [&](Database& database) { return core_->flush(database); });
}

TelemetryStoreStatus TelemetryStore::status() {
  auto status = guarded("ask", [&](Database& database) { return core_->status(database); });
  return status ? *status : TelemetryStoreStatus{};
}

std::vector<std::pair<std::string, std::string>> split_labels(std::string_view labels) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!labels.empty()) {
    const std::size_t equals = labels.find("=\"");
    if (equals == std::string_view::npos) break;
    std::string value;
    std::size_t at = equals + 2;
    for (; at < labels.size() && labels[at] != '"'; ++at) {
      char c = labels[at];
      if (c == '\\' && at + 1 < labels.size()) {
        c = labels[++at];
        if (c == 'n') c = '\n';
      }
      value += c;
    }
    if (at >= labels.size()) break;  // the value has no end
    pairs.emplace_back(labels.substr(0, equals), std::move(value));
    labels.remove_prefix(at + 1);
    if (labels.starts_with(',')) labels.remove_prefix(1);
  }
  return pairs;
}

}  // namespace weir::storage
