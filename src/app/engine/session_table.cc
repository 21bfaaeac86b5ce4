#include "app/engine/session_table.h"

#include <algorithm>

#include "base/assert.h"
#include "filter/frame_filter.h"

namespace weir::app {
namespace {

using state::SessionEvent;

// A worker takes a new plan at its next batch, or at once when it sleeps. Longer than this only one
// takes that waits for a disk.
constexpr Duration kPatience = std::chrono::seconds(1);
constexpr Duration kTendInterval = std::chrono::milliseconds(250);
constexpr std::size_t kSerialsMax = 1024;

Error in_session(const std::string& name, Error error) {
  return std::move(error).with_context("session " + name);
}

}  // namespace

SessionTable::SessionTable(Options options, capture::Orchestrator& orchestrator,
                           state::Journaler& journaler, SessionObserver& observer,
                           telemetry::Logger log)
    : options_(std::move(options)),
      orchestrator_(orchestrator),
      journaler_(journaler),
      observer_(observer),
      log_(log) {}

SessionTable::~SessionTable() = default;

void SessionTable::set_cause(std::string who, std::string why) {
  who_ = std::move(who);
  why_ = std::move(why);
}

SessionEntry* SessionTable::find(std::string_view name) const {
  for (const auto& entry : entries_) {
    if (entry->config.name == name) return entry.get();
  }
  return nullptr;
}

bool SessionTable::was_finished(std::string_view name) const {
  return std::find(finished_before_.begin(), finished_before_.end(), name) !=
         finished_before_.end();
}

// Staging.

Result<std::vector<bool>> SessionTable::lanes_of(const control::SessionConfig& config) const {
  std::vector<bool> lanes(options_.lane_interfaces.size(), config.interfaces.empty());
  for (const std::string& name : config.interfaces) {
    const auto at = std::find(options_.interfaces.begin(), options_.interfaces.end(), name);
    if (at == options_.interfaces.end()) {
      return Error{.code = ErrorCode::UnknownInterface,
                   .context = "interface " + name +
                              " is not captured (add it as [[interface]] and restart the engine)"};
    }
    const auto index = static_cast<std::size_t>(at - options_.interfaces.begin());
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      if (options_.lane_interfaces[lane] == index) lanes[lane] = true;
    }
  }
  return lanes;
}

// By itself, so that the error names the session.
Result<void> SessionTable::try_filter(const control::SessionConfig& config) const {
  filter::FrameFilter filter(config.filter, config.scope);
  for (std::size_t i = 0; i < orchestrator_.lane_count(); ++i) {
    const InterfaceTable& interfaces = orchestrator_.lane(i).source->interfaces();
    const InterfaceId id = orchestrator_.lane(i).interface;
    WEIR_CHECK(filter.prepare(interfaces.at(id).link_type));
  }
  return ok();
}

Result<void> SessionTable::open_parts(Staged& staged, const SessionEntry* before) {
  const control::SessionConfig& config = staged.config;
  const control::SessionConfig* const was = before != nullptr ? &before->config : nullptr;
  const bool same_outputs =
      was != nullptr && was->pcapng == config.pcapng && was->store == config.store;
  const bool same_logs = was != nullptr && was->logs.path == config.logs.path;
  const bool same_rules = was != nullptr && was->rules == config.rules &&
                          was->otherwise == config.otherwise && was->scope == config.scope;
  if (before != nullptr) staged.parts = before->parts;
  if (!same_rules) {
    WEIR_TRY(staged.parts.rules, compile_rules(config, options_.parts.lanes));
  }
  if (same_logs && !config.logs.path.empty() && before->lanes != staged.lanes) {
    return Error{.code = ErrorCode::Conflict,
                 .context =
                     "the interfaces of a session that writes logs do not change while it "
                     "runs (stop it and create it anew)"};
  }
  if (!same_outputs) {
    WEIR_TRY(staged.parts.outputs, OutputsPart::open(config, options_.parts));
    staged.opened.outputs = staged.parts.outputs;
  }
  if (!same_logs) {
    auto analysis = AnalysisPart::open(config, staged.lanes, options_.parts);
    if (!analysis) {
      if (staged.opened.outputs != nullptr) staged.opened.outputs->discard();
      return std::move(analysis).error();
    }
    staged.parts.analysis = staged.opened.analysis = std::move(*analysis);
  }
  return ok();
}

Result<SessionTable::Staged> SessionTable::stage_session(const control::SessionConfig& config) {
  SessionEntry* before = find(config.name);
  // What has ended begins anew when it is asked for differently.
  if (before != nullptr && before->machine().ended() && before->config != config) before = nullptr;
  Staged staged{.is_new = before == nullptr, .config = config};
  WEIR_TRY(staged.lanes, lanes_of(config));
  if (before == nullptr || before->config.filter != config.filter ||
      before->config.scope != config.scope) {
    WEIR_CHECK(try_filter(config));
  }
  staged.changed = before == nullptr || before->config != config;
  if (staged.is_new) {
    const bool from_file = std::find(file_sessions_.begin(), file_sessions_.end(), config.name) !=
                           file_sessions_.end();
    staged.entry = std::make_shared<SessionEntry>(
        config, from_file ? SessionOrigin::Config : SessionOrigin::Api, options_.parts.lanes,
        options_.parts.news_fd, journaler_, options_.seed ^ serial_);
    auto opened = was_finished(config.name) ? ok() : open_parts(staged, nullptr);
    if (!opened) WEIR_CHECK(take_refusal(staged, std::move(opened).error()));
    return staged;
  }
  for (const auto& entry : entries_) {
    if (entry.get() == before) staged.entry = entry;
  }
  if (staged.changed && before->open()) WEIR_CHECK(open_parts(staged, before));
  WEIR_CHECK(check_destinations(staged, *before));
  return staged;
}

Result<void> SessionTable::stage(const control::Config&, const control::Config& next,
                                 std::uint64_t generation) {
  WEIR_ASSERT(!staging_);
  if (next.sessions.size() + tails_.size() > kSessionsMax) {
    return Error{.code = ErrorCode::Usage,
                 .context = std::to_string(next.sessions.size()) + " sessions and " +
                            std::to_string(tails_.size()) + " tails: at most " +
                            std::to_string(kSessionsMax) + " together"};
  }
  staging_ = Staging{.generation = generation};
  const auto give_up = [this](Error error) {
    roll_back();
    return error;
  };
  for (const control::SessionConfig& config : next.sessions) {
    auto staged = stage_session(config);
    if (!staged) return give_up(in_session(config.name, std::move(staged).error()));
    staging_->sessions.push_back(std::move(*staged));
  }
  auto compiled = orchestrator_.stage(plan(&staging_->sessions));
  if (!compiled) return give_up(std::move(compiled).error());
  staging_->plan = std::move(*compiled);
  return ok();
}

void SessionTable::roll_back() noexcept {
  for (Staged& staged : staging_->sessions) {
    if (staged.opened.outputs != nullptr) staged.opened.outputs->discard();
  }
  staging_.reset();
}

// The plan of what is staged, or of what there is.
capture::CapturePlan SessionTable::plan(const std::vector<Staged>* staged) const {
  capture::CapturePlan plan{.generation = serial_ + 1, .ends_with_sessions = false};
  if (staged != nullptr) {
    for (const Staged& one : *staged) {
      const bool opens = one.is_new && !was_finished(one.config.name);
      if ((!opens && !one.entry->open()) || one.refused) continue;
      capture::SessionPlan session = one.entry->plan();
      const SessionParts& parts = one.changed ? one.parts : one.entry->parts;
      session.outputs = parts.outputs != nullptr ? &parts.outputs->outputs() : nullptr;
      session.analysis = parts.analysis != nullptr ? &parts.analysis->stages() : nullptr;
      session.rules = parts.rules.get();
      session.lanes = one.lanes;
      session.filter = one.config.filter;
      session.scope = one.config.scope;
      session.snaplen = one.config.snaplen;
      session.paused = one.config.paused;
      plan.sessions.push_back(std::move(session));
    }
  } else {
    for (const auto& entry : entries_) {
      if (entry->wants_packets()) plan.sessions.push_back(entry->plan());
    }
  }
  for (const auto& tail : tails_) plan.sessions.push_back(tail->plan());
  if (options_.sources != nullptr) plan.sources = options_.sources->validator();
  return plan;
}

// Coming into force.

void SessionTable::commit() noexcept {
  generation_ = staging_->generation;
  std::vector<Staged> sessions = std::move(staging_->sessions);
  // Analysis first: from the first packet on its records must have where to go.
  for (Staged& staged : sessions) {
    if (staged.opened.analysis != nullptr) staged.opened.analysis->start();
  }
  adopt(std::move(*staging_->plan));
  staging_.reset();
  std::vector<std::shared_ptr<SessionEntry>> entries;
  for (Staged& staged : sessions) entries.push_back(staged.entry);
  remove_missing(sessions);
  {
    const std::lock_guard lock(mutex_);
    entries_ = entries;
  }
  for (Staged& staged : sessions) commit_session(staged, generation_);
  lose_refused(sessions);
  finished_before_.clear();
  close_retired();
}

void SessionTable::commit_session(Staged& staged, std::uint64_t generation) {
  SessionEntry& entry = *staged.entry;
  const state::Cause cause{.who = who_, .why = why_};
  const bool was_paused = entry.config.paused;
  const control::SessionLimit was_limit = entry.config.limit;
  if (staged.changed) {
    SessionParts old = entry.parts;
    {
      const std::lock_guard lock(mutex_);
      entry.config = staged.config;
      entry.lanes = staged.lanes;
      entry.generation = generation;
      if (staged.is_new) entry.since = options_.parts.clock->wall();
      if (staged.is_new || entry.open()) entry.parts = staged.parts;
    }
    // What goes on in the new parts is not closed.
    if (old.outputs == entry.parts.outputs) old.outputs.reset();
    if (old.analysis == entry.parts.analysis) old.analysis.reset();
    if (old.rules == entry.parts.rules) old.rules.reset();
    retire(std::move(old));
  }
  const control::SessionLimit& limit = entry.config.limit;
  if (!staged.is_new && limit != was_limit) entry.account().set_limits(limits_of(entry.config));
  if (staged.is_new || limit.duration != was_limit.duration) {
    entry.ends.reset();
    if (limit.duration.count() != 0) {
      entry.ends = options_.parts.clock->monotonic() + limit.duration;
    }
  }
  if (staged.is_new) {
    entry.machine().handle(SessionEvent::Open, cause);
    if (staged.refused) return;  // see lose_refused()
    entry.machine().handle(SessionEvent::Opened, cause);
    if (was_finished(entry.config.name)) {
      const state::Cause before{.who = "engine", .why = "it had finished before the restart"};
      entry.machine().handle(SessionEvent::LimitReached, before);
      entry.machine().handle(SessionEvent::Closed, before);
    }
    tell(entry);
  } else if (was_paused != entry.config.paused && entry.open()) {
    entry.machine().handle(entry.config.paused ? SessionEvent::Pause : SessionEvent::Resume, cause);
    tell(entry);
  } else {
    using Begins = state::SessionMachine::Begins;
    entry.machine().begin_as(entry.config.paused ? Begins::Paused : Begins::Running);
  }
}

// Sessions that the configuration has no more. The plan does not name them any longer.
void SessionTable::remove_missing(const std::vector<Staged>& staged) {
  for (const auto& entry : entries_) {
    const bool stays = std::any_of(staged.begin(), staged.end(),
                                   [&](const Staged& one) { return one.entry == entry; });
    if (stays) continue;
    const std::string name = entry->config.name;
    const bool was_open = entry->open();
    entry->machine().handle(SessionEvent::Stop, {.who = who_, .why = why_});
    {
      const std::lock_guard lock(mutex_);  // others look at it until the entries are replaced
      retire(std::exchange(entry->parts, {}), entry);
    }
    if (was_open) entry->machine().handle(SessionEvent::Closed, {.who = who_, .why = why_});
    tell(*entry);
    const bool replaced = std::any_of(staged.begin(), staged.end(),
                                      [&](const Staged& one) { return one.config.name == name; });
    if (!replaced) observer_.session_removed(name);
  }
}

void SessionTable::adopt(capture::StagedPlan plan) {
  ++serial_;
  {
    const std::lock_guard lock(mutex_);
    serials_.emplace_back(serial_, generation_);
    while (serials_.size() > kSerialsMax) serials_.pop_front();
  }
  stale_ = false;
  if (!started_) {
    if (auto started = orchestrator_.start(std::move(plan)); !started) {
      start_error_ = std::move(started).error();
    }
    started_ = true;
    return;
  }
  if (!orchestrator_.change(std::move(plan), kPatience)) {
    log_.warning("a worker is slow to take a change", {{"plan", serial_}});
  }
}

// After a change that no configuration asked for: a session that ended, a tail.
void SessionTable::publish() {
  auto staged = orchestrator_.stage(plan(nullptr));
  if (!staged) {
    stale_ = true;
    log_.error("the plan could not be made", {{"error", staged.error().context}});
    return;
  }
  adopt(std::move(*staged));
}

void SessionTable::sources_changed() {
  if (started_) publish();
}

void SessionTable::retire(SessionParts parts, std::shared_ptr<SessionEntry> entry) {
  retired_.push_back({.entry = std::move(entry), .parts = std::move(parts)});
}

void SessionTable::close_retired() {
  if (!orchestrator_.all_adopted()) return;
  for (Retired& one : std::exchange(retired_, {})) {
    if (auto closed = close_parts(one.parts); !closed) {
      log_.error("an output did not close", {{"error", closed.error().context}});
    }
  }
}

Result<void> SessionTable::close_parts(SessionParts& parts) {
  Result<void> outputs = parts.outputs != nullptr ? parts.outputs->close() : ok();
  Result<void> analysis = parts.analysis != nullptr ? parts.analysis->close() : ok();
  parts = {};
  return outputs ? analysis : outputs;
}

// While they run.

MonotonicTime SessionTable::tend(MonotonicTime now) {
  close_retired();
  recheck_destinations(now);
  tend_tails();
  const std::vector<std::shared_ptr<SessionEntry>> entries = entries_;
  for (const auto& entry : entries) tend_session(entry, now);
  if (stale_) publish();
  close_retired();
  return now + kTendInterval;
}

void SessionTable::tend_session(const std::shared_ptr<SessionEntry>& entry, MonotonicTime now) {
  tell_warnings(*entry);
  if (entry->open()) {
    const auto& outputs = entry->parts.outputs;
    if (entry->account().limit_reached()) {
      end_session(*entry, SessionEvent::LimitReached, "it has what it was asked for");
    } else if (entry->ends && now >= *entry->ends) {
      end_session(*entry, SessionEvent::LimitReached, "its time is over");
    } else if (outputs != nullptr && outputs->outputs().failed()) {
      failed(*entry, *outputs->fault(), now);
    } else {
      entry->back_off().up(now);
    }
    return;
  }
  if (entry->next_try && now >= *entry->next_try) try_again(*entry, now);
}

void SessionTable::tell_warnings(SessionEntry& entry) {
  tell_moved(entry);
  if (const auto& outputs = entry.parts.outputs; outputs != nullptr) {
    if (const auto why = outputs->take_warning()) observer_.session_in_trouble(entry, *why);
    if (const auto move = outputs->take_spill_move()) observer_.session_spilling(entry, *move);
  }
  if (const auto& analysis = entry.parts.analysis; analysis != nullptr) {
    if (const auto why = analysis->take_warning()) observer_.session_in_trouble(entry, *why);
  }
}

// Takes the session out of the plan, then closes what it had.
void SessionTable::end_session(SessionEntry& entry, SessionEvent event, std::string_view why) {
  const state::Cause cause{.who = "engine", .why = why};
  entry.machine().handle(event, cause);
  publish();
  SessionParts parts;
  {
    const std::lock_guard lock(mutex_);
    parts = std::exchange(entry.parts, {});
  }
  retire(std::move(parts));
  close_retired();
  entry.machine().handle(SessionEvent::Closed, cause);
  tell(entry);
}

void SessionTable::failed(SessionEntry& entry, Error error, MonotonicTime now) {
  const Duration wait = entry.back_off().failed(now);
  {
    const std::lock_guard lock(mutex_);
    entry.error = error;
    entry.next_try = now + wait;
    entry.refused_by =
        security::is_destination_refusal(error) ? options_.parts.destinations->generation() : 0;
  }
  log_.error("session failed", {{"session", entry.config.name}, {"error", error.context}});
  if (entry.open()) return end_session(entry, SessionEvent::Fault, error.context);
  entry.machine().handle(SessionEvent::Fault, {.who = "engine", .why = error.context});
  tell(entry);
}

void SessionTable::try_again(SessionEntry& entry, MonotonicTime now) {
  const state::Cause cause{.who = "engine", .why = "its time to be tried again has come"};
  entry.machine().handle(SessionEvent::Retry, cause);
  entry.next_try.reset();
  Staged staged{.config = entry.config, .lanes = entry.lanes};
  if (auto opened = open_parts(staged, nullptr); !opened) {
    return failed(entry, std::move(opened).error(), now);
  }
  if (staged.parts.analysis != nullptr) staged.parts.analysis->start();
  {
    const std::lock_guard lock(mutex_);
    entry.parts = std::move(staged.parts);
    entry.error.reset();
  }
  publish();
  entry.machine().handle(SessionEvent::Opened, cause);
  tell(entry);
}

void SessionTable::tell(const SessionEntry& entry) noexcept {
  log_.info("session", {{"session", entry.config.name}, {"state", entry.machine().state_name()}});
  observer_.session_moved(entry);
}

Result<void> SessionTable::close() {
  std::optional<Error> first;
  const auto note = [&](Result<void> closed) {
    if (!closed && !first) first = std::move(closed).error();
  };
  for (Retired& one : std::exchange(retired_, {})) note(close_parts(one.parts));
  std::vector<SessionParts> of_tails;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& tail : tails_) of_tails.push_back(std::exchange(tail->parts, {}));
  }
  for (SessionParts& parts : of_tails) note(close_parts(parts));
  for (const auto& entry : entries_) {
    if (!entry->open()) continue;
    const state::Cause cause{.who = who_, .why = "the engine ends"};
    entry->machine().handle(SessionEvent::Stop, cause);
    SessionParts parts = entry->parts;
    note(close_parts(parts));
    entry->machine().handle(SessionEvent::Closed, cause);
  }
  if (first) return std::move(*first);
  return ok();
}

}  // namespace weir::app
