// What requests bring and answers hold beside the structs of engine_control.h. api_fields.h says
// how each looks as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/engine_control.h"

namespace weir::control {

struct SessionList {
  std::vector<SessionStatus> sessions;
};
struct InterfaceList {
  std::vector<InterfaceStatus> interfaces;
};
struct GenerationList {
  std::vector<GenerationStatus> generations;
};
struct JournalPage {
  std::vector<JournalRow> journal;
  std::uint64_t next = 0;  // `before` of the next page; 0: there is none
};
struct HistoryAnswer {
  std::vector<HistorySeries> series;
};
struct HealthAnswer {
  std::string health;  // the worst of the modules
  std::string state;   // of the engine
  std::vector<ModuleStatus> modules;
};
struct IndexAnswer {
  std::string name;
  std::string version;
  std::vector<std::string> paths;
};
struct QueryList {
  std::vector<QueryStatus> queries;
};
struct ProblemAnswer {
  std::string type;
  std::string title;
  std::uint64_t status = 0;
  std::string detail;
  std::string code;
};

struct FilterRequest {
  std::string filter;
};
struct QueryRequest {
  std::string session;
  std::string since;
  std::string until;
  std::string filter;
  bool inner = false;
  std::string community_id;
  std::uint64_t limit = 0;
};
struct LogLevelRequest {
  std::string module;
  std::string level;
};
struct RollbackRequest {
  std::uint64_t generation = 0;
};

}  // namespace weir::control
