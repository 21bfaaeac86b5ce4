#include "control/api_json.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "control/api_fields.h"
#include "control/json_reader.h"

namespace weir::control {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;
using Points = std::vector<std::pair<Timestamp, double>>;

// ---- writing

template <typename T>
void write(JsonWriter& json, const T& value);

class WriteFields {
 public:
  explicit WriteFields(JsonWriter& json) noexcept : json_(json) {}
  template <typename T>
  void field(std::string_view name, const T& value, std::string_view /*meaning*/) {
    json_.key(name);
    write(json_, value);
  }

 private:
  JsonWriter& json_;
};

double seconds(Timestamp time) { return static_cast<double>(time.ns) / 1e9; }

template <typename T>
void write(JsonWriter& json, const T& value) {
  if constexpr (Described<T>) {
    json.begin_object();
    WriteFields fields(json);
    Schema<T>::fields(fields, value);
    json.end_object();
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    json.value(epoch_seconds(value));
  } else if constexpr (std::is_same_v<T, Counts> || std::is_same_v<T, Labels>) {
    json.begin_object();
    for (const auto& [name, content] : value) json.field(name, content);
    json.end_object();
  } else if constexpr (std::is_same_v<T, Points>) {
    json.begin_array();
    for (const auto& [time, number] : value) {
      json.begin_array().value(seconds(time)).value(number).end_array();
    }
    json.end_array();
  } else if constexpr (requires { typename T::value_type; } && !std::is_same_v<T, std::string>) {
    json.begin_array();
    for (const auto& each : value) write(json, each);
    json.end_array();
  } else {
    json.value(value);
  }
}

template <typename T>
std::string text_of(const T& value) {
  JsonWriter json;
  write(json, value);
  return json.take();
}

// ---- schemas

template <typename T>
void write_schema_of(JsonWriter& json) {
  json.begin_object();
  if constexpr (Described<T>) {
    json.field("$ref", "#/components/schemas/" + std::string(Schema<T>::kName));
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    json.field("type", "string").field("pattern", R"(^-?[0-9]+\.[0-9]{9}$)");
  } else if constexpr (std::is_same_v<T, Counts>) {
    json.field("type", "object").key("additionalProperties");
    write_schema_of<std::uint64_t>(json);
  } else if constexpr (std::is_same_v<T, Labels>) {
    json.field("type", "object").key("additionalProperties");
    write_schema_of<std::string>(json);
  } else if constexpr (std::is_same_v<T, Points>) {
    json.field("type", "array").key("items").begin_object().field("type", "array");
    json.field("minItems", 2).field("maxItems", 2).key("items").begin_object();
    json.key("type").begin_array().value("number").value("null").end_array();
    json.end_object().end_object();
  } else if constexpr (std::is_same_v<T, std::string>) {
    json.field("type", "string");
  } else if constexpr (std::is_same_v<T, bool>) {
    json.field("type", "boolean");
  } else if constexpr (std::is_unsigned_v<T>) {
    json.field("type", "integer").field("minimum", 0);
  } else {
    json.field("type", "array").key("items");
    write_schema_of<typename T::value_type>(json);
  }
  json.end_object();
}

class SchemaFields {
 public:
  explicit SchemaFields(JsonWriter& json) noexcept : json_(json) {}
  template <typename T>
  void field(std::string_view name, const T& value, std::string_view meaning) {
    required_.push_back(name);
    optional(name, value, meaning);
  }
  template <typename T>
  void optional(std::string_view name, const T& /*value*/, std::string_view meaning) {
    json_.key(name);
    JsonWriter type;
    write_schema_of<T>(type);
    std::string text = type.take();
    text.pop_back();  // its closing brace: the meaning goes in too
    text += ",\"description\":";
    append_json_string(text, meaning);
    text += '}';
    json_.raw(text);
  }
  [[nodiscard]] const std::vector<std::string_view>& required() const noexcept { return required_; }

 private:
  JsonWriter& json_;
  std::vector<std::string_view> required_;
};

template <typename T>
void write_component(JsonWriter& json) {
  json.key(Schema<T>::kName).begin_object().field("type", "object").key("properties");
  json.begin_object();
  SchemaFields fields(json);
  T example{};
  Schema<T>::fields(fields, example);
  json.end_object().key("required").begin_array();
  for (const std::string_view name : fields.required()) json.value(name);
  json.end_array().field("additionalProperties", false).end_object();
}

template <typename... Types>
void write_components(JsonWriter& json) {
  json.begin_object();
  (write_component<Types>(json), ...);
  json.end_object();
}

// ---- reading

std::string_view type_name(const std::string& /*sample*/) { return "a string"; }
std::string_view type_name(const std::uint64_t& /*sample*/) { return "a whole number"; }
std::string_view type_name(const bool& /*sample*/) { return "true or false"; }

class ReadFields {
 public:
  explicit ReadFields(const JsonMembers& members) noexcept : members_(members) {}

  template <typename T>
  void field(std::string_view name, T& target, std::string_view meaning) {
    if (find(name) == members_.end()) {
      fail("\"" + std::string(name) + "\" is missing (" + std::string(meaning) + ")");
    }
    optional(name, target, meaning);
  }
  template <typename T>
  void optional(std::string_view name, T& target, std::string_view /*meaning*/) {
    known_.push_back(name);
    const auto found = find(name);
    if (found == members_.end()) return;
    if (const T* value = std::get_if<T>(&found->second)) {
      target = *value;
    } else {
      fail("\"" + std::string(name) + "\" is not " + std::string(type_name(target)));
    }
  }

  // After all fields: nothing else may be there.
  Result<void> end() {
    for (const auto& [name, value] : members_) {
      if (std::ranges::find(known_, name) != known_.end()) continue;
      std::string names;
      for (const std::string_view known : known_) {
        names += names.empty() ? "" : ", ";
        names += known;
      }
      fail(std::string("\"").append(name).append("\" is not known (there are: ") + names + ")");
    }
    if (fault_.empty()) return ok();
    return Error{.code = ErrorCode::Usage, .context = "read the body: " + fault_};
  }

 private:
  [[nodiscard]] JsonMembers::const_iterator find(std::string_view name) const {
    return std::ranges::find_if(members_, [&](const auto& each) { return each.first == name; });
  }
  void fail(std::string what) {
    if (fault_.empty()) fault_ = std::move(what);
  }

  const JsonMembers& members_;
  std::vector<std::string_view> known_;
  std::string fault_;
};

template <typename T>
Result<T> read(std::string_view body) {
  WEIR_TRY(const JsonMembers members, read_flat_object(body));
  T request;
  ReadFields fields(members);
  Schema<T>::fields(fields, request);
  WEIR_CHECK(fields.end());
  return request;
}

}  // namespace

std::string to_json(const EngineStatus& status) { return text_of(status); }
std::string to_json(const SessionStatus& session) { return text_of(session); }
std::string to_json(const SessionList& list) { return text_of(list); }
std::string to_json(const InterfaceList& list) { return text_of(list); }
std::string to_json(const SecurityStatus& status) { return text_of(status); }
std::string to_json(const PressureStatus& status) { return text_of(status); }
std::string to_json(const GenerationList& list) { return text_of(list); }
std::string to_json(const JournalPage& page) { return text_of(page); }
std::string to_json(const HistoryAnswer& answer) { return text_of(answer); }
std::string to_json(const HealthAnswer& answer) { return text_of(answer); }
std::string to_json(const IndexAnswer& answer) { return text_of(answer); }
std::string to_json(const CommandResult& result) { return text_of(result); }
std::string to_json(const ApiEvent& event) { return text_of(event); }
std::string to_json(const QueryList& list) { return text_of(list); }
std::string to_json(const QueryStatus& query) { return text_of(query); }
std::string to_json(const PolicyStatus& policy) { return text_of(policy); }

Result<FilterRequest> filter_request(std::string_view body) { return read<FilterRequest>(body); }
Result<LogLevelRequest> log_level_request(std::string_view body) {
  return read<LogLevelRequest>(body);
}
Result<RollbackRequest> rollback_request(std::string_view body) {
  return read<RollbackRequest>(body);
}
Result<QueryRequest> query_request(std::string_view body) { return read<QueryRequest>(body); }

void write_schemas(JsonWriter& json) {
  write_components<EngineStatus, ModuleStatus, SessionList, SessionStatus, OutputStatus, RuleStatus,
                   InterfaceList, InterfaceStatus, SecurityStatus, SourceRulesStatus,
                   PressureStatus, PressurePlace, SessionRelief, GenerationList, GenerationStatus,
                   JournalPage, JournalRow, HistoryAnswer, HistorySeries, HealthAnswer, IndexAnswer,
                   CommandResult, ApiEvent, QueryList, QueryStatus, QueryLoss, PolicyStatus,
                   ThreatStatus, ProblemAnswer, FilterRequest, LogLevelRequest, RollbackRequest,
                   QueryRequest>(json);
}

}  // namespace weir::control
