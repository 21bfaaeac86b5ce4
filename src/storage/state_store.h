// What the engine must know after a crash: the journal of transitions, the generations of the
// configuration, the sessions that ran, and a few small values. One SQLite file of mode 0600.
//
// Durability: what a call acknowledged survives a kill of the process. Generations, sessions and
// values survive a loss of power too; of the journal, power may take what was not yet synced.
//
// Damage: a file that is no longer sound is moved aside to NAME.damaged-20261121T200000Z (with its
// write-ahead log) and a new one begun, at open and at any later call; the call then goes on with
// the new, empty file. Rows have checksums: a row that does not fit its own is never given out.
//
// Errors: NoSpace, Io, Permission, Damaged as values; a call that fails has changed nothing, and
// the store works again once the cause is gone. Threads: any; calls take turns. Each call is
// bounded in time: the sizes below bound what it can touch.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/time.h"
#include "state/journal.h"
#include "storage/store_observer.h"

namespace weir::storage {

class StoreFile;

struct StateStoreOptions {
  std::uint64_t journal_rows_max = 100'000;  // at least 2; the oldest go first, some at a time
  std::uint64_t generations_max = 100;       // at least 2: the last and the one before it stay
  StoreObserver* observer = nullptr;         // outlives the store
};

inline constexpr std::size_t kConfigurationBytesMax = 16 * 1024 * 1024;
inline constexpr std::size_t kSessionBytesMax = 1024 * 1024;  // of name, origin, definition, state
inline constexpr std::size_t kSessionsMax = 4096;
inline constexpr std::size_t kValueBytesMax = 64 * 1024;
inline constexpr std::size_t kKeyBytesMax = 256;
inline constexpr std::size_t kKeysMax = 1024;
// Longer words of a transition, and who and why of a generation, are cut.
inline constexpr std::size_t kJournalWordBytesMax = 1024;

struct JournalEntry {
  std::uint64_t id = 0;  // grows, is never used again
  state::TransitionRecord transition;
};

struct Generation {
  std::uint64_t number = 0;
  Timestamp when{};
  std::string who;
  std::string why;
  std::string toml;
  std::uint64_t checksum = 0;  // of all the above; the store computes it
};

struct GenerationSummary {
  std::uint64_t number = 0;
  Timestamp when{};
  std::string who;
  std::string why;
  std::uint64_t toml_bytes = 0;
  std::uint64_t checksum = 0;
  bool sound = true;  // false: it does not fit its checksum, its text cannot be had
};

struct SessionRecord {
  std::string name;
  std::string origin;      // "config", "api", "tail"
  std::string definition;  // as text
  std::string state;       // "running", "paused", ...
  Timestamp changed{};
  friend bool operator==(const SessionRecord&, const SessionRecord&) = default;
};

class StateStore final : public state::Journal {
 public:
  struct Opened {
    std::unique_ptr<StateStore> store;
    std::string warning;  // that a damaged file was moved aside; empty: all was well
  };
  // The folder must exist. Errors: NotFound (no folder), Exists (another process has the store
  // open), Unsupported (a newer weir wrote the file, which is left as it is), Permission, NoSpace.
  // `clock` outlives the store.
  static Result<Opened> open(const std::string& path, const StateStoreOptions& options,
                             const Clock& clock);
  ~StateStore() override;
  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;

  // The journal.
  Result<void> record(const state::TransitionRecord& transition) override;
  Result<std::uint64_t> append(const state::TransitionRecord& transition);  // its id
  // Newest first, with ids below `before` (0: all).
  Result<std::vector<JournalEntry>> newest(std::uint64_t before, std::size_t rows_max);

  // Generations. `number` must be above every number so far (else Conflict), the text at most
  // kConfigurationBytesMax (else Usage); `checksum` is ignored.
  Result<void> append_generation(const Generation& generation);
  // The newest that fits its checksum.
  Result<std::optional<Generation>> latest_generation();
  // The number of the newest, sound or not, above which the next one must be; 0: there is none.
  Result<std::uint64_t> newest_generation();
  // Errors: NotFound, Damaged (it does not fit its checksum).
  Result<Generation> generation(std::uint64_t number);
  // Newest first; the first one's number is the one above which the next must be.
  Result<std::vector<GenerationSummary>> generations();

  // Sessions, by name.
  Result<void> put_session(const SessionRecord& session);
  Result<void> erase_session(std::string_view name);  // also when there is none
  Result<std::vector<SessionRecord>> sessions();      // by name; damaged ones are left out

  // Small values, by key.
  Result<void> put(std::string_view key, std::string_view value);
  Result<std::optional<std::string>> get(std::string_view key);

 private:
  StateStore(std::unique_ptr<StoreFile> file, const StateStoreOptions& options);
  template <typename Body>
  auto guarded(std::string_view what, Body body);

  const StateStoreOptions options_;
  std::mutex mutex_;
  std::unique_ptr<StoreFile> file_;  // guarded by mutex_
};

}  // namespace weir::storage
