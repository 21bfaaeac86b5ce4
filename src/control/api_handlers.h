// Answers the requests of the API: finds the route, asks whether the caller may, reads what the
// request brings, and asks the engine. Knows no socket.
#pragma once

#include <atomic>
#include <cstddef>

#include "base/clock.h"
#include "control/api_events.h"
#include "control/api_parameters.h"
#include "control/api_routes.h"
#include "control/api_statistics.h"
#include "control/api_streams.h"
#include "control/authorizer.h"
#include "control/engine_control.h"
#include "control/http_server.h"

namespace weir::control {

// The status of the answer when the engine refuses with this code.
int status_for(ErrorCode code) noexcept;
HttpResponse problem_for(const Error& error);

struct ApiParts {
  EngineControl& engine;
  EventFeed& events;
  EventBells& bells;
  const Authorizer& authorizer;
  const Clock& clock;
  ApiStatistics& statistics;
  std::size_t slow_max = 6;  // requests that may wait, at a time; others have the other workers
};

// Any thread, several at a time. The parts outlive it.
class ApiHandlers final : public HttpHandler {
 public:
  explicit ApiHandlers(const ApiParts& parts) noexcept : parts_(parts) {}

  HttpResponse handle(const HttpRequest& request, const Principal& principal) override;
  void answered(std::size_t tag, int status, Duration took) noexcept override;

 private:
  struct Asked {
    const Route& route;
    const std::string& name;  // of the session, or a query's id
    const HttpRequest& request;
    const Principal& principal;
    const Parameters& parameters;
  };

  HttpResponse routed(const RouteMatch& match, const HttpRequest& request,
                      const Principal& principal);
  HttpResponse refuse_role(const Route& route, const Principal& principal);
  HttpResponse paced(const Asked& asked);
  HttpResponse dispatch(const Asked& asked);

  HttpResponse index() const;
  HttpResponse health(const Route& route) const;
  HttpResponse session(const Asked& asked) const;
  HttpResponse config(const Asked& asked) const;
  HttpResponse journal(const Asked& asked) const;
  HttpResponse history(const Asked& asked) const;
  HttpResponse events(const Asked& asked);
  HttpResponse tail(const Asked& asked);
  HttpResponse begin_query(const Asked& asked);
  Result<PacketQuery> query_of(const Asked& asked) const;
  HttpResponse query(const Asked& asked) const;
  HttpResponse cancel_query(const Asked& asked);
  HttpResponse command(const Asked& asked);
  Result<Command> command_of(const Asked& asked) const;

  ApiParts parts_;
  std::atomic<std::size_t> slow_{0};
};

}  // namespace weir::control
