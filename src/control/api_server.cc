#include "control/api_server.h"

#include <algorithm>
#include <utility>

#include "control/api_handlers.h"
#include "control/api_streams.h"

namespace weir::control {
namespace {

// Workers that requests which may wait leave to the others.
constexpr std::size_t kQuickWorkers = 2;

std::size_t slow_max_of(const HttpLimits& limits) {
  return limits.workers > kQuickWorkers ? limits.workers - kQuickWorkers : 1;
}

// One group can own the socket's file: the one with the least rights. Members of the others are
// members of it too, or cannot connect.
std::string socket_group_of(const RoleGroups& groups) {
  if (!groups.viewer.empty()) return groups.viewer;
  return groups.operators.empty() ? groups.admin : groups.operators;
}

class Server final : public ApiServer {
 public:
  Server(const ApiOptions& options, EngineControl& engine, EventFeed& events, const Clock& clock)
      : authorizer_(options.engine_uid),
        handlers_({.engine = engine,
                   .events = events,
                   .bells = bells_,
                   .authorizer = authorizer_,
                   .clock = clock,
                   .statistics = statistics_,
                   .slow_max = slow_max_of(options.limits)}) {}
  ~Server() override { stop(); }

  Result<void> listen(const ApiOptions& options, const Clock& clock) {
    WEIR_CHECK(authorizer_.set_groups(options.groups));
    groups_ = options.groups;
    HttpServerOptions http{.socket = options.socket,
                           .socket_group = socket_group_of(options.groups),
                           .socket_owner = options.engine_uid,
                           .loopback = options.metrics_listen,
                           .limits = options.limits};
    http.limits.streams_max = options.listeners_max;
    WEIR_TRY(http_, HttpServer::open(http, handlers_, clock));
    return ok();
  }

  Result<void> start() override { return http_->start(); }

  void stop() noexcept override {
    if (http_) http_->stop();
  }

  Result<void> set_groups(const RoleGroups& groups) override {
    WEIR_CHECK(authorizer_.set_groups(groups));
    auto result = http_->set_socket_group(socket_group_of(groups));
    if (!result) {
      // They were good before; where one is gone since, roles go by user until the next change.
      if (!authorizer_.set_groups(groups_)) WEIR_CHECK(authorizer_.set_groups({}));
      return result;
    }
    groups_ = groups;
    return ok();
  }
  void event_came() noexcept override { bells_.ring_all(); }
  void set_engine_uid(uid_t uid) noexcept override { authorizer_.set_engine_uid(uid); }
  [[nodiscard]] const ApiStatistics& statistics() const noexcept override { return statistics_; }
  [[nodiscard]] HttpCounts connections() const noexcept override { return http_->counts(); }
  [[nodiscard]] std::uint16_t metrics_port() const noexcept override {
    return http_->loopback_port();
  }

 private:
  ApiStatistics statistics_;
  Authorizer authorizer_;
  RoleGroups groups_;  // that are in force
  EventBells bells_;
  ApiHandlers handlers_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace

Result<std::unique_ptr<ApiServer>> ApiServer::open(const ApiOptions& options, EngineControl& engine,
                                                   EventFeed& events, const Clock& clock) {
  auto server = std::make_unique<Server>(options, engine, events, clock);
  WEIR_CHECK(server->listen(options, clock));
  return std::unique_ptr<ApiServer>(std::move(server));
}

}  // namespace weir::control
