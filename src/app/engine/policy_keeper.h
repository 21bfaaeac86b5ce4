// The policy document of a running engine, and the level of the threat: what is in force, what is
// put in its place, and what the two make of each other.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "app/engine/engine_news.h"
#include "base/clock.h"
#include "control/config.h"
#include "control/policy_status.h"
#include "security/policy.h"
#include "security/policy_state.h"
#include "security/signed_policy.h"
#include "security/threat.h"
#include "state/journaler.h"
#include "storage/state_store.h"
#include "telemetry/registry.h"
#include "telemetry/security_metrics.h"

namespace weir::app {

// The engine's thread, but for what says otherwise.
class PolicyKeeper final : public telemetry::Collector, private state::MachineObserver {
 public:
  // All borrowed.
  struct Parts {
    storage::StateStore& store;
    state::Journaler& journaler;
    EngineNews& news;
    const Clock& clock;
  };
  PolicyKeeper(const control::SecurityConfig& config, const Parts& parts);

  // Before the first packet: reads the key, puts the document in force, and takes up the threat
  // where the engine left it. Errors: those of the files, Usage for a key or a text that is none,
  // Damaged for a document that must not be put in force. Without a document in the configuration
  // there is nothing to refuse.
  Result<void> open();

  // A document that commit() puts in force.
  struct Staged {
    security::PolicyDocument document;
    std::string digest;
  };
  // Reads the document again. Nothing: it is the one in force. Refused, it has been told, and the
  // one in force stays.
  Result<std::optional<Staged>> stage(std::string_view who);
  void commit(Staged staged, std::string_view who);

  // Several times a second. `totals` without policy_refusals, which are known here.
  void tend(telemetry::SecurityMetrics totals, MonotonicTime now);

  // Any thread. What sources and destinations are judged by, and a number that grows when it
  // changes; 0, and nothing: no document is in force.
  [[nodiscard]] std::shared_ptr<const security::EffectivePolicy> effective() const;
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_.load(); }
  [[nodiscard]] control::PolicyStatus status() const;
  void collect(telemetry::Collection& into) const override;

  [[nodiscard]] std::uint64_t version() const noexcept {
    return document_ ? document_->version : 0;
  }
  [[nodiscard]] security::ThreatLevel threat() const noexcept { return threat_.level(); }

 private:
  struct ThreatMove {
    std::string from;
    std::string to;
    std::string why;
  };

  // Of the machine of the threat.
  void moved(const state::Move& move) noexcept override;

  Result<void> take_up_threat();
  std::variant<Staged, security::RefusedPolicy> read() const;
  Error refuse(security::RefusedPolicy refused, std::string_view who);
  void expire_if_due();
  [[nodiscard]] security::ThreatLevel level_in_force() const;
  void refresh();
  void fill_status();  // mutex_ is held

  const control::SecurityConfig config_;
  const Parts parts_;
  state::MoveRecorder policy_moves_;
  state::MoveRecorder threat_moves_;
  state::Machine<security::kPolicyTable> machine_;
  security::ThreatGauge threat_;
  security::PublicKey key_;
  security::PolicyMark newest_;
  std::optional<security::PolicyDocument> document_;
  std::string digest_;
  std::uint64_t refusals_ = 0;
  std::array<std::uint64_t, security::kPolicyRefusals> refused_{};
  std::string refusal_;  // the last one, since the last document was put in force
  security::ThreatLevel level_ = security::ThreatLevel::Normal;  // that effective() follows
  bool stale_ = false;                     // effective() is that of another document
  std::optional<ThreatMove> threat_move_;  // that nobody has been told of

  std::atomic<std::uint64_t> generation_ = 0;
  mutable std::mutex mutex_;  // guards the rest
  std::shared_ptr<const security::EffectivePolicy> effective_;
  control::PolicyStatus status_;
};

}  // namespace weir::app
