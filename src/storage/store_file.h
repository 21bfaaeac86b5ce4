// The file of a store: one opener, a known schema, and what happens when it is damaged.
//
// A store has one of these behind its mutex. It asks run() for everything: a file that SQLite finds
// damaged is moved aside there, with its log, and the work done again on a new one.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "storage/sqlite.h"
#include "storage/store_observer.h"

namespace weir::storage {

// What belongs into a file of this kind.
struct StoreSchema {
  std::string_view what;          // "state store"
  std::uint32_t application = 0;  // of all versions of this kind
  std::uint32_t version = 1;
  std::span<const std::string_view>
      tables;                      // as SQLite keeps them: "CREATE TABLE name(...) STRICT"
  std::string_view checked_table;  // checked at open; empty: the whole file is

  // In the header of the file beside the version, which it confirms: one of them alone damaged does
  // not look like a file of another version.
  [[nodiscard]] std::uint32_t application_id(std::uint32_t of_version) const noexcept {
    return application ^ (of_version * 0x9e3779b1U);
  }
};

// Of the damaged copies of a file, so many are kept.
inline constexpr std::size_t kDamagedFilesMax = 4;

class StoreFile {
 public:
  // `schema` and `clock` outlive the file. A file that was damaged has been replaced, as warning()
  // says then.
  static Result<std::unique_ptr<StoreFile>> open(const std::string& path, const StoreSchema& schema,
                                                 const Clock& clock);

  // Calls body(Database&), which gives a Result; once more when the file turned out to be damaged
  // and has been replaced. What body changes outside the database it must reset when replaced()
  // has changed.
  template <typename Body>
  auto run(Body& body) -> decltype(body(std::declval<Database&>())) {
    WEIR_CHECK(make_ready());
    auto result = body(*database_);
    if (!database_->damaged()) return result;
    WEIR_CHECK(replace(result ? "file is damaged" : result.error().context));
    return body(*database_);
  }

  void warn(std::string_view sentence);
  // What the operator should know since the last call; mostly empty.
  [[nodiscard]] std::string take_warning() { return std::exchange(warning_, {}); }
  // How often a new file was begun in the place of a damaged one.
  [[nodiscard]] std::uint64_t replaced() const noexcept { return replaced_; }
  [[nodiscard]] const Clock& clock() const noexcept { return clock_; }
  // "state store /var/lib/weir/state.db"
  [[nodiscard]] std::string name() const { return std::string(schema_.what) + " " + path_; }

 private:
  StoreFile(std::string path, const StoreSchema& schema, const Clock& clock)
      : path_(std::move(path)), schema_(schema), clock_(clock) {}

  Result<void> lock();
  Result<void> check_header() const;
  Result<void> make_entry() const;
  Result<void> make_ready();
  Result<void> open_database();
  Result<void> verify(Database& database) const;
  Result<void> create_tables(Database& database) const;
  Result<void> check_pages(Database& database) const;
  void close_damaged();
  Result<void> replace(std::string_view why);
  Result<std::string> move_aside() const;
  void sync_folder() const;
  void remove_old_copies() const;

  const std::string path_;
  const StoreSchema& schema_;
  const Clock& clock_;
  UniqueFd lock_;
  std::optional<Database> database_;  // empty: the last attempt to open it failed
  std::string warning_;
  std::uint64_t replaced_ = 0;
};

// One call of a store: its turn, the beginning of its error's sentence, and what the observer is to
// know, told when the turn is over.
template <typename Body>
auto in_turn(std::mutex& mutex, StoreFile& file, StoreObserver* observer, std::string_view what,
             Body body) -> decltype(file.run(body)) {
  std::string warning;
  auto result = [&] {
    const std::lock_guard turn(mutex);
    auto answer = file.run(body);
    warning = file.take_warning();
    return answer;
  }();
  if (!warning.empty() && observer != nullptr) observer->store_warning(warning);
  if (result) return result;
  return std::move(result).error().with_context(what).with_context(file.name());
}

}  // namespace weir::storage
