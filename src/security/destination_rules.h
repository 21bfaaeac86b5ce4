// Where packets and records may go, as an operator or a policy says it, and what can be said of a
// path without looking at the disk. destination_validator.h acts by it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weir::security {

enum class DestinationKind : std::uint8_t {
  Pcapng,  // a series of files
  Pipe,    // a FIFO, or a device
  Spill,   // the directory in which a pipe's queue is; belongs to "pipe"
  Store,   // a directory of segments
  Logs,    // a directory of records
  Tail,    // a client of the API that watches a session
  Query,   // a client of the API that asks for stored packets
};
std::string_view name_of(DestinationKind kind) noexcept;  // as rules name it
// The names that there are.
inline constexpr std::array<std::string_view, 6> kDestinationKindNames = {
    "pcapng", "pipe", "store", "logs", "tail", "query"};

// An empty list allows everything.
struct DestinationRules {
  std::vector<std::string> kinds;        // of kDestinationKindNames
  std::vector<std::string> directories;  // absolute; what is below them, and they themselves
  friend bool operator==(const DestinationRules&, const DestinationRules&) = default;
};

// Whose they are, for people: "[security.destinations]".
struct DestinationRulesOf {
  std::string whose;
  DestinationRules rules;
  friend bool operator==(const DestinationRulesOf&, const DestinationRulesOf&) = default;
};

// What is wrong with an entry of a list, named as the configuration names it.
struct DestinationProblem {
  std::string list;     // "directories"
  std::string message;  // "'tmp': no absolute path"
};
// All of them.
std::vector<DestinationProblem> problems_in(const DestinationRules& rules);

// Why not, and what to do; empty: it may. Symbolic links are not seen here.
std::string refusal_of_kind(const DestinationRulesOf& rules, DestinationKind kind);
std::string refusal_of_path(const DestinationRulesOf& rules, std::string_view path);

// The names in an absolute path, without "." and empty ones; false: it is not absolute, or has a
// ".." in it.
bool split_path(std::string_view path, std::vector<std::string>& names);
// Whether the names of a directory are the first ones of a path.
bool is_below(const std::vector<std::string>& directory, const std::vector<std::string>& path);

// An error of the rules, not of the system: "security: /tmp/x: ...".
Error destination_refusal(std::string_view what, std::string_view why);
bool is_destination_refusal(const Error& error) noexcept;

}  // namespace weir::security
