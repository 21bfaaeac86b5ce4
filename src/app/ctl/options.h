// What the user asked of a running engine, as plain values. flags.h fills these.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"

namespace weir::app {

enum class CtlVerb : std::uint8_t {
  Status,
  Sessions,
  Session,
  Create,
  Pause,
  Resume,
  Stop,
  Filter,
  Tail,
  Interfaces,
  Security,
  Pressure,
  Generations,
  Config,
  Apply,
  Reload,
  Rollback,
  Drain,
  LogLevel,
  Journal,
  History,
  Events,
  Health,
  Metrics,
  Query,
  Queries,
  CancelQuery,
  Policy,
};

inline constexpr const char* kControlSocket = "/run/weir/weir.sock";

struct CtlOptions {
  CtlVerb verb = CtlVerb::Status;
  std::string socket = kControlSocket;
  bool json = false;
  std::optional<Duration> deadline;  // of a command; nothing: the engine's own

  std::string name;          // a session, a metric, a module (empty: all of them)
  std::string text;          // a filter, a level
  std::string file;          // to read or to write; "-": standard input or output
  std::uint64_t number = 0;  // a generation (0: the one before), rows of the journal, a query
  std::optional<std::uint64_t> after;  // the id of an event; 0: the oldest that is kept
  bool follow = false;
  Duration since{};  // ago
  Duration step{};
  // Of a query; `text` is its filter.
  std::optional<Timestamp> from;
  std::optional<Timestamp> until;
  bool inner = false;
  std::string community_id;
  std::uint64_t packets_max = 0;  // 0: no limit
};

}  // namespace weir::app
