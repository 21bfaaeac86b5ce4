#include "app/engine/engine.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "app/engine/engine_settings.h"
#include "app/upstream.h"
#include "control/config_reader.h"
#include "security/rights.h"
#include "security/user.h"

namespace weir::app {
namespace {

using telemetry::EventKind;

constexpr Duration kCheckInterval = std::chrono::milliseconds(250);

std::string link_sentence(const interface::LinkChange& change) {
  using Kind = interface::LinkChange::Kind;
  switch (change.kind) {
    case Kind::Up:
      return "is up";
    case Kind::Down:
      return "is down";
    case Kind::Renamed:
      return "is called " + change.new_name + " now";
    case Kind::MtuChanged:
      return "has an MTU of " + std::to_string(change.new_mtu) + " now";
    case Kind::Gone:
      return "is gone";
  }
  return "";
}

Result<UniqueFd> standard_error() {
  UniqueFd fd(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!fd) return system_error(errno, "write to standard error");
  return fd;
}

Result<void> make_state_dir(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return ok();
  return system_error(error.value(), "engine.state_dir " + path);
}

telemetry::LogService::Options log_options(const control::TelemetryConfig& config) {
  return {.format =
              config.log_format == "json" ? telemetry::LogFormat::Json : telemetry::LogFormat::Text,
          .level = config.log_level,
          .levels = config.log_levels};
}

}  // namespace

Engine::Engine(const EngineOptions& options, const EngineWorld& world)
    : options_(options),
      world_(world),
      clock_(world.clock),
      news_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      events_(world.clock),
      health_(world.clock) {}

// What still runs ends before what it uses.
Engine::~Engine() {
  if (api_ != nullptr) events_.remove_observer(*api_);
  if (commands_ != nullptr) commands_->close();
  if (queries_ != nullptr) queries_->close();
  if (orchestrator_ != nullptr) orchestrator_->request_abort();
}

Result<std::unique_ptr<Engine>> Engine::open(const EngineOptions& options,
                                             const EngineWorld& world) {
  WEIR_TRY(const control::Config file, control::load_config(options.config_path));
  std::unique_ptr<Engine> engine(new Engine(options, world));
  if (!engine->news_fd_) return system_error(errno, "create an event descriptor");
  engine->began_ = world.clock.monotonic();
  // With all rights, and while there is one thread: interfaces, then the change of user.
  WEIR_CHECK(make_state_dir(file.engine.state_dir));
  WEIR_CHECK(engine->open_interfaces(file));
  WEIR_CHECK(engine->give_up_rights(file));
  // From here on threads.
  WEIR_TRY(UniqueFd log_fd, standard_error());
  engine->logs_ = std::make_unique<telemetry::LogService>(world.clock, std::move(log_fd),
                                                          log_options(file.telemetry));
  engine->log_ = engine->logs_->logger("app");
  engine->intake_->tell(file.interfaces, engine->logs_->logger("interface"));
  WEIR_CHECK(engine->open_state(file));
  WEIR_CHECK(engine->open_policy(file));
  engine->build_capture();
  engine->build_modules(file);
  WEIR_CHECK(engine->take_up(file));
  return engine;
}

Result<void> Engine::open_interfaces(const control::Config& config) {
  WEIR_TRY(intake_, world_.intakes.open(config.interfaces, clock_));
  return ok();
}

// Later only filters are loaded into the kernel and files made.
Result<void> Engine::give_up_rights(const control::Config& config) {
  std::vector<security::Capability> keep = {security::Capability::Bpf};
  const std::string& user = config.engine.user;
  if (!user.empty()) {
    WEIR_TRY(const security::User whom, security::resolve_user(user));
    if (::geteuid() == 0 && ::chown(config.engine.state_dir.c_str(), whom.uid, whom.gid) != 0) {
      return system_error(errno, "engine.state_dir " + config.engine.state_dir);
    }
    return security::become_user(user, keep);
  }
  if (security::has(security::Capability::DacOverride)) {
    keep.push_back(security::Capability::DacOverride);
  }
  return security::drop_capabilities(keep);
}

Result<void> Engine::open_state(const control::Config& config) {
  news_ = std::make_unique<EngineNews>(events_, logs_->logger("state"));
  WEIR_TRY(auto opened, storage::StateStore::open(config.engine.state_dir + "/state.db",
                                                  {.observer = news_.get()}, clock_));
  if (!opened.warning.empty()) news_->store_warning(opened.warning);
  store_ = std::move(opened.store);
  news_->keep_sessions_in(*store_, clock_);
  generations_ = std::make_unique<StoredGenerations>(*store_);
  journaler_ = std::make_unique<state::Journaler>(*store_, clock_, news_.get());
  WEIR_TRY(const auto newest, store_->newest(0, 1));
  WEIR_TRY(commands_, state::CommandQueue::open(
                          *journaler_, {.first_id = newest.empty() ? 1 : newest.front().id + 1}));
  return ok();
}

// What the policy forbids must be known before the first packet.
Result<void> Engine::open_policy(const control::Config& config) {
  policy_ = std::make_unique<PolicyKeeper>(
      config.security,
      PolicyKeeper::Parts{
          .store = *store_, .journaler = *journaler_, .news = *news_, .clock = clock_});
  return policy_->open();
}

void Engine::build_capture() {
  orchestrator_ = std::make_unique<capture::Orchestrator>(
      intake_->lanes(), clock_, capture::OrchestratorOptions{.stay_on_cores = true});
  counts_ = std::make_unique<CaptureCounts>(*orchestrator_, &intake_->upstream());
  destinations_ = std::make_unique<DestinationGate>(*news_, clock_);
  stores_ = std::make_unique<StoreRegistry>(*news_, world_.devices);
  sources_ = std::make_unique<SourceGuard>(intake_->names(), *orchestrator_, *news_,
                                           logs_->logger("security"));
  table_ = std::make_unique<SessionTable>(
      SessionTable::Options{.interfaces = intake_->names(),
                            .lane_interfaces = intake_->lane_interfaces(),
                            .parts = {.lanes = orchestrator_->lane_count(),
                                      .destinations = destinations_.get(),
                                      .stores = stores_.get(),
                                      .spills = &spills_,
                                      .counts = counts_.get(),
                                      .clock = &clock_,
                                      .devices = world_.devices,
                                      .news_fd = news_fd_.get()},
                            .sources = sources_.get(),
                            .seed = static_cast<std::uint64_t>(clock_.wall().ns)},
      *orchestrator_, *journaler_, *news_, logs_->logger("capture"));
}

void Engine::build_modules(const control::Config& config) {
  config_ = std::make_unique<control::ConfigManager>(*generations_, clock_);
  pressure_ = std::make_unique<PressureWatch>(PressureWatch::Parts{.orchestrator = *orchestrator_,
                                                                   .sessions = *table_,
                                                                   .stores = *stores_,
                                                                   .memory = world_.memory,
                                                                   .journaler = *journaler_,
                                                                   .news = *news_,
                                                                   .clock = clock_},
                                              logs_->logger("state"), config.pressure);
  telemetry_ = std::make_unique<TelemetryModule>(config.telemetry, config.engine.state_dir,
                                                 registry_, events_, *news_, clock_);
  view_ = std::make_unique<EngineView>(EngineParts{.clock = clock_,
                                                   .intake = *intake_,
                                                   .orchestrator = *orchestrator_,
                                                   .sessions = *table_,
                                                   .config = *config_,
                                                   .store = *store_,
                                                   .journaler = *journaler_,
                                                   .registry = registry_,
                                                   .health = health_,
                                                   .telemetry = *telemetry_});
  queries_ = std::make_unique<QueryTable>(config.control.queries_max,
                                          QueryTable::Parts{.sessions = *table_,
                                                            .destinations = *destinations_,
                                                            .journaler = *journaler_,
                                                            .news = *news_,
                                                            .clock = clock_});
  api_ =
      std::make_unique<ApiModule>(config.control, config.telemetry.listen, *this, *news_, clock_);
  capture_ = std::make_unique<CaptureModule>(*orchestrator_, *table_, health_, clock_);
  settings_ = std::make_unique<Settings>(*logs_, *telemetry_, *api_, *pressure_);
  supervisor_ = std::make_unique<state::Supervisor>(
      *journaler_,
      state::Supervisor::Options{.seed = static_cast<std::uint64_t>(clock_.wall().ns)});
  health_.add_observer(*news_);
  events_.add_observer(*api_);
  for (const telemetry::Collector* collector : std::initializer_list<const telemetry::Collector*>{
           view_.get(), sources_.get(), table_.get(), pressure_.get(), stores_.get(),
           destinations_.get(), queries_.get(), telemetry_.get(), api_.get(), logs_.get(), &events_,
           &health_, policy_.get()}) {
    registrations_.push_back(registry_.add(*collector));
  }
  // What can refuse with the least to undo goes first.
  config_->add(*settings_);
  config_->add(*sources_);
  config_->add(*destinations_);
  config_->add(*table_);
}

// The configuration comes into force, and with it the workers start.
Result<void> Engine::take_up(const control::Config& file) {
  auto chosen = choose_config(file, *store_);
  if (!chosen) return std::move(chosen).error();
  file_sessions_ = chosen->file_sessions;
  table_->set_file_sessions(chosen->file_sessions);
  table_->set_finished(chosen->finished);
  table_->set_cause("engine", chosen->why);
  enforce_policy();
  table_->spare_api_sessions(true);
  WEIR_TRY(const auto applied,
           config_->start(chosen->config, {.who = "engine", .why = chosen->why}));
  table_->spare_api_sessions(false);
  if (table_->start_error()) return *table_->start_error();
  journaler_->set_generation(applied.generation);
  WEIR_CHECK(remember_file(file, *store_));
  watch_workers();
  pressure_->start();
  WEIR_CHECK(supervisor_->add(*capture_,
                              {.criticality = state::Criticality::Critical, .failures_max = 1}));
  WEIR_CHECK(supervisor_->add(*telemetry_, {.criticality = state::Criticality::Optional}));
  WEIR_CHECK(supervisor_->add(
      *api_, {.after = {"capture", "telemetry"}, .criticality = state::Criticality::Optional}));
  return supervisor_->start(clock_.monotonic(), {.who = "engine", .why = chosen->why});
}

void Engine::watch_workers() {
  const std::vector<std::string> names = intake_->names();
  for (std::size_t i = 0; i < orchestrator_->lane_count(); ++i) {
    const capture::Lane& lane = orchestrator_->lane(i);
    watches_.push_back(
        health_.watch("worker " + names[lane.interface.index] + "/" + std::to_string(lane.queue),
                      orchestrator_->worker(i).heartbeat()));
  }
}

Result<void> Engine::run() {
  events_.publish({.kind = EventKind::EngineStarted,
                   .module = "app",
                   .text = "the engine has started",
                   .fields = {{"version", WEIR_VERSION}}});
  while (!supervisor_->ended()) {
    const MonotonicTime now = clock_.monotonic();
    const MonotonicTime next = supervisor_->step(now);
    attend(now);
    if (supervisor_->ended()) break;
    wait(std::min({next, next_table_, next_check_}));
  }
  commands_->close();
  pressure_->stop();
  view_->refresh(*supervisor_);
  (void)logs_->flush();
  if (supervisor_->error()) return *supervisor_->error();
  if (capture_->error()) return *capture_->error();
  return ok();
}

void Engine::wait(MonotonicTime until) {
  std::array<pollfd, 5> news = {
      pollfd{world_.signals.fd(), POLLIN, 0}, pollfd{commands_->fd(), POLLIN, 0},
      pollfd{news_fd_.get(), POLLIN, 0}, pollfd{orchestrator_->ended_fd(), POLLIN, 0},
      pollfd{intake_->link_fd(), POLLIN, 0}};
  const Duration left = until - clock_.monotonic();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  (void)::poll(news.data(), news.size(), static_cast<int>(std::clamp<std::int64_t>(ms, 0, 1000)));
  if ((news[2].revents & POLLIN) != 0) {
    eventfd_t ignored = 0;
    (void)eventfd_read(news_fd_.get(), &ignored);
    next_table_ = {};
  }
}

void Engine::attend(MonotonicTime now) {
  handle_signals(now);
  commands_->run_pending();
  queries_->tend();
  if (drain_asked_ && !stopping_) {
    stopping_ = true;
    queries_->close();
    (void)world_.notify.stopping("draining");
    supervisor_->drain(now, {.who = "engine", .why = "asked to drain"});
  }
  capture_->tend();
  tell_about_lanes();
  if (now >= next_table_ && !stopping_) next_table_ = table_->tend(now);
  if (stopping_) next_table_ = now + kCheckInterval;
  tell_about_links();
  if (now >= next_check_) {
    next_check_ = now + kCheckInterval;
    health_.check();
    tell_about_losses(now);
    sources_->look(now);
    watch_for_threats(now);
    journaler_->retry();
  }
  view_->refresh(*supervisor_);
  tell_systemd(now);
}

void Engine::handle_signals(MonotonicTime now) {
  while (const auto signal = world_.signals.take()) {
    switch (*signal) {
      case SIGUSR1:
        log_.info("statistics", {{"summary", summary(report())}});
        break;
      case SIGHUP:
        (void)post_reload("signal SIGHUP");
        break;
      default:
        if (drain_asked_) orchestrator_->request_abort();
        drain_asked_ = true;
        (void)now;
    }
  }
}

void Engine::tell_about_links() {
  for (const interface::LinkChange& change : intake_->take_link_changes()) {
    const std::string sentence = link_sentence(change);
    log_.warning("an interface has changed", {{"interface", change.name}, {"what", sentence}});
    news_->publish(EventKind::InterfaceState, "interface", change.name + " " + sentence,
                   {{"interface", change.name}});
  }
}

void Engine::tell_about_lanes() {
  while (const auto fault = orchestrator_->take_lane_fault()) {
    log_.error("an interface was lost", {{"error", fault->context}});
    news_->publish(EventKind::InterfaceState, "interface", fault->context);
  }
}

void Engine::tell_about_losses(MonotonicTime now) {
  std::vector<LossCounter> counters;
  const std::vector<std::string> names = intake_->names();
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    const capture::LedgerSnapshot ledger = orchestrator_->interface_ledger({i});
    counters.push_back({.where = names[i],
                        .cause = "kernel: its ring was full",
                        .packets = ledger.dropped[static_cast<std::size_t>(DropReason::Kernel)]});
  }
  const std::string lines = losses_.look(counters, now);
  if (lines.empty()) return;
  log_.warning("packets were lost", {{"what", lines}});
  news_->publish(EventKind::PacketsLost, "capture", lines);
}

void Engine::watch_for_threats(MonotonicTime now) {
  const capture::LedgerSnapshot ledger = orchestrator_->ledger();
  telemetry::SecurityMetrics totals{.received = ledger.received,
                                    .refused_sources = sources_->refused_packets(),
                                    .refused_requests = api_->refused_requests()};
  for (std::size_t i = 0; i < ledger.malformed.size(); ++i) {
    const auto reason = static_cast<MalformedReason>(i);
    // These are no packets that somebody made so.
    if (reason == MalformedReason::None || reason == MalformedReason::UnknownLinkType ||
        reason == MalformedReason::SnappedHeader) {
      continue;
    }
    totals.malformed += ledger.malformed[i];
  }
  policy_->tend(totals, now);
  enforce_policy();
}

security::DestinationRulesOf Engine::rules_of(const security::DestinationRules& policy) {
  return {.whose = "the policy", .rules = policy};
}

// What the policy says at this level of the threat reaches sources and destinations: before the
// first packet, and whenever it changes.
void Engine::enforce_policy() {
  const std::uint64_t generation = policy_->generation();
  if (generation == policy_enforced_) return;
  const auto policy = policy_->effective();
  if (policy == nullptr) return;
  policy_enforced_ = generation;
  if (auto set = sources_->set_policy(policy->sources); !set) {
    log_.error("the policy's sources cannot be enforced", {{"error", set.error().context}});
    return;
  }
  destinations_->set_policy(rules_of(policy->destinations));
  table_->sources_changed();
  next_table_ = {};  // it looks at the destinations
  const std::string version = std::to_string(policy_->version());
  const std::string level = policy_->status().threat.level;
  news_->publish(EventKind::PolicyEnforced, "security",
                 "policy version " + version + " is enforced as the threat is " + level,
                 {{"version", version}, {"threat", level}});
}

void Engine::tell_systemd(MonotonicTime now) {
  const state::EngineState state = supervisor_->state();
  const bool up = state == state::EngineState::Running || state == state::EngineState::Degraded;
  if (up && !announced_) {
    announced_ = true;
    if (auto announced = announce(); !announced) {
      log_.error("nobody could be told", {{"error", announced.error().context}});
      drain_asked_ = true;
    }
  }
  const auto interval = world_.notify.watchdog_interval();
  if (!interval || now < next_watchdog_) return;
  next_watchdog_ = now + *interval / 3;
  (void)world_.notify.watchdog();
}

Result<void> Engine::announce() {
  for (const std::string& name : intake_->names()) {
    log_.info("every packet from now on is seen", {{"interface", name}, {"mode", "afpacket"}});
  }
  WEIR_CHECK(world_.notify.ready("capturing"));
  if (!options_.ready_fd) return ok();
  const UniqueFd ready(*options_.ready_fd);
  const char byte = '\n';
  if (::write(ready.get(), &byte, 1) != 1) {
    return system_error(errno, "--ready-fd " + std::to_string(*options_.ready_fd));
  }
  return ok();
}

Report Engine::report() const {
  const std::vector<std::string> names = intake_->names();
  std::string source;
  for (const std::string& name : names) source += (source.empty() ? "" : ",") + name;
  Report report{.command = "run",
                .source = source,
                .capture_mode = "afpacket",
                .prefilter = orchestrator_->prefilter(),
                .ledger = orchestrator_->ledger()};
  report.upstream = intake_->upstream().rows();
  report.elapsed = clock_.monotonic() - began_;
  report.reason = capture::ExitReason::Signal;
  for (std::size_t i = 0; i < orchestrator_->lane_count(); ++i) {
    const capture::Lane& lane = orchestrator_->lane(i);
    report.workers.push_back({.interface = names[lane.interface.index],
                              .queue = lane.queue,
                              .core = orchestrator_->lane_core(i),
                              .ledger = orchestrator_->lane_ledger(i)});
  }
  report.sessions = table_->reports();
  return report;
}

std::vector<control::SessionStatus> Engine::sessions() const { return table_->status(); }
std::optional<control::SessionStatus> Engine::session(std::string_view name) const {
  return table_->status(name);
}
std::vector<control::InterfaceStatus> Engine::interfaces() const { return view_->interfaces(); }
std::vector<control::GenerationStatus> Engine::generations() const { return view_->generations(); }
control::ConfigDocument Engine::configuration() const { return view_->configuration(); }
Result<std::vector<control::JournalRow>> Engine::journal(std::uint64_t before,
                                                         std::size_t rows_max) const {
  return view_->journal(before, rows_max);
}
Result<std::vector<control::HistorySeries>> Engine::history(
    const control::HistoryQuery& query) const {
  return telemetry_->history(query);
}

}  // namespace weir::app
