// What differs between two configurations. Interfaces and sessions are matched by name (one that
// has only moved has not changed), rules by their place, on which their meaning depends.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/config.h"
#include "control/config_schema.h"

namespace weir::control {

enum class ChangeKind : std::uint8_t { Changed, Added, Removed };

struct ConfigChange {
  std::string path;  // "session[web].rule[3].net", "interface[eth1]"
  ChangeKind kind = ChangeKind::Changed;
  std::string before;  // as in weir.toml; empty unless Changed
  std::string after;
  Reload reload = Reload::Live;
};

std::vector<ConfigChange> diff(const Config& before, const Config& after);

// "session[web].filter: \"tcp\" -> \"udp\" (live)"
std::string text_of(const ConfigChange& change);
// [{"path": ..., "kind": "changed", "before": ..., "after": ..., "reload": "live"}, ...]
std::string to_json(const std::vector<ConfigChange>& changes);

// Paths of the changes that wait for a restart.
std::vector<std::string> restart_paths(const std::vector<ConfigChange>& changes);

// `after` as far as it can take effect while the engine runs: what waits for a restart is as in
// `before`.
Config live_part(const Config& before, const Config& after);

}  // namespace weir::control
