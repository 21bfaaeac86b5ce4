// What the API can be asked: the one table that requests are matched against and that the OpenAPI
// document and docs/api.md are made from.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/authorizer.h"

namespace weir::control {

enum class RouteId : std::uint8_t {
  Unrouted,  // in statistics: what met no route
  Index,
  Status,
  Health,
  Healthz,
  Metrics,
  OpenApi,
  Sessions,
  CreateSession,
  Session,
  StopSession,
  PauseSession,
  ResumeSession,
  SetFilter,
  Tail,
  Interfaces,
  Security,
  Pressure,
  Config,
  Configure,
  Reload,
  Rollback,
  Generations,
  Drain,
  SetLogLevel,
  Journal,
  History,
  Events,
  Queries,
  BeginQuery,
  Query,
  CancelQuery,
  Policy,
  kCount,
};

enum class Content : std::uint8_t {
  None,
  Json,
  Toml,
  Pcapng,
  EventStream,
  Prometheus,
  Text,
};
// "application/json"; of None empty.
std::string_view media_type(Content content) noexcept;

// What a parameter's text has to be.
enum class ParameterType : std::uint8_t {
  Name,      // 1 to 256 bytes
  Text,      // as long as a request may be
  Count,     // a whole number
  Duration,  // "500ms", "5s", "2m", "1h", "3d"
  Time,      // "2026-11-21T20:00:00Z", "1700000000.5", "-1h" (ago)
  Tag,       // of a generation: "7" in quotes, or *
};
enum class ParameterPlace : std::uint8_t { Path, Query, Header };

struct Parameter {
  std::string_view name;
  ParameterPlace place;
  ParameterType type;
  bool required = false;
  std::string_view meaning;
};

// Whether its handler may wait for the engine or for a disk: so many of these are let in at a time
// that others still find a worker.
enum class Pace : std::uint8_t { Quick, Slow };

struct Route {
  RouteId id;
  std::string_view method;
  std::string_view path;  // "/v1/sessions/{name}"
  Action action;
  Pace pace;
  std::string_view summary;
  std::span<const Parameter> parameters;
  Content takes;                  // of the request's body
  std::string_view takes_schema;  // where it is JSON
  bool body_optional;
  int status;  // of success
  Content gives;
  std::string_view gives_schema;  // where it is JSON
  std::span<const int> problems;  // other statuses, beside those that every route has
};

std::span<const Route> route_table() noexcept;
const Route& route(RouteId id) noexcept;
// Statuses that every route may answer with.
std::span<const int> common_problems() noexcept;

struct RouteMatch {
  const Route* route = nullptr;  // null: no such path, or another method
  std::string name;              // of the path's parameter
  std::string allow;             // methods of the path: "GET, HEAD, PUT"; empty: no such path
};
// HEAD is served where GET is.
RouteMatch match_route(std::string_view method, const std::vector<std::string>& path);

}  // namespace weir::control
