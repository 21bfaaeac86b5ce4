// Runs one session from an opened source to its final statistics: signals, the terminal, time
// limits, the report.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/options.h"
#include "app/report.h"
#include "app/signals.h"
#include "app/upstream.h"
#include "base/clock.h"
#include "capture/orchestrator.h"
#include "interface/link_monitor.h"
#include "output/rotation_options.h"

namespace weir::app {

// The file behind --stats-json, opened before anything else so that a wrong path is found at once.
class StatsFile {
 public:
  // An empty path: nothing is written. "-": standard output.
  static Result<StatsFile> open(const std::string& path);
  Result<void> write(const Report& report);

 private:
  StatsFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  UniqueFd fd_;
};

struct SessionOptions {
  std::string command;
  std::string source_name;  // as the statistics say it
  std::string title;        // the same, short, for the status line
  PipelineOptions pipeline;
  std::uint32_t snaplen = 0;  // 0 = all
  output::RotationOptions rotation = {};
  std::optional<Duration> duration = {};
  std::optional<int> ready_fd = {};  // live captures: told when the source sees every packet
};

// What a session reads from, opened. All borrowed.
struct SessionSources {
  std::vector<capture::Lane> lanes;  // at least one
  std::string timestamps = {};       // as Report::timestamps
  // Live captures:
  interface::LinkMonitor* links = nullptr;
  Upstream* upstream = nullptr;
};

// Prints "weir: WHAT: WHY (HINT)" and returns the exit status that belongs to it.
int report_error(const Error& error);

// Runs to the end and returns the exit status. Prints errors and the summary on standard error. A
// live capture has no rights any more once it runs.
int run_session(const SessionOptions& options, const SessionSources& sources, Signals& signals,
                StatsFile& stats, const Clock& clock);

// A session that ended before it began: prints the error, writes the statistics of nothing, returns
// the exit status.
int fail_session(const SessionOptions& options, const char* capture_mode, Error error,
                 StatsFile& stats);

}  // namespace weir::app
