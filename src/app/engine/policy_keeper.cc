#include "app/engine/policy_keeper.h"

#include <algorithm>
#include <utility>

#include "control/policy_reader.h"
#include "telemetry/text.h"

namespace weir::app {
namespace {

using security::PolicyEvent;
using security::PolicyRefusal;
using security::PolicyState;
using security::RefusedPolicy;
using security::ThreatLevel;
using telemetry::EventKind;
using telemetry::Metric;

// In the state store.
constexpr std::string_view kNewestKey = "newest policy";
constexpr std::string_view kThreatKey = "threat level";

std::string name_of_version(std::uint64_t version) { return "version " + std::to_string(version); }

}  // namespace

PolicyKeeper::PolicyKeeper(const control::SecurityConfig& config, const Parts& parts)
    : config_(config),
      parts_(parts),
      policy_moves_(parts.journaler, "policy"),
      threat_moves_(parts.journaler, "threat"),
      machine_(&policy_moves_),
      threat_({}, this) {
  status_.path = config.policy;
  fill_status();
}

Result<void> PolicyKeeper::open() {
  WEIR_TRY(const auto newest, parts_.store.get(kNewestKey));
  if (newest) {
    const auto mark = security::read_policy_mark(*newest);
    if (!mark) {
      return Error{.code = ErrorCode::Damaged,
                   .context = "the state does not say which policy is the newest: '" + *newest +
                              "' (move state.db away, and see to it that no older one is used)"};
    }
    newest_ = *mark;
  }
  if (!config_.policy.empty()) {
    auto key = security::load_public_key(config_.policy_key);
    if (!key) return std::move(key).error().with_context("security.policy_key");
    key_ = *key;
    WEIR_TRY(auto staged, stage("engine"));
    if (staged) commit(*std::move(staged), "engine");
  }
  return take_up_threat();
}

Result<void> PolicyKeeper::take_up_threat() {
  WEIR_TRY(const auto kept, parts_.store.get(kThreatKey));
  const auto level = security::parse_threat_level(kept.value_or("normal"));
  // What nobody understands is no reason to begin at ease.
  threat_.begin_at(level.value_or(ThreatLevel::Critical),
                   {.who = "engine", .why = "as it was when the engine ended"});
  refresh();
  return ok();
}

std::variant<PolicyKeeper::Staged, RefusedPolicy> PolicyKeeper::read() const {
  auto loaded = security::load_signed_text(config_.policy, key_);
  if (auto* refused = std::get_if<RefusedPolicy>(&loaded)) return std::move(*refused);
  auto& signed_text = std::get<security::SignedText>(loaded);
  control::PolicyOutcome outcome = control::read_policy(signed_text.text);
  if (!outcome.ok()) {
    return RefusedPolicy{.reason = PolicyRefusal::Malformed,
                         .error = control::error_of(outcome.problems, config_.policy)};
  }
  auto refused =
      security::refusal_of(outcome.document, signed_text.digest, newest_, parts_.clock.wall());
  if (refused) {
    refused->error = std::move(refused->error).with_context(config_.policy);
    return *std::move(refused);
  }
  return Staged{.document = std::move(outcome.document), .digest = std::move(signed_text.digest)};
}

Result<std::optional<PolicyKeeper::Staged>> PolicyKeeper::stage(std::string_view who) {
  if (config_.policy.empty()) return std::optional<Staged>();
  auto outcome = read();
  if (auto* refused = std::get_if<RefusedPolicy>(&outcome)) return refuse(std::move(*refused), who);
  auto& staged = std::get<Staged>(outcome);
  if (document_ && staged.digest == digest_) return std::optional<Staged>();
  // Remembered before it is in force: what was once accepted cannot be taken back by an older one.
  security::PolicyMark mark{.version = staged.document.version, .digest = staged.digest};
  if (mark != newest_) {
    if (auto kept = parts_.store.put(kNewestKey, text_of(mark)); !kept) {
      return refuse({.reason = PolicyRefusal::NotKept,
                     .error = std::move(kept).error().with_context("remember the policy")},
                    who);
    }
    newest_ = std::move(mark);
  }
  return std::optional<Staged>(std::move(staged));
}

Error PolicyKeeper::refuse(RefusedPolicy refused, std::string_view who) {
  Error error = std::move(refused.error).with_context("policy refused");
  ++refusals_;
  (void)machine_.handle(PolicyEvent::Refuse, {.who = who, .why = error.context});
  ++refused_.at(static_cast<std::size_t>(refused.reason));
  refusal_ = error.context;
  refresh();
  parts_.news.publish(EventKind::PolicyRefused, "security", error.context,
                      {{"reason", std::string(name_of(refused.reason))},
                       {"who", std::string(who)},
                       {"error", error.context}});
  return error;
}

void PolicyKeeper::commit(Staged staged, std::string_view who) {
  document_ = std::move(staged.document);
  digest_ = std::move(staged.digest);
  threat_.set_limits(document_->threat);
  refusal_.clear();
  const std::string name = name_of_version(document_->version);
  (void)machine_.handle(PolicyEvent::Load, {.who = who, .why = name});
  stale_ = true;
  refresh();
  parts_.news.publish(
      EventKind::PolicyLoaded, "security",
      "policy " + name + " is in force until " + telemetry::rfc3339(document_->expires),
      {{"version", std::to_string(document_->version)},
       {"expires", telemetry::rfc3339(document_->expires)},
       {"who", std::string(who)}});
}

void PolicyKeeper::tend(telemetry::SecurityMetrics totals, MonotonicTime now) {
  expire_if_due();
  totals.policy_refusals = refusals_;
  threat_.on_security(totals, now);
  refresh();
}

void PolicyKeeper::expire_if_due() {
  if (!document_ || machine_.state() != PolicyState::Loaded) return;
  if (parts_.clock.wall() < document_->expires) return;
  const std::string text = "policy " + name_of_version(document_->version) + " expired " +
                           telemetry::rfc3339(document_->expires) +
                           ": it stays in force, and the next start needs a new one";
  (void)machine_.handle(PolicyEvent::Expire, {.who = "monitor", .why = text});
  refresh();
  parts_.news.publish(EventKind::PolicyExpired, "security", text,
                      {{"version", std::to_string(document_->version)},
                       {"expires", telemetry::rfc3339(document_->expires)}});
}

// An expired document is not trusted to let in again what a higher level had shut out.
ThreatLevel PolicyKeeper::level_in_force() const {
  const ThreatLevel threat = threat_.level();
  return machine_.state() == PolicyState::Expired ? std::max(threat, level_) : threat;
}

// What other threads see changes at once, and before anybody is told of it.
void PolicyKeeper::refresh() {
  const ThreatLevel level = level_in_force();
  {
    const std::lock_guard lock(mutex_);
    if (document_ && (stale_ || level != level_)) {
      effective_ = std::make_shared<const security::EffectivePolicy>(
          security::effective_policy(*document_, level));
      generation_.fetch_add(1);
    }
    stale_ = false;
    level_ = level;
    fill_status();
  }
  if (!threat_move_) return;
  const ThreatMove move = *std::exchange(threat_move_, std::nullopt);
  if (auto kept = parts_.store.put(kThreatKey, move.to); !kept) {
    parts_.news.publish(EventKind::StoreFailed, "storage",
                        "the level of the threat was not kept: " + kept.error().context,
                        {{"store", "state"}});
  }
  parts_.news.publish(EventKind::ThreatChanged, "security",
                      "the threat is " + move.to + ": " + move.why,
                      {{"from", move.from}, {"to", move.to}, {"why", move.why}});
}

void PolicyKeeper::fill_status() {
  status_.state = std::string(machine_.state_name());
  status_.newest_version = newest_.version;
  status_.level = std::string(security::kThreatTable.name_of(level_));
  status_.refusal = refusal_;
  status_.refused.clear();
  for (std::size_t i = 0; i < refused_.size(); ++i) {
    if (refused_.at(i) == 0) continue;
    status_.refused.emplace_back(name_of(static_cast<PolicyRefusal>(i)), refused_.at(i));
  }
  if (document_) {
    status_.version = document_->version;
    status_.digest = digest_;
    status_.issued = document_->issued;
    status_.expires = document_->expires;
    status_.block = effective_->sources.block;
  }
  const telemetry::SecurityMetrics& recent = threat_.recent();
  control::ThreatStatus& threat = status_.threat;
  threat.level = std::string(threat_.level_name());
  threat.received = recent.received;
  threat.malformed = recent.malformed;
  threat.refused_sources = recent.refused_sources;
  threat.refused_requests = recent.refused_requests;
  threat.policy_refusals = recent.policy_refusals;
  if (!threat_move_) return;
  threat.since = parts_.clock.wall();
  threat.why = threat_move_->why;
}

void PolicyKeeper::moved(const state::Move& move) noexcept {
  threat_moves_.moved(move);
  threat_move_ = {.from = std::string(move.from),
                  .to = std::string(move.to),
                  .why = std::string(move.cause.why)};
}

std::shared_ptr<const security::EffectivePolicy> PolicyKeeper::effective() const {
  const std::lock_guard lock(mutex_);
  return effective_;
}

control::PolicyStatus PolicyKeeper::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void PolicyKeeper::collect(telemetry::Collection& into) const {
  const control::PolicyStatus now = status();
  into.add(Metric::ThreatLevel, {},
           static_cast<std::uint64_t>(
               security::parse_threat_level(now.threat.level).value_or(ThreatLevel::Normal)));
  into.add(Metric::PolicyVersion, {}, now.version);
  if (now.version != 0) {
    into.add(Metric::PolicyExpires, {}, static_cast<double>(now.expires.ns) / 1e9);
  }
  for (const auto& [reason, documents] : now.refused) {
    into.add(Metric::PolicyRefused, {reason}, documents);
  }
}

}  // namespace weir::app
