// What becomes of sessions whose outputs security refuses: when a configuration is staged, when the
// rules have changed, when somebody replaces a directory.
#include <algorithm>
#include <utility>

#include "app/engine/session_table.h"

namespace weir::app {
namespace {

std::vector<SharedGrant> grants_of(const SessionParts& parts) {
  std::vector<SharedGrant> grants;
  if (parts.outputs != nullptr) {
    grants.assign(parts.outputs->grants().begin(), parts.outputs->grants().end());
  }
  if (parts.analysis != nullptr) grants.push_back(parts.analysis->grant());
  return grants;
}

}  // namespace

// A session that is opened for the first time, or again after a restart.
Result<void> SessionTable::take_refusal(Staged& staged, Error error) const {
  if (!spared_ || staged.entry->origin != SessionOrigin::Api ||
      !security::is_destination_refusal(error)) {
    return error;
  }
  if (staged.opened.outputs != nullptr) staged.opened.outputs->discard();
  staged.opened = {};
  staged.parts = {};
  staged.refused = std::move(error);
  return ok();
}

// A session that goes on, while the rules change. What it opens anew has been asked for already.
Result<void> SessionTable::check_destinations(Staged& staged, const SessionEntry& before) {
  DestinationGate& gate = *options_.parts.destinations;
  if (!gate.moves() || !before.open()) return ok();
  const SessionParts& parts = staged.changed ? staged.parts : before.parts;
  for (const SharedGrant& grant : grants_of(parts)) {
    auto refusal = gate.refusal_of(before.config.name, *grant);
    if (!refusal) continue;
    if (spared_ && !staged.changed && before.origin == SessionOrigin::Api) {
      staged.refused = std::move(refusal);
      return ok();
    }
    if (staged.opened.outputs != nullptr) staged.opened.outputs->discard();
    return std::move(*refusal);
  }
  return ok();
}

// The plan that has just come into force does not name them.
void SessionTable::lose_refused(const std::vector<Staged>& staged) {
  const MonotonicTime now = options_.parts.clock->monotonic();
  for (const Staged& one : staged) {
    if (one.refused) failed(*one.entry, *one.refused, now);
  }
}

// At once after the rules have changed, whoever has changed them.
void SessionTable::recheck_destinations(MonotonicTime now) {
  const std::uint64_t generation = options_.parts.destinations->generation();
  if (generation == std::exchange(destinations_checked_, generation)) return;
  const std::vector<std::shared_ptr<SessionEntry>> entries = entries_;
  for (const auto& entry : entries) {
    if (entry->open()) {
      recheck_session(*entry, now);
    } else if (entry->next_try && entry->refused_by != 0 && entry->refused_by != generation) {
      entry->next_try = now;  // what refused it may be gone
    }
  }
}

void SessionTable::recheck_session(SessionEntry& entry, MonotonicTime now) {
  DestinationGate& gate = *options_.parts.destinations;
  for (const SharedGrant& grant : grants_of(entry.parts)) {
    if (grant->generation() == gate.generation()) continue;
    if (auto refusal = gate.refusal_of(entry.config.name, *grant)) {
      return failed(entry, std::move(*refusal), now);
    }
    if (gate.must_reopen(*grant)) {
      failed(entry,
             security::destination_refusal(
                 grant->path(), "is opened anew, below one of the directories that are named now"),
             now);
      entry.next_try = now;
      return;
    }
    grant->confirm(gate.generation());
  }
}

// Once for each, until its path leads to it again.
void SessionTable::tell_moved(SessionEntry& entry) {
  std::vector<std::string> moved;
  for (const SharedGrant& grant : grants_of(entry.parts)) {
    if (!grant->moved()) continue;
    moved.push_back(grant->path());
    const auto& told = entry.moved;
    if (std::find(told.begin(), told.end(), grant->path()) == told.end()) {
      options_.parts.destinations->tell_moved(entry.config.name, *grant);
    }
  }
  entry.moved = std::move(moved);
}

}  // namespace weir::app
