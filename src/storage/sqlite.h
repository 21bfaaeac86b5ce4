// SQLite behind two small classes: a connection and a prepared statement. The only files that know
// sqlite3.h are sqlite.cc and the ones that tools/lint/exceptions.toml lists.
//
// One connection belongs to one store, which lets one thread at a time in. Nothing here waits: the
// file is locked for this connection alone from the first read on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace weir::storage {

// What a commit outlives.
enum class Durability : std::uint8_t {
  Process,  // a kill of the process
  Power,    // a loss of power too: a sync of the log
};

// Shared by a connection and its statements. `damaged`: SQLite has found the file to be unsound.
struct SqliteHandle {
  sqlite3* connection = nullptr;
  bool damaged = false;

  SqliteHandle() = default;
  ~SqliteHandle();
  SqliteHandle(const SqliteHandle&) = delete;
  SqliteHandle& operator=(const SqliteHandle&) = delete;
};

// A statement lives no longer than its database. Columns count from 0, parameters from 1 in the
// order of the calls of bind().
class Statement {
 public:
  Statement(SqliteHandle& handle, sqlite3_stmt* statement) noexcept
      : handle_(&handle), statement_(statement) {}
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Texts and bytes are borrowed until the statement is reset.
  Statement& bind(std::int64_t number) noexcept;
  Statement& bind(std::uint64_t number) noexcept { return bind(static_cast<std::int64_t>(number)); }
  Statement& bind(std::string_view text) noexcept;
  Statement& bind(Bytes bytes) noexcept;

  // True: there is a row. False: there is no other.
  Result<bool> step();
  // Runs a statement without rows, and makes it ready for other parameters.
  Result<void> run();
  void reset() noexcept;

  [[nodiscard]] std::int64_t integer(int column) const noexcept;
  [[nodiscard]] std::uint64_t number(int column) const noexcept {
    return static_cast<std::uint64_t>(integer(column));
  }
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] Bytes bytes(int column) const noexcept;  // until the next step
  [[nodiscard]] bool is_null(int column) const noexcept;

 private:
  SqliteHandle* handle_;
  sqlite3_stmt* statement_;
  int parameter_ = 0;
  int failed_ = 0;  // of the first bind that failed
};

// "/proc/self/fd/7/./state.db": a file in the directory of a descriptor of this process, whatever
// that is called by now. No link is followed there.
bool leads_through_descriptor(std::string_view path) noexcept;

class Database {
 public:
  // Opens the file, which exists (it may be empty). Reads nothing yet.
  static Result<Database> open(const std::string& path);

  Result<Statement> prepare(std::string_view sql);
  // One or several statements, whose rows are ignored.
  Result<void> execute(const std::string& sql);
  // The only row and column of a statement; NotFound without a row.
  Result<std::int64_t> integer(std::string_view sql);
  Result<std::string> text(std::string_view sql);

  // True once SQLite has found that the file is not sound.
  [[nodiscard]] bool damaged() const noexcept { return handle_->damaged; }
  void mark_damaged() noexcept { handle_->damaged = true; }
  // The last close leaves the log as it is, and the file too.
  void keep_log_at_close() noexcept;

 private:
  friend class Transaction;
  explicit Database(std::unique_ptr<SqliteHandle> handle) noexcept : handle_(std::move(handle)) {}
  Result<void> set_durability(Durability durability);

  std::unique_ptr<SqliteHandle> handle_;
  Durability durability_ = Durability::Power;
};

// All or nothing: what is not committed is rolled back when the transaction goes out of scope. Its
// statements must be gone or reset by then.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database, Durability durability);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  Result<void> commit();

 private:
  explicit Transaction(Database& database) noexcept : database_(&database) {}

  Database* database_;
};

}  // namespace weir::storage
