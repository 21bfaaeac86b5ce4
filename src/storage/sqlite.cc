#include "storage/sqlite.h"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>

namespace weir::storage {

namespace {

bool is_damage(int result) noexcept {
  return (result & 0xff) == SQLITE_CORRUPT || (result & 0xff) == SQLITE_NOTADB ||
         result == SQLITE_IOERR_CORRUPTFS;
}

ErrorCode code_of(int result) noexcept {
  switch (result & 0xff) {
    case SQLITE_FULL:
      return ErrorCode::NoSpace;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::Damaged;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return ErrorCode::Permission;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::Exists;
    case SQLITE_NOMEM:
      return ErrorCode::Resource;
    case SQLITE_TOOBIG:
      return ErrorCode::Usage;
    case SQLITE_NOLFS:
      return ErrorCode::Unsupported;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return ErrorCode::Io;
    default:
      return ErrorCode::Internal;
  }
}

// SQLite resolves links before it opens a file, and so would go to where the directory behind a
// descriptor is called to be at that moment. This leaves a path as it is.
int take_path(sqlite3_vfs* /*vfs*/, const char* path, int room, char* out) noexcept {
  const std::string_view text(path);
  if (text.size() >= static_cast<std::size_t>(room)) return SQLITE_CANTOPEN;
  *std::copy(text.begin(), text.end(), out) = '\0';
  return SQLITE_OK;
}

// The name of a file system for SQLite that is the usual one, but for take_path(); null: none.
const char* descriptor_vfs() noexcept {
  static sqlite3_vfs vfs = [] {
    const sqlite3_vfs* const usual = sqlite3_vfs_find(nullptr);
    sqlite3_vfs copy = usual != nullptr ? *usual : sqlite3_vfs{};
    copy.pNext = nullptr;
    copy.zName = "weir-descriptor";
    copy.xFullPathname = &take_path;
    return copy;
  }();
  // Again and again is the same as once.
  return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? vfs.zName : nullptr;
}

// The sentence of a failure, and in `handle` whether the file is at fault.
Error failure(SqliteHandle& handle, int result) {
  const ErrorCode code = code_of(result);
  if (is_damage(result)) {
    handle.damaged = true;
    return Error{.code = ErrorCode::Damaged, .context = sqlite3_errstr(result)};
  }
  if (result == SQLITE_IOERR_NOMEM) {
    return Error{.code = ErrorCode::Resource, .context = sqlite3_errstr(result)};
  }
  const int sys_errno = handle.connection == nullptr ? 0 : sqlite3_system_errno(handle.connection);
  if (code == ErrorCode::Io && sys_errno != 0) {
    return system_error(sys_errno, sqlite3_errstr(result));
  }
  if (code == ErrorCode::NoSpace) {
    return Error{.code = code, .context = "no space left (make room on the disk)"};
  }
  if (code == ErrorCode::Exists) {
    return Error{.code = code, .context = "another program has the file open (end it)"};
  }
  std::string context = sqlite3_errstr(result);
  if (code == ErrorCode::Internal && handle.connection != nullptr) {
    context = sqlite3_errmsg(handle.connection);
  }
  return Error{.code = code, .context = std::move(context)};
}

}  // namespace

bool leads_through_descriptor(std::string_view path) noexcept {
  return path.starts_with("/proc/self/fd/");
}

SqliteHandle::~SqliteHandle() {
  // Statements are gone by now; should one be left, the connection closes with it.
  if (connection != nullptr) sqlite3_close_v2(connection);
}

Statement::Statement(Statement&& other) noexcept
    : handle_(other.handle_),
      statement_(std::exchange(other.statement_, nullptr)),
      parameter_(other.parameter_),
      failed_(other.failed_) {}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind(std::int64_t number) noexcept {
  const int result = sqlite3_bind_int64(statement_, ++parameter_, number);
  if (failed_ == SQLITE_OK) failed_ = result;
  return *this;
}

Statement& Statement::bind(std::string_view text) noexcept {
  // No text is not NULL.
  const char* at = text.data() == nullptr ? "" : text.data();
  const int result =
      sqlite3_bind_text64(statement_, ++parameter_, at, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (failed_ == SQLITE_OK) failed_ = result;
  return *this;
}

Statement& Statement::bind(Bytes bytes) noexcept {
  const void* at = bytes.data() == nullptr ? static_cast<const void*>("") : bytes.data();
  const int result = sqlite3_bind_blob64(statement_, ++parameter_, at, bytes.size(), SQLITE_STATIC);
  if (failed_ == SQLITE_OK) failed_ = result;
  return *this;
}

Result<bool> Statement::step() {
  if (failed_ != SQLITE_OK) return failure(*handle_, failed_);
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return failure(*handle_, result);
}

Result<void> Statement::run() {
  auto stepped = step();
  reset();
  if (!stepped) return std::move(stepped).error();
  return ok();
}

void Statement::reset() noexcept {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  parameter_ = 0;
  failed_ = SQLITE_OK;
}

std::int64_t Statement::integer(int column) const noexcept {
  return sqlite3_column_int64(statement_, column);
}

std::string Statement::text(int column) const {
  const Bytes content = bytes(column);
  return {content.begin(), content.end()};
}

Bytes Statement::bytes(int column) const noexcept {
  const auto* at = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  const int count = sqlite3_column_bytes(statement_, column);
  return at == nullptr ? Bytes{} : Bytes{at, static_cast<std::size_t>(count)};
}

bool Statement::is_null(int column) const noexcept {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Result<Database> Database::open(const std::string& path) {
  auto handle = std::make_unique<SqliteHandle>();
  // No mutex of SQLite's own: the store has one.
  const int result =
      sqlite3_open_v2(path.c_str(), &handle->connection,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                      leads_through_descriptor(path) ? descriptor_vfs() : nullptr);
  if (result != SQLITE_OK) return failure(*handle, result);
  // A damaged schema must not make SQLite do anything but fail.
  for (const int option : {SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_ENABLE_TRIGGER,
                           SQLITE_DBCONFIG_ENABLE_VIEW, SQLITE_DBCONFIG_TRUSTED_SCHEMA}) {
    const int on = option == SQLITE_DBCONFIG_DEFENSIVE ? 1 : 0;
    sqlite3_db_config(handle->connection, option, on, nullptr);
  }
  return Database(std::move(handle));
}

void Database::keep_log_at_close() noexcept {
  sqlite3_db_config(handle_->connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v2(handle_->connection, sql.data(),
                                        static_cast<int>(sql.size()), &statement, nullptr);
  if (result != SQLITE_OK) return failure(*handle_, result);
  return Statement(*handle_, statement);
}

Result<void> Database::execute(const std::string& sql) {
  const int result = sqlite3_exec(handle_->connection, sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return failure(*handle_, result);
  return ok();
}

Result<std::int64_t> Database::integer(std::string_view sql) {
  WEIR_TRY(Statement statement, prepare(sql));
  WEIR_TRY(const bool row, statement.step());
  if (!row) return Error{.code = ErrorCode::NotFound, .context = "no such row"};
  return statement.integer(0);
}

Result<std::string> Database::text(std::string_view sql) {
  WEIR_TRY(Statement statement, prepare(sql));
  WEIR_TRY(const bool row, statement.step());
  if (!row) return Error{.code = ErrorCode::NotFound, .context = "no such row"};
  return statement.text(0);
}

Result<void> Database::set_durability(Durability durability) {
  if (durability == durability_) return ok();
  WEIR_CHECK(execute(durability == Durability::Power ? "PRAGMA synchronous=FULL"
                                                     : "PRAGMA synchronous=NORMAL"));
  durability_ = durability;
  return ok();
}

Result<Transaction> Transaction::begin(Database& database, Durability durability) {
  WEIR_CHECK(database.set_durability(durability));
  WEIR_CHECK(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  // SQLite may have rolled back by itself after an error.
  sqlite3* connection = database_->handle_->connection;
  if (sqlite3_get_autocommit(connection) == 0) (void)database_->execute("ROLLBACK");
}

Result<void> Transaction::commit() {
  WEIR_CHECK(database_->execute("COMMIT"));
  database_ = nullptr;
  return ok();
}

}  // namespace weir::storage
