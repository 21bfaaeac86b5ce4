#include "app/engine/engine_news.h"

#include "app/engine/session_entry.h"
#include "control/config_writer.h"

namespace weir::app {

using telemetry::EventKind;

void EngineNews::publish(EventKind kind, std::string_view module, std::string_view text,
                         std::vector<telemetry::EventField> fields) {
  events_.publish({.kind = kind, .module = module, .text = text, .fields = std::move(fields)});
}

void EngineNews::session_moved(const SessionEntry& session) noexcept {
  const std::string state(session.machine().state_name());
  const bool failed = session.machine().state() == state::SessionState::Failed;
  std::string text = "session " + session.config.name + " is " + state;
  if (failed && session.error) text += ": " + session.error->context;
  publish(failed ? EventKind::OutputFailed : EventKind::SessionState, "capture", text,
          {{"session", session.config.name},
           failed ? telemetry::EventField{"error", session.error ? session.error->context : ""}
                  : telemetry::EventField{"to", state}});
  if (store_ == nullptr || session.origin == SessionOrigin::Tail) return;
  auto kept = store_->put_session({.name = session.config.name,
                                   .origin = std::string(name_of(session.origin)),
                                   .definition = control::to_toml(session.config),
                                   .state = state,
                                   .changed = clock_->wall()});
  if (!kept) log_.error("the state of a session was not kept", {{"error", kept.error().context}});
}

void EngineNews::session_removed(std::string_view name) noexcept {
  if (store_ == nullptr) return;
  if (auto erased = store_->erase_session(name); !erased) {
    log_.error("the state of a session was not kept", {{"error", erased.error().context}});
  }
}

void EngineNews::session_in_trouble(const SessionEntry& session, const Error& why) noexcept {
  log_.error("a session has trouble with an output",
             {{"session", session.config.name}, {"error", why.context}});
  publish(EventKind::OutputFailed, "output",
          "session " + session.config.name + " goes on: " + why.context,
          {{"session", session.config.name}, {"error", why.context}});
}

void EngineNews::session_spilling(const SessionEntry& session, const SpillMove& move) noexcept {
  const std::string what = move.to == "writing" ? ": the reader of the pipe has caught up"
                           : move.to == "spilling"
                               ? ": packets wait on disk for the reader of the pipe"
                               : ": the spill queue takes no more packets";
  publish(EventKind::OutputSpilling, "output", move.path + what,
          {{"session", session.config.name},
           {"path", move.path},
           {"from", std::string(move.from)},
           {"to", std::string(move.to)}});
}

void EngineNews::on_health(const telemetry::HealthChange& change) noexcept {
  const std::string text = std::string(change.name) + " is " + std::string(name_of(change.to)) +
                           (change.reason.empty() ? "" : ": " + std::string(change.reason));
  log_.warning("health has changed", {{"name", change.name},
                                      {"from", name_of(change.from)},
                                      {"to", name_of(change.to)},
                                      {"reason", change.reason}});
  publish(EventKind::HealthChanged, "telemetry", text,
          {{"name", std::string(change.name)},
           {"from", std::string(name_of(change.from))},
           {"to", std::string(name_of(change.to))}});
}

void EngineNews::on_clock_jump(Timestamp, Duration by) noexcept {
  const std::string seconds = std::to_string(static_cast<double>(by.count()) / 1e9);
  log_.warning("the wall clock has jumped", {{"seconds", seconds}});
  publish(EventKind::ClockJumped, "telemetry", "the wall clock has jumped by " + seconds + " s",
          {{"seconds", seconds}});
}

void EngineNews::recorded(const state::TransitionRecord& record) noexcept {
  if (record.machine != "engine") return;
  log_.info("engine", {{"from", record.from}, {"to", record.to}, {"why", record.why}});
  publish(EventKind::EngineState, "state", "the engine is " + record.to,
          {{"from", record.from}, {"to", record.to}, {"why", record.why}});
}

void EngineNews::journal_failed(const Error& error) noexcept {
  log_.error("the journal cannot be written", {{"error", error.context}});
  publish(EventKind::StoreFailed, "storage", "the journal cannot be written: " + error.context,
          {{"store", "state"}});
}

void EngineNews::journal_recovered(std::uint64_t late, std::uint64_t lost) noexcept {
  log_.warning("the journal is written again", {{"late", late}, {"lost", lost}});
  publish(EventKind::StoreRecovered, "storage", "the journal is written again",
          {{"store", "state"}, {"late", std::to_string(late)}, {"lost", std::to_string(lost)}});
}

void EngineNews::store_warning(std::string_view sentence) {
  log_.error("a store is damaged", {{"what", sentence}});
  publish(EventKind::StoreDamaged, "storage", sentence);
}

void EngineNews::outage_began(std::string_view why) {
  log_.warning("the receiver of reports is away", {{"why", why}});
  publish(EventKind::ReportReceiverAway, "control",
          "the receiver of reports is away: " + std::string(why));
}

void EngineNews::outage_ended(Duration lasted) {
  const std::int64_t seconds = lasted.count() / 1'000'000'000;
  log_.info("the receiver of reports is back", {{"seconds", seconds}});
  publish(EventKind::ReportReceiverBack, "control", "the receiver of reports is back",
          {{"seconds", std::to_string(seconds)}});
}

void EngineNews::reports_refused(int status) {
  log_.error("the receiver of reports refuses them", {{"status", status}});
  publish(EventKind::ReportReceiverAway, "control",
          "the receiver of reports refuses them with status " + std::to_string(status));
}

std::vector<control::ApiEvent> EngineNews::read_after(std::uint64_t id,
                                                      std::size_t events_max) const {
  std::vector<control::ApiEvent> rows;
  for (telemetry::Event& event : events_.read_after(id, events_max).events) {
    control::ApiEvent row{.id = event.id,
                          .time = event.time,
                          .module = std::move(event.module),
                          .kind = std::string(name_of(event.kind)),
                          .severity = std::string(name_of(event.severity)),
                          .text = std::move(event.text)};
    for (telemetry::EventField& field : event.fields) {
      row.fields.emplace_back(std::move(field.key), std::move(field.value));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace weir::app
