// Commands to a running engine: each becomes a change of the configuration, or an end.
#include <utility>

#include "app/engine/engine.h"
#include "app/engine/engine_settings.h"
#include "control/config_edit.h"
#include "control/config_reader.h"

namespace weir::app {
namespace {

using control::Command;
using control::CommandKind;
using telemetry::EventKind;

// A piece of work for the engine's thread.
template <typename Work>
class Action final : public state::CommandAction {
 public:
  explicit Action(Work work) : work_(std::move(work)) {}
  Result<state::CommandOutcome> run() override { return work_(); }

 private:
  Work work_;
};

template <typename Work>
std::unique_ptr<state::CommandAction> action_of(Work work) {
  return std::make_unique<Action<Work>>(std::move(work));
}

std::string why_of(const Command& command) {
  std::string why(name_of(command.kind));
  if (!command.name.empty()) why += " " + command.name;
  if (command.kind == CommandKind::Rollback && command.generation != 0) {
    why += " to " + std::to_string(command.generation);
  }
  return why;
}

std::string message_of(const Command& command, const control::ApplyResult& applied) {
  if (applied.changes.empty()) return "nothing has changed";
  return why_of(command) + ": in force";
}

}  // namespace

Result<void> Engine::Settings::stage(const control::Config&, const control::Config& next,
                                     std::uint64_t) {
  const control::RoleGroups groups = groups_of(next.control);
  for (const std::string& name : {groups.viewer, groups.operators, groups.admin}) {
    if (!name.empty()) WEIR_CHECK(control::group_of(name));
  }
  next_ = next;
  return ok();
}

void Engine::Settings::commit() noexcept {
  const control::TelemetryConfig& telemetry = next_->telemetry;
  (void)logs_.set_level("", telemetry.log_level);
  for (const auto& [module, level] : telemetry.log_levels) (void)logs_.set_level(module, level);
  telemetry_.set_intervals(telemetry.sample_interval, telemetry.report_interval);
  pressure_.configure(next_->pressure);
  (void)api_.set_groups(groups_of(next_->control));
  next_.reset();
}

Result<control::CommandResult> Engine::execute(const Command& command) {
  WEIR_TRY(const state::CommandDone done,
           commands_->submit({.who = command.who,
                              .name = std::string(name_of(command.kind)),
                              .object = command.name,
                              .deadline = command.deadline},
                             action_of([this, command] { return carry_out(command); })));
  return control::CommandResult{.id = done.id,
                                .generation = done.outcome.generation,
                                .message = done.outcome.message,
                                .needs_restart = done.outcome.needs_restart};
}

Result<void> Engine::post_reload(std::string who) {
  const Command command{.kind = CommandKind::Reload, .who = std::move(who)};
  WEIR_TRY(const std::uint64_t id,
           commands_->post({.who = command.who, .name = std::string(name_of(command.kind))},
                           action_of([this, command] { return carry_out(command); })));
  (void)id;
  return ok();
}

Result<UniqueFd> Engine::tail(const control::TailRequest& request) {
  auto reader = std::make_shared<UniqueFd>();
  WEIR_TRY(
      const state::CommandDone done,
      commands_->submit({.who = request.who, .name = "session.tail", .object = request.session},
                        action_of([this, reader, request]() -> Result<state::CommandOutcome> {
                          WEIR_TRY(*reader, table_->tail(request));
                          return state::CommandOutcome{.generation = config_->generation()};
                        })));
  (void)done;
  return std::move(*reader);
}

Result<state::CommandOutcome> Engine::carry_out(const Command& command) {
  if (command.kind == CommandKind::Drain) {
    drain_asked_ = true;
    return state::CommandOutcome{.generation = config_->generation(), .message = "draining"};
  }
  const bool systemd_waits = command.kind == CommandKind::Reload;
  if (systemd_waits) (void)world_.notify.reloading(clock_.monotonic());
  table_->set_cause(command.who, why_of(command));
  const std::uint64_t policy_before = policy_->version();
  auto outcome = finish_change(command, apply(command));
  if (outcome && policy_->version() != policy_before) {
    outcome->message += "; policy version " + std::to_string(policy_->version()) + ": in force";
  }
  if (systemd_waits) (void)world_.notify.ready("capturing");
  return outcome;
}

// The edit of config_edit.h that the command stands for.
template <typename Edit>
Result<control::ApplyResult> Engine::edit(const Command& command, Edit edit) {
  return config_->edit(std::move(edit), {.who = command.who, .why = why_of(command)});
}

Result<control::ApplyResult> Engine::apply(const Command& command) {
  using control::Config;
  const control::ApplyRequest request{
      .who = command.who,
      .why = why_of(command),
      .expected_generation = command.kind == CommandKind::Configure ? command.generation : 0};
  switch (command.kind) {
    case CommandKind::CreateSession: {
      WEIR_TRY(auto session, control::read_session(command.text));
      return edit(command, [&](Config now) { return with_session(std::move(now), session); });
    }
    case CommandKind::PauseSession:
      return edit(command, [&](Config now) { return with_paused(std::move(now), command.name); });
    case CommandKind::ResumeSession:
      return edit(command, [&](Config now) { return with_resumed(std::move(now), command.name); });
    case CommandKind::StopSession:
      return edit(command,
                  [&](Config now) { return without_session(std::move(now), command.name); });
    case CommandKind::SetFilter:
      return edit(command, [&](Config now) {
        return with_filter(std::move(now), command.name, command.text);
      });
    case CommandKind::SetLogLevel: {
      const auto level = telemetry::parse_log_level(command.text);
      if (!level) {
        return Error{.code = ErrorCode::Usage,
                     .context = "log level '" + command.text +
                                "': unknown (there are error, warning, info and debug)"};
      }
      return edit(command, [&](Config now) -> Result<Config> {
        return with_log_level(std::move(now), command.name, *level);
      });
    }
    case CommandKind::Configure: {
      const control::ReadOutcome read = control::read_written_config(command.text);
      if (!read.ok()) return control::error_of(read.problems);
      return config_->apply(read.config, request);
    }
    case CommandKind::Rollback:
      return config_->roll_back_to(command.generation, request);
    case CommandKind::Reload:
      return reload(request);
    case CommandKind::Drain:
      break;
  }
  return Error{.code = ErrorCode::Internal, .context = "a command that is no change"};
}

// A configuration may ask for destinations that only the document beside it allows.
Result<control::ApplyResult> Engine::apply_under(const security::PolicyDocument& policy,
                                                 const control::Config& next,
                                                 const control::ApplyRequest& request) {
  destinations_->set_policy(rules_of(policy.destinations));
  auto applied = config_->apply(next, request);
  if (applied) return applied;
  const auto in_force = policy_->effective();
  destinations_->set_policy(in_force != nullptr ? std::optional(rules_of(in_force->destinations))
                                                : std::nullopt);
  return applied;
}

Result<control::ApplyResult> Engine::reload(const control::ApplyRequest& request) {
  WEIR_TRY(const control::Config file, control::load_config(options_.config_path));
  // Both are taken, or neither is.
  WEIR_TRY(auto policy, policy_->stage(request.who));
  const std::vector<std::string> names = names_of(file.sessions);
  const control::Config next = with_api_sessions(file, *config_->wanted(), file_sessions_);
  table_->set_file_sessions(names);
  table_->spare_api_sessions(true);
  auto applied = config_->apply(next, request);
  if (!applied && policy) applied = apply_under(policy->document, next, request);
  table_->spare_api_sessions(false);
  if (!applied) {
    table_->set_file_sessions(file_sessions_);
    return applied;
  }
  if (policy) {
    policy_->commit(*std::move(policy), request.who);
    enforce_policy();
  }
  file_sessions_ = names;
  WEIR_CHECK(remember_file(file, *store_));
  return applied;
}

Result<state::CommandOutcome> Engine::finish_change(const Command& command,
                                                    Result<control::ApplyResult> applied) {
  if (command.kind == CommandKind::Reload) view_->count_reload(applied.ok());
  if (!applied) {
    log_.warning("a change was refused", {{"command", name_of(command.kind)},
                                          {"who", command.who},
                                          {"error", applied.error().context}});
    news_->publish(EventKind::ConfigRefused, "control", applied.error().context,
                   {{"who", command.who}, {"command", std::string(name_of(command.kind))}});
    return std::move(applied).error();
  }
  journaler_->set_generation(applied->generation);
  if (!applied->changes.empty()) {
    const bool back = command.kind == CommandKind::Rollback;
    log_.info("a change is in force", {{"generation", applied->generation},
                                       {"command", name_of(command.kind)},
                                       {"who", command.who}});
    news_->publish(back ? EventKind::ConfigRolledBack : EventKind::ConfigCommitted, "control",
                   message_of(command, *applied),
                   {{"generation", std::to_string(applied->generation)}, {"who", command.who}});
  }
  return state::CommandOutcome{.generation = applied->generation,
                               .message = message_of(command, *applied),
                               .needs_restart = applied->needs_restart};
}

}  // namespace weir::app
