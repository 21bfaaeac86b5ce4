#include "app/engine/session_entry.h"

#include <array>

namespace weir::app {
namespace {

constexpr std::array<std::string_view, 3> kOrigins = {"config", "api", "tail"};

// A disk that is full stays so for a while.
constexpr state::BackOffOptions kRetry{.initial = std::chrono::seconds(1),
                                       .max = std::chrono::minutes(1)};

}  // namespace

std::string_view name_of(SessionOrigin origin) noexcept {
  return kOrigins[static_cast<std::size_t>(origin)];
}

capture::SessionLimits limits_of(const control::SessionConfig& config) noexcept {
  return {.packets_max = config.limit.packets, .bytes_max = config.limit.bytes};
}

SessionEntry::SessionEntry(control::SessionConfig wanted, SessionOrigin from,
                           std::size_t lane_count, int news_fd, state::Journaler& journaler,
                           std::uint64_t seed)
    : config(std::move(wanted)),
      origin(from),
      lanes(lane_count, true),
      account_(config.name, lane_count, limits_of(config), news_fd),
      recorder_(journaler, "session " + config.name),
      machine_(&recorder_, config.paused ? state::SessionMachine::Begins::Paused
                                         : state::SessionMachine::Begins::Running),
      back_off_(kRetry, seed) {}

capture::SessionPlan SessionEntry::plan() noexcept {
  return {.session = &account_,
          .outputs = parts.outputs != nullptr ? &parts.outputs->outputs() : nullptr,
          .analysis = parts.analysis != nullptr ? &parts.analysis->stages() : nullptr,
          .rules = parts.rules.get(),
          .lanes = lanes,
          .filter = config.filter,
          .scope = config.scope,
          .snaplen = config.snaplen,
          .paused = config.paused};
}

}  // namespace weir::app
