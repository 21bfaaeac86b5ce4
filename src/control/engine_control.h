// What the control API may ask of the engine, and tell it. `app` implements it; the API's threads
// call it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"

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
  std::uint64_t generation = 0;  // that changed it last
  Timestamp since{};             // when it began, or was resumed after a restart of the engine
  // The session's row of the ledger: received = accepted + Σ rejected + Σ dropped.
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t accepted = 0;
  std::uint64_t accepted_bytes = 0;
  Counts rejected;
  Counts dropped;
  std::vector<OutputStatus> outputs;
  std::vector<RuleStatus> rules;
  std::string error;  // why it failed, or empty
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

class EngineControl {
 public:
  virtual ~EngineControl() = default;

  // Any thread; none waits for packets or for commands.
  [[nodiscard]] virtual EngineStatus status() const = 0;
  [[nodiscard]] virtual std::vector<SessionStatus> sessions() const = 0;
  [[nodiscard]] virtual std::optional<SessionStatus> session(std::string_view name) const = 0;
  [[nodiscard]] virtual std::vector<InterfaceStatus> interfaces() const = 0;
  [[nodiscard]] virtual std::vector<GenerationStatus> generations() const = 0;
  [[nodiscard]] virtual ConfigDocument configuration() const = 0;
  // Newest first; with ids below `before` (0: all).
  [[nodiscard]] virtual Result<std::vector<JournalRow>> journal(std::uint64_t before,
                                                                std::size_t rows_max) const = 0;
  [[nodiscard]] virtual Result<std::vector<HistorySeries>> history(
      const HistoryQuery& query) const = 0;
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
};

}  // namespace weir::control
