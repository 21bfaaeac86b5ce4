#include "app/ctl/answers.h"

#include <limits>
#include <optional>
#include <type_traits>

#include <nlohmann/json.hpp>

#include "app/ctl/utc_time.h"

namespace weir::app {
namespace {

using Json = nlohmann::ordered_json;

Error damaged(std::string_view what) {
  return {.code = ErrorCode::Damaged,
          .sys_errno = 0,
          .context = "the engine's answer is not understood: " + std::string(what) +
                     " (is it another version? compare weir --version and weir ctl status)"};
}

Result<Json> parsed(std::string_view text) {
  Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  if (json.is_discarded()) return damaged("no JSON");
  return json;
}

// Seconds since 1970 as a number or, exact, as a text.
std::optional<Timestamp> time_of(const Json& value) {
  if (value.is_string()) return parse_time(value.get_ref<const std::string&>());
  if (!value.is_number()) return std::nullopt;
  const double ns = value.get<double>() * 1e9;
  constexpr double kMax = 9.2e18;
  if (!(ns > -kMax && ns < kMax)) return std::nullopt;
  return Timestamp{static_cast<std::int64_t>(ns)};
}

// Reads the fields of one object; the first that is of another kind than expected is remembered.
class Fields {
 public:
  Fields(const Json& json, std::string& problem) : json_(json), problem_(problem) {
    if (!json.is_object()) complain("an object", "answer");
  }

  [[nodiscard]] std::string json() const { return json_.dump(); }

  void read(const char* name, std::string& into) const {
    if (const Json* value = find(name)) {
      if (!value->is_string()) return complain("a text", name);
      into = value->get<std::string>();
    }
  }
  void read(const char* name, bool& into) const {
    if (const Json* value = find(name)) {
      if (!value->is_boolean()) return complain("true or false", name);
      into = value->get<bool>();
    }
  }
  template <typename Number>
    requires(std::is_unsigned_v<Number> && !std::is_same_v<Number, bool>)
  void read(const char* name, Number& into) const {
    if (const Json* value = find(name)) {
      if (!value->is_number_unsigned()) return complain("a whole number", name);
      const auto number = value->get<std::uint64_t>();
      if (number > std::numeric_limits<Number>::max()) return complain("a smaller number", name);
      into = static_cast<Number>(number);
    }
  }
  void read(const char* name, Timestamp& into) const {
    if (const Json* value = find(name)) {
      const auto time = time_of(*value);
      if (!time) return complain("a point in time", name);
      into = *time;
    }
  }
  void read(const char* name, std::vector<std::string>& into) const {
    each(name, [&](const Json& value) {
      if (!value.is_string()) return complain("a list of texts", name);
      into.push_back(value.get<std::string>());
    });
  }
  void read(const char* name, control::Counts& into) const {
    each_entry(name, [&](const std::string& reason, const Json& value) {
      if (!value.is_number_unsigned()) return complain("whole numbers", name);
      into.emplace_back(reason, value.get<std::uint64_t>());
    });
  }
  void read(const char* name, std::vector<std::pair<std::string, std::string>>& into) const {
    each_entry(name, [&](const std::string& key, const Json& value) {
      into.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
    });
  }
  template <typename Item, typename ReadItem>
  void read(const char* name, std::vector<Item>& into, ReadItem read_item) const {
    each(name, [&](const Json& value) { into.push_back(read_item(Fields(value, problem_))); });
  }
  template <typename ReadMembers>
  void read_object(const char* name, ReadMembers read_members) const {
    if (const Json* value = find(name)) read_members(Fields(*value, problem_));
  }
  // [[time, value], ...]; a value that is not finite is null.
  void read(const char* name, std::vector<std::pair<Timestamp, double>>& into) const {
    each(name, [&](const Json& value) {
      const bool pair =
          value.is_array() && value.size() == 2 && (value[1].is_number() || value[1].is_null());
      const auto time = pair ? time_of(value[0]) : std::nullopt;
      if (!time) return complain("pairs of a time and a number", name);
      if (value[1].is_number()) into.emplace_back(*time, value[1].get<double>());
    });
  }

 private:
  [[nodiscard]] const Json* find(const char* name) const {
    if (!json_.is_object()) return nullptr;
    const auto found = json_.find(name);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  template <typename Use>
  void each(const char* name, Use use) const {
    if (const Json* list = find(name)) {
      if (!list->is_array()) return complain("a list", name);
      for (const Json& value : *list) use(value);
    }
  }
  template <typename Use>
  void each_entry(const char* name, Use use) const {
    if (const Json* object = find(name)) {
      if (!object->is_object()) return complain("an object", name);
      for (const auto& [key, value] : object->items()) use(key, value);
    }
  }
  void complain(const char* wanted, const char* name) const {
    if (problem_.empty()) problem_ = std::string("'") + name + "' is not " + wanted;
  }

  const Json& json_;
  std::string& problem_;
};

control::ModuleStatus module_of(const Fields& fields) {
  control::ModuleStatus module;
  fields.read("name", module.name);
  fields.read("state", module.state);
  fields.read("health", module.health);
  fields.read("reason", module.reason);
  return module;
}

control::EngineStatus status_of(const Fields& fields) {
  control::EngineStatus status;
  fields.read("version", status.version);
  fields.read("state", status.state);
  fields.read("pid", status.pid);
  fields.read("started", status.started);
  fields.read("generation", status.generation);
  fields.read("sessions", status.sessions);
  fields.read("received", status.received);
  fields.read("received_bytes", status.received_bytes);
  fields.read("accepted", status.accepted);
  fields.read("accepted_bytes", status.accepted_bytes);
  fields.read("rejected", status.rejected);
  fields.read("dropped", status.dropped);
  fields.read("in_flight", status.in_flight);
  fields.read("modules", status.modules, module_of);
  return status;
}

control::OutputStatus output_of(const Fields& fields) {
  control::OutputStatus output;
  fields.read("kind", output.kind);
  fields.read("path", output.path);
  fields.read("offered", output.offered);
  fields.read("written", output.written);
  fields.read("written_bytes", output.written_bytes);
  fields.read("pending", output.pending);
  fields.read("spilled", output.spilled);
  fields.read("lost", output.lost);
  return output;
}

control::RuleStatus rule_of(const Fields& fields) {
  control::RuleStatus rule;
  fields.read("name", rule.name);
  fields.read("action", rule.action);
  fields.read("packets", rule.packets);
  fields.read("bytes", rule.bytes);
  return rule;
}

control::SessionStatus session_of(const Fields& fields) {
  control::SessionStatus session;
  fields.read("name", session.name);
  fields.read("state", session.state);
  fields.read("origin", session.origin);
  fields.read("interfaces", session.interfaces);
  fields.read("filter", session.filter);
  fields.read("inner", session.inner);
  fields.read("snaplen", session.snaplen);
  fields.read("priority", session.priority);
  fields.read("relief", session.relief);
  fields.read("generation", session.generation);
  fields.read("since", session.since);
  fields.read("received", session.received);
  fields.read("received_bytes", session.received_bytes);
  fields.read("accepted", session.accepted);
  fields.read("accepted_bytes", session.accepted_bytes);
  fields.read("truncated", session.truncated);
  fields.read("rejected", session.rejected);
  fields.read("dropped", session.dropped);
  fields.read("outputs", session.outputs, output_of);
  fields.read("rules", session.rules, rule_of);
  fields.read("error", session.error);
  return session;
}

control::InterfaceStatus interface_of(const Fields& fields) {
  control::InterfaceStatus interface;
  fields.read("name", interface.name);
  fields.read("state", interface.state);
  fields.read("mode", interface.mode);
  fields.read("workers", interface.workers);
  fields.read("filter_place", interface.filter_place);
  fields.read("received", interface.received);
  fields.read("received_bytes", interface.received_bytes);
  fields.read("accepted", interface.accepted);
  fields.read("rejected", interface.rejected);
  fields.read("dropped", interface.dropped);
  fields.read("in_flight", interface.in_flight);
  return interface;
}

control::SourceRulesStatus source_rules_of(const Fields& fields) {
  control::SourceRulesStatus rules;
  fields.read("origin", rules.origin);
  fields.read("block", rules.block);
  fields.read("interfaces", rules.interfaces);
  fields.read("macs", rules.macs);
  fields.read("nets", rules.nets);
  fields.read("vnis", rules.vnis);
  fields.read("gwlb_endpoints", rules.gwlb_endpoints);
  fields.read("deny_macs", rules.deny_macs);
  fields.read("deny_nets", rules.deny_nets);
  fields.read("deny_vnis", rules.deny_vnis);
  return rules;
}

control::SecurityStatus security_of(const Fields& fields) {
  control::SecurityStatus security;
  fields.read("refused_sources", security.refused_sources);
  fields.read("filter_place", security.filter_place);
  fields.read("below_counted", security.below_counted);
  fields.read("source_rules", security.source_rules, source_rules_of);
  return security;
}

control::PressurePlace pressure_place_of(const Fields& fields) {
  control::PressurePlace place;
  fields.read("resource", place.resource);
  fields.read("place", place.place);
  fields.read("level", place.level);
  fields.read("since", place.since);
  fields.read("fill", place.fill);
  fields.read("step", place.step);
  fields.read("steps", place.steps);
  fields.read("sessions", place.sessions);
  return place;
}

control::SessionRelief relief_of(const Fields& fields) {
  control::SessionRelief relief;
  fields.read("session", relief.session);
  fields.read("priority", relief.priority);
  fields.read("relief", relief.relief);
  fields.read("since", relief.since);
  return relief;
}

control::PressureStatus pressure_of(const Fields& fields) {
  control::PressureStatus status;
  fields.read("enabled", status.enabled);
  fields.read("places", status.places, pressure_place_of);
  fields.read("sessions", status.sessions, relief_of);
  return status;
}

control::GenerationStatus generation_of(const Fields& fields) {
  control::GenerationStatus generation;
  fields.read("number", generation.number);
  fields.read("when", generation.when);
  fields.read("who", generation.who);
  fields.read("why", generation.why);
  fields.read("packets", generation.packets);
  fields.read("current", generation.current);
  return generation;
}

control::CommandResult command_result_of(const Fields& fields) {
  control::CommandResult result;
  fields.read("id", result.id);
  fields.read("generation", result.generation);
  fields.read("message", result.message);
  fields.read("needs_restart", result.needs_restart);
  return result;
}

control::JournalRow journal_row_of(const Fields& fields) {
  control::JournalRow row;
  fields.read("id", row.id);
  fields.read("when", row.when);
  fields.read("machine", row.machine);
  fields.read("from", row.from);
  fields.read("event", row.event);
  fields.read("to", row.to);
  fields.read("who", row.who);
  fields.read("why", row.why);
  return row;
}

JournalAnswer journal_answer_of(const Fields& fields) {
  return {.row = journal_row_of(fields), .json = fields.json()};
}

HealthAnswer health_of(const Fields& fields) {
  HealthAnswer health;
  fields.read("health", health.health);
  fields.read("state", health.state);
  fields.read("modules", health.modules, module_of);
  return health;
}

control::HistorySeries series_of(const Fields& fields) {
  control::HistorySeries series;
  fields.read("metric", series.metric);
  fields.read("labels", series.labels);
  fields.read("points", series.points);
  return series;
}

EventAnswer event_of(const Fields& fields) {
  EventAnswer event;
  fields.read("id", event.id);
  fields.read("time", event.time);
  fields.read("module", event.module);
  fields.read("kind", event.kind);
  fields.read("severity", event.severity);
  fields.read("text", event.text);
  fields.read("fields", event.fields);
  return event;
}

control::QueryStatus query_of(const Fields& fields) {
  control::QueryStatus query;
  fields.read("id", query.id);
  fields.read("state", query.state);
  fields.read("who", query.who);
  fields.read("session", query.session);
  fields.read("stores", query.stores);
  fields.read("since", query.since);
  fields.read("until", query.until);
  fields.read("filter", query.filter);
  fields.read("inner", query.inner);
  fields.read("community_id", query.community_id);
  fields.read("limit", query.limit);
  fields.read("begun", query.begun);
  fields.read("ended", query.ended);
  fields.read("packets", query.packets);
  fields.read("bytes", query.bytes);
  fields.read("read_bytes", query.read_bytes);
  fields.read("total_bytes", query.total_bytes);
  fields.read("complete", query.complete);
  fields.read("limited", query.limited);
  fields.read("out_of_order", query.out_of_order);
  fields.read_object("lost", [&query](const Fields& lost) {
    lost.read("packets", query.lost.packets);
    lost.read("first", query.lost.first);
    lost.read("last", query.lost.last);
  });
  fields.read("damaged_packets", query.damaged_packets);
  fields.read("missing", query.missing);
  fields.read("notes", query.notes);
  fields.read("error", query.error);
  return query;
}

control::PolicyStatus policy_of(const Fields& fields) {
  control::PolicyStatus policy;
  fields.read("state", policy.state);
  fields.read("path", policy.path);
  fields.read("version", policy.version);
  fields.read("digest", policy.digest);
  fields.read("issued", policy.issued);
  fields.read("expires", policy.expires);
  fields.read("newest_version", policy.newest_version);
  fields.read("level", policy.level);
  fields.read("block", policy.block);
  fields.read("refused", policy.refused);
  fields.read("refusal", policy.refusal);
  fields.read_object("threat", [&threat = policy.threat](const Fields& from) {
    from.read("level", threat.level);
    from.read("since", threat.since);
    from.read("why", threat.why);
    from.read("received", threat.received);
    from.read("malformed", threat.malformed);
    from.read("refused_sources", threat.refused_sources);
    from.read("refused_requests", threat.refused_requests);
    from.read("policy_refusals", threat.policy_refusals);
  });
  return policy;
}

// One object.
template <typename ReadItem>
auto read_one(std::string_view text, ReadItem read_item)
    -> Result<decltype(read_item(std::declval<const Fields&>()))> {
  WEIR_TRY(const Json json, parsed(text));
  std::string problem;
  auto item = read_item(Fields(json, problem));
  if (!problem.empty()) return damaged(problem);
  return item;
}

// {"name": [...]}
template <typename ReadItem>
auto read_list(std::string_view text, const char* name, ReadItem read_item)
    -> Result<std::vector<decltype(read_item(std::declval<const Fields&>()))>> {
  WEIR_TRY(const Json json, parsed(text));
  std::string problem;
  std::vector<decltype(read_item(std::declval<const Fields&>()))> items;
  Fields(json, problem).read(name, items, read_item);
  if (!problem.empty()) return damaged(problem);
  if (!json.contains(name)) return damaged("'" + std::string(name) + "' is not there");
  return items;
}

std::optional<ErrorCode> code_named(std::string_view name) {
  for (const ErrorInfo& info : error_table()) {
    if (info.name == name) return info.code;
  }
  return std::nullopt;
}

// What a status says where no problem is told.
ErrorCode code_of_status(int status) {
  switch (status) {
    case 401:
    case 403:
      return ErrorCode::Permission;
    case 404:
      return ErrorCode::NotFound;
    case 408:
    case 504:
      return ErrorCode::TimedOut;
    case 409:
    case 412:
      return ErrorCode::Conflict;
    case 429:
    case 503:
      return ErrorCode::Resource;
    default:
      return status >= 400 && status < 500 ? ErrorCode::Usage : ErrorCode::Internal;
  }
}

}  // namespace

Error refusal_of(const ApiAnswer& answer) {
  Error error{.code = code_of_status(answer.status),
              .sys_errno = 0,
              .context = "the engine answered with HTTP status " + std::to_string(answer.status)};
  const Json json = Json::parse(answer.body, nullptr, false);
  if (!json.is_object()) return error;
  std::string problem;
  std::string detail;
  std::string title;
  std::string code;
  const Fields fields(json, problem);
  fields.read("detail", detail);
  fields.read("title", title);
  fields.read("code", code);
  if (!title.empty()) error.context = title;
  if (!detail.empty()) error.context = detail;
  error.code = code_named(code).value_or(error.code);
  return error;
}

Result<control::EngineStatus> read_status(std::string_view json) {
  return read_one(json, status_of);
}
Result<std::vector<control::SessionStatus>> read_sessions(std::string_view json) {
  return read_list(json, "sessions", session_of);
}
Result<control::SessionStatus> read_session(std::string_view json) {
  return read_one(json, session_of);
}
Result<std::vector<control::InterfaceStatus>> read_interfaces(std::string_view json) {
  return read_list(json, "interfaces", interface_of);
}
Result<control::SecurityStatus> read_security(std::string_view json) {
  return read_one(json, security_of);
}

Result<control::PressureStatus> read_pressure(std::string_view json) {
  return read_one(json, pressure_of);
}
Result<std::vector<control::GenerationStatus>> read_generations(std::string_view json) {
  return read_list(json, "generations", generation_of);
}
Result<control::CommandResult> read_command_result(std::string_view json) {
  return read_one(json, command_result_of);
}
Result<std::vector<JournalAnswer>> read_journal(std::string_view json) {
  return read_list(json, "journal", journal_answer_of);
}
Result<HealthAnswer> read_health(std::string_view json) { return read_one(json, health_of); }
Result<std::vector<control::HistorySeries>> read_history(std::string_view json) {
  return read_list(json, "series", series_of);
}
Result<EventAnswer> read_event(std::string_view json) { return read_one(json, event_of); }
Result<control::QueryStatus> read_query(std::string_view json) { return read_one(json, query_of); }
Result<std::vector<control::QueryStatus>> read_queries(std::string_view json) {
  return read_list(json, "queries", query_of);
}
Result<control::PolicyStatus> read_policy_status(std::string_view json) {
  return read_one(json, policy_of);
}

}  // namespace weir::app
