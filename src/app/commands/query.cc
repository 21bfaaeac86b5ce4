#include "app/commands/query.h"

#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/attendant.h"
#include "app/query_report.h"
#include "app/session.h"
#include "app/signals.h"
#include "app/sinks.h"
#include "base/clock.h"
#include "capture/lane_plan.h"
#include "capture/orchestrator.h"
#include "capture/retrieval/store_source.h"

namespace weir::app {
namespace {

using capture::retrieval::StoreSource;

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

// A file in a store is one of its segments, or would look like one.
Result<void> check_outputs(const QueryOptions& options) {
  for (const std::string& path : options.write_paths) {
    struct stat beside {};
    const std::string folder = std::filesystem::path(path).parent_path().string();
    if (path == "-" || ::stat(folder.empty() ? "." : folder.c_str(), &beside) != 0) continue;
    for (const std::string& store : options.stores) {
      struct stat found {};
      if (::stat(store.c_str(), &found) == 0 && found.st_dev == beside.st_dev &&
          found.st_ino == beside.st_ino) {
        return Error{.code = ErrorCode::Usage,
                     .context = "-w " + path + ": lies in the store (name another directory)"};
      }
    }
  }
  return ok();
}

std::string title_of(const QueryOptions& options) {
  if (options.stores.size() > 1) return std::to_string(options.stores.size()) + " stores";
  std::filesystem::path store(options.stores.front());
  if (!store.has_filename()) store = store.parent_path();
  return store.filename().string();
}

// The pipeline over what the source gives: the source has judged the packets.
Result<void> run(const QueryOptions& options, StoreSource& source, Signals& signals,
                 const Clock& clock, QueryReport& report) {
  capture::Orchestrator orchestrator({{.source = &source}}, clock);
  auto opened = [&] {
    const SignalsEndTheProcess while_it_waits;
    return open_sinks({.paths = options.write_paths, .clock = &clock});
  }();
  if (!opened) return std::move(opened).error();
  std::vector<output::Sink*> sinks;
  for (const auto& sink : opened->sinks) sinks.push_back(sink.get());
  capture::Session session("default", 1, {.packets_max = options.packets_max});
  capture::SessionOutputs outputs(sinks, 1);
  WEIR_TRY(capture::StagedPlan plan,
           orchestrator.stage(
               {.generation = 1, .sessions = {{.session = &session, .outputs = &outputs}}}));
  WEIR_CHECK(orchestrator.start(std::move(plan)));
  Attendant({.orchestrator = orchestrator,
             .sinks = sinks,
             .store_notices = *opened->notices,
             .signals = signals,
             .clock = clock},
            title_of(options), std::nullopt,
            [&] {
              return "weir: found " + std::to_string(orchestrator.ledger().accepted) +
                     " packets so far\n";
            })
      .attend();
  orchestrator.join();
  const capture::LedgerSnapshot ledger = orchestrator.ledger();
  const capture::Outcome outcome = orchestrator.outcome();
  report.accepted = ledger.accepted;
  report.accepted_bytes = ledger.accepted_bytes;
  report.limited =
      outcome.reason == capture::ExitReason::Count || outcome.reason == capture::ExitReason::Signal;
  report.error = outcome.error;
  for (const auto& sink : opened->sinks) add_final_reports(*sink, report.outputs);
  return ok();
}

}  // namespace

Result<QueryReport> answer_query(const QueryOptions& options) {
  WEIR_CHECK(check_outputs(options));
  WEIR_TRY(Signals signals, Signals::open());
  const SystemClock clock;
  const MonotonicTime begin = clock.monotonic();
  auto source = [&] {
    // Nothing is at stake yet.
    const SignalsEndTheProcess while_it_looks;
    return StoreSource::open({.stores = options.stores,
                              .window = options.window,
                              .expression = options.filter,
                              .scope = options.scope,
                              .community_id = options.community_id,
                              .uid = options.uid,
                              .tenant = options.tenant});
  }();
  if (!source) return std::move(source).error();
  QueryReport report{.options = &options, .counts = {}};
  report.surveyed = clock.monotonic() - begin;
  if ((*source)->paced()) capture::retrieval::yield_to_captures();
  WEIR_CHECK(run(options, **source, signals, clock, report));
  report.elapsed = clock.monotonic() - begin;
  report.counts = (*source)->counts();
  report.uses_index = (*source)->uses_index();
  return report;
}

int query(const QueryOptions& options) {
  auto answered = answer_query(options);
  if (!answered) return report_error(answered.error());
  const QueryReport& report = *answered;
  print(query_summary(report));
  if (options.json) {
    const std::string text = query_json(report);
    std::fwrite(text.data(), 1, text.size(), stdout);
  } else if (options.explain) {
    print(query_explanation(report));
  }
  if (!report.error) return options.fail_on_loss && !report.counts.complete() ? 1 : 0;
  const int status = exit_status(report.error->code);
  // What is damaged has been told.
  if (report.counts.damaged.count() == 0) return report_error(*report.error);
  return status;
}

}  // namespace weir::app
