// The sessions of a running engine: what the configuration wants of them, what they have open, and
// the plan that the workers act by. A change of the configuration is staged here (outputs opened,
// filters and rules compiled), and comes into force for all sessions at once, between two batches.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/engine/session_entry.h"
#include "app/engine/session_observer.h"
#include "app/engine/source_guard.h"
#include "capture/orchestrator.h"
#include "control/config_manager.h"
#include "control/engine_control.h"
#include "telemetry/collection.h"
#include "telemetry/log.h"
#include "telemetry/registry.h"

namespace weir::app {

// The engine's thread, but for what says otherwise.
class SessionTable final : public control::ConfigParticipant, public telemetry::Collector {
 public:
  struct Options {
    std::vector<std::string> interfaces;       // by InterfaceId
    std::vector<std::size_t> lane_interfaces;  // by lane: into `interfaces`
    PartsContext parts;
    const SourceGuard* sources = nullptr;  // commits before the table
    std::uint64_t seed = 1;
  };
  // All borrowed, and outlive the table.
  SessionTable(Options options, capture::Orchestrator& orchestrator, state::Journaler& journaler,
               SessionObserver& observer, telemetry::Logger log);
  ~SessionTable() override;

  // ConfigParticipant.
  [[nodiscard]] std::string_view name() const noexcept override { return "sessions"; }
  Result<void> stage(const control::Config& now, const control::Config& next,
                     std::uint64_t generation) override;
  void commit() noexcept override;
  void roll_back() noexcept override;

  // The next commit is asked for by this one: for the journal.
  void set_cause(std::string who, std::string why);
  // Sessions that the configuration file does not have.
  void set_file_sessions(std::vector<std::string> names) { file_sessions_ = std::move(names); }
  // From here on a configuration is put in force although security does not let sessions send
  // packets that the API has made and this configuration does not change: they fail. Else it is
  // refused. An operator's session must not keep an administrator from tightening the rules.
  void spare_api_sessions(bool spared) { spared_ = spared; }
  // That had reached their limits before a restart: they stay finished.
  void set_finished(std::vector<std::string> names) { finished_before_ = std::move(names); }

  // The first commit starts the workers: why they did not.
  [[nodiscard]] const std::optional<Error>& start_error() const noexcept { return start_error_; }
  // Limits that are reached, outputs that failed, sessions to try again, tails whose reader is
  // gone. Returns when it must be called again at the latest.
  MonotonicTime tend(MonotonicTime now);
  // A session of its own that shows what another one accepts, or what of that matches a filter too:
  // the read end of its pipe.
  Result<UniqueFd> tail(const control::TailRequest& request);
  // SourceGuard has another validator: the workers act by it when this returns, as after commit().
  void sources_changed();
  // After the workers have ended: closes everything. The first error.
  Result<void> close();

  // Any thread.
  [[nodiscard]] std::vector<control::SessionStatus> status() const;
  [[nodiscard]] std::optional<control::SessionStatus> status(std::string_view name) const;
  // The directories of its store. Errors: NotFound, Usage for a session without one.
  [[nodiscard]] Result<std::vector<std::string>> stores_of(std::string_view session) const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::vector<SessionReport> reports() const;
  // Packets judged under each generation of the configuration.
  [[nodiscard]] std::vector<std::pair<std::uint64_t, std::uint64_t>> generation_packets() const;
  void collect(telemetry::Collection& into) const override;
  // Those that are in the plan, tails too. They do not change meanwhile, nor does what they have
  // open go.
  template <typename Look>
  void look_at_open(Look&& look) const {
    const std::lock_guard lock(mutex_);
    for (const auto* list : {&entries_, &tails_}) {
      for (const auto& entry : *list) {
        if (entry->open()) look(entry);
      }
    }
  }

 private:
  // What a session will be when the staged configuration is committed.
  struct Staged {
    std::shared_ptr<SessionEntry> entry;  // new, or as it is now
    bool is_new = false;
    bool changed = false;
    control::SessionConfig config;
    std::vector<bool> lanes;
    SessionParts parts;            // those that stay, and new ones
    SessionParts opened;           // the new ones among them
    std::optional<Error> refused;  // it fails when this comes into force, see spare_api_sessions()
  };
  struct Staging {
    std::uint64_t generation = 0;
    std::vector<Staged> sessions;
    std::optional<capture::StagedPlan> plan;
  };

  Result<Staged> stage_session(const control::SessionConfig& config);
  Result<void> open_parts(Staged& staged, const SessionEntry* before);
  Result<std::vector<bool>> lanes_of(const control::SessionConfig& config) const;
  Result<void> try_filter(const control::SessionConfig& config) const;
  Result<void> narrow(control::SessionConfig& config, const std::string& filter) const;
  void commit_session(Staged& staged, std::uint64_t generation);

  Result<void> take_refusal(Staged& staged, Error error) const;
  Result<void> check_destinations(Staged& staged, const SessionEntry& before);
  void lose_refused(const std::vector<Staged>& staged);
  void recheck_destinations(MonotonicTime now);
  void recheck_session(SessionEntry& entry, MonotonicTime now);
  void tell_moved(SessionEntry& entry);

  void remove_missing(const std::vector<Staged>& staged);

  [[nodiscard]] SessionEntry* find(std::string_view name) const;
  [[nodiscard]] bool was_finished(std::string_view name) const;
  [[nodiscard]] capture::CapturePlan plan(const std::vector<Staged>* staged) const;
  void publish();
  void adopt(capture::StagedPlan plan);
  void retire(SessionParts parts, std::shared_ptr<SessionEntry> entry = nullptr);
  void close_retired();
  Result<void> close_parts(SessionParts& parts);

  void tell_warnings(SessionEntry& entry);
  void tend_session(const std::shared_ptr<SessionEntry>& entry, MonotonicTime now);
  void end_session(SessionEntry& entry, state::SessionEvent event, std::string_view why);
  void try_again(SessionEntry& entry, MonotonicTime now);
  void failed(SessionEntry& entry, Error error, MonotonicTime now);
  void tend_tails();
  void tell(const SessionEntry& entry) noexcept;

  const Options options_;
  capture::Orchestrator& orchestrator_;
  state::Journaler& journaler_;
  SessionObserver& observer_;
  const telemetry::Logger log_;
  std::string who_ = "engine";
  std::string why_;
  std::vector<std::string> file_sessions_;
  std::vector<std::string> finished_before_;
  bool spared_ = false;
  std::uint64_t destinations_checked_ = 0;  // DestinationGate::generation()

  bool started_ = false;
  std::optional<Error> start_error_;
  bool stale_ = false;            // the plan in force is not what the entries say
  std::uint64_t generation_ = 0;  // of the configuration
  std::uint64_t serial_ = 0;      // of the plan
  std::uint64_t tails_opened_ = 0;
  std::optional<Staging> staging_;
  // What a worker may still use: parts, and the entry of a session that is no more.
  struct Retired {
    std::shared_ptr<SessionEntry> entry;
    SessionParts parts;
  };
  std::vector<Retired> retired_;

  mutable std::mutex mutex_;  // guards the next three
  std::vector<std::shared_ptr<SessionEntry>> entries_;
  std::vector<std::shared_ptr<SessionEntry>> tails_;
  std::deque<std::pair<std::uint64_t, std::uint64_t>> serials_;  // serial, generation
};

}  // namespace weir::app
