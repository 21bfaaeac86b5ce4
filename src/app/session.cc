#include "app/session.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "app/analysis.h"
#include "app/attendant.h"
#include "app/sinks.h"
#include "capture/lane_plan.h"
#include "output/interface_counts.h"
#include "security/rights.h"

namespace weir::app {
namespace {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

bool is_live(const SessionSources& sources) { return !sources.lanes.front().source->lossless(); }

// The running session: what its reports are made of.
struct Running {
  const SessionOptions& options;
  const SessionSources& sources;
  const capture::Orchestrator& orchestrator;
  const std::vector<std::unique_ptr<output::Sink>>& sinks;
  const Analysis* analysis;  // null: none was asked for
};

WorkerReport worker_report(const Running& running, std::size_t index) {
  const capture::Lane& lane = running.orchestrator.lane(index);
  const bool live = !lane.source->lossless();
  return {.interface = live ? lane.source->interfaces().at(lane.interface).name : "",
          .queue = lane.queue,
          .core = running.orchestrator.lane_core(index),
          .ledger = running.orchestrator.lane_ledger(index)};
}

Report report_of(const Running& running) {
  Report report{.command = running.options.command,
                .source = running.options.source_name,
                .capture_mode = std::string(running.sources.lanes.front().source->mode()),
                .timestamps = running.sources.timestamps,
                .filter = running.options.pipeline.filter,
                .prefilter = running.orchestrator.prefilter(),
                .ledger = running.orchestrator.ledger()};
  for (const auto& sink : running.sinks) add_reports(*sink, report.outputs);
  for (std::size_t i = 0; i < running.orchestrator.lane_count(); ++i) {
    report.workers.push_back(worker_report(running, i));
  }
  if (running.analysis != nullptr) report.analysis = running.analysis->report();
  if (running.sources.upstream != nullptr) report.upstream = running.sources.upstream->rows();
  return report;
}

// When all workers have ended.
Report final_report(const Running& running) {
  Report report = report_of(running);
  report.outputs.clear();
  for (const auto& sink : running.sinks) add_final_reports(*sink, report.outputs);
  for (std::size_t i = 0; i < report.workers.size(); ++i) {
    report.workers[i].times = running.orchestrator.lane_times(i);
  }
  const capture::Outcome outcome = running.orchestrator.outcome();
  report.times = running.orchestrator.times();
  report.elapsed = outcome.elapsed;
  report.reason = outcome.reason;
  report.error = outcome.error;
  return report;
}

// Tells whoever waits that every packet from now on is seen: a line for people, a byte for
// programs.
Result<void> announce(const SessionOptions& options, const SessionSources& sources) {
  const interface::Source& source = *sources.lanes.front().source;
  for (std::uint32_t i = 0; i < source.interfaces().count(); ++i) {
    print("weir: capturing on " + source.interfaces().at({i}).name + " (" +
          std::string(source.mode()) + ")\n");
  }
  if (!options.ready_fd) return ok();
  UniqueFd ready(*options.ready_fd);
  const char byte = '\n';
  if (::write(ready.get(), &byte, 1) != 1) {
    return system_error(errno, "--ready-fd " + std::to_string(*options.ready_fd));
  }
  return ok();
}

// The session may write new files later; for everything else no right is needed any more.
Result<void> give_up_rights(const SessionOptions& options) {
  std::vector<security::Capability> keep;
  if (options.rotation.any()) {
    for (const std::string& path : options.pipeline.write_paths) {
      const auto needed = security::capabilities_to_write_beside(path);
      keep.insert(keep.end(), needed.begin(), needed.end());
    }
  }
  for (const std::string& store : options.pipeline.store.paths) {
    const auto needed = security::capabilities_to_write_beside(store + "/segment");
    keep.insert(keep.end(), needed.begin(), needed.end());
  }
  if (const std::string& spill = options.pipeline.spill.path; !spill.empty()) {
    const auto needed = security::capabilities_to_write_beside(spill + "/segment");
    keep.insert(keep.end(), needed.begin(), needed.end());
  }
  // Logs come into being with their first record.
  if (const std::string& logs = options.pipeline.analysis.logs_path; !logs.empty()) {
    const auto needed = security::capabilities_to_write_beside(logs + "/conn.log");
    keep.insert(keep.end(), needed.begin(), needed.end());
  }
  return security::drop_capabilities(keep);
}

// `read` and `capture` are one session built from their flags.
capture::CapturePlan plan_of(const SessionOptions& options, capture::SessionPlan session) {
  session.filter = options.pipeline.filter;
  session.scope = options.pipeline.scope;
  session.snaplen = options.snaplen;
  return {.generation = 1, .sessions = {std::move(session)}};
}

Result<void> try_filter(const capture::Orchestrator& orchestrator, const SessionOptions& options) {
  capture::Session session("trial", orchestrator.lane_count());
  WEIR_TRY(const capture::StagedPlan plan,
           orchestrator.stage(plan_of(options, {.session = &session})));
  return ok();
}

int finish(const Report& report, StatsFile& stats) {
  int status = report.error ? report_error(*report.error) : 0;
  if (auto written = stats.write(report); !written)
    status = std::max(status, report_error(written.error()));
  return status;
}

}  // namespace

int report_error(const Error& error) {
  print("weir: " + error.context + "\n");
  return exit_status(error.code);
}

Result<StatsFile> StatsFile::open(const std::string& path) {
  if (path.empty()) return StatsFile(path, UniqueFd());
  UniqueFd fd(path == "-" ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                          : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return system_error(errno, "--stats-json " + path);
  return StatsFile(path, std::move(fd));
}

Result<void> StatsFile::write(const Report& report) {
  if (!fd_) return ok();
  const std::string text = stats_json(report) + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(fd_.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, "--stats-json " + path_);
    done += static_cast<std::size_t>(n);
  }
  return ok();
}

namespace {

// Packets in a store are found by the uids of their flows, which only the thread that stores them
// can know in time. The logs are the same.
Result<std::unique_ptr<Analysis>> open_for_source(const PipelineOptions& wanted,
                                                  const Clock& clock) {
  AnalysisOptions analysis = wanted.analysis;
  if (!wanted.store.paths.empty() && analysis.workers > 1) {
    print(
        "weir: --workers " + std::to_string(analysis.workers) +
        ": with --store one thread reads, analyses and stores (its index has the uids of flows)\n");
    analysis.workers = 1;
  }
  return Analysis::open_for_source(analysis, clock);
}

}  // namespace

int run_session(const SessionOptions& options, const SessionSources& sources, Signals& signals,
                StatsFile& stats, const Clock& clock) {
  const bool live = is_live(sources);
  const auto fail = [&](Error error) {
    return fail_session(options, std::string(sources.lanes.front().source->mode()).c_str(),
                        std::move(error), stats);
  };
  const PipelineOptions& wanted = options.pipeline;
  const std::size_t lanes = sources.lanes.size();
  const bool whole_frame = wanted.scope == filter::Scope::Frame;
  capture::Orchestrator orchestrator(
      sources.lanes, clock,
      {.stay_on_cores = live, .prefilter = live && whole_frame ? wanted.filter : ""});
  // The filter is tried before the output is opened, so that a typing error destroys no file.
  if (auto tried = try_filter(orchestrator, options); !tried) {
    return fail(std::move(tried).error());
  }
  const CaptureCounts counts(orchestrator, sources.upstream);
  auto opened_sinks = [&] {
    const SignalsEndTheProcess while_it_waits;
    return open_sinks({.paths = options.pipeline.write_paths,
                       .store = options.pipeline.store,
                       .spill = options.pipeline.spill,
                       .workers = static_cast<std::uint32_t>(lanes),
                       .live = live,
                       .rotation = options.rotation,
                       .counts = live ? &counts : nullptr,
                       .clock = &clock});
  }();
  if (!opened_sinks) return fail(std::move(opened_sinks).error());
  const auto& sinks = opened_sinks->sinks;
  std::unique_ptr<Analysis> analysis;
  if (!options.pipeline.analysis.logs_path.empty()) {
    auto opened =
        live ? Analysis::open_for_lanes(wanted.analysis, static_cast<std::uint32_t>(lanes), clock)
             : open_for_source(wanted, clock);
    if (!opened) return fail(std::move(opened).error());
    analysis = std::move(*opened);
  }
  if (live) {
    if (auto given_up = give_up_rights(options); !given_up) return fail(given_up.error());
  }
  if (analysis != nullptr) analysis->start();
  std::vector<output::Sink*> borrowed;
  for (const auto& sink : sinks) borrowed.push_back(sink.get());

  std::vector<capture::DeepStage*> stages;
  for (std::size_t i = 0; analysis != nullptr && i < lanes; ++i) {
    stages.push_back(&analysis->stage(i));
  }
  capture::Session session("default", lanes, {.packets_max = wanted.accepted_max});
  capture::SessionOutputs outputs(borrowed, lanes);
  std::optional<capture::SessionAnalysis> analysed;
  if (!stages.empty()) analysed.emplace(std::move(stages));
  auto plan = orchestrator.stage(plan_of(
      options,
      {.session = &session, .outputs = &outputs, .analysis = analysed ? &*analysed : nullptr}));
  if (!plan) return fail(std::move(plan).error());
  if (auto started = orchestrator.start(std::move(*plan)); !started) {
    return fail(std::move(started).error());
  }
  std::optional<Error> not_announced;
  if (live) {
    if (auto announced = announce(options, sources); !announced) {
      not_announced = std::move(announced).error();
      orchestrator.request_stop(capture::ExitReason::Error);
    }
  }
  const Running running{options, sources, orchestrator, sinks, analysis.get()};
  Attendant({.orchestrator = orchestrator,
             .sinks = borrowed,
             .store_notices = *opened_sinks->notices,
             .analysis = analysis.get(),
             .links = sources.links,
             .signals = signals,
             .clock = clock},
            options.title, options.duration, [&] { return summary(report_of(running)); })
      .attend();
  orchestrator.join();
  for (const std::string& notice : opened_sinks->notices->take()) print("weir: " + notice + "\n");
  for (const auto& sink : sinks) {
    if (const auto warning = sink->take_warning()) print("weir: " + warning->context + "\n");
  }
  Result<void> logs_closed = analysis != nullptr ? analysis->close() : ok();

  Report report = final_report(running);
  if (!logs_closed && !report.error) {
    report.error = std::move(logs_closed).error();
    report.reason = capture::ExitReason::Error;
  }
  if (not_announced && !report.error) report.error = not_announced;
  print(summary(report));
  return finish(report, stats);
}

int fail_session(const SessionOptions& options, const char* capture_mode, Error error,
                 StatsFile& stats) {
  Report report{.command = options.command,
                .source = options.source_name,
                .capture_mode = capture_mode,
                .filter = options.pipeline.filter};
  report.reason = capture::ExitReason::Error;
  report.error = std::move(error);
  return finish(report, stats);
}

}  // namespace weir::app
