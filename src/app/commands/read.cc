#include "app/commands/read.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "app/human.h"
#include "app/query_report.h"
#include "app/read_inputs.h"
#include "app/session.h"
#include "base/clock.h"

namespace weir::app {
namespace {

std::string joined(const std::vector<std::string>& files) {
  std::string text;
  for (const std::string& file : files) text += (text.empty() ? "" : ",") + file;
  return text;
}

std::string title_of(const std::vector<std::string>& files) {
  if (files.size() > 1) return count_text(files.size()) + " files";
  if (files.front() == "-") return "standard input";
  std::filesystem::path path(files.front());
  if (!path.has_filename()) path = path.parent_path();
  return path.filename().string();
}

// The error of a session tells damage when it is one only.
void tell_about(const ReadInputs& inputs) {
  for (const capture::retrieval::StoreSource* const store : inputs.stores) {
    capture::retrieval::QueryCounts counts = store->counts();
    if (counts.damaged.count() == 1) counts.damaged = {};
    const std::string notes = store_notes(counts);
    std::fwrite(notes.data(), 1, notes.size(), stderr);
  }
}

}  // namespace

int read(const ReadOptions& options) {
  const SessionOptions session{.command = "read",
                               .source_name = joined(options.files),
                               .title = title_of(options.files),
                               .pipeline = options.pipeline};
  if (auto checked = check_read_outputs(options); !checked) return report_error(checked.error());
  auto stats = StatsFile::open(options.pipeline.stats_path);
  if (!stats) return report_error(stats.error());
  auto signals = Signals::open();
  if (!signals) return fail_session(session, "file", std::move(signals).error(), *stats);

  const SystemClock clock;
  auto inputs = [&] {
    // Nothing is at stake yet.
    const SignalsEndTheProcess while_it_looks;
    return open_read_inputs(options.files);
  }();
  if (!inputs) return fail_session(session, "file", std::move(inputs).error(), *stats);
  if (std::ranges::any_of(inputs->stores, [](const auto* store) { return store->paced(); })) {
    capture::retrieval::yield_to_captures();
  }
  const int status =
      run_session(session, {.lanes = {{.source = inputs->source.get()}}}, *signals, *stats, clock);
  tell_about(*inputs);
  return status;
}

}  // namespace weir::app
