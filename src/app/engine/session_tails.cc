// The tails of a session table: sessions of their own that show what others accept.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "app/engine/session_table.h"

namespace weir::app {

using state::SessionEvent;

// What of the session's packets match the other filter too. A rule says so, for joined expressions
// mean something else: a `vlan` in the one moves what the other looks at.
Result<void> SessionTable::narrow(control::SessionConfig& config, const std::string& filter) const {
  if (filter.empty()) return ok();
  const filter::RuleSpec others{.name = "not wanted by the tail",
                                .expression = "not (" + filter + ")",
                                .action = filter::RuleAction::Reject};
  // By itself, so that no parenthesis in it ends the other's.
  for (const std::string& expression : {filter, others.expression}) {
    control::SessionConfig alone;
    alone.filter = expression;
    alone.scope = config.scope;
    WEIR_CHECK(try_filter(alone));
  }
  // A rule without a name is called by its place.
  for (std::size_t i = 0; i < config.rules.size(); ++i) {
    if (config.rules[i].name.empty()) config.rules[i].name = "rule-" + std::to_string(i + 1);
  }
  config.rules.insert(config.rules.begin(), others);
  return ok();
}

Result<UniqueFd> SessionTable::tail(const control::TailRequest& request) {
  const std::string& session = request.session;
  SessionEntry* const shown = find(session);
  if (shown == nullptr) {
    return Error{
        .code = ErrorCode::NotFound,
        .context = "tail " + session + ": there is no such session (see weir ctl sessions)"};
  }
  if (entries_.size() + tails_.size() >= kSessionsMax) {
    return Error{.code = ErrorCode::Resource,
                 .context = "tail " + session + ": there are " + std::to_string(kSessionsMax) +
                            " sessions and tails already"};
  }
  WEIR_CHECK(options_.parts.destinations->allow(session, security::DestinationKind::Tail));
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(errno, "make a pipe");
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  control::SessionConfig config = shown->config;
  WEIR_CHECK(narrow(config, request.filter));
  config.name = "tail-" + std::to_string(++tails_opened_);
  config.limit = {};
  config.pcapng = {};
  config.store = {};
  config.logs = {};
  auto entry = std::make_shared<SessionEntry>(config, SessionOrigin::Tail, options_.parts.lanes,
                                              options_.parts.news_fd, journaler_, serial_);
  entry->lanes = shown->lanes;
  entry->generation = generation_;
  entry->since = options_.parts.clock->wall();
  WEIR_TRY(entry->parts.outputs,
           OutputsPart::open_tail(std::move(writer), "tail of " + session, options_.parts));
  WEIR_TRY(entry->parts.rules, compile_rules(config, options_.parts.lanes));
  const std::string why = "tail of " + session;
  const state::Cause cause{.who = request.who, .why = why};
  entry->machine().handle(SessionEvent::Open, cause);
  {
    const std::lock_guard lock(mutex_);
    tails_.push_back(entry);
  }
  publish();
  // Running is what has its packets.
  entry->machine().handle(SessionEvent::Opened, cause);
  return reader;
}

// A tail ends when its reader does, and when no packets may go to one any more.
void SessionTable::tend_tails() {
  std::vector<std::shared_ptr<SessionEntry>> over;
  const bool allowed = options_.parts.destinations->allows(security::DestinationKind::Tail);
  for (const auto& tail : tails_) {
    if (!allowed || tail->parts.outputs->outputs().failed()) over.push_back(tail);
  }
  if (over.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(tails_, [&](const auto& tail) {
      return std::find(over.begin(), over.end(), tail) != over.end();
    });
  }
  publish();
  for (const auto& tail : over) {
    const state::Cause cause{.who = "engine",
                             .why = allowed ? "its reader is gone" : "security allows no tails"};
    tail->machine().handle(SessionEvent::Stop, cause);
    retire(std::exchange(tail->parts, {}), tail);
    tail->machine().handle(SessionEvent::Closed, cause);
  }
}

}  // namespace weir::app
