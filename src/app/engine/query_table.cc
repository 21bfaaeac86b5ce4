#include "app/engine/query_table.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "app/human.h"
#include "control/http_poll.h"

namespace weir::app {
namespace {

using capture::retrieval::StoreQuery;
using capture::retrieval::StoreSource;
using control::QueryStatus;
using telemetry::EventKind;
using telemetry::Metric;

StoreQuery store_query_of(const control::PacketQuery& query, const QueryEntry& entry) {
  return {.stores = entry.status().stores,
          .window = entry.window(),
          .expression = query.filter,
          .scope = query.inner ? filter::Scope::Innermost : filter::Scope::Frame,
          .community_id = query.community_id,
          .threads = QueryTable::kThreads,
          .answer_bytes_max = QueryTable::kAnswerBytesMax,
          .stop = &entry.stop()};
}

std::string machine_of(const QueryEntry& entry) { return "query " + std::to_string(entry.id()); }

// "session web: tcp port 443, inner, since 1700000000.000000000, at most 100 packets"
std::string asked_text(const QueryStatus& query) {
  std::string text =
      "session " + query.session + ": " + (query.filter.empty() ? "every packet" : query.filter);
  if (query.inner) text += ", inner";
  if (!query.community_id.empty()) text += ", flow " + query.community_id;
  if (!query.since.empty()) text += ", since " + query.since;
  if (!query.until.empty()) text += ", until " + query.until;
  if (query.limit != 0) text += ", at most " + std::to_string(query.limit) + " packets";
  return text;
}

// "complete", or what is missing.
std::string completeness_text(const QueryStatus& query) {
  if (query.complete) return "complete";
  std::string text;
  const auto add = [&text](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
  if (!query.error.empty()) add(query.error);
  if (query.limited) add("limited");
  for (const std::string& one : query.missing) add(one);
  return "not complete: " + text;
}

std::string seconds_text(Duration took) {
  char text[32];
  (void)std::snprintf(text, sizeof text, "%.3f", static_cast<double>(took.count()) / 1e9);
  return text;
}

}  // namespace

Result<control::BegunQuery> QueryTable::begin(const control::PacketQuery& query) {
  const MonotonicTime began = parts_.clock.monotonic();
  WEIR_TRY(auto stores, parts_.sessions.stores_of(query.session));
  WEIR_CHECK(parts_.destinations.allow(query.session, security::DestinationKind::Query));
  const std::string& id = query.community_id;
  if (!id.empty() && !capture::retrieval::community_id_question(id)) {
    return Error{.code = ErrorCode::Usage,
                 .context = "community_id " + id +
                            ": no Community ID (as in 1:LQU9qZlK+B5F3KDmev6m5PMibrg=)"};
  }
  WEIR_TRY(const auto entry, admit(query, std::move(stores)));
  // Nothing that goes wrong here takes a place for ever.
  struct Place {
    ~Place() {
      if (entry != nullptr) table.erase(*entry);
    }
    QueryTable& table;
    const QueryEntry* entry;
  } place{.table = *this, .entry = entry.get()};
  auto source = StoreSource::open(store_query_of(query, *entry));
  if (!source) {
    refuse(*entry, source.error());
    return std::move(source).error();
  }
  QueryWatcher& watcher = *this;
  control::BegunQuery begun{.id = entry->id(),
                            .answer = std::make_unique<QueryStream>(entry, std::move(*source),
                                                                    watcher, parts_.clock, began)};
  place.entry = nullptr;
  return begun;
}

Result<std::shared_ptr<QueryEntry>> QueryTable::admit(const control::PacketQuery& query,
                                                      std::vector<std::string> stores) {
  WEIR_TRY(UniqueFd bell, control::make_bell());
  const std::lock_guard lock(mutex_);
  if (closed_) return Error{.code = ErrorCode::Closed, .context = "query: the engine is ending"};
  const auto running =
      std::ranges::count_if(entries_, [](const auto& entry) { return !has_ended(entry->state()); });
  if (static_cast<std::uint64_t>(running) >= running_max_) {
    return Error{.code = ErrorCode::Resource,
                 .context = "query: " + std::to_string(running) +
                            " are running, as many as may (try again when one has ended, cancel "
                            "one, or raise control.queries_max)"};
  }
  auto entry = std::make_shared<QueryEntry>(++last_id_, query, std::move(stores),
                                            parts_.clock.wall(), std::move(bell));
  entries_.push_back(entry);
  return entry;
}

void QueryTable::refuse(const QueryEntry& entry, const Error& why) {
  const QueryStatus query = entry.status();
  const std::string text = asked_text(query) + ": " + why.context;
  parts_.journaler.record({.machine = machine_of(entry),
                           .from = "planning",
                           .event = "refuse",
                           .to = "refused",
                           .cause = {.who = query.who, .why = text}});
}

std::vector<QueryStatus> QueryTable::status() const {
  const std::lock_guard lock(mutex_);
  std::vector<QueryStatus> rows;
  for (const auto& entry : entries_) rows.push_back(entry->status());
  return rows;
}

std::optional<QueryStatus> QueryTable::status(std::uint64_t id) const {
  const auto entry = find(id);
  if (entry == nullptr) return std::nullopt;
  return entry->status();
}

Result<QueryStatus> QueryTable::cancel(std::uint64_t id, std::string_view who) {
  const auto entry = find(id);
  if (entry == nullptr) {
    return Error{
        .code = ErrorCode::NotFound,
        .context = "query " + std::to_string(id) + ": there is none of that id (weir ctl queries)"};
  }
  if (entry->cancel(who)) return entry->status();
  return Error{.code = ErrorCode::Conflict,
               .context = "query " + std::to_string(id) + ": it has ended already"};
}

void QueryTable::tend() {
  if (parts_.destinations.allows(security::DestinationKind::Query)) return;
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) (void)entry->cancel("security");
}

void QueryTable::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (const auto& entry : entries_) (void)entry->cancel("engine");
}

std::shared_ptr<QueryEntry> QueryTable::find(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::ranges::find_if(entries_, [id](const auto& entry) { return entry->id() == id; });
  return found == entries_.end() ? nullptr : *found;
}

void QueryTable::erase(const QueryEntry& entry) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&entry](const auto& kept) { return kept.get() == &entry; });
}

void QueryTable::query_runs(const QueryEntry& query) {
  const QueryStatus status = query.status();
  const std::string why = asked_text(status);
  parts_.journaler.record({.machine = machine_of(query),
                           .from = "planning",
                           .event = "begin",
                           .to = "running",
                           .cause = {.who = status.who, .why = why}});
}

void QueryTable::query_sent(std::uint64_t packets, std::uint64_t bytes) noexcept {
  packets_.fetch_add(packets, std::memory_order_relaxed);
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

void QueryTable::query_ended(const QueryEntry& query, Duration took) {
  const QueryState state = query.state();
  const QueryStatus status = query.status();
  ended_[static_cast<std::size_t>(state)].fetch_add(1, std::memory_order_relaxed);
  const std::string result = count_text(status.packets) + " packets, " + count_text(status.bytes) +
                             " bytes in " + seconds_text(took) + " s; " + completeness_text(status);
  const std::string who = state == QueryState::Cancelled ? query.cancelled_by() : status.who;
  parts_.journaler.record({.machine = machine_of(query),
                           .from = "running",
                           .event = "end",
                           .to = name_of(state),
                           .cause = {.who = who, .why = result}});
  parts_.news.publish(EventKind::QueryEnded, "control",
                      machine_of(query) + " by " + status.who + " is " +
                          std::string(name_of(state)) + " (" + asked_text(status) + "): " + result,
                      {{"query", std::to_string(status.id)},
                       {"session", status.session},
                       {"who", status.who},
                       {"to", std::string(name_of(state))},
                       {"packets", std::to_string(status.packets)},
                       {"bytes", std::to_string(status.bytes)},
                       {"complete", status.complete ? "true" : "false"},
                       {"seconds", seconds_text(took)}});
  const std::lock_guard lock(mutex_);
  auto ended =
      std::ranges::count_if(entries_, [](const auto& entry) { return has_ended(entry->state()); });
  for (auto entry = entries_.begin();
       entry != entries_.end() && static_cast<std::size_t>(ended) > kEndedMax;) {
    if (!has_ended((*entry)->state())) {
      ++entry;
      continue;
    }
    entry = entries_.erase(entry);
    --ended;
  }
}

void QueryTable::collect(telemetry::Collection& into) const {
  std::uint64_t running = 0;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& entry : entries_) {
      if (!has_ended(entry->state())) ++running;
    }
  }
  into.add(Metric::QueriesRunning, {}, running);
  for (auto state = static_cast<std::size_t>(QueryState::Done); state < ended_.size(); ++state) {
    into.add(Metric::QueriesEnded, {name_of(static_cast<QueryState>(state))},
             ended_[state].load(std::memory_order_relaxed));
  }
  into.add(Metric::QueryPackets, {}, packets_.load(std::memory_order_relaxed));
  into.add(Metric::QueryBytes, {}, bytes_.load(std::memory_order_relaxed));
}

}  // namespace weir::app
