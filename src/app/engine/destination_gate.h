// Where the outputs of a running engine may go, by the rules that are in force: asked when they are
// opened, and again when the rules have changed. A refusal is an event, and counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/engine/engine_news.h"
#include "base/clock.h"
#include "base/result.h"
#include "control/config_manager.h"
#include "security/destination_validator.h"
#include "telemetry/registry.h"

namespace weir::app {

using SharedGrant = std::shared_ptr<security::DestinationGrant>;

// How often the refusals of one session are told: the first at once, then with the number of those
// that were not told in between.
class RefusalLimit {
 public:
  static constexpr Duration kInterval = std::chrono::seconds(10);
  // Sessions that are kept apart. When there are more, those that come in addition are not told:
  // names are what a client of the API makes up.
  static constexpr std::size_t kSessionsMax = 256;

  // How many were not told before this one; nothing: it is not told either.
  std::optional<std::uint64_t> admit(const std::string& session, MonotonicTime now);

 private:
  struct Told {
    MonotonicTime at;
    std::uint64_t withheld = 0;
  };
  std::map<std::string, Told> told_;
};

// The engine's thread changes the rules and asks for grants; any thread asks for the rest.
class DestinationGate final : public control::ConfigParticipant, public telemetry::Collector {
 public:
  // Borrowed.
  DestinationGate(EngineNews& news, const Clock& clock);

  // ConfigParticipant. Between stage() and commit() grants are by the rules to come.
  [[nodiscard]] std::string_view name() const noexcept override { return "destinations"; }
  Result<void> stage(const control::Config& now, const control::Config& next,
                     std::uint64_t generation) override;
  void commit() noexcept override { take_staged(); }
  void roll_back() noexcept override;
  // Whether what is staged has other rules.
  [[nodiscard]] bool moves() const { return staged_ != nullptr; }

  // Rules beside those of the configuration, which must allow as well; nothing: none. They are in
  // force at once, and SessionTable::tend() acts by them.
  void set_policy(std::optional<security::DestinationRulesOf> rules);

  // For an output of the session. Errors: DestinationValidator::validate().
  Result<SharedGrant> grant(std::string_view session, security::DestinationKind kind,
                            const std::string& path);
  // For what was granted under other rules: why it is refused now. Nothing: it is not.
  std::optional<Error> refusal_of(std::string_view session,
                                  const security::DestinationGrant& grant);
  // It leads where its path leads, but the rules name directories now: only opening it anew
  // confines it.
  [[nodiscard]] bool must_reopen(const security::DestinationGrant& grant) const {
    return !grant.confined() && validator()->confines();
  }
  // Of tails and queries.
  Result<void> allow(std::string_view session, security::DestinationKind kind);
  // The same, told to nobody.
  [[nodiscard]] bool allows(security::DestinationKind kind) const;
  // Of the rules; changes with them.
  [[nodiscard]] std::uint64_t generation() const { return validator()->generation(); }
  // Somebody has made what a grant's path leads to another directory.
  void tell_moved(std::string_view session, const security::DestinationGrant& grant);

  void collect(telemetry::Collection& into) const override;

 private:
  using Shared = std::shared_ptr<const security::DestinationValidator>;
  using Rules = std::vector<security::DestinationRulesOf>;

  [[nodiscard]] Shared validator() const;
  [[nodiscard]] Shared made_of(const security::DestinationRules& configured) const;
  void take_staged() noexcept;
  Error refuse(std::string_view session, std::string_view kind, const std::string& path,
               Error error);

  EngineNews& news_;
  const Clock& clock_;
  // The engine's thread.
  security::DestinationRules configured_;
  std::optional<security::DestinationRules> next_configured_;
  std::optional<security::DestinationRulesOf> policy_;
  Shared staged_;

  mutable std::mutex mutex_;  // guards the next two
  Shared validator_;
  RefusalLimit limit_;
  std::atomic<std::uint64_t> refused_ = 0;
};

}  // namespace weir::app
