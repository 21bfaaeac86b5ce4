#include "app/engine/api_module.h"

#include <filesystem>

#include "control/api_routes.h"

namespace weir::app {

using telemetry::Metric;

control::RoleGroups groups_of(const control::ControlConfig& config) {
  return {.viewer = config.viewer_group,
          .operators = config.operator_group,
          .admin = config.admin_group};
}

ApiModule::ApiModule(const control::ControlConfig& control, std::string metrics_listen,
                     control::EngineControl& engine, control::EventFeed& events, const Clock& clock)
    : options_{.socket = control.socket,
               .metrics_listen = std::move(metrics_listen),
               .groups = groups_of(control),
               .listeners_max = control.listeners_max},
      engine_(engine),
      events_(events),
      clock_(clock) {}

ApiModule::~ApiModule() {
  if (stopper_.joinable()) stopper_.join();
}

Result<void> ApiModule::begin_start(MonotonicTime) {
  if (stopper_.joinable()) stopper_.join();
  WEIR_TRY(auto server, control::ApiServer::open(options_, engine_, events_, clock_));
  WEIR_CHECK(server->start());
  const std::lock_guard lock(mutex_);
  server_ = std::move(server);
  return ok();
}

Result<void> ApiModule::begin_stop(MonotonicTime) {
  if (stopping_ || server_ == nullptr) return ok();
  stopping_ = true;
  stopper_ = std::thread([this] {
    server_->stop();
    stopping_ = false;
  });
  return ok();
}

Result<state::Progress> ApiModule::poll(MonotonicTime) {
  if (stopping_) return state::Progress::Busy;
  if (stopper_.joinable()) {
    stopper_.join();
    const std::lock_guard lock(mutex_);
    server_.reset();
  }
  return state::Progress::Done;
}

state::ModuleHealth ApiModule::health(MonotonicTime) {
  std::error_code error;
  if (std::filesystem::exists(options_.socket, error)) return {};
  return {.level = state::HealthLevel::Failing,
          .reason = "its socket " + options_.socket + " is gone"};
}

Result<void> ApiModule::set_groups(const control::RoleGroups& groups) {
  if (server_ != nullptr) WEIR_CHECK(server_->set_groups(groups));
  options_.groups = groups;
  return ok();
}

void ApiModule::on_event(const telemetry::Event&) noexcept {
  const std::lock_guard lock(mutex_);
  if (server_ != nullptr) server_->event_came();
}

std::uint64_t ApiModule::refused_requests() const {
  const std::lock_guard lock(mutex_);
  return server_ == nullptr ? 0 : server_->statistics().refused_authorisation.value();
}

void ApiModule::collect(telemetry::Collection& into) const {
  const std::lock_guard lock(mutex_);
  if (server_ == nullptr) return;
  const control::ApiStatistics& statistics = server_->statistics();
  for (const control::Route& route : control::route_table()) {
    const auto& answers = statistics.routes[static_cast<std::size_t>(route.id)].answers;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].value() == 0) continue;
      const std::string code = std::to_string(i + 1) + "xx";
      into.add(Metric::ApiRequests,
               {std::string(route.method) + " " + std::string(route.path), code},
               answers[i].value());
    }
  }
  const control::HttpCounts counts = server_->connections();
  into.add(Metric::ApiListeners, {}, counts.streams);
  into.add(Metric::ApiRefused, {},
           statistics.refused_authorisation.value() + statistics.refused_busy.value() +
               counts.refused_connections + counts.refused_streams);
}

}  // namespace weir::app
