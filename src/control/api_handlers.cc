#include "control/api_handlers.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "control/api_json.h"
#include "control/open_api.h"

namespace weir::control {
namespace {

constexpr Duration kDeadlineDefault = std::chrono::seconds(10);
constexpr Duration kDeadlineMax = std::chrono::minutes(10);
constexpr std::uint64_t kRowsDefault = 100;
constexpr std::uint64_t kRowsMax = 1000;
constexpr std::size_t kNameBytesMax = 256;
constexpr std::size_t kFilterBytesMax = 64 * 1024;
constexpr Duration kHistoryDefault = std::chrono::hours(1);

HttpResponse answer(const Route& route, std::string body) {
  HttpResponse response;
  response.status = route.status;
  response.content_type = media_type(route.gives);
  response.body = std::move(body);
  return response;
}

HttpResponse usage(std::string_view detail) { return problem(400, "usage", detail); }

// From good to bad.
constexpr std::array<std::string_view, 4> kHealths = {"ok", "late", "stalled", "failing"};
constexpr std::size_t kLate = 1;

std::size_t rank_of(std::string_view health) {
  const auto* const found = std::ranges::find(kHealths, health);
  // What nobody knows is no good news.
  return found == kHealths.end() ? kHealths.size() - 1
                                 : static_cast<std::size_t>(found - kHealths.begin());
}

std::string tag_of(std::uint64_t generation) { return "\"" + std::to_string(generation) + "\""; }

bool has_type(const HttpRequest& request, std::string_view wanted) {
  const std::string* given = request.header("content-type");
  if (given == nullptr) return false;
  std::string type = given->substr(0, given->find(';'));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  for (char& c : type) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return type == wanted;
}

// What is wrong with the request's body, as an answer; status 200: nothing.
HttpResponse check_body(const Route& route, const HttpRequest& request) {
  HttpResponse fine;
  if (route.takes == Content::None) {
    return request.body.empty() ? std::move(fine)
                                : usage("the request has a body (this one takes none)");
  }
  if (request.body.empty()) {
    return route.body_optional ? std::move(fine)
                               : usage("the request has no body (send " +
                                       std::string(media_type(route.takes)) + ")");
  }
  if (!has_type(request, media_type(route.takes))) {
    return problem(415, "usage",
                   "the body is of a type that is not taken here (send it with Content-Type: " +
                       std::string(media_type(route.takes)) + ")");
  }
  return fine;
}

CommandKind kind_of(RouteId id) {
  switch (id) {
    case RouteId::CreateSession:
      return CommandKind::CreateSession;
    case RouteId::StopSession:
      return CommandKind::StopSession;
    case RouteId::PauseSession:
      return CommandKind::PauseSession;
    case RouteId::ResumeSession:
      return CommandKind::ResumeSession;
    case RouteId::SetFilter:
      return CommandKind::SetFilter;
    case RouteId::Configure:
      return CommandKind::Configure;
    case RouteId::Rollback:
      return CommandKind::Rollback;
    case RouteId::Drain:
      return CommandKind::Drain;
    case RouteId::SetLogLevel:
      return CommandKind::SetLogLevel;
    default:
      return CommandKind::Reload;
  }
}

}  // namespace

int status_for(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::Usage:
    case ErrorCode::BadFilter:
    case ErrorCode::UnknownInterface:
    case ErrorCode::UnknownFormat:
    case ErrorCode::Damaged:
    case ErrorCode::Truncated:
      return 400;
    case ErrorCode::Permission:
      return 403;
    case ErrorCode::NotFound:
      return 404;
    case ErrorCode::Exists:
    case ErrorCode::Conflict:
      return 409;
    case ErrorCode::Unsupported:
      return 501;
    case ErrorCode::Closed:
    case ErrorCode::LinkGone:
    case ErrorCode::Resource:
      return 503;
    case ErrorCode::TimedOut:
      return 504;
    case ErrorCode::NoSpace:
      return 507;
    case ErrorCode::Io:
    case ErrorCode::Internal:
      return 500;
  }
  return 500;
}

HttpResponse problem_for(const Error& error) {
  return problem(status_for(error.code), name_of(error.code), error.context);
}

HttpResponse ApiHandlers::handle(const HttpRequest& request, const Principal& principal) {
  RouteMatch match = match_route(request.method, request.path);
  const bool hidden = match.route != nullptr && principal.door == Door::Loopback &&
                      match.route->action != Action::Scrape;
  if (match.allow.empty() || hidden) {
    return problem(404, "not_found",
                   principal.door == Door::Loopback
                       ? "there is no such path (the loopback port serves /metrics and /healthz)"
                       : "there is no such path (GET / lists them)");
  }
  if (match.route == nullptr) {
    HttpResponse response = problem(405, "usage",
                                    "the path is not served for method " + request.method +
                                        " (there are: " + match.allow + ")");
    response.headers.emplace_back("Allow", match.allow);
    return response;
  }
  HttpResponse response = routed(match, request, principal);
  response.tag = static_cast<std::size_t>(match.route->id);
  return response;
}

void ApiHandlers::answered(std::size_t tag, int status, Duration took) noexcept {
  const auto kind = static_cast<std::size_t>(std::clamp(status / 100, 1, 5) - 1);
  parts_.statistics.routes[tag].answers[kind].add();
  parts_.statistics.answer_times.add(took);
}

HttpResponse ApiHandlers::routed(const RouteMatch& match, const HttpRequest& request,
                                 const Principal& principal) {
  const Route& route = *match.route;
  if (!parts_.authorizer.allowed(principal, route.action, {}, match.name)) {
    return refuse_role(route, principal);
  }
  const auto parameters = Parameters::read(route, match.name, request, parts_.clock.wall());
  if (!parameters) return problem_for(parameters.error());
  HttpResponse fault = check_body(route, request);
  if (fault.status != 200) return fault;
  return paced({.route = route,
                .name = match.name,
                .request = request,
                .principal = principal,
                .parameters = *parameters});
}

HttpResponse ApiHandlers::refuse_role(const Route& route, const Principal& principal) {
  parts_.statistics.refused_authorisation.add();
  const Role has = parts_.authorizer.role_of(principal);
  return problem(
      403, name_of(ErrorCode::Permission),
      std::string(route.method) + " " + std::string(route.path) + " needs the role " +
          std::string(name_of(role_for(route.action))) + ", and " + who(principal) +
          (has == Role::Nobody ? std::string(" has none") : " is " + std::string(name_of(has))) +
          " (be a member of the group that [control] names for it)");
}

HttpResponse ApiHandlers::paced(const Asked& asked) {
  if (asked.route.pace == Pace::Quick) return dispatch(asked);
  if (slow_.fetch_add(1, std::memory_order_relaxed) >= parts_.slow_max) {
    slow_.fetch_sub(1, std::memory_order_relaxed);
    parts_.statistics.refused_busy.add();
    HttpResponse response =
        problem(503, name_of(ErrorCode::Resource),
                "too many commands are waiting for the engine (try again when they are done)");
    response.headers.emplace_back("Retry-After", "1");
    return response;
  }
  HttpResponse response = dispatch(asked);
  slow_.fetch_sub(1, std::memory_order_relaxed);
  return response;
}

HttpResponse ApiHandlers::dispatch(const Asked& asked) {
  const Route& route = asked.route;
  switch (route.id) {
    case RouteId::Index:
      return index();
    case RouteId::Status:
      return answer(route, to_json(parts_.engine.status()));
    case RouteId::Health:
    case RouteId::Healthz:
      return health(route);
    case RouteId::Metrics:
      return answer(route, parts_.engine.metrics());
    case RouteId::OpenApi:
      return answer(route, open_api_document());
    case RouteId::Sessions:
      return answer(route, to_json(SessionList{parts_.engine.sessions()}));
    case RouteId::Session:
      return session(asked);
    case RouteId::Interfaces:
      return answer(route, to_json(InterfaceList{parts_.engine.interfaces()}));
    case RouteId::Security:
      return answer(route, to_json(parts_.engine.security()));
    case RouteId::Pressure:
      return answer(route, to_json(parts_.engine.pressure()));
    case RouteId::Config:
      return config(asked);
    case RouteId::Generations:
      return answer(route, to_json(GenerationList{parts_.engine.generations()}));
    case RouteId::Journal:
      return journal(asked);
    case RouteId::History:
      return history(asked);
    case RouteId::Events:
      return events(asked);
    case RouteId::Tail:
      return tail(asked);
    case RouteId::Policy:
      return answer(route, to_json(parts_.engine.policy()));
    case RouteId::Queries:
      return answer(route, to_json(QueryList{parts_.engine.queries()}));
    case RouteId::BeginQuery:
      return begin_query(asked);
    case RouteId::Query:
      return query(asked);
    case RouteId::CancelQuery:
      return cancel_query(asked);
    case RouteId::CreateSession:
    case RouteId::StopSession:
    case RouteId::PauseSession:
    case RouteId::ResumeSession:
    case RouteId::SetFilter:
    case RouteId::Configure:
    case RouteId::Reload:
    case RouteId::Rollback:
    case RouteId::Drain:
    case RouteId::SetLogLevel:
      return command(asked);
    case RouteId::Unrouted:
    case RouteId::kCount:
      break;
  }
  return problem(500, name_of(ErrorCode::Internal), "a route has no handler");
}

HttpResponse ApiHandlers::index() const {
  IndexAnswer index{.name = "weir", .version = WEIR_VERSION};
  std::set<std::string_view> seen;
  for (const Route& each : route_table()) {
    if (seen.insert(each.path).second) index.paths.emplace_back(each.path);
  }
  return answer(route(RouteId::Index), to_json(index));
}

HttpResponse ApiHandlers::health(const Route& route) const {
  const EngineStatus status = parts_.engine.status();
  HealthAnswer health{.state = status.state};
  std::size_t worst = 0;
  for (const ModuleStatus& module : status.modules) {
    const std::size_t rank = rank_of(module.health);
    worst = std::max(worst, rank);
    if (rank > 0) health.modules.push_back(module);
  }
  health.health = kHealths[worst];
  HttpResponse response =
      answer(route, route.id == RouteId::Health ? to_json(health) : health.health + "\n");
  if (worst > kLate) response.status = 503;
  return response;
}

HttpResponse ApiHandlers::session(const Asked& asked) const {
  const auto found = parts_.engine.session(asked.name);
  if (found) return answer(asked.route, to_json(*found));
  return problem(404, name_of(ErrorCode::NotFound),
                 "session " + asked.name + ": there is none of that name (GET /v1/sessions)");
}

HttpResponse ApiHandlers::config(const Asked& asked) const {
  ConfigDocument document = parts_.engine.configuration();
  const auto known = asked.parameters.tag("If-None-Match");
  HttpResponse response;
  if (known && (*known == 0 || *known == document.generation)) {
    response.status = 304;
  } else {
    response = answer(asked.route, std::move(document.toml));
  }
  response.headers.emplace_back("ETag", tag_of(document.generation));
  return response;
}

HttpResponse ApiHandlers::journal(const Asked& asked) const {
  const std::uint64_t limit = asked.parameters.count("limit").value_or(kRowsDefault);
  if (limit == 0 || limit > kRowsMax) return usage("parameter limit: not 1 to 1000");
  auto rows = parts_.engine.journal(asked.parameters.count("before").value_or(0), limit);
  if (!rows) return problem_for(rows.error());
  JournalPage page{.journal = std::move(*rows)};
  if (page.journal.size() >= limit) page.next = page.journal.back().id;
  return answer(asked.route, to_json(page));
}

HttpResponse ApiHandlers::history(const Asked& asked) const {
  HistoryQuery query{.metric = std::string(asked.parameters.text("metric").value_or(""))};
  query.until = asked.parameters.time("until").value_or(parts_.clock.wall());
  query.since = asked.parameters.time("since").value_or(query.until + -kHistoryDefault);
  query.step = asked.parameters.duration("step").value_or(Duration::zero());
  if (query.since > query.until) return usage("parameter since: it lies after until");
  auto series = parts_.engine.history(query);
  if (!series) return problem_for(series.error());
  return answer(asked.route, to_json(HistoryAnswer{std::move(*series)}));
}

HttpResponse ApiHandlers::events(const Asked& asked) {
  const std::uint64_t newest = parts_.events.newest_id();
  std::optional<std::uint64_t> after = asked.parameters.count("after");
  if (!after) after = asked.parameters.count("Last-Event-ID");
  // An id from before a restart of the engine: ids have begun anew.
  if (after && *after > newest) after = 0;
  HttpResponse response = answer(asked.route, {});
  if (asked.request.method == "HEAD") return response;
  auto stream =
      make_event_stream(parts_.events, parts_.bells,
                        {.after = after.value_or(newest), .oldest = after == 0}, parts_.statistics);
  if (!stream) return problem_for(stream.error());
  response.stream = std::move(*stream);
  return response;
}

HttpResponse ApiHandlers::tail(const Asked& asked) {
  if (asked.request.method == "HEAD") {
    HttpResponse found = session(asked);
    return found.status == 200 ? answer(asked.route, {}) : std::move(found);
  }
  auto packets =
      parts_.engine.tail({.session = std::string(asked.name),
                          .filter = std::string(asked.parameters.text("filter").value_or("")),
                          .who = who(asked.principal)});
  if (!packets) return problem_for(packets.error());
  HttpResponse response = answer(asked.route, {});
  response.stream = make_tail_stream(std::move(*packets));
  return response;
}

HttpResponse ApiHandlers::begin_query(const Asked& asked) {
  if (asked.request.minor_version == 0) {
    return problem(505, name_of(ErrorCode::Unsupported),
                   "a query is answered in HTTP/1.1 only (a client of HTTP/1.0 cannot see that an "
                   "answer has broken off)");
  }
  const auto asked_for = query_of(asked);
  if (!asked_for) return problem_for(asked_for.error());
  auto begun = parts_.engine.begin_query(*asked_for);
  if (!begun) {
    HttpResponse response = problem_for(begun.error());
    if (response.status == 503) response.headers.emplace_back("Retry-After", "1");
    return response;
  }
  HttpResponse response = answer(asked.route, {});
  response.headers.emplace_back("Weir-Query", std::to_string(begun->id));
  response.stream = std::move(begun->answer);
  return response;
}

Result<PacketQuery> ApiHandlers::query_of(const Asked& asked) const {
  WEIR_TRY(QueryRequest request, query_request(asked.request.body));
  if (request.session.size() > kNameBytesMax || request.filter.size() > kFilterBytesMax) {
    return Error{.code = ErrorCode::Usage,
                 .context =
                     "the session's name or the filter is too long (at most 256 bytes, and "
                     "64 KiB)"};
  }
  PacketQuery query{.who = who(asked.principal),
                    .session = std::move(request.session),
                    .since = {},
                    .until = {},
                    .filter = std::move(request.filter),
                    .inner = request.inner,
                    .community_id = std::move(request.community_id),
                    .packets_max = request.limit};
  const auto take_time = [this](std::string_view name, const std::string& text,
                                std::optional<Timestamp>& into) -> Result<void> {
    if (text.empty()) return ok();
    into = parse_time(text, parts_.clock.wall());
    if (into) return ok();
    return Error{.code = ErrorCode::Usage,
                 .context = std::string(name) + ": \"" + text +
                            "\" is not a time such as 2026-11-21T20:00:00Z, 1700000000.5 or -1h"};
  };
  WEIR_CHECK(take_time("since", request.since, query.since));
  WEIR_CHECK(take_time("until", request.until, query.until));
  if (query.since && query.until && *query.since > *query.until) {
    return Error{.code = ErrorCode::Usage, .context = "since: it lies after until"};
  }
  return query;
}

HttpResponse ApiHandlers::query(const Asked& asked) const {
  const auto found = parts_.engine.query(asked.parameters.count("id").value_or(0));
  if (found) return answer(asked.route, to_json(*found));
  return problem(404, name_of(ErrorCode::NotFound),
                 "query " + asked.name + ": there is none of that id (GET /v1/queries)");
}

HttpResponse ApiHandlers::cancel_query(const Asked& asked) {
  const auto cancelled =
      parts_.engine.cancel_query(asked.parameters.count("id").value_or(0), who(asked.principal));
  if (!cancelled) return problem_for(cancelled.error());
  return answer(asked.route, to_json(*cancelled));
}

HttpResponse ApiHandlers::command(const Asked& asked) {
  const bool configures = asked.route.id == RouteId::Configure;
  if (configures && !asked.parameters.tag("If-Match")) {
    return problem(428, "usage",
                   "replace the configuration: there is no If-Match header (send the ETag of "
                   "GET /v1/config with it, so that nobody's change is lost; or *)");
  }
  const auto command = command_of(asked);
  if (!command) return problem_for(command.error());
  const auto result = parts_.engine.execute(*command);
  if (result) {
    HttpResponse response = answer(asked.route, to_json(*result));
    if (configures) response.headers.emplace_back("ETag", tag_of(result->generation));
    return response;
  }
  if (configures && result.error().code == ErrorCode::Conflict) {
    return problem(412, name_of(ErrorCode::Conflict), result.error().context);
  }
  return problem_for(result.error());
}

Result<Command> ApiHandlers::command_of(const Asked& asked) const {
  Command command{.kind = kind_of(asked.route.id),
                  .who = who(asked.principal),
                  .name = asked.name,
                  .deadline = asked.parameters.duration("deadline").value_or(kDeadlineDefault)};
  if (command.deadline <= Duration::zero() || command.deadline > kDeadlineMax) {
    return Error{.code = ErrorCode::Usage,
                 .context = "parameter deadline: not between 1ms and 10m"};
  }
  const std::string& body = asked.request.body;
  if (asked.route.takes == Content::Toml) command.text = body;
  if (asked.route.id == RouteId::SetFilter) {
    WEIR_TRY(FilterRequest request, filter_request(body));
    command.text = std::move(request.filter);
  } else if (asked.route.id == RouteId::SetLogLevel) {
    WEIR_TRY(LogLevelRequest request, log_level_request(body));
    command.name = std::move(request.module);
    command.text = std::move(request.level);
  } else if (asked.route.id == RouteId::Rollback && !body.empty()) {
    WEIR_TRY(const RollbackRequest request, rollback_request(body));
    command.generation = request.generation;
  } else if (asked.route.id == RouteId::Configure) {
    command.generation = asked.parameters.tag("If-Match").value_or(0);
  }
  return command;
}

}  // namespace weir::control
