#include "control/config_manager.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "control/config_check.h"
#include "control/config_problem.h"
#include "control/config_reader.h"
#include "control/config_writer.h"
#include "control/toml.h"

namespace weir::control {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Result<void> check_whole(const Config& config) {
  const std::vector<ConfigProblem> problems = check_config(config);
  return problems.empty() ? ok() : Result<void>(error_of(problems));
}

// What has been accepted as a whole may still make no sense in part, until a restart.
Result<void> check_live(const Config& live, const std::vector<std::string>& waiting) {
  auto checked = check_whole(live);
  if (checked || waiting.empty()) return checked;
  Error error = std::move(checked).error();
  error.code = ErrorCode::Conflict;
  error.context += " (while " + joined(waiting) + " waits for a restart: restart the engine first)";
  return error;
}

// The generation as it is stored. What could not be read back is refused here.
Result<std::string> text_to_store(const Config& config) {
  std::string text = to_toml(config);
  if (text.size() <= TomlLimits{}.text_bytes_max) return text;
  return Error{.code = ErrorCode::Usage,
               .context = "the configuration: " + std::to_string(text.size()) +
                          " bytes when written out, more than " +
                          std::to_string(TomlLimits{}.text_bytes_max) +
                          " (fewer rules, or shorter expressions)"};
}

}  // namespace

ConfigManager::ConfigManager(GenerationStore& store, const Clock& clock)
    : store_(store), clock_(clock) {
  in_force_.current = std::make_shared<const Config>();
  in_force_.wanted = in_force_.current;
}

void ConfigManager::add(ConfigParticipant& participant) {
  WEIR_ASSERT(generation() == 0);
  participants_.push_back(&participant);
}

ConfigManager::InForce ConfigManager::in_force() const {
  const std::lock_guard lock(guard_);
  return in_force_;
}
std::uint64_t ConfigManager::generation() const { return in_force().generation; }
std::shared_ptr<const Config> ConfigManager::current() const { return in_force().current; }
std::shared_ptr<const Config> ConfigManager::wanted() const { return in_force().wanted; }
std::vector<std::string> ConfigManager::needs_restart() const { return in_force().needs_restart; }

Result<std::vector<Generation>> ConfigManager::generations() const {
  const std::lock_guard lock(changing_);
  return store_.list();
}

Result<void> ConfigManager::check_expected(const ApplyRequest& request) const {
  const std::uint64_t now = generation();
  if (request.expected_generation == 0 || request.expected_generation == now) return ok();
  return Error{.code = ErrorCode::Conflict,
               .context = "change generation " + std::to_string(request.expected_generation) +
                          ": generation " + std::to_string(now) +
                          " is in force (look at what has changed, and ask again)"};
}

Result<void> ConfigManager::stage_all(const Config& now, const Config& next,
                                      std::uint64_t generation) {
  for (std::size_t i = 0; i < participants_.size(); ++i) {
    auto staged = participants_[i]->stage(now, next, generation);
    if (staged) continue;
    roll_back_first(i);
    return std::move(staged).error().with_context("stage " + std::string(participants_[i]->name()));
  }
  return ok();
}

void ConfigManager::roll_back_first(std::size_t count) noexcept {
  while (count > 0) participants_[--count]->roll_back();
}

Result<void> ConfigManager::store_or_roll_back(std::uint64_t generation,
                                               const ApplyRequest& request, std::string toml) {
  auto stored = store_.append({.number = generation,
                               .when = clock_.wall(),
                               .who = request.who,
                               .why = request.why,
                               .toml = std::move(toml)});
  if (stored) return ok();
  roll_back_first(participants_.size());
  return std::move(stored).error().with_context("store the configuration");
}

void ConfigManager::commit_all(InForce next) noexcept {
  for (ConfigParticipant* const participant : participants_) participant->commit();
  const std::lock_guard lock(guard_);
  std::swap(in_force_, next);
}

Result<ApplyResult> ConfigManager::start(const Config& config, const ApplyRequest& request) {
  const std::lock_guard lock(changing_);
  WEIR_ASSERT(generation() == 0);
  WEIR_CHECK(check_whole(config));
  WEIR_TRY(std::string toml, text_to_store(config));
  WEIR_TRY(const Generation latest, store_.latest());
  const bool is_new = latest.number == 0 || latest.toml != toml;
  InForce next{.generation = latest.number + (is_new ? 1 : 0),
               .current = std::make_shared<const Config>(config)};
  next.wanted = next.current;
  ApplyResult result{.generation = next.generation, .changes = diff(Config{}, config)};
  WEIR_CHECK(stage_all(Config{}, config, next.generation));
  if (is_new) WEIR_CHECK(store_or_roll_back(next.generation, request, std::move(toml)));
  commit_all(std::move(next));
  return result;
}

Result<ApplyResult> ConfigManager::apply(const Config& next, const ApplyRequest& request) {
  const std::lock_guard lock(changing_);
  WEIR_CHECK(check_expected(request));
  return apply_locked(next, request);
}

Result<ApplyResult> ConfigManager::apply_locked(const Config& wanted, const ApplyRequest& request) {
  const InForce before = in_force();
  WEIR_ASSERT(before.generation != 0);
  ApplyResult result{.generation = before.generation, .changes = diff(*before.wanted, wanted)};
  WEIR_CHECK(check_whole(wanted));
  result.needs_restart = restart_paths(diff(*before.current, wanted));
  if (request.at_restart == ApplyRequest::AtRestart::Refuse && !result.needs_restart.empty()) {
    return Error{.code = ErrorCode::Conflict,
                 .context = "apply the configuration: " + joined(result.needs_restart) +
                            " would wait for a restart (restart the engine with it instead)"};
  }
  if (result.changes.empty()) return result;
  WEIR_TRY(std::string toml, text_to_store(wanted));
  WEIR_TRY(const Generation latest, store_.latest());
  InForce next{.generation = std::max(latest.number, before.generation) + 1,
               .current = std::make_shared<const Config>(live_part(*before.current, wanted)),
               .wanted = std::make_shared<const Config>(wanted),
               .needs_restart = result.needs_restart};
  WEIR_CHECK(check_live(*next.current, next.needs_restart));
  result.generation = next.generation;
  WEIR_CHECK(stage_all(*before.current, *next.current, next.generation));
  WEIR_CHECK(store_or_roll_back(next.generation, request, std::move(toml)));
  commit_all(std::move(next));
  return result;
}

Result<ApplyResult> ConfigManager::roll_back_to(std::uint64_t number, const ApplyRequest& request) {
  const std::lock_guard lock(changing_);
  WEIR_CHECK(check_expected(request));
  const std::uint64_t now = generation();
  if (number == 0) {
    WEIR_TRY(const std::vector<Generation> all, store_.list());
    for (const Generation& one : all) {
      if (one.number < now) number = std::max(number, one.number);
    }
    if (number == 0) {
      return Error{.code = ErrorCode::NotFound,
                   .context = "roll back: no generation before " + std::to_string(now) +
                              " is kept (see `weir ctl generations`)"};
    }
  }
  WEIR_TRY(const Generation stored, store_.get(number));
  const ReadOutcome outcome = read_config(stored.toml);
  if (!outcome.ok()) {
    // An older weir may have known other keys.
    return error_of(outcome.problems, "generation " + std::to_string(number));
  }
  ApplyRequest named = request;
  if (named.why.empty()) named.why = "rollback to " + std::to_string(number);
  return apply_locked(outcome.config, named);
}

}  // namespace weir::control
