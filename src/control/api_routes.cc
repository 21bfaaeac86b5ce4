#include "control/api_routes.h"

#include <algorithm>
#include <array>

#include "control/api_statistics.h"

namespace weir::control {
namespace {

using enum ParameterPlace;

constexpr Parameter kName{.name = "name",
                          .place = Path,
                          .type = ParameterType::Name,
                          .required = true,
                          .meaning = "of the session"};
constexpr Parameter kDeadline{
    .name = "deadline",
    .place = Query,
    .type = ParameterType::Duration,
    .required = false,
    .meaning = "until when it must be done, from now on; 10s if absent, 10m at most"};

constexpr std::array kOfSession = {kName};
constexpr std::array kOfTail = {
    kName, Parameter{.name = "filter",
                     .place = Query,
                     .type = ParameterType::Text,
                     .required = false,
                     .meaning = "pcap-filter expression: only packets that match it too"}};
constexpr std::array kOfCommand = {kDeadline};
constexpr std::array kOfSessionCommand = {kName, kDeadline};
constexpr std::array kOfConfig = {
    Parameter{.name = "If-None-Match",
              .place = Header,
              .type = ParameterType::Tag,
              .required = false,
              .meaning = "the generation that the client has: 304 when it is still in force"}};
constexpr std::array kOfConfigure = {
    Parameter{.name = "If-Match",
              .place = Header,
              .type = ParameterType::Tag,
              .required = true,
              .meaning = "the ETag of the configuration that is to be replaced; * for any"},
    kDeadline};
constexpr std::array kOfJournal = {
    Parameter{.name = "before",
              .place = Query,
              .type = ParameterType::Count,
              .required = false,
              .meaning = "only rows with ids below this one; 0 or absent: the newest"},
    Parameter{.name = "limit",
              .place = Query,
              .type = ParameterType::Count,
              .required = false,
              .meaning = "rows at most: 1 to 1000, 100 if absent"}};
constexpr std::array kOfHistory = {
    Parameter{.name = "metric",
              .place = Query,
              .type = ParameterType::Name,
              .required = true,
              .meaning = "name of a metric, as in /metrics"},
    Parameter{.name = "since",
              .place = Query,
              .type = ParameterType::Time,
              .required = false,
              .meaning = "first moment; an hour before until if absent"},
    Parameter{.name = "until",
              .place = Query,
              .type = ParameterType::Time,
              .required = false,
              .meaning = "last moment; now if absent"},
    Parameter{.name = "step",
              .place = Query,
              .type = ParameterType::Duration,
              .required = false,
              .meaning = "between points; 0s or absent: every sample"}};
constexpr std::array kOfEvents = {
    Parameter{.name = "after",
              .place = Query,
              .type = ParameterType::Count,
              .required = false,
              .meaning = "begin with the event after this id; 0: the oldest that is kept; absent: "
                         "from now on"},
    Parameter{.name = "Last-Event-ID",
              .place = Header,
              .type = ParameterType::Count,
              .required = false,
              .meaning = "as after, which goes first; browsers send it when they connect again"}};

constexpr std::array kOfQuery = {Parameter{.name = "id",
                                           .place = Path,
                                           .type = ParameterType::Count,
                                           .required = true,
                                           .meaning = "of the query"}};

constexpr std::array kNotFound = {404, 501, 503};
constexpr std::array kChanges = {404, 409, 503, 504};
constexpr std::array kCreates = {404, 409, 503, 504, 507};
constexpr std::array kConfigures = {404, 409, 412, 428, 503, 504, 507};
constexpr std::array kReads = {404, 503};
constexpr std::array kQueries = {404, 503, 505};
constexpr std::array kMissing = {404};
constexpr std::array kEnded = {404, 409};
constexpr std::array kUnwell = {503};
constexpr std::array kNone = {304};
constexpr std::array kCommon = {400, 403, 500};

constexpr std::array kRoutes = {
    Route{.id = RouteId::Index,
          .method = "GET",
          .path = "/",
          .action = Action::Read,
          .summary = "What is served",
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "Index"},
    Route{.id = RouteId::Status,
          .method = "GET",
          .path = "/v1/status",
          .action = Action::Read,
          .summary = "The engine as a whole: its state, its ledger, the health of its modules",
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "Status"},
    Route{.id = RouteId::Health,
          .method = "GET",
          .path = "/v1/health",
          .action = Action::Read,
          .summary = "200 while every module is ok or late, 503 with the same content otherwise",
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "Health",
          .problems = kUnwell},
    Route{.id = RouteId::Healthz,
          .method = "GET",
          .path = "/healthz",
          .action = Action::Scrape,
          .summary = "The health in one word; also on the loopback port",
          .status = 200,
          .gives = Content::Text,
          .problems = kUnwell},
    Route{.id = RouteId::Metrics,
          .method = "GET",
          .path = "/metrics",
          .action = Action::Scrape,
          .summary = "All metrics as Prometheus text; also on the loopback port",
          .status = 200,
          .gives = Content::Prometheus},
    Route{.id = RouteId::OpenApi,
          .method = "GET",
          .path = "/v1/openapi.json",
          .action = Action::Read,
          .summary = "This API as an OpenAPI 3.1 document",
          .status = 200,
          .gives = Content::Json},
    Route{.id = RouteId::Sessions,
          .method = "GET",
          .path = "/v1/sessions",
          .action = Action::Read,
          .summary = "All sessions with their ledgers",
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "SessionList"},
    Route{.id = RouteId::CreateSession,
          .method = "POST",
          .path = "/v1/sessions",
          .action = Action::ChangeSession,
          .pace = Pace::Slow,
          .summary = "Begin a session, given as a [[session]] table",
          .parameters = kOfCommand,
          .takes = Content::Toml,
          .status = 201,
          .gives = Content::Json,
          .gives_schema = "CommandResult",
          .problems = kCreates},
    Route{.id = RouteId::Session,
          .method = "GET",
          .path = "/v1/sessions/{name}",
          .action = Action::Read,
          .summary = "One session",
          .parameters = kOfSession,
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "Session",
          .problems = kNotFound},
    Route{.id = RouteId::StopSession,
          .method = "DELETE",
          .path = "/v1/sessions/{name}",
          .action = Action::ChangeSession,
          .pace = Pace::Slow,
          .summary = "End a session; its files are written out",
          .parameters = kOfSessionCommand,
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "CommandResult",
          .problems = kChanges},
    Route{.id = RouteId::PauseSession,
          .method = "POST",
          .path = "/v1/sessions/{name}/pause",
          .action = Action::ChangeSession,
          .pace = Pace::Slow,
          .summary = "Let a session's packets pass by",
          .parameters = kOfSessionCommand,
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "CommandResult",
          .problems = kChanges},
    Route{.id = RouteId::ResumeSession,
          .method = "POST",
          .path = "/v1/sessions/{name}/resume",
          .action = Action::ChangeSession,
          .pace = Pace::Slow,
          .summary = "Take packets again for a paused session",
          .parameters = kOfSessionCommand,
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "CommandResult",
          .problems = kChanges},
    Route{.id = RouteId::SetFilter,
          .method = "PUT",
          .path = "/v1/sessions/{name}/filter",
          .action = Action::ChangeSession,
          .pace = Pace::Slow,
          .summary = "Give a session another filter",
          .parameters = kOfSessionCommand,
          .takes = Content::Json,
          .takes_schema = "FilterRequest",
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "CommandResult",
          .problems = kChanges},
    Route{.id = RouteId::Tail,
          .method = "GET",
          .path = "/v1/sessions/{name}/tail",
          .action = Action::Tail,
          .summary = "The session's packets from now on, as pcapng, until the client goes",
          .parameters = kOfTail,
          .status = 200,
          .gives = Content::Pcapng,
          .problems = kNotFound},
    Route{.id = RouteId::Interfaces,
          .method = "GET",
          .path = "/v1/interfaces",
          .action = Action::Read,
          .summary = "The network interfaces that the engine reads from",
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "InterfaceList"},
    Route{.id = RouteId::Security,
          .method = "GET",
          .path = "/v1/security",
          .action = Action::Read,
          .summary = "Where packets may come from, and how many came from elsewhere",
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "Security"},
    Route{.id = RouteId::Pressure,
          .method = "GET",
          .path = "/v1/pressure",
          .action = Action::Read,
          .summary = "What is short, and what sessions do with less of for it",
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "Pressure"},
    Route{.id = RouteId::Config,
          .method = "GET",
          .path = "/v1/config",
          .action = Action::Read,
          .summary = "The configuration in force; its ETag is its generation",
          .parameters = kOfConfig,
          .status = 200,
          .gives = Content::Toml,
          .problems = kNone},
    Route{.id = RouteId::Configure,
          .method = "PUT",
          .path = "/v1/config",
          .action = Action::Configure,
          .pace = Pace::Slow,
          .summary = "Put a whole configuration in the place of the one in force",
          .parameters = kOfConfigure,
          .takes = Content::Toml,
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "CommandResult",
          .problems = kConfigures},
    Route{.id = RouteId::Reload,
          .method = "POST",
          .path = "/v1/config/reload",
          .action = Action::Reload,
          .pace = Pace::Slow,
          .summary = "Read the configuration file again",
          .parameters = kOfCommand,
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "CommandResult",
          .problems = kCreates},
    Route{.id = RouteId::Rollback,
          .method = "POST",
          .path = "/v1/config/rollback",
          .action = Action::Rollback,
          .pace = Pace::Slow,
          .summary = "Return to a generation of the configuration",
          .parameters = kOfCommand,
          .takes = Content::Json,
          .takes_schema = "RollbackRequest",
          .body_optional = true,
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "CommandResult",
          .problems = kCreates},
    Route{.id = RouteId::Generations,
          .method = "GET",
          .path = "/v1/generations",
          .action = Action::Read,
          .summary = "The generations of the configuration that are kept",
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "GenerationList"},
    Route{.id = RouteId::Drain,
          .method = "POST",
          .path = "/v1/drain",
          .action = Action::Drain,
          .pace = Pace::Slow,
          .summary = "Take no more packets, write everything out, end the engine",
          .parameters = kOfCommand,
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "CommandResult",
          .problems = kChanges},
    Route{.id = RouteId::SetLogLevel,
          .method = "PUT",
          .path = "/v1/log-level",
          .action = Action::SetLogLevel,
          .pace = Pace::Slow,
          .summary = "Log more or less, of one module or all",
          .parameters = kOfCommand,
          .takes = Content::Json,
          .takes_schema = "LogLevelRequest",
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "CommandResult",
          .problems = kChanges},
    Route{.id = RouteId::Journal,
          .method = "GET",
          .path = "/v1/journal",
          .action = Action::Read,
          .pace = Pace::Slow,
          .summary = "Transitions of all machines, newest first",
          .parameters = kOfJournal,
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "JournalPage",
          .problems = kReads},
    Route{.id = RouteId::History,
          .method = "GET",
          .path = "/v1/history",
          .action = Action::Read,
          .pace = Pace::Slow,
          .summary = "Stored samples of a metric, 10,000 points at most",
          .parameters = kOfHistory,
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "History",
          .problems = kReads},
    Route{.id = RouteId::Events,
          .method = "GET",
          .path = "/v1/events",
          .action = Action::Read,
          .summary =
              "Events as they happen (server-sent events): data is an Event; an event named "
              "missed has data {\"missed\":N} for N that came too fast; a comment every 15 s",
          .parameters = kOfEvents,
          .status = 200,
          .gives = Content::EventStream,
          .problems = kUnwell},
    Route{.id = RouteId::Queries,
          .method = "GET",
          .path = "/v1/queries",
          .action = Action::Read,
          .summary = "The queries that run, and the last 64 that have ended",
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "QueryList"},
    Route{.id = RouteId::BeginQuery,
          .method = "POST",
          .path = "/v1/queries",
          .action = Action::Tail,
          .pace = Pace::Slow,
          .summary =
              "The packets of a session's store that match, as pcapng; the header Weir-Query has "
              "the query's id; the stream breaks off where the query does",
          .takes = Content::Json,
          .takes_schema = "QueryRequest",
          .status = 200,
          .gives = Content::Pcapng,
          .problems = kQueries},
    Route{.id = RouteId::Query,
          .method = "GET",
          .path = "/v1/queries/{id}",
          .action = Action::Read,
          .summary = "One query, and what is missing in its answer",
          .parameters = kOfQuery,
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "Query",
          .problems = kMissing},
    Route{.id = RouteId::CancelQuery,
          .method = "DELETE",
          .path = "/v1/queries/{id}",
          .action = Action::Tail,
          .summary = "End a query; its stream breaks off",
          .parameters = kOfQuery,
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "Query",
          .problems = kEnded},
    Route{.id = RouteId::Policy,
          .method = "GET",
          .path = "/v1/policy",
          .action = Action::Read,
          .summary = "The policy document in force, and how high the threat is",
          .status = 200,
          .gives = Content::Json,
          .gives_schema = "Policy"},
};

constexpr bool table_follows_enum() {
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    if (static_cast<std::size_t>(kRoutes[i].id) != i + 1) return false;
  }
  return kRoutes.size() + 1 == static_cast<std::size_t>(RouteId::kCount);
}
static_assert(table_follows_enum());
static_assert(static_cast<std::size_t>(RouteId::kCount) <= kRoutesMax);

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }

// Whether `path` is one of `pattern`; its parameter goes to `name`.
bool matches(std::string_view pattern, const std::vector<std::string>& path, std::string& name) {
  pattern.remove_prefix(1);
  for (const std::string& segment : path) {
    if (pattern.empty()) return false;
    const std::size_t slash = pattern.find('/');
    const std::string_view wanted = pattern.substr(0, slash);
    pattern.remove_prefix(slash == std::string_view::npos ? pattern.size() : slash + 1);
    if (is_parameter(wanted)) {
      name = segment;
    } else if (segment != wanted) {
      return false;
    }
  }
  return pattern.empty();
}

}  // namespace

std::string_view media_type(Content content) noexcept {
  switch (content) {
    case Content::None:
      return "";
    case Content::Json:
      return "application/json";
    case Content::Toml:
      return "application/toml";
    case Content::Pcapng:
      return "application/x-pcapng";
    case Content::EventStream:
      return "text/event-stream";
    case Content::Prometheus:
      return "text/plain; version=0.0.4; charset=utf-8";
    case Content::Text:
      return "text/plain; charset=utf-8";
  }
  return "";
}

std::span<const Route> route_table() noexcept { return kRoutes; }

const Route& route(RouteId id) noexcept { return kRoutes[static_cast<std::size_t>(id) - 1]; }

std::span<const int> common_problems() noexcept { return kCommon; }

RouteMatch match_route(std::string_view method, const std::vector<std::string>& path) {
  RouteMatch match;
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  for (const Route& each : kRoutes) {
    std::string name;
    if (!matches(each.path, path, name)) continue;
    match.allow += match.allow.empty() ? "" : ", ";
    match.allow += each.method == "GET" ? "GET, HEAD" : each.method;
    if (each.method != wanted) continue;
    match.route = &each;
    match.name = std::move(name);
  }
  return match;
}

}  // namespace weir::control
