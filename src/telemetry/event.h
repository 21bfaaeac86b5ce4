// Events: what happened in the life of the engine, for people and programs that listen.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/time.h"
#include "telemetry/counter.h"
#include "telemetry/registry.h"

namespace weir::telemetry {

enum class Severity : std::uint8_t { Info, Warning, Error };
std::string_view name_of(Severity severity) noexcept;

// The rows of the table, in its order.
enum class EventKind : std::uint8_t {
  EngineStarted,
  EngineState,
  SessionState,
  InterfaceState,
  ConfigCommitted,
  ConfigRefused,
  ConfigRolledBack,
  HealthChanged,
  ClockJumped,
  OutputFailed,
  OutputSpilling,
  PacketsLost,
  StoreDamaged,
  StoreFailed,
  StoreRecovered,
  SegmentRecovered,
  SegmentDamaged,
  SegmentExpired,
  StoreTrouble,
  PressureChanged,
  ReliefChanged,
  ReportReceiverAway,
  ReportReceiverBack,
  QueryEnded,
  SourceRefused,
  PolicyLoaded,
  PolicyRefused,
  PolicyExpired,
  PolicyEnforced,
  ThreatChanged,
  DestinationRefused,
  DestinationMoved,
  kCount,
};
struct EventKindInfo {
  EventKind kind;
  std::string_view name;  // "session_state"
  Severity severity;      // unless the publisher says otherwise
  std::string_view fields;
  std::string_view meaning;
};
std::span<const EventKindInfo> event_kind_table() noexcept;
std::string_view name_of(EventKind kind) noexcept;

struct EventField {
  std::string key;
  std::string value;
  friend bool operator==(const EventField&, const EventField&) = default;
};

struct Event {
  std::uint64_t id = 0;  // 1, 2, 3 ... in the life of one engine
  Timestamp time{};
  std::string module;
  EventKind kind{};
  Severity severity{};
  std::string text;  // a sentence for people
  std::vector<EventField> fields;
};

// {"id":7,"time":"2026-11-25T22:00:00.123Z","module":"capture","kind":"session_state",
// "severity":"info","text":"...","fields":{...}}, without a line break.
std::string event_json(const Event& event);

// What a publisher says; the hub adds id and time. Text and values are cut at kEventTextMax bytes,
// keys at kEventKeyMax, fields at kEventFieldsMax; what is no UTF-8 becomes U+FFFD.
inline constexpr std::size_t kEventTextMax = 4096;
inline constexpr std::size_t kEventKeyMax = 64;
inline constexpr std::size_t kEventFieldsMax = 16;
struct NewEvent {
  EventKind kind;
  std::string_view module;
  std::string_view text;
  std::vector<EventField> fields = {};
  std::optional<Severity> severity = std::nullopt;
};

// Called by the publishing thread, in the order of ids, under a lock: neither publishes itself nor
// comes and goes meanwhile.
class EventObserver {
 public:
  virtual ~EventObserver() = default;
  virtual void on_event(const Event& event) noexcept = 0;
};

struct EventBatch {
  std::vector<Event> events;
  std::uint64_t missed = 0;   // forgotten before they were read
  std::uint64_t last_id = 0;  // to ask on from
};

enum class EventWait : std::uint8_t { Arrived, TimedOut, Stopped };

// Any thread. Keeps the last events; what is older is forgotten, and readers that are too slow are
// told how many they missed.
class EventHub final : public Collector {
 public:
  static constexpr std::size_t kEventsMax = 4096;
  explicit EventHub(const Clock& clock, std::size_t events_max = kEventsMax);
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  std::uint64_t publish(const NewEvent& event);  // the id

  // Events behind `id`, oldest first. An id that was not given out yet is from another life of the
  // engine: everything is behind it.
  [[nodiscard]] EventBatch read_after(std::uint64_t id, std::size_t events_max) const;
  // Waits until there is an event behind `id`.
  [[nodiscard]] EventWait wait_after(std::uint64_t id, Duration timeout) const;
  [[nodiscard]] std::uint64_t last_id() const;
  // Nobody waits any more, now or later. Publishing and reading go on.
  void stop();

  void add_observer(EventObserver& observer);
  void remove_observer(EventObserver& observer);  // returns when it is no longer called

  void collect(Collection& into) const override;

 private:
  [[nodiscard]] bool has_after(std::uint64_t id) const noexcept;

  const Clock& clock_;
  const std::size_t events_max_;
  std::mutex order_;  // held by who publishes, until the observers know
  std::vector<EventObserver*> observers_;
  mutable std::mutex mutex_;
  mutable std::condition_variable arrived_;
  std::deque<Event> events_;
  std::uint64_t last_id_ = 0;
  bool stopped_ = false;
  mutable Counter missed_;
};

}  // namespace weir::telemetry
