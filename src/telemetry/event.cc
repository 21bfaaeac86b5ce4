#include "telemetry/event.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/json_writer.h"
#include "telemetry/text.h"

namespace weir::telemetry {
namespace {

constexpr auto kInfo = Severity::Info;
constexpr auto kWarning = Severity::Warning;
constexpr auto kError = Severity::Error;

constexpr EventKindInfo kTable[] = {
    {EventKind::EngineStarted, "engine_started", kInfo, "version, generation",
     "the engine runs, and all its sessions that can"},
    {EventKind::EngineState, "engine_state", kInfo, "from, to, why",
     "the engine went from one state to another"},
    {EventKind::SessionState, "session_state", kInfo, "session, from, to, why",
     "a session went from one state to another"},
    {EventKind::InterfaceState, "interface_state", kWarning, "interface, from, to",
     "a link went up, down or away"},
    {EventKind::ConfigCommitted, "config_committed", kInfo, "generation, who, why",
     "another configuration is in force"},
    {EventKind::ConfigRefused, "config_refused", kWarning, "who, error",
     "a configuration was wrong; nothing has changed"},
    {EventKind::ConfigRolledBack, "config_rolled_back", kWarning, "generation, who, error",
     "a configuration failed while it was put in force, or an operator went back: an earlier one "
     "is in force"},
    {EventKind::HealthChanged, "health_changed", kWarning, "name, from, to, reason",
     "the health of a module or worker changed"},
    {EventKind::ClockJumped, "clock_jumped", kWarning, "seconds",
     "the wall clock was set; time stamps before and after do not fit together"},
    {EventKind::OutputFailed, "output_failed", kError, "session, error",
     "an output of a session has trouble: what it could not write is lost"},
    {EventKind::OutputSpilling, "output_spilling", kWarning, "session, path, from, to",
     "what packets for a slow reader of a pipe do: writing (none waits in the queue any more), "
     "spilling (they wait there), blocked (the queue takes no more, and packets are lost); "
     "looked at four times a second"},
    {EventKind::PacketsLost, "packets_lost", kWarning, "session, interface, reason, packets",
     "packets were lost; told at most once a second for each reason"},
    {EventKind::StoreDamaged, "store_damaged", kError, "path, moved_to, error",
     "a store was found damaged, was moved aside and begun anew"},
    {EventKind::StoreFailed, "store_failed", kError, "store, error",
     "a store takes nothing more; told once an outage"},
    {EventKind::StoreRecovered, "store_recovered", kInfo, "store", "a store takes entries again"},
    {EventKind::SegmentRecovered, "segment_recovered", kWarning,
     "store, segment, packets, cut_bytes",
     "a segment of a packet store that nobody had sealed was sealed; what was incomplete at its "
     "end "
     "was cut off"},
    {EventKind::SegmentDamaged, "segment_damaged", kError, "store, error",
     "a segment of a packet store is not what was written; it was left as it is"},
    {EventKind::SegmentExpired, "segment_expired", kInfo, "store, segment, reason, bytes, packets",
     "retention has deleted a segment of a packet store"},
    {EventKind::StoreTrouble, "store_trouble", kWarning, "store, error",
     "a packet store goes on, but something is wrong with it: nothing is left that may be deleted, "
     "a segment cannot be deleted, its manifest, its pins or what it remembers of deleted segments "
     "cannot be used; told when it begins"},
    {EventKind::PressureChanged, "pressure_changed", kWarning,
     "resource, place, from, to, fill, why",
     "a resource (cpu, output, memory) becomes short, or there is enough of it again: normal, "
     "elevated, high, critical. Of a packet store: elevated means room for fewer than four further "
     "segments of each lane, high for fewer than two or that its bounds cannot be kept, critical "
     "for none"},
    {EventKind::ReliefChanged, "relief_changed", kWarning, "session, priority, from, to, why",
     "what a session does with less of under pressure has changed: none, or steps of the ladders "
     "in [pressure]"},
    {EventKind::ReportReceiverAway, "report_receiver_away", kWarning, "url, error",
     "the receiver of reports does not answer; reports wait for it"},
    {EventKind::ReportReceiverBack, "report_receiver_back", kInfo, "url, reports",
     "the receiver of reports answers again"},
    {EventKind::QueryEnded, "query_ended", kInfo,
     "query, session, who, to, packets, bytes, complete, seconds",
     "a query of the API over a session's store has ended: done, cancelled, client_gone or failed"},
    {EventKind::SourceRefused, "source_refused", kWarning,
     "kind, packets, total, interface, mac, address, vni, gwlb_endpoint",
     "packets came from where none may come; told at most once in five seconds for each kind, with "
     "how many since the last time, how many ever, and the last one as an example"},
    {EventKind::PolicyLoaded, "policy_loaded", kInfo, "version, expires, who",
     "another policy document is in force"},
    {EventKind::PolicyRefused, "policy_refused", kError, "reason, who, error",
     "a policy document was not put in force: missing, too_large, forged, malformed, not_yet, "
     "expired, downgraded or not_kept; the one before it stays"},
    {EventKind::PolicyExpired, "policy_expired", kError, "version, expires",
     "the time of the policy document in force is over; it stays in force, and nothing that it "
     "shuts out is let in again"},
    {EventKind::PolicyEnforced, "policy_enforced", kInfo, "version, threat",
     "what the policy document says at this level of the threat is in force for sources and "
     "destinations: every worker acts by it"},
    {EventKind::ThreatChanged, "threat_changed", kWarning, "from, to, why",
     "the threat went from one level to another: normal, elevated, high or critical"},
    {EventKind::DestinationRefused, "destination_refused", kWarning,
     "session, kind, path, error, withheld",
     "security refused where a session, a tail or a query would send packets: nothing goes there; "
     "told once in ten seconds for each session, with how many were not told"},
    {EventKind::DestinationMoved, "destination_moved", kWarning, "session, kind, path",
     "the path of an output leads to another directory than the one that was granted, or to none: "
     "the session goes on in the directory that it has; told when it begins"},
};
constexpr bool in_order() {
  for (std::size_t i = 0; i < std::size(kTable); ++i) {
    if (kTable[i].kind != static_cast<EventKind>(i)) return false;
  }
  return true;
}
static_assert(std::size(kTable) == static_cast<std::size_t>(EventKind::kCount) && in_order());

std::string clean(std::string_view text, std::size_t bytes_max) {
  std::string out;
  append_clean(out, text, bytes_max);
  return out;
}

JsonWriter& quoted_field(JsonWriter& json, std::string_view key, std::string_view value) {
  std::string quoted;
  append_quoted(quoted, value);
  return json.key(key).raw(quoted);
}

}  // namespace

std::string_view name_of(Severity severity) noexcept {
  constexpr std::array<std::string_view, 3> kNames = {"info", "warning", "error"};
  return kNames[static_cast<std::size_t>(severity)];
}

std::span<const EventKindInfo> event_kind_table() noexcept { return kTable; }

std::string_view name_of(EventKind kind) noexcept {
  WEIR_ASSERT(kind < EventKind::kCount);
  return kTable[static_cast<std::size_t>(kind)].name;
}

std::string event_json(const Event& event) {
  JsonWriter json;
  json.begin_object();
  json.field("id", event.id);
  json.field("time", std::string_view(rfc3339(event.time)));
  quoted_field(json, "module", event.module);
  json.field("kind", name_of(event.kind));
  json.field("severity", name_of(event.severity));
  quoted_field(json, "text", event.text);
  json.key("fields").begin_object();
  for (const EventField& field : event.fields) quoted_field(json, field.key, field.value);
  json.end_object().end_object();
  return json.take();
}

EventHub::EventHub(const Clock& clock, std::size_t events_max)
    : clock_(clock), events_max_(events_max) {
  WEIR_ASSERT(events_max > 0);
}

std::uint64_t EventHub::publish(const NewEvent& event) {
  WEIR_ASSERT(event.kind < EventKind::kCount);
  Event full{
      .time = clock_.wall(),
      .module = clean(event.module, kEventKeyMax),
      .kind = event.kind,
      .severity = event.severity.value_or(kTable[static_cast<std::size_t>(event.kind)].severity),
      .text = clean(event.text, kEventTextMax)};
  for (const EventField& field : event.fields) {
    if (full.fields.size() == kEventFieldsMax) break;
    full.fields.push_back({clean(field.key, kEventKeyMax), clean(field.value, kEventTextMax)});
  }

  const std::lock_guard order(order_);
  {
    const std::lock_guard lock(mutex_);
    full.id = ++last_id_;
    if (events_.size() == events_max_) events_.pop_front();
    events_.push_back(full);
  }
  arrived_.notify_all();
  for (EventObserver* observer : observers_) observer->on_event(full);
  return full.id;
}

EventBatch EventHub::read_after(std::uint64_t id, std::size_t events_max) const {
  const std::lock_guard lock(mutex_);
  if (id > last_id_) id = 0;
  EventBatch batch{.last_id = id};
  const std::uint64_t forgotten = last_id_ - events_.size();
  if (id < forgotten) {
    batch.missed = forgotten - id;
    batch.last_id = forgotten;
    if (id > 0) missed_.add(batch.missed);  // who begins was not too slow
  }
  for (std::uint64_t next = batch.last_id - forgotten;
       next < events_.size() && batch.events.size() < events_max; ++next) {
    batch.events.push_back(events_[next]);
    batch.last_id = events_[next].id;
  }
  return batch;
}

bool EventHub::has_after(std::uint64_t id) const noexcept { return last_id_ > 0 && id != last_id_; }

EventWait EventHub::wait_after(std::uint64_t id, Duration timeout) const {
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, timeout, [&] { return stopped_ || has_after(id); });
  if (stopped_) return EventWait::Stopped;
  return has_after(id) ? EventWait::Arrived : EventWait::TimedOut;
}

std::uint64_t EventHub::last_id() const {
  const std::lock_guard lock(mutex_);
  return last_id_;
}

void EventHub::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  arrived_.notify_all();
}

void EventHub::add_observer(EventObserver& observer) {
  const std::lock_guard lock(order_);
  observers_.push_back(&observer);
}

void EventHub::remove_observer(EventObserver& observer) {
  const std::lock_guard lock(order_);
  std::erase(observers_, &observer);
}

void EventHub::collect(Collection& into) const {
  const std::lock_guard lock(mutex_);
  into.add(Metric::EventsPublished, {}, last_id_);
  into.add(Metric::EventsMissed, {}, missed_.value());
}

}  // namespace weir::telemetry
