// The API's structs as JSON text, and from it. api_fields.h says how they look.
#pragma once

#include <string>
#include <string_view>

#include "base/json_writer.h"
#include "base/result.h"
#include "control/api_events.h"
#include "control/api_types.h"
#include "control/engine_control.h"

namespace weir::control {

// Times are strings of seconds since 1970 with nine decimals ("1700000000.000000000"), reasons and
// labels are objects. No member is ever left out.
std::string to_json(const EngineStatus& status);
std::string to_json(const SessionStatus& session);
std::string to_json(const SessionList& list);
std::string to_json(const InterfaceList& list);
std::string to_json(const SecurityStatus& status);
std::string to_json(const PressureStatus& status);
std::string to_json(const GenerationList& list);
std::string to_json(const JournalPage& page);
std::string to_json(const HistoryAnswer& answer);
std::string to_json(const HealthAnswer& answer);
std::string to_json(const IndexAnswer& answer);
std::string to_json(const CommandResult& result);
std::string to_json(const ApiEvent& event);
std::string to_json(const QueryList& list);
std::string to_json(const QueryStatus& query);
std::string to_json(const PolicyStatus& policy);

// Error Usage: the body is no such object, a member is missing, of another type or unknown.
Result<FilterRequest> filter_request(std::string_view body);
Result<LogLevelRequest> log_level_request(std::string_view body);
Result<RollbackRequest> rollback_request(std::string_view body);
Result<QueryRequest> query_request(std::string_view body);

// {"Status": {...}, ...}: a JSON Schema for each of the above, and for problems.
void write_schemas(JsonWriter& json);

}  // namespace weir::control
