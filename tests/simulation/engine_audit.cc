#include "simulation/engine_audit.h"

#include <malloc.h>

#include <algorithm>
#include <cstdio>

namespace weir::test {
namespace {

using control::Counts;

std::uint64_t sum_of(const Counts& counts) {
  std::uint64_t sum = 0;
  for (const auto& [reason, packets] : counts) sum += packets;
  return sum;
}

std::uint64_t of(const Counts& counts, std::string_view reason) {
  for (const auto& [name, packets] : counts) {
    if (name == reason) return packets;
  }
  return 0;
}

std::string numbers(std::uint64_t a, std::uint64_t b) {
  return " (" + std::to_string(a) + " and " + std::to_string(b) + ")";
}

}  // namespace

void EngineAudit::check(bool holds, const std::string& what) {
  if (holds || record_.failed()) return;
  record_.fail("at " + std::to_string(threads_.monotonic().ns / 1'000'000) + " ms: " + what);
}

bool EngineAudit::quiet() const noexcept {
  return std::none_of(network_.sources().begin(), network_.sources().end(),
                      [](const auto& source) { return source->lent(); });
}

void EngineAudit::look(const control::EngineControl& engine) {
  ++record_.counts.audits;
  const std::uint64_t turns = threads_.turns();
  const bool was_quiet = quiet();
  const auto interfaces = engine.interfaces();
  const auto sessions = engine.sessions();
  // Nobody else had a turn meanwhile: all of this is of one moment.
  const bool exact = was_quiet && turns == threads_.turns();
  look_at_interfaces(interfaces, exact);
  for (const control::SessionStatus& session : sessions) {
    look_at_session(session, exact);
    note_written(session);
  }
  commands_seen_ = record_.counts.commands;
  look_at_heap(sessions.size());
  look_at_pressure(engine.pressure());
}

void EngineAudit::look_at_interfaces(const std::vector<control::InterfaceStatus>& interfaces,
                                     bool exact) {
  if (!exact) return;
  for (std::size_t i = 0; i < interfaces.size(); ++i) {
    const control::InterfaceStatus& one = interfaces[i];
    std::uint64_t arrived = 0;
    for (std::size_t lane = 0; lane < network_.sources().size(); ++lane) {
      if (network_.interface_of(lane) == i) arrived += network_.sources()[lane]->arrived();
    }
    check(one.received == arrived,
          one.name + ": received is not what arrived" + numbers(one.received, arrived));
    const std::uint64_t decided = one.accepted + sum_of(one.rejected) + sum_of(one.dropped);
    check(one.received == decided + one.in_flight,
          one.name + ": received is not accepted + rejected + dropped + in flight" +
              numbers(one.received, decided + one.in_flight));
  }
}

void EngineAudit::look_at_session(const control::SessionStatus& session, bool exact) {
  const std::uint64_t decided =
      session.accepted + sum_of(session.rejected) + sum_of(session.dropped);
  if (exact) {
    check(session.received == decided, "session " + session.name +
                                           ": received is not accepted + rejected + dropped" +
                                           numbers(session.received, decided));
    for (const control::OutputStatus& output : session.outputs) {
      if (output.kind == "log") continue;
      const std::uint64_t told = output.written + output.pending + sum_of(output.lost);
      check(output.offered == told, "session " + session.name + ", " + output.kind +
                                        ": offered is not written + pending + lost" +
                                        numbers(output.offered, told));
      check(output.offered <= session.accepted, "session " + session.name + ", " + output.kind +
                                                    ": more offered than accepted" +
                                                    numbers(output.offered, session.accepted));
    }
  }
  Seen& seen = seen_[session.name];
  if (seen.since == session.since.ns) {
    check(session.received >= seen.received && session.accepted >= seen.accepted,
          "session " + session.name + ": a counter went back");
    // A resumption reaches one worker after the other before it is said.
    const bool nothing_asked = record_.counts.commands == commands_seen_ &&
                               record_.counts.commands_ended == commands_seen_;
    const bool stays_paused = seen.state == "paused" && session.state == "paused" &&
                              seen.generation == session.generation && nothing_asked;
    if (!stays_paused) seen.accepted_when_paused = session.accepted;
    // A worker may be at a batch that it began before.
    check(session.accepted <= seen.accepted_when_paused + plan_.lanes() * kBatchPacketsMax ||
              session.state != "paused",
          "session " + session.name + ": accepts packets while it is paused" +
              numbers(session.accepted, seen.accepted_when_paused));
    const std::uint64_t withheld = of(session.rejected, "paused");
    const bool stays_running = seen.state == "running" && session.state == "running" &&
                               seen.generation == session.generation && nothing_asked;
    if (!stays_running) seen.withheld_when_running = withheld;
    check(withheld <= seen.withheld_when_running + plan_.lanes() * kBatchPacketsMax ||
              session.state != "running",
          "session " + session.name + ": is offered nothing while it is running" +
              numbers(withheld, seen.withheld_when_running));
  }
  if (seen.since != 0 && seen.since != session.since.ns) seen.changed = true;
  std::uint64_t offered = 0;
  for (const control::OutputStatus& output : session.outputs) offered += output.offered;
  if (offered < seen.offered) seen.changed = true;  // it had failed for a moment
  seen.offered = offered;
  if (session.state == "failed") {
    if (seen.state != "failed") ++record_.counts.session_faults;
    seen.changed = true;
  }
  seen.received = session.received;
  seen.accepted = session.accepted;
  seen.since = session.since.ns;
  seen.generation = session.generation;
  seen.state = session.state;
}

void EngineAudit::note_written(const control::SessionStatus& session) {
  for (std::size_t i = 0; i < plan_.sessions.size(); ++i) {
    if (plan_.sessions[i].name != session.name || seen_[session.name].changed) continue;
    for (const control::OutputStatus& output : session.outputs) {
      if (output.kind == "store") record_.written[i].store = output.written;
      if (output.kind == "pcapng") record_.written[i].pcapng = output.written;
    }
  }
}

// Queues and tables are bounded, those of each session that is open.
void EngineAudit::look_at_heap(std::size_t sessions) {
  const auto heap = static_cast<std::uint64_t>(::mallinfo2().uordblks);
  const std::uint64_t most = kHeapBytes + sessions * plan_.lanes() * kSessionLaneBytes;
  check(heap <= most,
        "the heap has " + std::to_string(heap) + " bytes, and may have " + std::to_string(most));
}

// Who does with less does so for a place that has taken a step.
void EngineAudit::look_at_pressure(const control::PressureStatus& pressure) {
  const bool any_step = std::any_of(pressure.places.begin(), pressure.places.end(),
                                    [](const auto& place) { return place.step != 0; });
  for (const control::SessionRelief& session : pressure.sessions) {
    check(any_step || session.relief.empty(),
          "session " + session.session + " does with less, and no place has taken a step");
  }
}

void EngineAudit::begin_calm(const control::EngineControl& engine) {
  heap_at_calm_ = static_cast<std::uint64_t>(::mallinfo2().uordblks);
  open_at_calm_ = open_sessions(engine);
}

// One that had failed and is tried again takes memory of its own.
std::string EngineAudit::open_sessions(const control::EngineControl& engine) {
  std::string open;
  for (const control::SessionStatus& session : engine.sessions()) {
    open += session.name + " " + session.state + " " + std::to_string(session.since.ns) + "\n";
  }
  return open;
}

void EngineAudit::look_at_calm(const control::EngineControl& engine) {
  const auto heap = static_cast<std::uint64_t>(::mallinfo2().uordblks);
  check(heap <= heap_at_calm_ + kGrowthBytesMax || open_sessions(engine) != open_at_calm_,
        "with little to do the heap has grown" + numbers(heap_at_calm_, heap));
  const control::PressureStatus pressure = engine.pressure();
  if (verbose_) {
    for (const control::SessionStatus& session : engine.sessions()) {
      std::fprintf(stderr, "session %s is %s, accepted %s, relief '%s'\n", session.name.c_str(),
                   session.state.c_str(), std::to_string(session.accepted).c_str(),
                   session.relief.c_str());
      for (const control::OutputStatus& output : session.outputs) {
        std::fprintf(stderr, "  %s: %s offered, %s written, %s pending\n", output.kind.c_str(),
                     std::to_string(output.offered).c_str(), std::to_string(output.written).c_str(),
                     std::to_string(output.pending).c_str());
      }
    }
  }
  for (const control::PressurePlace& place : pressure.places) {
    check(place.level == "normal" && place.step == 0, place.resource + " " + place.place +
                                                          " has not recovered: " + place.level +
                                                          ", step " + std::to_string(place.step));
  }
  for (const control::SessionRelief& session : pressure.sessions) {
    check(session.relief.empty(),
          "session " + session.session + " still does with less: " + session.relief);
  }
}

void EngineAudit::look_at_end(const control::EngineControl& engine) {
  look(engine);
  const control::EngineStatus status = engine.status();
  record_.counts.arrived = status.received;
  record_.counts.accepted = status.accepted;
  record_.counts.kernel_drops = of(status.dropped, "kernel");
  record_.counts.pressure_drops = of(status.dropped, "pressure");
  std::uint64_t arrived = 0;
  for (const auto& source : network_.sources()) arrived += source->arrived();
  const std::uint64_t decided = status.accepted + sum_of(status.rejected) + sum_of(status.dropped);
  check(status.received == arrived && decided == arrived,
        "after the end not every packet is accounted for" + numbers(arrived, decided));
  for (const control::SessionStatus& session : engine.sessions()) {
    for (const control::OutputStatus& output : session.outputs) {
      check(output.pending == 0, "session " + session.name + ": packets are pending after the end");
    }
    for (std::size_t i = 0; i < plan_.sessions.size(); ++i) {
      if (plan_.sessions[i].name == session.name) {
        record_.written[i].exact = !seen_[session.name].changed;
      }
    }
  }
}

void EngineAudit::look_at_journal(const control::EngineControl& engine) {
  const auto rows = engine.journal(0, 100'000);
  if (!rows) return check(false, "journal: " + rows.error().context);
  std::map<std::string, std::string> states;  // by machine
  bool pressed = false;                       // something was short in this life
  std::uint64_t last_id = 0;
  if (verbose_) {
    for (auto row = rows->rbegin(); row != rows->rend(); ++row) {
      std::fprintf(stderr, "%s: %s -> %s (%s: %s)\n", row->machine.c_str(), row->from.c_str(),
                   row->to.c_str(), row->event.c_str(), row->why.c_str());
    }
  }
  for (auto row = rows->rbegin(); row != rows->rend(); ++row) {
    check(row->id > last_id, "the journal is out of order");
    last_id = row->id;
    if (row->machine.starts_with("command")) continue;
    if (row->machine == "engine" && row->from == "none") {  // another life
      states.clear();
      pressed = false;
    }
    const auto [at, fresh] = states.try_emplace(row->machine, row->from);
    // Another one of that name, or what was kept of the life before.
    const bool begins = row->from == "created" || row->from == "none" ||
                        row->why == "as it was when the engine ended";
    check(fresh || at->second == row->from || begins,
          "journal: " + row->machine + " was " + at->second + " and goes on from " + row->from);
    at->second = row->to;
    if (row->machine.starts_with("pressure ")) {
      pressed = pressed || row->to == "high" || row->to == "critical";
      ++record_.counts.level_moves;
    }
    if (row->machine.starts_with("relief ")) {
      ++record_.counts.relief_moves;
      check(pressed, "journal: " + row->machine + " does with less, and nothing was short");
    }
  }
}

}  // namespace weir::test
