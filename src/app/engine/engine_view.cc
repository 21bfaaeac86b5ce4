#include "app/engine/engine_view.h"

#include <unistd.h>

#include "app/engine/reason_counts.h"
#include "control/config_writer.h"
#include "telemetry/prometheus_text.h"

namespace weir::app {
namespace {

std::string_view word_for(interface::LinkState state) noexcept {
  switch (state) {
    case interface::LinkState::Running:
      return "up";
    case interface::LinkState::Gone:
      return "gone";
    case interface::LinkState::Opening:
    case interface::LinkState::LinkDown:
    case interface::LinkState::kCount:
      break;
  }
  return "down";
}

}  // namespace

EngineView::EngineView(EngineParts parts) : parts_(parts), started_(parts.clock.wall()) {}

void EngineView::refresh(const state::Supervisor& supervisor) {
  std::vector<state::ModuleReport> modules = supervisor.report();
  const std::lock_guard lock(mutex_);
  state_ = supervisor.state_name();
  modules_ = std::move(modules);
}

void EngineView::count_reload(bool worked) noexcept {
  (worked ? reloads_ : reloads_refused_).fetch_add(1, std::memory_order_relaxed);
}

control::EngineStatus EngineView::status() const {
  const capture::LedgerSnapshot ledger = parts_.orchestrator.ledger();
  control::EngineStatus status{.version = WEIR_VERSION,
                               .pid = static_cast<std::uint64_t>(::getpid()),
                               .started = started_,
                               .generation = parts_.config.generation(),
                               .sessions = parts_.sessions.size(),
                               .received = ledger.received,
                               .received_bytes = ledger.received_bytes,
                               .accepted = ledger.accepted,
                               .accepted_bytes = ledger.accepted_bytes,
                               .rejected = counts_of<RejectReason>(ledger.rejected),
                               .dropped = counts_of<DropReason>(ledger.dropped),
                               .in_flight = ledger.in_ring};
  {
    const std::lock_guard lock(mutex_);
    status.state = state_;
    for (const state::ModuleReport& module : modules_) {
      status.modules.push_back({.name = module.name,
                                .state = std::string(state::kModuleTable.name_of(module.state)),
                                .health = std::string(name_of(module.health)),
                                .reason = module.reason});
    }
  }
  for (const telemetry::HealthStatus& one : parts_.health.status()) {
    status.modules.push_back({.name = one.name,
                              .state = "up",
                              .health = std::string(name_of(one.health)),
                              .reason = one.reason});
  }
  return status;
}

std::vector<control::InterfaceStatus> EngineView::interfaces() const {
  std::vector<control::InterfaceStatus> rows;
  const std::vector<std::string> names = parts_.intake.names();
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    const capture::LedgerSnapshot ledger = parts_.orchestrator.interface_ledger({i});
    control::InterfaceStatus row{.name = names[i],
                                 .state = std::string(word_for(parts_.intake.link_state(i))),
                                 .mode = "afpacket",
                                 .filter_place = "user",
                                 .received = ledger.received,
                                 .received_bytes = ledger.received_bytes,
                                 .accepted = ledger.accepted,
                                 .rejected = counts_of<RejectReason>(ledger.rejected),
                                 .dropped = counts_of<DropReason>(ledger.dropped),
                                 .in_flight = ledger.in_ring};
    for (std::size_t lane = 0; lane < parts_.orchestrator.lane_count(); ++lane) {
      const capture::Lane& one = parts_.orchestrator.lane(lane);
      if (one.interface.index != i) continue;
      ++row.workers;
      if (one.source->prefilter().place == interface::FilterPlace::Kernel) {
        row.filter_place = "kernel";
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<control::GenerationStatus> EngineView::generations() const {
  std::vector<control::GenerationStatus> rows;
  auto stored = parts_.config.generations();
  if (!stored) return rows;
  const std::uint64_t current = parts_.config.generation();
  const auto packets = parts_.sessions.generation_packets();
  for (const control::Generation& one : *stored) {
    control::GenerationStatus row{.number = one.number,
                                  .when = one.when,
                                  .who = one.who,
                                  .why = one.why,
                                  .current = one.number == current};
    for (const auto& [generation, count] : packets) {
      if (generation == one.number) row.packets += count;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

control::ConfigDocument EngineView::configuration() const {
  const std::uint64_t generation = parts_.config.generation();
  return {.generation = generation, .toml = control::to_toml(*parts_.config.wanted())};
}

Result<std::vector<control::JournalRow>> EngineView::journal(std::uint64_t before,
                                                             std::size_t rows_max) const {
  WEIR_TRY(auto entries, parts_.store.newest(before, rows_max));
  std::vector<control::JournalRow> rows;
  for (storage::JournalEntry& entry : entries) {
    state::TransitionRecord& move = entry.transition;
    rows.push_back({.id = entry.id,
                    .when = move.when,
                    .machine = std::move(move.machine),
                    .from = std::move(move.from),
                    .event = std::move(move.event),
                    .to = std::move(move.to),
                    .who = std::move(move.who),
                    .why = std::move(move.why)});
  }
  return rows;
}

std::string EngineView::metrics() const {
  return telemetry::prometheus_text(parts_.registry.collect());
}

}  // namespace weir::app
