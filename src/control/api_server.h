// The control API of a running engine: HTTP/JSON on a Unix socket, metrics on a loopback port too.
// docs/api.md has its routes.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "control/api_events.h"
#include "control/api_statistics.h"
#include "control/authorizer.h"
#include "control/engine_control.h"
#include "control/http_server.h"

namespace weir::control {

struct ApiOptions {
  std::string socket = "/run/weir/weir.sock";
  std::string metrics_listen;  // "127.0.0.1:9478"; empty: metrics on the socket only
  RoleGroups groups;
  uid_t engine_uid = ::geteuid();
  std::uint32_t listeners_max = 32;  // event streams, tails and queries at a time
  HttpLimits limits;                 // streams_max is listeners_max
};

// One thread opens, starts and stops it.
class ApiServer {
 public:
  // Binds its sockets, which may need rights that the engine gives up later; answers nobody yet.
  // All that is handed in outlives it. Errors: those of HttpServer::open(), Usage for a group.
  static Result<std::unique_ptr<ApiServer>> open(const ApiOptions& options, EngineControl& engine,
                                                 EventFeed& events, const Clock& clock);
  virtual ~ApiServer() = default;

  virtual Result<void> start() = 0;
  // Ends streams and connections within 100 ms; a command that the engine has in hand is waited
  // for.
  virtual void stop() noexcept = 0;

  // Any thread, after each event that the feed has got: listeners are told.
  virtual void event_came() noexcept = 0;

  // The socket's group follows. Where it cannot, nothing has changed.
  virtual Result<void> set_groups(const RoleGroups& groups) = 0;
  virtual void set_engine_uid(uid_t uid) noexcept = 0;
  [[nodiscard]] virtual const ApiStatistics& statistics() const noexcept = 0;
  [[nodiscard]] virtual HttpCounts connections() const noexcept = 0;
  [[nodiscard]] virtual std::uint16_t metrics_port() const noexcept = 0;  // 0: none
};

}  // namespace weir::control
