// Answers of the control API as values. Fields that this version does not know are skipped, those
// that an older engine does not send stay as they are by default; a field of another kind than
// expected makes the answer damaged.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/ctl/api_client.h"
#include "base/result.h"
#include "base/time.h"
#include "control/engine_control.h"

namespace weir::app {

struct HealthAnswer {
  std::string health;  // the worst of the modules
  std::string state;   // of the engine
  std::vector<control::ModuleStatus> modules;
};

struct JournalAnswer {
  control::JournalRow row;
  std::string json;  // as the engine wrote it
};

struct EventAnswer {
  std::uint64_t id = 0;
  Timestamp time{};
  std::string module;
  std::string kind;
  std::string severity;
  std::string text;
  std::vector<std::pair<std::string, std::string>> fields;
};

// Why the engine refused: the problem that it told, or what the status means.
Error refusal_of(const ApiAnswer& answer);

Result<control::EngineStatus> read_status(std::string_view json);
Result<std::vector<control::SessionStatus>> read_sessions(std::string_view json);
Result<control::SessionStatus> read_session(std::string_view json);
Result<std::vector<control::InterfaceStatus>> read_interfaces(std::string_view json);
Result<control::SecurityStatus> read_security(std::string_view json);
Result<control::PressureStatus> read_pressure(std::string_view json);
Result<std::vector<control::GenerationStatus>> read_generations(std::string_view json);
Result<control::CommandResult> read_command_result(std::string_view json);
Result<std::vector<JournalAnswer>> read_journal(std::string_view json);
Result<HealthAnswer> read_health(std::string_view json);
Result<std::vector<control::HistorySeries>> read_history(std::string_view json);
Result<EventAnswer> read_event(std::string_view json);
Result<control::QueryStatus> read_query(std::string_view json);
Result<std::vector<control::QueryStatus>> read_queries(std::string_view json);
Result<control::PolicyStatus> read_policy_status(std::string_view json);

}  // namespace weir::app
