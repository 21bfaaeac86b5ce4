// What the control API may ask of the engine, and tell it. `app` implements it; the API's threads
// call it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "control/http_stream.h"
#include "control/policy_status.h"

namespace weir::control {

using Counts = std::vector<std::pair<std::string, std::uint64_t>>;  // reason, packets; none is 0

struct OutputStatus {
  std::string kind;  // "pcapng", "log"
  std::string path;
  std::uint64_t offered = 0;
  std::uint64_t written = 0;
  std::uint64_t written_bytes = 0;
  std::uint64_t pending = 0;
  std::uint64_t spilled = 0;
  Counts lost;
};

struct RuleStatus {
  std::string name;
  std::string action;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  // on the wire
};

struct SessionStatus {
  std::string name;
  std::string state;   // of state::SessionState: "running", "paused", ...
  std::string origin;  // "config", "api", "tail"
  std::vector<std::string> interfaces;
  std::string filter;
  bool inner = false;
  std::uint32_t snaplen = 0;
  std::uint32_t priority = 0;
  std::string relief;            // what it does with less of under pressure; empty: nothing
  std::uint64_t generation = 0;  // that changed it last
  Timestamp since{};             // when it began, or was resumed after a restart of the engine
  // The session's row of the ledger: received = accepted + Σ rejected + Σ dropped.
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t accepted = 0;
  std::uint64_t accepted_bytes = 0;
  std::uint64_t truncated = 0;  // of these, packets that are kept shortened
  Counts rejected;
  Counts dropped;
  std::vector<OutputStatus> outputs;
  std::vector<RuleStatus> rules;
  std::string error;  // why it failed, or empty
};

// A place where something can become short.
struct PressurePlace {
  std::string resource;  // "cpu", "output", "memory"
  std::string place;  // "pipe /run/x", "disk 259:1", "store /data", "flows all"; empty: all of it
  std::string level;  // of state::PressureLevel
  Timestamp since{};  // of the level
  std::uint64_t fill = 0;  // percent of what there is
  std::uint64_t step = 0;  // of the ladder, over all priorities
  std::uint64_t steps = 0;
  std::vector<std::string> sessions;  // that are relieved for it, lowest priority first
};

struct SessionRelief {
  std::string session;
  std::uint64_t priority = 0;
  std::string relief;  // "truncate 128, sample 1/2"; empty: none
  Timestamp since{};   // of the relief
};

struct PressureStatus {
  bool enabled = false;
  std::vector<PressurePlace> places;
  std::vector<SessionRelief> sessions;  // lowest priority first
};

struct InterfaceStatus {
  std::string name;
  std::string state;  // "up", "down", "gone"
  std::string mode;   // "afpacket"
  std::uint32_t workers = 0;
  std::string filter_place;  // "user", "kernel"
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t accepted = 0;
  Counts rejected;
  Counts dropped;
  std::uint64_t in_flight = 0;
};

struct ModuleStatus {
  std::string name;
  std::string state;   // of its machine
  std::string health;  // "ok", "late", "stalled", "failing"
  std::string reason;  // in words, when it is not well
};

struct EngineStatus {
  std::string version;
  std::string state;  // of the engine's machine
  std::uint64_t pid = 0;
  Timestamp started{};
  std::uint64_t generation = 0;  // of the configuration in force
  std::uint64_t sessions = 0;
  // The capture's own row: a packet is accepted when at least one session wants it.
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t accepted = 0;
  std::uint64_t accepted_bytes = 0;
  Counts rejected;
  Counts dropped;
  std::uint64_t in_flight = 0;
  std::vector<ModuleStatus> modules;
};

// What one set of rules allows and refuses; see security::SourceRules.
struct SourceRulesStatus {
  std::string origin;  // "config"
  bool block = false;
  std::vector<std::string> interfaces;
  std::vector<std::string> macs;
  std::vector<std::string> nets;
  std::vector<std::string> vnis;
  std::vector<std::string> gwlb_endpoints;
  std::vector<std::string> deny_macs;
  std::vector<std::string> deny_nets;
  std::vector<std::string> deny_vnis;
};

struct SecurityStatus {
  Counts refused_sources;                       // packets, by kind
  std::string filter_place;                     // "user", "kernel"
  bool below_counted = true;                    // what the kernel's filter leaves out is counted
  std::vector<SourceRulesStatus> source_rules;  // in force; all of them must allow
};

struct GenerationStatus {
  std::uint64_t number = 0;
  Timestamp when{};
  std::string who;
  std::string why;            // "start", "reload", "rollback to 3", "session web paused"
  std::uint64_t packets = 0;  // that were judged under it, since the engine started
  bool current = false;
};

struct ConfigDocument {
  std::uint64_t generation = 0;
  std::string toml;
};

struct TailRequest {
  std::string session;
  std::string filter;  // pcap-filter expression, beside that of the session; empty: every packet
  std::string who;
};

struct JournalRow {
  std::uint64_t id = 0;
  Timestamp when{};
  std::string machine;  // "engine", "session all", "command"
  std::string from;
  std::string event;
  std::string to;
  std::string who;
  std::string why;
};

struct HistoryQuery {
  std::string metric;
  Timestamp since{};
  Timestamp until{};
  Duration step{};  // 0: every sample
  std::size_t points_max = 10'000;
};
struct HistorySeries {
  std::string metric;
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<std::pair<Timestamp, double>> points;
};

enum class CommandKind : std::uint8_t {
  CreateSession,  // `text`: the session as TOML, a [[session]] table
  PauseSession,
  ResumeSession,
  StopSession,
  SetFilter,    // of session `name` to `text`
  Reload,       // the configuration file, again
  Configure,    // `text`: a whole configuration in the place of the present one, which must be
                // `generation` when that is not 0
  Rollback,     // to `generation`; 0: the one before
  Drain,        // stop taking packets, write everything out, end the engine
  SetLogLevel,  // of module `name` (empty: all) to `text`
};
std::string_view name_of(CommandKind kind) noexcept;  // "session.create", "config.reload"

struct Command {
  CommandKind kind{};
  std::string who;  // "alice (uid 1000)"
  std::string name;
  std::string text;
  std::uint64_t generation = 0;
  Duration deadline = std::chrono::seconds(10);
};

struct CommandResult {
  std::uint64_t id = 0;          // in the journal
  std::uint64_t generation = 0;  // in force now
  std::string message;
  // Keys whose new value waits for a restart of the engine.
  std::vector<std::string> needs_restart;
};

// Packets of a session's store.
struct PacketQuery {
  std::string who;
  std::string session;
  std::optional<Timestamp> since;  // both of the asked time; nothing: no bound
  std::optional<Timestamp> until;
  std::string filter;  // pcap-filter; empty: every packet
  bool inner = false;  // the filter sees the innermost frame
  std::string community_id;
  std::uint64_t packets_max = 0;  // 0: no limit
};

struct QueryLoss {
  std::uint64_t packets = 0;
  Timestamp first{};  // of the chunks that tell of them; 0: there are none
  Timestamp last{};
};

struct QueryStatus {
  std::uint64_t id = 0;
  std::string state;  // "planning", "running", "done", "cancelled", "client_gone", "failed"
  std::string who;
  std::string session;
  std::vector<std::string> stores;
  std::string since;  // seconds since 1970, or empty
  std::string until;
  std::string filter;
  bool inner = false;
  std::string community_id;
  std::uint64_t limit = 0;
  Timestamp begun{};
  Timestamp ended{};
  std::uint64_t packets = 0;  // in the answer so far
  std::uint64_t bytes = 0;    // of these, on the wire
  std::uint64_t read_bytes = 0;
  std::uint64_t total_bytes = 0;
  // When it has ended, as `weir query` has it.
  bool complete = false;
  bool limited = false;
  std::uint64_t out_of_order = 0;
  QueryLoss lost;
  std::uint64_t damaged_packets = 0;
  std::vector<std::string> missing;
  std::vector<std::string> notes;
  std::string error;
};

// The answer is the stream: pcapng, whole only when the query is done.
struct BegunQuery {
  std::uint64_t id = 0;
  std::unique_ptr<HttpStream> answer;
};

class EngineControl {
 public:
  virtual ~EngineControl() = default;

  // Any thread; none waits for packets or for commands.
  [[nodiscard]] virtual EngineStatus status() const = 0;
  [[nodiscard]] virtual std::vector<SessionStatus> sessions() const = 0;
  [[nodiscard]] virtual std::optional<SessionStatus> session(std::string_view name) const = 0;
  [[nodiscard]] virtual std::vector<InterfaceStatus> interfaces() const = 0;
  [[nodiscard]] virtual PressureStatus pressure() const = 0;
  [[nodiscard]] virtual std::vector<GenerationStatus> generations() const = 0;
  [[nodiscard]] virtual SecurityStatus security() const = 0;
  [[nodiscard]] virtual ConfigDocument configuration() const = 0;
  // Newest first; with ids below `before` (0: all).
  [[nodiscard]] virtual Result<std::vector<JournalRow>> journal(std::uint64_t before,
                                                                std::size_t rows_max) const = 0;
  [[nodiscard]] virtual Result<std::vector<HistorySeries>> history(
      const HistoryQuery& query) const = 0;
  // The document in force, and the threat.
  [[nodiscard]] virtual PolicyStatus policy() const = 0;
  // Prometheus text.
  [[nodiscard]] virtual std::string metrics() const = 0;

  // Waits until the command is done, refused, or past its deadline (then it has not begun, or the
  // error says that it goes on). Errors: Usage and BadFilter for what was asked, NotFound for the
  // session or generation, Exists for a name that is taken, Conflict for a generation that has
  // moved on, TimedOut.
  virtual Result<CommandResult> execute(const Command& command) = 0;

  // The session's packets from now on as pcapng, until the descriptor is closed. What a reader is
  // too slow for is counted as lost{slow_reader} of the tail, never of the session.
  // Errors: NotFound for the session, BadFilter, Resource.
  virtual Result<UniqueFd> tail(const TailRequest& request) = 0;

  // Looks at all segments of the session's stores before it returns; the answer's own threads read
  // them. Errors: NotFound for the session, Usage for one without a store and for what was asked,
  // BadFilter, Resource when too many run, Closed when the engine ends or somebody cancelled it.
  virtual Result<BegunQuery> begin_query(const PacketQuery& query) = 0;
  // By id: those that run, and the last that have ended. Neither waits for any of them.
  [[nodiscard]] virtual std::vector<QueryStatus> queries() const = 0;
  [[nodiscard]] virtual std::optional<QueryStatus> query(std::uint64_t id) const = 0;
  // Soon it ends. Errors: NotFound, Conflict for one that has ended.
  virtual Result<QueryStatus> cancel_query(std::uint64_t id, std::string_view who) = 0;
};

}  // namespace weir::control
