#include "storage/state_store.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/assert.h"
#include "storage/row_digest.h"
#include "storage/sqlite.h"
#include "storage/store_file.h"

namespace weir::storage {
namespace {

// Only tables whose key is the order of their rows: no index that could disagree with its table.
constexpr std::array<std::string_view, 4> kTables = {
    "CREATE TABLE journal(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, machine TEXT NOT NULL, "
    "before TEXT NOT NULL, event TEXT NOT NULL, after TEXT NOT NULL, who TEXT NOT NULL, "
    "why TEXT NOT NULL, generation INTEGER NOT NULL, digest INTEGER NOT NULL) STRICT",
    "CREATE TABLE generation(number INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, "
    "why TEXT NOT NULL, toml TEXT NOT NULL, digest INTEGER NOT NULL) STRICT",
    "CREATE TABLE session(name TEXT PRIMARY KEY, origin TEXT NOT NULL, definition TEXT NOT NULL, "
    "state TEXT NOT NULL, changed INTEGER NOT NULL, digest INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE value(name TEXT PRIMARY KEY, content BLOB NOT NULL, digest INTEGER NOT NULL) "
    "STRICT, WITHOUT ROWID"};

constexpr StoreSchema kSchema{.what = "state store",
                              .application = 0x77656972,
                              .version = 1,
                              .tables = kTables,
                              .checked_table = ""};

// So many rows of the journal more than needed are deleted at a time.
constexpr std::uint64_t kJournalBatchMax = 1000;
constexpr std::uint64_t kNumberMax = std::numeric_limits<std::int64_t>::max();

// Cut between characters of UTF-8.
std::string_view cut(std::string_view text) {
  if (text.size() <= kJournalWordBytesMax) return text;
  std::size_t length = kJournalWordBytesMax;
  while (length > 0 && (static_cast<std::uint8_t>(text[length]) & 0xc0) == 0x80) --length;
  return text.substr(0, length);
}

std::uint64_t digest_of(std::uint64_t id, const state::TransitionRecord& t) {
  return RowDigest()
      .add(id)
      .add(t.when.ns)
      .add(cut(t.machine))
      .add(cut(t.from))
      .add(cut(t.event))
      .add(cut(t.to))
      .add(cut(t.who))
      .add(cut(t.why))
      .add(t.generation)
      .value();
}

std::uint64_t digest_of(const Generation& g) {
  return RowDigest()
      .add(g.number)
      .add(g.when.ns)
      .add(cut(g.who))
      .add(cut(g.why))
      .add(std::string_view(g.toml))
      .value();
}

std::uint64_t digest_of(const SessionRecord& s) {
  return RowDigest()
      .add(std::string_view(s.name))
      .add(std::string_view(s.origin))
      .add(std::string_view(s.definition))
      .add(std::string_view(s.state))
      .add(s.changed.ns)
      .value();
}

std::uint64_t digest_of(std::string_view key, std::string_view value) {
  return RowDigest().add(key).add(value).value();
}

Error too_large(std::string_view what, std::size_t bytes, std::size_t bytes_max) {
  return Error{.code = ErrorCode::Usage,
               .context = std::string(what) + " has " + std::to_string(bytes) + " bytes (at most " +
                          std::to_string(bytes_max) + ")"};
}

// A new row of a table that is bounded in rows; rows that exist may always be written over.
Result<void> check_room(Database& database, const std::string& table, std::string_view name,
                        std::size_t rows_max) {
  WEIR_TRY(Statement there, database.prepare("SELECT 1 FROM " + table + " WHERE name = ?"));
  WEIR_TRY(const bool exists, there.bind(name).step());
  if (exists) return ok();
  WEIR_TRY(const std::int64_t rows, database.integer("SELECT count(*) FROM " + table));
  if (static_cast<std::uint64_t>(rows) < rows_max) return ok();
  return Error{.code = ErrorCode::Resource,
               .context = "there are " + std::to_string(rows) + " already (remove some)"};
}

Result<std::uint64_t> append_row(Database& database, const state::TransitionRecord& t,
                                 std::uint64_t rows_max) {
  WEIR_TRY(Transaction transaction, Transaction::begin(database, Durability::Process));
  WEIR_TRY(const std::int64_t last,
           database.integer("SELECT coalesce((SELECT max(id) FROM journal), 0)"));
  WEIR_TRY(const std::int64_t first,
           database.integer("SELECT coalesce((SELECT min(id) FROM journal), 1)"));
  if (last < 0 || static_cast<std::uint64_t>(last) == kNumberMax) {
    database.mark_damaged();
    return Error{.code = ErrorCode::Damaged, .context = "the ids of the journal are impossible"};
  }
  const auto id = static_cast<std::uint64_t>(last) + 1;
  const std::uint64_t rows = id - static_cast<std::uint64_t>(first);  // they have no gaps
  if (rows >= rows_max) {
    const std::uint64_t over = rows - rows_max + 1;
    const std::uint64_t count = over + std::min(rows_max / 16, kJournalBatchMax);
    WEIR_TRY(Statement oldest, database.prepare("DELETE FROM journal WHERE id < ?"));
    WEIR_CHECK(oldest.bind(static_cast<std::uint64_t>(first) + count).run());
  }
  WEIR_TRY(Statement statement,
           database.prepare("INSERT INTO journal VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  statement.bind(id).bind(t.when.ns).bind(cut(t.machine)).bind(cut(t.from)).bind(cut(t.event));
  statement.bind(cut(t.to)).bind(cut(t.who)).bind(cut(t.why)).bind(t.generation);
  WEIR_CHECK(statement.bind(digest_of(id, t)).run());
  WEIR_CHECK(transaction.commit());
  return id;
}

Result<void> append_row(Database& database, const Generation& generation,
                        std::uint64_t generations_max) {
  WEIR_TRY(Transaction transaction, Transaction::begin(database, Durability::Power));
  WEIR_TRY(const std::int64_t last,
           database.integer("SELECT coalesce((SELECT max(number) FROM generation), 0)"));
  if (generation.number <= static_cast<std::uint64_t>(last)) {
    return Error{.code = ErrorCode::Conflict,
                 .context = "the last one is " + std::to_string(last) +
                            " (the next one's number must be above it)"};
  }
  WEIR_TRY(Statement statement,
           database.prepare("INSERT INTO generation VALUES(?, ?, ?, ?, ?, ?)"));
  statement.bind(generation.number).bind(generation.when.ns).bind(cut(generation.who));
  statement.bind(cut(generation.why)).bind(std::string_view(generation.toml));
  WEIR_CHECK(statement.bind(digest_of(generation)).run());
  WEIR_TRY(Statement oldest,
           database.prepare("DELETE FROM generation WHERE number <= (SELECT number FROM generation "
                            "ORDER BY number DESC LIMIT 1 OFFSET ?)"));
  WEIR_CHECK(oldest.bind(generations_max).run());
  WEIR_CHECK(database.execute("PRAGMA incremental_vacuum(256)"));
  return transaction.commit();
}

Generation generation_of(const Statement& row) {
  return {.number = row.number(0),
          .when = {row.integer(1)},
          .who = row.text(2),
          .why = row.text(3),
          .toml = row.text(4),
          .checksum = row.number(5)};
}

constexpr std::string_view kGenerationsSql =
    "SELECT number, at, who, why, toml, digest FROM generation ORDER BY number DESC";

}  // namespace

StateStore::StateStore(std::unique_ptr<StoreFile> file, const StateStoreOptions& options)
    : options_(options), file_(std::move(file)) {}

StateStore::~StateStore() = default;

Result<StateStore::Opened> StateStore::open(const std::string& path,
                                            const StateStoreOptions& options, const Clock& clock) {
  WEIR_ASSERT(options.journal_rows_max >= 2 && options.generations_max >= 2);
  WEIR_TRY(auto file, StoreFile::open(path, kSchema, clock));
  std::string warning = file->take_warning();
  return Opened{.store = std::unique_ptr<StateStore>(new StateStore(std::move(file), options)),
                .warning = std::move(warning)};
}

template <typename Body>
auto StateStore::guarded(std::string_view what, Body body) {
  return in_turn(mutex_, *file_, options_.observer, what, std::move(body));
}

Result<void> StateStore::record(const state::TransitionRecord& transition) {
  auto id = append(transition);
  if (!id) return std::move(id).error();
  return ok();
}

Result<std::uint64_t> StateStore::append(const state::TransitionRecord& transition) {
  return guarded("write to the journal", [&](Database& database) {
    return append_row(database, transition, options_.journal_rows_max);
  });
}

Result<std::vector<JournalEntry>> StateStore::newest(std::uint64_t before, std::size_t rows_max) {
  const std::uint64_t below = before == 0 ? kNumberMax : std::min(before, kNumberMax);
  const std::uint64_t limit = std::min<std::uint64_t>(rows_max, options_.journal_rows_max);
  return guarded("read the journal", [&](Database& database) -> Result<std::vector<JournalEntry>> {
    WEIR_TRY(Statement row, database.prepare("SELECT id, at, machine, before, event, after, who, "
                                             "why, generation, digest FROM journal WHERE id < ? "
                                             "ORDER BY id DESC LIMIT ?"));
    row.bind(below).bind(limit);
    std::vector<JournalEntry> entries;
    for (;;) {
      WEIR_TRY(const bool more, row.step());
      if (!more) return entries;
      JournalEntry entry{.id = row.number(0),
                         .transition = {.when = {row.integer(1)},
                                        .machine = row.text(2),
                                        .from = row.text(3),
                                        .event = row.text(4),
                                        .to = row.text(5),
                                        .who = row.text(6),
                                        .why = row.text(7),
                                        .generation = row.number(8)}};
      if (digest_of(entry.id, entry.transition) == row.number(9)) {
        entries.push_back(std::move(entry));
      } else {
        file_->warn("entry " + std::to_string(entry.id) + " of the journal is damaged, left out");
      }
    }
  });
}

Result<void> StateStore::append_generation(const Generation& generation) {
  const std::string what = "store generation " + std::to_string(generation.number);
  if (generation.number == 0 || generation.number > kNumberMax) {
    return Error{.code = ErrorCode::Usage, .context = what + ": no such number (count from 1)"};
  }
  if (generation.toml.size() > kConfigurationBytesMax) {
    return too_large(what + ": its text", generation.toml.size(), kConfigurationBytesMax);
  }
  return guarded(what, [&](Database& database) {
    return append_row(database, generation, options_.generations_max);
  });
}

Result<std::optional<Generation>> StateStore::latest_generation() {
  return guarded("read the latest generation",
                 [&](Database& database) -> Result<std::optional<Generation>> {
                   WEIR_TRY(Statement row, database.prepare(kGenerationsSql));
                   for (;;) {
                     WEIR_TRY(const bool more, row.step());
                     if (!more) return std::optional<Generation>();
                     Generation found = generation_of(row);
                     if (digest_of(found) == found.checksum) return std::optional(std::move(found));
                     file_->warn("generation " + std::to_string(found.number) +
                                 " is damaged, the one before it counts as the latest");
                   }
                 });
}

Result<std::uint64_t> StateStore::newest_generation() {
  return guarded(
      "look for the newest generation", [&](Database& database) -> Result<std::uint64_t> {
        WEIR_TRY(const std::int64_t newest,
                 database.integer("SELECT coalesce((SELECT max(number) FROM generation), 0)"));
        return static_cast<std::uint64_t>(newest);
      });
}

Result<Generation> StateStore::generation(std::uint64_t number) {
  return guarded(
      "read generation " + std::to_string(number), [&](Database& database) -> Result<Generation> {
        WEIR_TRY(Statement row, database.prepare("SELECT number, at, who, why, toml, digest "
                                                 "FROM generation WHERE number = ?"));
        WEIR_TRY(const bool found, row.bind(number).step());
        if (!found) {
          return Error{.code = ErrorCode::NotFound,
                       .context = "there is none (it was never, or is too old)"};
        }
        Generation result = generation_of(row);
        if (digest_of(result) == result.checksum) return result;
        return Error{.code = ErrorCode::Damaged,
                     .context = "it does not fit its checksum (take another one)"};
      });
}

Result<std::vector<GenerationSummary>> StateStore::generations() {
  return guarded("list the generations",
                 [&](Database& database) -> Result<std::vector<GenerationSummary>> {
                   WEIR_TRY(Statement row, database.prepare(kGenerationsSql));
                   std::vector<GenerationSummary> list;
                   for (;;) {
                     WEIR_TRY(const bool more, row.step());
                     if (!more) return list;
                     Generation found = generation_of(row);
                     const bool sound = digest_of(found) == found.checksum;
                     list.push_back({.number = found.number,
                                     .when = found.when,
                                     .who = std::move(found.who),
                                     .why = std::move(found.why),
                                     .toml_bytes = found.toml.size(),
                                     .checksum = found.checksum,
                                     .sound = sound});
                   }
                 });
}

Result<void> StateStore::put_session(const SessionRecord& session) {
  const std::string what = "store session " + session.name.substr(0, kKeyBytesMax);
  const std::size_t bytes = session.name.size() + session.origin.size() +
                            session.definition.size() + session.state.size();
  if (bytes > kSessionBytesMax) return too_large(what + ": it", bytes, kSessionBytesMax);
  return guarded(what, [&](Database& database) -> Result<void> {
    WEIR_TRY(Transaction transaction, Transaction::begin(database, Durability::Power));
    WEIR_CHECK(check_room(database, "session", session.name, kSessionsMax));
    WEIR_TRY(Statement statement,
             database.prepare("INSERT OR REPLACE INTO session VALUES(?, ?, ?, ?, ?, ?)"));
    statement.bind(std::string_view(session.name)).bind(std::string_view(session.origin));
    statement.bind(std::string_view(session.definition)).bind(std::string_view(session.state));
    WEIR_CHECK(statement.bind(session.changed.ns).bind(digest_of(session)).run());
    return transaction.commit();
  });
}

Result<void> StateStore::erase_session(std::string_view name) {
  return guarded(
      "forget session " + std::string(name.substr(0, kKeyBytesMax)),
      [&](Database& database) -> Result<void> {
        WEIR_TRY(Transaction transaction, Transaction::begin(database, Durability::Power));
        WEIR_TRY(Statement statement, database.prepare("DELETE FROM session WHERE name = ?"));
        WEIR_CHECK(statement.bind(name).run());
        return transaction.commit();
      });
}

Result<std::vector<SessionRecord>> StateStore::sessions() {
  return guarded(
      "read the sessions", [&](Database& database) -> Result<std::vector<SessionRecord>> {
        WEIR_TRY(Statement row, database.prepare("SELECT name, origin, definition, state, changed, "
                                                 "digest FROM session ORDER BY name"));
        std::vector<SessionRecord> list;
        for (;;) {
          WEIR_TRY(const bool more, row.step());
          if (!more) return list;
          SessionRecord found{.name = row.text(0),
                              .origin = row.text(1),
                              .definition = row.text(2),
                              .state = row.text(3),
                              .changed = {row.integer(4)}};
          if (digest_of(found) == row.number(5)) {
            list.push_back(std::move(found));
          } else {
            file_->warn("the record of session " + found.name.substr(0, kKeyBytesMax) +
                        " is damaged, left out");
          }
        }
      });
}

Result<void> StateStore::put(std::string_view key, std::string_view value) {
  const std::string what = "store value " + std::string(key.substr(0, kKeyBytesMax));
  if (key.size() > kKeyBytesMax) return too_large(what + ": its key", key.size(), kKeyBytesMax);
  if (value.size() > kValueBytesMax) return too_large(what + ": it", value.size(), kValueBytesMax);
  return guarded(what, [&](Database& database) -> Result<void> {
    WEIR_TRY(Transaction transaction, Transaction::begin(database, Durability::Power));
    WEIR_CHECK(check_room(database, "value", key, kKeysMax));
    WEIR_TRY(Statement statement,
             database.prepare("INSERT OR REPLACE INTO value VALUES(?, CAST(? AS BLOB), ?)"));
    WEIR_CHECK(statement.bind(key).bind(value).bind(digest_of(key, value)).run());
    return transaction.commit();
  });
}

Result<std::optional<std::string>> StateStore::get(std::string_view key) {
  return guarded("read value " + std::string(key.substr(0, kKeyBytesMax)),
                 [&](Database& database) -> Result<std::optional<std::string>> {
                   WEIR_TRY(Statement row,
                            database.prepare("SELECT content, digest FROM value WHERE name = ?"));
                   WEIR_TRY(const bool found, row.bind(key).step());
                   if (!found) return std::optional<std::string>();
                   std::string value = row.text(0);
                   if (digest_of(key, value) == row.number(1))
                     return std::optional(std::move(value));
                   return Error{.code = ErrorCode::Damaged,
                                .context = "it does not fit its checksum (put it again)"};
                 });
}

}  // namespace weir::storage
