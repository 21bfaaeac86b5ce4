// The engine as a service: the composition root of `weir run`. Everything that it is made of is a
// member here, in the order in which it is built; it is taken down in the reverse order.
#pragma once

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/engine/api_module.h"
#include "app/engine/capture_module.h"
#include "app/engine/config_source.h"
#include "app/engine/destination_gate.h"
#include "app/engine/engine_news.h"
#include "app/engine/engine_view.h"
#include "app/engine/intake.h"
#include "app/engine/policy_keeper.h"
#include "app/engine/pressure_watch.h"
#include "app/engine/query_table.h"
#include "app/engine/session_table.h"
#include "app/engine/source_guard.h"
#include "app/engine/spill_registry.h"
#include "app/engine/store_registry.h"
#include "app/engine/telemetry_module.h"
#include "app/loss_notices.h"
#include "app/report.h"
#include "app/signals.h"
#include "app/systemd_notify.h"
#include "control/config_manager.h"
#include "control/engine_control.h"
#include "state/command_queue.h"
#include "state/supervisor.h"
#include "telemetry/health.h"
#include "telemetry/log.h"

namespace weir::app {

struct EngineOptions {
  std::string config_path;
  std::optional<int> ready_fd;
};

// What an engine lives in. All borrowed, outlives it.
struct EngineWorld {
  const Clock& clock;
  Intakes& intakes;
  const MemoryGauge& memory;
  Signals& signals;  // blocked already
  SystemdNotify& notify;
  storage::BlockDevices* devices = nullptr;  // storage::open_on()
};

// One thread, the engine's, but for what EngineControl promises.
class Engine final : public control::EngineControl {
 public:
  // Opens interfaces with the rights that the process has, gives up those that it needs no more,
  // opens the state and takes up the configuration: from then on packets flow.
  static Result<std::unique_ptr<Engine>> open(const EngineOptions& options,
                                              const EngineWorld& world);
  ~Engine() override;

  // Until it has drained, or failed. The error that made it fail.
  Result<void> run();
  // When it has ended, or for SIGUSR1.
  [[nodiscard]] Report report() const;
  // When it has ended: a worker did not.
  [[nodiscard]] bool has_stuck_workers() const { return !capture_->closed(); }

  // EngineControl: any thread.
  [[nodiscard]] control::EngineStatus status() const override { return view_->status(); }
  [[nodiscard]] std::vector<control::SessionStatus> sessions() const override;
  [[nodiscard]] std::optional<control::SessionStatus> session(std::string_view name) const override;
  [[nodiscard]] std::vector<control::InterfaceStatus> interfaces() const override;
  [[nodiscard]] control::PressureStatus pressure() const override { return pressure_->status(); }
  [[nodiscard]] std::vector<control::GenerationStatus> generations() const override;
  [[nodiscard]] control::SecurityStatus security() const override { return sources_->status(); }
  [[nodiscard]] control::ConfigDocument configuration() const override;
  [[nodiscard]] Result<std::vector<control::JournalRow>> journal(
      std::uint64_t before, std::size_t rows_max) const override;
  [[nodiscard]] Result<std::vector<control::HistorySeries>> history(
      const control::HistoryQuery& query) const override;
  [[nodiscard]] std::string metrics() const override { return view_->metrics(); }
  Result<control::CommandResult> execute(const control::Command& command) override;
  Result<UniqueFd> tail(const control::TailRequest& request) override;
  Result<control::BegunQuery> begin_query(const control::PacketQuery& query) override {
    return queries_->begin(query);
  }
  [[nodiscard]] control::PolicyStatus policy() const override { return policy_->status(); }
  [[nodiscard]] std::vector<control::QueryStatus> queries() const override {
    return queries_->status();
  }
  [[nodiscard]] std::optional<control::QueryStatus> query(std::uint64_t id) const override {
    return queries_->status(id);
  }
  Result<control::QueryStatus> cancel_query(std::uint64_t id, std::string_view who) override {
    return queries_->cancel(id, who);
  }

 private:
  class Settings;  // control::ConfigParticipant for log levels, intervals and groups

  Engine(const EngineOptions& options, const EngineWorld& world);
  Result<void> open_interfaces(const control::Config& config);
  Result<void> give_up_rights(const control::Config& config);
  Result<void> open_state(const control::Config& config);
  Result<void> open_policy(const control::Config& config);
  void build_capture();
  void build_modules(const control::Config& config);
  Result<void> take_up(const control::Config& file);
  void watch_workers();

  void wait(MonotonicTime until);
  void attend(MonotonicTime now);
  void handle_signals(MonotonicTime now);
  void tell_about_links();
  void tell_about_lanes();
  void tell_about_losses(MonotonicTime now);
  void watch_for_threats(MonotonicTime now);
  void enforce_policy();
  void tell_systemd(MonotonicTime now);
  Result<void> announce();

  Result<state::CommandOutcome> carry_out(const control::Command& command);
  Result<void> post_reload(std::string who);
  Result<control::ApplyResult> reload(const control::ApplyRequest& request);
  Result<control::ApplyResult> apply_under(const security::PolicyDocument& policy,
                                           const control::Config& next,
                                           const control::ApplyRequest& request);
  static security::DestinationRulesOf rules_of(const security::DestinationRules& policy);
  Result<control::ApplyResult> apply(const control::Command& command);
  template <typename Edit>
  Result<control::ApplyResult> edit(const control::Command& command, Edit edit);
  Result<state::CommandOutcome> finish_change(const control::Command& command,
                                              Result<control::ApplyResult> applied);

  const EngineOptions options_;
  const EngineWorld world_;
  const Clock& clock_;
  UniqueFd news_fd_;

  std::unique_ptr<Intake> intake_;
  std::unique_ptr<telemetry::LogService> logs_;
  telemetry::Logger log_;
  telemetry::EventHub events_;
  telemetry::Registry registry_;
  telemetry::HealthMonitor health_;
  std::unique_ptr<EngineNews> news_;
  std::unique_ptr<storage::StateStore> store_;
  std::unique_ptr<StoredGenerations> generations_;
  std::unique_ptr<state::Journaler> journaler_;
  std::unique_ptr<PolicyKeeper> policy_;
  std::unique_ptr<capture::Orchestrator> orchestrator_;
  std::unique_ptr<CaptureCounts> counts_;
  std::unique_ptr<DestinationGate> destinations_;
  std::unique_ptr<StoreRegistry> stores_;
  SpillRegistry spills_;
  std::unique_ptr<SourceGuard> sources_;
  std::unique_ptr<SessionTable> table_;
  std::unique_ptr<PressureWatch> pressure_;
  std::unique_ptr<control::ConfigManager> config_;
  std::unique_ptr<TelemetryModule> telemetry_;
  std::unique_ptr<EngineView> view_;
  std::unique_ptr<QueryTable> queries_;
  std::unique_ptr<ApiModule> api_;
  std::unique_ptr<CaptureModule> capture_;
  std::unique_ptr<Settings> settings_;
  std::unique_ptr<state::Supervisor> supervisor_;
  std::unique_ptr<state::CommandQueue> commands_;
  std::vector<telemetry::HealthWatch> watches_;
  std::vector<telemetry::Registration> registrations_;

  std::vector<std::string> file_sessions_;
  LossNotices losses_;
  std::uint64_t policy_enforced_ = 0;  // PolicyKeeper::generation()
  MonotonicTime began_{};
  MonotonicTime next_table_{};
  MonotonicTime next_check_{};
  MonotonicTime next_watchdog_{};
  bool announced_ = false;
  bool stopping_ = false;
  bool drain_asked_ = false;
};

}  // namespace weir::app
