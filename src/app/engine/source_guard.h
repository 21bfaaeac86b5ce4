// Where the packets of a running engine may come from: the rules in force, and who is told of
// packets from elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/engine/engine_news.h"
#include "capture/orchestrator.h"
#include "control/config_manager.h"
#include "control/engine_control.h"
#include "security/source_account.h"
#include "telemetry/collection.h"
#include "telemetry/registry.h"

namespace weir::app {

// A participant of the configuration that goes before the sessions: their table asks it for what
// the plans of the workers have to check. The engine's thread, but for what says otherwise.
class SourceGuard final : public control::ConfigParticipant, public telemetry::Collector {
 public:
  // An event of each kind of refusal at most once in this time.
  static constexpr Duration kInterval = std::chrono::seconds(5);

  // `interfaces`: names by InterfaceId. All borrowed.
  SourceGuard(std::vector<std::string> interfaces, const capture::Orchestrator& orchestrator,
              EngineNews& news, telemetry::Logger log);

  // ConfigParticipant.
  [[nodiscard]] std::string_view name() const noexcept override { return "sources"; }
  Result<void> stage(const control::Config& now, const control::Config& next,
                     std::uint64_t generation) override;
  void commit() noexcept override;
  void roll_back() noexcept override { staged_.reset(); }

  // Of the next plan: what is staged, else what is in force.
  [[nodiscard]] const security::SourceValidator& validator() const noexcept {
    return staged_ ? staged_->validator : validator_;
  }
  // Rules beside those of the configuration, which must let a packet as well; nothing: none. Of the
  // next plan. Errors: those of SourceValidator::compile(), which change nothing.
  Result<void> set_policy(std::optional<security::SourceRules> rules);

  // Packets from where none may come; not those that a block turned away.
  [[nodiscard]] std::uint64_t refused_packets() const;
  // Makes events of what was refused since the last look.
  void look(MonotonicTime now);

  // Any thread.
  [[nodiscard]] control::SecurityStatus status() const;
  void collect(telemetry::Collection& into) const override;

 private:
  struct Staged {
    security::SourceRules rules;
    security::SourceValidator validator;
  };
  struct Told {
    std::uint64_t packets = 0;
    MonotonicTime at;
  };
  [[nodiscard]] static Result<security::SourceValidator> made_of(
      const security::SourceRules& configured, const std::optional<security::SourceRules>& policy);
  using Counts = std::array<std::uint64_t, security::kSourceRefusals>;

  [[nodiscard]] Counts refused() const;
  [[nodiscard]] std::optional<security::SourceExample> example(security::SourceRefusal kind) const;
  void tell(security::SourceRefusal kind, std::uint64_t packets, std::uint64_t total);

  const std::vector<std::string> interfaces_;
  const capture::Orchestrator& orchestrator_;
  EngineNews& news_;
  const telemetry::Logger log_;
  std::optional<Staged> staged_;
  security::SourceValidator validator_;
  std::array<Told, security::kSourceRefusals> told_;
  mutable std::mutex mutex_;  // guards the next two; the engine's thread writes them
  security::SourceRules rules_;
  std::optional<security::SourceRules> policy_;
};

}  // namespace weir::app
