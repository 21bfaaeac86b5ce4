#include "app/engine/destination_gate.h"

#include <utility>

#include "control/config_destinations.h"

namespace weir::app {

using security::DestinationGrant;
using security::DestinationKind;
using security::DestinationRulesOf;
using security::DestinationValidator;
using security::is_destination_refusal;
using telemetry::EventKind;

std::optional<std::uint64_t> RefusalLimit::admit(const std::string& session, MonotonicTime now) {
  const auto found = told_.find(session);
  if (found != told_.end()) {
    Told& told = found->second;
    if (now - told.at < kInterval) {
      ++told.withheld;
      return std::nullopt;
    }
    told.at = now;
    return std::exchange(told.withheld, 0);
  }
  if (told_.size() >= kSessionsMax) {
    std::erase_if(told_, [now](const auto& one) { return now - one.second.at >= kInterval; });
    if (told_.size() >= kSessionsMax) return std::nullopt;
  }
  told_.emplace(session, Told{.at = now});
  return 0;
}

DestinationGate::DestinationGate(EngineNews& news, const Clock& clock)
    : news_(news),
      clock_(clock),
      validator_(std::make_shared<const DestinationValidator>(Rules(), 1)) {}

DestinationGate::Shared DestinationGate::validator() const {
  const std::lock_guard lock(mutex_);
  return validator_;
}

DestinationGate::Shared DestinationGate::made_of(
    const security::DestinationRules& configured) const {
  Rules rules = {{.whose = std::string(control::kDestinationRulesName), .rules = configured}};
  if (policy_) rules.push_back(*policy_);
  return std::make_shared<const DestinationValidator>(std::move(rules), generation() + 1);
}

Result<void> DestinationGate::stage(const control::Config&, const control::Config& next,
                                    std::uint64_t) {
  if (next.security.destinations == configured_) return ok();
  next_configured_ = next.security.destinations;
  staged_ = made_of(*next_configured_);
  return ok();
}

void DestinationGate::roll_back() noexcept {
  staged_.reset();
  next_configured_.reset();
}

void DestinationGate::take_staged() noexcept {
  if (staged_ == nullptr) return;
  configured_ = std::move(*next_configured_);
  const std::lock_guard lock(mutex_);
  validator_ = std::exchange(staged_, nullptr);
}

void DestinationGate::set_policy(std::optional<DestinationRulesOf> rules) {
  if (rules == policy_) return;
  policy_ = std::move(rules);
  Shared made = made_of(configured_);
  const std::lock_guard lock(mutex_);
  validator_ = std::move(made);
}

Error DestinationGate::refuse(std::string_view session, std::string_view kind,
                              const std::string& path, Error error) {
  if (!is_destination_refusal(error)) return error;
  refused_.fetch_add(1, std::memory_order_relaxed);
  std::optional<std::uint64_t> withheld;
  {
    const std::lock_guard lock(mutex_);
    withheld = limit_.admit(std::string(session), clock_.monotonic());
  }
  if (withheld) {
    news_.publish(EventKind::DestinationRefused, "security",
                  "session " + std::string(session) + ": " + error.context,
                  {{"session", std::string(session)},
                   {"kind", std::string(kind)},
                   {"path", path},
                   {"error", error.context},
                   {"withheld", std::to_string(*withheld)}});
  }
  return error;
}

Result<SharedGrant> DestinationGate::grant(std::string_view session, DestinationKind kind,
                                           const std::string& path) {
  const Shared rules = staged_ != nullptr ? staged_ : validator();
  auto granted = rules->validate(kind, path);
  if (!granted) return refuse(session, name_of(kind), path, std::move(granted).error());
  return std::make_shared<DestinationGrant>(std::move(*granted));
}

std::optional<Error> DestinationGate::refusal_of(std::string_view session,
                                                 const DestinationGrant& grant) {
  const Shared rules = staged_ != nullptr ? staged_ : validator();
  auto allowed = rules->check(grant);
  if (allowed || !is_destination_refusal(allowed.error())) return std::nullopt;
  return refuse(session, name_of(grant.kind()), grant.path(), std::move(allowed).error());
}

Result<void> DestinationGate::allow(std::string_view session, DestinationKind kind) {
  auto allowed = validator()->allows(kind);
  if (allowed) return ok();
  return refuse(session, name_of(kind), "", std::move(allowed).error());
}

bool DestinationGate::allows(DestinationKind kind) const { return validator()->allows(kind).ok(); }

void DestinationGate::tell_moved(std::string_view session, const DestinationGrant& grant) {
  news_.publish(EventKind::DestinationMoved, "security",
                "session " + std::string(session) + ": " + grant.path() +
                    " leads elsewhere by now; the session goes on in the directory that it was "
                    "granted (stop it, or put the directory back)",
                {{"session", std::string(session)},
                 {"kind", std::string(name_of(grant.kind()))},
                 {"path", grant.path()}});
}

void DestinationGate::collect(telemetry::Collection& into) const {
  into.add(telemetry::Metric::DestinationsRefused, {}, refused_.load(std::memory_order_relaxed));
}

}  // namespace weir::app
