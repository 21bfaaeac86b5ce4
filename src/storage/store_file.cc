#include "storage/store_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <vector>

namespace weir::storage {
namespace {

// Beside the file: the log, its index, and the journal of the moment before there was a log. The
// log goes first: beside a new file it would be taken for that one's.
constexpr std::array<std::string_view, 4> kParts = {"-wal", "-shm", "-journal", ""};

constexpr std::size_t kHeaderBytes = 100;  // of an SQLite file
constexpr std::size_t kWriteFormatAt = 18;
constexpr std::uint8_t kWriteFormatMax = 2;
constexpr std::size_t kVersionAt = 60;
constexpr std::size_t kApplicationAt = 68;
constexpr std::string_view kMagic{"SQLite format 3\0", 16};

// The log is cut back to this after each checkpoint.
constexpr const char* kPrepareSql =
    "PRAGMA cell_size_check=ON;"
    "PRAGMA temp_store=MEMORY;"
    "PRAGMA auto_vacuum=INCREMENTAL;"
    "PRAGMA journal_size_limit=4194304;"
    "PRAGMA synchronous=FULL";

std::string stamp(Timestamp when) {
  const std::time_t seconds = when.ns / 1'000'000'000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
  return {text.data(), length};
}

std::filesystem::path folder_of(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder;
}

Result<void> rename_part(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0 || errno == ENOENT) return ok();
  return system_error(errno, "move " + from + " aside");
}

// Whether the disk gives the whole file.
Result<void> read_through(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::vector<std::uint8_t> buffer(1024 * 1024);
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(fd.get(), buffer.data(), buffer.size(), at);
    if (got < 0) return system_error(errno, "read it");
    if (got == 0) return ok();
    at += got;
  }
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

// The holder of a lock wrote its process number into it.
std::string holder(int fd) {
  std::array<char, 16> text{};
  const ssize_t length = ::pread(fd, text.data(), text.size(), 0);
  std::string_view number(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  number = number.substr(0, number.find_first_not_of("0123456789"));
  return number.empty() ? "another process" : "process " + std::string(number);
}

}  // namespace

Result<std::unique_ptr<StoreFile>> StoreFile::open(const std::string& path,
                                                   const StoreSchema& schema, const Clock& clock) {
  std::unique_ptr<StoreFile> file(new StoreFile(path, schema, clock));
  auto ready = file->lock();
  if (ready) ready = file->make_ready();
  if (!ready) return std::move(ready).error().with_context("open " + file->name());
  return file;
}

// A lock of the open file, not of the process: it keeps out a second store of the same process too.
Result<void> StoreFile::lock() {
  const std::string path = path_ + ".lock";
  lock_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock_) {
    const std::string hint = errno == ENOENT ? " (the folder must exist)" : "";
    return system_error(errno, "create " + path + hint);
  }
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(lock_.get(), F_OFD_SETLK, &whole) != 0) {
    if (errno != EAGAIN && errno != EACCES) return system_error(errno, "lock " + path);
    return Error{.code = ErrorCode::Exists,
                 .context = "in use by " + holder(lock_.get()) + " (stop it first)"};
  }
  // For holder(). A full disk is no reason to fail: the lock holds without it.
  const std::string number = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock_.get(), 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(lock_.get(), number.data(), number.size(), 0);
  }
  return ok();
}

// From the header alone, since even reading through SQLite may write: it takes in the log.
Result<void> StoreFile::check_header() const {
  const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ok();  // make_entry() says why
  std::array<std::uint8_t, kHeaderBytes> header{};
  if (::pread(fd.get(), header.data(), header.size(), 0) != ssize_t{kHeaderBytes}) return ok();
  if (std::memcmp(header.data(), kMagic.data(), kMagic.size()) != 0) return ok();
  // SQLite would take the file for one that may only be read.
  if (header[kWriteFormatAt] > kWriteFormatMax) {
    return Error{.code = ErrorCode::Damaged, .context = "its header is not as it should be"};
  }
  const std::uint32_t version = load_be32(header.data() + kVersionAt);
  const std::uint32_t application = load_be32(header.data() + kApplicationAt);
  if (version <= schema_.version || application != schema_.application_id(version)) return ok();
  return Error{.code = ErrorCode::Unsupported,
               .context = "a newer weir wrote it: version " + std::to_string(version) +
                          ", this one knows " + std::to_string(schema_.version) +
                          " (run that weir, or move the file away)"};
}

Result<void> StoreFile::make_entry() const {
  UniqueFd fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd) {
    sync_folder();
    return ok();
  }
  if (errno != EEXIST) return system_error(errno, "create it");
  const int links = leads_through_descriptor(path_) ? O_NOFOLLOW : 0;
  fd.reset(::open(path_.c_str(), O_RDWR | O_CLOEXEC | links));
  if (!fd) return system_error(errno, "open it for reading and writing");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return system_error(errno, "look at it");
  if (!S_ISREG(status.st_mode)) {
    return Error{.code = ErrorCode::Io, .context = "it is no regular file (name another)"};
  }
  // What it says is not for everybody; whoever may not change the mode did not make the file.
  if ((status.st_mode & 0077) != 0) [[maybe_unused]]
    const int ignored = ::fchmod(fd.get(), 0600);
  return ok();
}

Result<void> StoreFile::make_ready() {
  if (database_) return ok();
  auto opened = check_header();
  if (!opened) {
    return opened.error().code == ErrorCode::Damaged ? replace(opened.error().context) : opened;
  }
  opened = open_database();
  if (database_ && database_->damaged()) {
    // SQLite calls a page that could not be read damaged too: no reason to give the file up.
    close_damaged();
    WEIR_CHECK(read_through(path_));
    opened = open_database();
    if (database_ && database_->damaged()) return replace(opened.error().context);
  }
  if (!opened) database_.reset();
  return opened;
}

// Leaves the database in place after an error, for damaged().
Result<void> StoreFile::open_database() {
  database_.reset();
  WEIR_CHECK(make_entry());
  WEIR_TRY(database_, Database::open(path_));
  auto verified = verify(*database_);
  if (verified) return verified;
  const ErrorCode code = verified.error().code;
  if (code == ErrorCode::Unsupported) database_->keep_log_at_close();
  // What SQLite cannot make sense of, though it is not new.
  std::error_code unknown;
  const bool fresh = std::filesystem::file_size(path_, unknown) == 0;
  if (code == ErrorCode::Internal && !fresh && !unknown) database_->mark_damaged();
  return verified;
}

Result<void> StoreFile::verify(Database& database) const {
  WEIR_CHECK(database.execute("PRAGMA locking_mode=EXCLUSIVE"));
  WEIR_TRY(const std::int64_t read_version, database.integer("PRAGMA user_version"));
  WEIR_TRY(const std::int64_t read_application, database.integer("PRAGMA application_id"));
  const auto version = static_cast<std::uint32_t>(read_version);
  const auto application = static_cast<std::uint32_t>(read_application);
  WEIR_TRY(const std::int64_t entries, database.integer("SELECT count(*) FROM sqlite_schema"));
  const bool fresh = version == 0 && application == 0 && entries == 0;
  if (!fresh && application != schema_.application_id(version)) {
    database.mark_damaged();
    return Error{.code = ErrorCode::Damaged,
                 .context = "it is no " + std::string(schema_.what) + " of weir"};
  }
  if (version > schema_.version) {  // its header in the file is older than the one in the log
    return Error{.code = ErrorCode::Unsupported,
                 .context = "a newer weir wrote it: version " + std::to_string(version) +
                            " (run that weir, or move the file away)"};
  }
  WEIR_CHECK(database.execute(kPrepareSql));
  const auto mode = database.text("PRAGMA journal_mode=WAL");
  if (!mode) return mode.error();
  if (*mode != "wal") {
    return Error{.code = ErrorCode::Io,
                 .context = "this file system takes no write-ahead log (use a local one)"};
  }
  return fresh ? create_tables(database) : check_pages(database);
}

Result<void> StoreFile::create_tables(Database& database) const {
  WEIR_TRY(Transaction transaction, Transaction::begin(database, Durability::Power));
  for (const std::string_view table : schema_.tables) {
    WEIR_CHECK(database.execute(std::string(table)));
  }
  const auto application = static_cast<std::int32_t>(schema_.application_id(schema_.version));
  WEIR_CHECK(database.execute("PRAGMA application_id=" + std::to_string(application)));
  WEIR_CHECK(database.execute("PRAGMA user_version=" + std::to_string(schema_.version)));
  return transaction.commit();
}

Result<void> StoreFile::check_pages(Database& database) const {
  const auto damage = [&database](std::string context) {
    database.mark_damaged();
    return Error{.code = ErrorCode::Damaged, .context = std::move(context)};
  };
  const std::string table(schema_.checked_table);
  const std::string check = "PRAGMA quick_check(" + (table.empty() ? "1" : table) + ")";
  const auto verdict = database.text(check);
  if (!verdict) return verdict.error();
  if (*verdict != "ok") return damage(*verdict);
  WEIR_TRY(Statement statement,
           database.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"));
  for (const std::string_view table_sql : schema_.tables) {
    WEIR_TRY(const bool row, statement.step());
    if (!row || statement.text(0) != table_sql) return damage("its tables are not as they should");
  }
  WEIR_TRY(const bool more, statement.step());
  if (more) return damage("it has a table too many");
  return ok();
}

// As it is, with its log.
void StoreFile::close_damaged() {
  if (database_) database_->keep_log_at_close();
  database_.reset();
}

Result<void> StoreFile::replace(std::string_view why) {
  close_damaged();
  WEIR_TRY(const std::string kept, move_aside());
  ++replaced_;
  warn(name() + " was damaged (" + std::string(why) + "): it is now " + kept +
       ", and a new one has been begun");
  auto opened = open_database();
  if (!opened) database_.reset();
  return opened;
}

Result<std::string> StoreFile::move_aside() const {
  const std::string base = path_ + ".damaged-" + stamp(clock_.wall());
  std::string name = base;
  for (int copy = 2; exists(name); ++copy) name = base + "-" + std::to_string(copy);
  for (const std::string_view part : kParts) {
    WEIR_CHECK(rename_part(path_ + std::string(part), name + std::string(part)));
  }
  sync_folder();
  remove_old_copies();
  return name;
}

void StoreFile::sync_folder() const {
  const UniqueFd folder(::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) ::fsync(folder.get());
}

// A disk that damages files again and again must not be filled with them too.
void StoreFile::remove_old_copies() const {
  const std::string prefix = std::filesystem::path(path_).filename().string() + ".damaged-";
  std::vector<std::filesystem::path> copies;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder_of(path_), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool part = std::any_of(kParts.begin(), kParts.end() - 1,
                                  [&](std::string_view end) { return name.ends_with(end); });
    if (name.starts_with(prefix) && !part) copies.push_back(entry->path());
  }
  if (copies.size() <= kDamagedFilesMax) return;
  std::sort(copies.begin(), copies.end());
  copies.resize(copies.size() - kDamagedFilesMax);
  for (const auto& copy : copies) {
    for (const std::string_view part : kParts) {
      std::filesystem::remove(copy.string() + std::string(part), error);
    }
  }
}

void StoreFile::warn(std::string_view sentence) {
  if (!warning_.empty()) warning_ += "; ";
  warning_ += sentence;
}

}  // namespace weir::storage
