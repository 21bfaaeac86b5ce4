// What the API tells of the policy document and of the threat.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"

namespace weir::control {

// Counts are those of the last window.
struct ThreatStatus {
  std::string level;  // of security::ThreatLevel: "normal", "elevated", ...
  Timestamp since{};  // 0: since the engine started
  std::string why;
  std::uint64_t received = 0;
  std::uint64_t malformed = 0;
  std::uint64_t refused_sources = 0;
  std::uint64_t refused_requests = 0;
  std::uint64_t policy_refusals = 0;
};

struct PolicyStatus {
  std::string state;  // of security::PolicyState: "none", "loaded", "expired"
  std::string path;   // empty: none is asked for
  std::uint64_t version = 0;
  std::string digest;
  Timestamp issued{};
  Timestamp expires{};
  std::uint64_t newest_version = 0;  // that was ever accepted
  std::string level;                 // whose tables of the document are in force
  bool block = false;                // nothing is let in
  std::vector<std::pair<std::string, std::uint64_t>> refused;  // documents, by reason
  std::string refusal;  // why the last one was refused; empty: none was since the last was loaded
  ThreatStatus threat;
};

}  // namespace weir::control
