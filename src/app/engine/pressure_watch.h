// Watches what can become short in a running engine, decides what its sessions do with less of, and
// makes them: a thread of its own, which looks every few milliseconds and waits for nothing. What
// is measured: the rings of the kernel, the room that outputs have for packets on their way, the
// room of stores, the tables of flows, the cgroup's memory (pressure_plan.h has what follows from
// it).
//
// Levels rise within kInterval of what was measured. Each move of a level and each change of a
// session's relief is journalled, an event, and a line of the log.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/engine/cgroup_memory.h"
#include "app/engine/engine_news.h"
#include "app/engine/journal_queue.h"
#include "app/engine/pressure_plan.h"
#include "app/engine/session_table.h"
#include "app/engine/store_registry.h"
#include "base/clock.h"
#include "capture/orchestrator.h"
#include "control/engine_control.h"
#include "state/pressure_controller.h"
#include "telemetry/log.h"
#include "telemetry/registry.h"

namespace weir::app {

class PressureWatch final : public telemetry::Collector, state::DirectiveReceiver {
 public:
  static constexpr Duration kInterval = std::chrono::milliseconds(5);

  // All borrowed.
  struct Parts {
    const capture::Orchestrator& orchestrator;
    const SessionTable& sessions;
    const StoreRegistry& stores;
    const MemoryGauge& memory;
    state::Journaler& journaler;
    EngineNews& news;
    const Clock& clock;
  };
  PressureWatch(Parts parts, telemetry::Logger log, const control::PressureConfig& config);
  ~PressureWatch() override;

  // While workers run.
  void start();
  void stop() noexcept;

  // Any thread. From its next look on.
  void configure(const control::PressureConfig& config);
  // Any thread; as of its last look.
  [[nodiscard]] control::PressureStatus status() const;
  void collect(telemetry::Collection& into) const override;

 private:
  // Of one look.
  struct Look {
    PressureReadings readings;
    std::vector<std::shared_ptr<SessionEntry>> entries;  // as readings.sessions
  };

  void run();
  void look();
  void take_configuration();
  [[nodiscard]] Look measure() const;
  void measure_session(const SessionEntry& entry, SessionReading& into) const;
  void direct(const state::Directive& directive) noexcept override;
  void relieve(const Look& look, const std::vector<PlaceSignal>& signals);
  void relieve(SessionEntry& entry, const SessionReading& session, const capture::Relief& relief,
               const std::string& why);
  void show(const Look& look, const std::vector<PlaceSignal>& signals);
  [[nodiscard]] Timestamp wall_of(MonotonicTime time) const;

  const Parts parts_;
  const telemetry::Logger log_;

  // Of the thread that looks.
  JournalQueue queue_;
  state::Journaler journaler_;  // to the queue
  bool enabled_ = true;
  Ladders ladders_;
  RingsBehindDisks rings_;
  state::PressureController controller_;
  std::map<std::string, Timestamp> relieved_;  // sessions, since when

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  bool stopping_ = false;
  std::optional<control::PressureConfig> next_;
  control::PressureStatus shown_;
  std::vector<double> shown_fills_;  // of shown_.places
  std::thread thread_;
};

}  // namespace weir::app
