#include "simulation/engine_operator.h"

#include <array>

#include "simulation/policy_author.h"

namespace weir::test {

using control::Command;
using control::CommandKind;

void EngineOperator::run() {
  for (const ScriptedCommand& one : life_.script) {
    threads_.sleep_until(one.at);
    execute(one.command);
  }
  if (life_.between_commands.count() == 0) return;
  const auto mean = static_cast<std::uint64_t>(life_.between_commands.count());
  for (;;) {
    threads_.sleep_for(Duration(static_cast<std::int64_t>(random_.below(2 * mean))));
    if (threads_.monotonic() >= life_.calm_from) break;
    if (author_ != nullptr && random_.chance(1, 4)) {
      change_policy();
    } else {
      execute(draw());
    }
  }
  restore();
}

std::string EngineOperator::some_session() {
  if (random_.chance(1, 10)) return "nobody";
  return plan_.sessions[random_.below(plan_.sessions.size())].name;
}

Command EngineOperator::draw() {
  Command command{.who = "operator"};
  switch (random_.below(9)) {
    case 0:
      command.kind = CommandKind::PauseSession;
      command.name = some_session();
      break;
    case 1:
    case 2:
      command.kind = CommandKind::ResumeSession;
      command.name = some_session();
      break;
    case 3: {
      static constexpr std::array kFilters = {"udp",     "tcp",       "",
                                              "port 53", "no filter", "host 10.0.0.1"};
      command.kind = CommandKind::SetFilter;
      command.name = some_session();
      command.text = kFilters[random_.below(kFilters.size())];
      break;
    }
    case 4: {
      const SessionPlan session{.name = "made" + std::to_string(made_++ % 3),
                                .store = random_.chance(1, 2),
                                .pcapng = random_.chance(1, 2),
                                .priority = 10};
      command.kind = CommandKind::CreateSession;
      command.text = session_text(session, directory_);
      break;
    }
    case 5:
      command.kind = CommandKind::StopSession;
      command.name = "made" + std::to_string(random_.below(3));
      break;
    case 6:
      command.kind = CommandKind::Reload;
      break;
    case 7: {
      static constexpr std::array kSources = {"deny_nets = [\"10.0.0.0/28\"]", "deny_nets = []",
                                              "interfaces = [\"sim0\"]", "vnis = [1]"};
      command.kind = CommandKind::Configure;
      command.text = config_text(plan_, directory_) + "[security.sources]\n" +
                     kSources[random_.below(kSources.size())] + "\n";
      break;
    }
    default:
      command.kind = CommandKind::Rollback;
  }
  return command;
}

// A good document is taken, unless the configuration beside it is refused; one that is forged or
// older never is.
void EngineOperator::change_policy() {
  static constexpr std::array kSources = {"", "deny_nets = [\"10.0.0.0/30\"]",
                                          "nets = [\"10.0.0.0/8\"]"};
  const Command reload{.kind = CommandKind::Reload, .who = "author"};
  const std::string sources = kSources[random_.below(kSources.size())];
  if (random_.chance(1, 2)) {
    ++policy_;
    author_->sign(policy_, sources);
    execute(reload);
  } else {
    const std::uint64_t before = engine_.policy().version;
    if (random_.chance(1, 2)) {
      author_->forge(policy_ + 1);
    } else {
      author_->sign(policy_ - 1, "deny_nets = [\"0.0.0.0/0\"]");
    }
    const std::uint64_t refused = record_.counts.commands_refused;
    execute(reload);
    if (record_.counts.commands_refused == refused || engine_.policy().version != before) {
      record_.fail("a policy that is forged or older was taken");
    }
    ++policy_;
    author_->sign(policy_, sources);
    execute(reload);
  }
}

// What is refused has changed nothing.
void EngineOperator::execute(const Command& command) {
  const std::uint64_t before = engine_.configuration().generation;
  ++record_.counts.commands;
  const auto done = engine_.execute(command);
  ++record_.counts.commands_ended;
  if (done) return;
  ++record_.counts.commands_refused;
  if (done.error().code == ErrorCode::TimedOut) return;  // it may still be done
  if (engine_.configuration().generation != before) {
    record_.fail("a command that was refused has changed the configuration: " +
                 done.error().context);
  }
}

void EngineOperator::restore() {
  execute(
      {.kind = CommandKind::Configure, .who = "operator", .text = config_text(plan_, directory_)});
}

}  // namespace weir::test
