// From what happens in a running engine to events, log lines and stored states: the one who is told
// by everybody.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "app/engine/session_observer.h"
#include "base/clock.h"
#include "control/api_events.h"
#include "control/otlp_reporter.h"
#include "state/journaler.h"
#include "storage/state_store.h"
#include "storage/store_observer.h"
#include "telemetry/event.h"
#include "telemetry/health.h"
#include "telemetry/log.h"

namespace weir::app {

// Any thread.
class EngineNews final : public SessionObserver,
                         public telemetry::HealthObserver,
                         public state::JournalWatcher,
                         public storage::StoreObserver,
                         public control::OutageObserver,
                         public control::EventFeed {
 public:
  // Borrowed.
  EngineNews(telemetry::EventHub& events, telemetry::Logger log) : events_(events), log_(log) {}

  // Where the states of sessions are kept for after a crash; borrowed.
  void keep_sessions_in(storage::StateStore& store, const Clock& clock) {
    store_ = &store;
    clock_ = &clock;
  }

  void publish(telemetry::EventKind kind, std::string_view module, std::string_view text,
               std::vector<telemetry::EventField> fields = {});

  // SessionObserver.
  void session_moved(const SessionEntry& session) noexcept override;
  void session_removed(std::string_view name) noexcept override;
  void session_in_trouble(const SessionEntry& session, const Error& why) noexcept override;
  void session_spilling(const SessionEntry& session, const SpillMove& move) noexcept override;
  // HealthObserver.
  void on_health(const telemetry::HealthChange& change) noexcept override;
  void on_clock_jump(Timestamp now, Duration by) noexcept override;
  // JournalWatcher.
  void recorded(const state::TransitionRecord& record) noexcept override;
  void journal_failed(const Error& error) noexcept override;
  void journal_recovered(std::uint64_t late, std::uint64_t lost) noexcept override;
  // StoreObserver.
  void store_warning(std::string_view sentence) override;
  // OutageObserver: of the receiver of reports.
  void outage_began(std::string_view why) override;
  void outage_ended(Duration lasted) override;
  void reports_refused(int status) override;
  // EventFeed.
  [[nodiscard]] std::vector<control::ApiEvent> read_after(std::uint64_t id,
                                                          std::size_t events_max) const override;
  [[nodiscard]] std::uint64_t newest_id() const override { return events_.last_id(); }

 private:
  telemetry::EventHub& events_;
  const telemetry::Logger log_;
  storage::StateStore* store_ = nullptr;
  const Clock* clock_ = nullptr;
};

}  // namespace weir::app
