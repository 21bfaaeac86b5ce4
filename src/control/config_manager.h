// Changes the configuration of a running engine, in all its parts or in none.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/time.h"
#include "control/config.h"
#include "control/config_diff.h"

namespace weir::control {

// A part of the engine that has a configuration.
class ConfigParticipant {
 public:
  virtual ~ConfigParticipant() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  // Prepares everything that can fail, without a visible effect: compiles, opens, allocates. On an
  // error it has undone what it had begun; then neither commit() nor roll_back() follows. At start
  // `now` is an empty configuration.
  virtual Result<void> stage(const Config& now, const Config& next, std::uint64_t generation) = 0;
  // Exactly one of these follows a stage() that succeeded, before the next stage().
  virtual void commit() noexcept = 0;
  virtual void roll_back() noexcept = 0;
};

struct Generation {
  std::uint64_t number = 0;  // from 1, never given twice
  Timestamp when{};
  std::string who;
  std::string why;
  std::string toml;  // empty in lists
};

// Where generations are kept. Called from the thread that applies.
class GenerationStore {
 public:
  virtual ~GenerationStore() = default;
  // Durable once it returns; on an error nothing has been stored.
  virtual Result<void> append(const Generation& generation) = 0;
  virtual Result<Generation> get(std::uint64_t number) const = 0;  // ErrorCode::NotFound
  // The one with the highest number; number 0 when there is none.
  virtual Result<Generation> latest() const = 0;
  virtual Result<std::vector<Generation>> list() const = 0;  // newest first
};

struct ApplyRequest {
  std::string who;  // "alice (uid 1000)"
  std::string why;  // "reload"
  // Must be in force, else ErrorCode::Conflict; 0: whichever is.
  std::uint64_t expected_generation = 0;
  // Whether a change that waits for a restart is an error (ErrorCode::Conflict), or noted.
  enum class AtRestart : std::uint8_t { Wait, Refuse } at_restart = AtRestart::Wait;
};

struct ApplyResult {
  std::uint64_t generation = 0;            // in force now
  std::vector<ConfigChange> changes;       // from what was wanted before; empty: no new generation
  std::vector<std::string> needs_restart;  // all paths that wait, also from earlier changes
};

// Changes come from one thread at a time (others wait); the const functions from any thread, they
// never wait for a change. Participants are borrowed and outlive the manager.
//
// A generation is the configuration that is wanted. In force of it is what could change while the
// engine runs; the rest waits for a restart.
class ConfigManager {
 public:
  ConfigManager(GenerationStore& store, const Clock& clock);

  // In the order in which they stage and commit; they roll back in the reverse order. Before
  // start().
  void add(ConfigParticipant& participant);

  // The first configuration: everything takes effect. Takes the number of the latest stored
  // generation when that is equal, else stores a new one.
  Result<ApplyResult> start(const Config& config, const ApplyRequest& request);

  // Checks `next`, stages what can change now in every participant, stores the generation, commits
  // in all. On any error everything is as it was: ErrorCode::Usage with all problems, Conflict, or
  // the error of a participant or of the store.
  Result<ApplyResult> apply(const Config& next, const ApplyRequest& request);

  // The configuration of generation `number` as a new generation; 0: of the one before that in
  // force.
  Result<ApplyResult> roll_back_to(std::uint64_t number, const ApplyRequest& request);

  // The wanted configuration as a function of itself: what two operators ask for at once is done
  // one after the other. `edit` is Config -> Result<Config>, such as those of config_edit.h.
  template <typename Edit>
  Result<ApplyResult> edit(Edit&& edit, const ApplyRequest& request);

  [[nodiscard]] std::uint64_t generation() const;
  // Never null; empty configurations before start().
  [[nodiscard]] std::shared_ptr<const Config> current() const;  // in force
  [[nodiscard]] std::shared_ptr<const Config> wanted() const;
  [[nodiscard]] std::vector<std::string> needs_restart() const;
  [[nodiscard]] Result<std::vector<Generation>> generations() const;

 private:
  struct InForce {
    std::uint64_t generation = 0;
    std::shared_ptr<const Config> current;
    std::shared_ptr<const Config> wanted;
    std::vector<std::string> needs_restart;
  };

  Result<ApplyResult> apply_locked(const Config& next, const ApplyRequest& request);
  Result<void> check_expected(const ApplyRequest& request) const;
  Result<void> stage_all(const Config& now, const Config& next, std::uint64_t generation);
  void roll_back_first(std::size_t count) noexcept;
  // What has been staged in all.
  Result<void> store_or_roll_back(std::uint64_t generation, const ApplyRequest& request,
                                  std::string toml);
  void commit_all(InForce next) noexcept;
  InForce in_force() const;

  GenerationStore& store_;
  const Clock& clock_;
  std::vector<ConfigParticipant*> participants_;
  mutable std::mutex changing_;  // held during a change
  mutable std::mutex guard_;     // of in_force_, held for a moment
  InForce in_force_;
};

template <typename Edit>
Result<ApplyResult> ConfigManager::edit(Edit&& edit, const ApplyRequest& request) {
  const std::lock_guard lock(changing_);
  WEIR_CHECK(check_expected(request));
  WEIR_TRY(const Config next, std::forward<Edit>(edit)(*wanted()));
  return apply_locked(next, request);
}

}  // namespace weir::control
