// What a run came to: the numbers behind --stats-json, the closing lines and SIGUSR1.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "capture/flow_stage.h"
#include "capture/ledger.h"
#include "capture/worker.h"
#include "interface/source.h"
#include "output/sink.h"

namespace weir::app {

struct SinkReport {
  std::string kind;
  std::string path;
  std::string mode = "";  // how it was written; known once the sink is closed
  std::uint64_t files = 1;
  std::uint64_t offered = 0;
  std::uint64_t written = 0;
  std::uint64_t written_bytes = 0;
  std::uint64_t pending = 0;
  std::array<std::uint64_t, kReasonCount<LostReason>> lost{};
  std::optional<std::uint64_t> spilled = std::nullopt;  // packets that waited in a spill queue
};
// A row for each place of the sink. Any thread, while the sink is in use: without the mode.
void add_reports(const output::Sink& sink, std::vector<SinkReport>& rows);
// Once it is closed.
void add_final_reports(const output::Sink& sink, std::vector<SinkReport>& rows);

struct WorkerReport {
  std::string interface;  // empty: files
  std::uint32_t queue = 0;
  int core = -1;  // -1: left to the scheduler
  capture::LedgerSnapshot ledger;
  capture::TimeRange times;
};

// Packets that were lost before the capture could see them; not in the ledger.
struct UpstreamReport {
  std::string name;  // "nic", "bw_in_allowance_exceeded"
  std::uint64_t count = 0;
  bool exact = true;
};

// One log of records.
struct LogReport {
  std::string name;  // "conn"
  std::string path;
  std::uint64_t offered = 0;
  std::uint64_t written = 0;
  std::uint64_t written_bytes = 0;
  std::uint64_t pending = 0;
  std::array<std::uint64_t, kReasonCount<LostReason>> lost{};
};

// What the analysis did; nothing where none was asked for.
struct AnalysisReport {
  std::vector<LogReport> logs;
  std::optional<capture::FlowTotals> flows;
};

// One of the sessions of an engine.
struct SessionReport {
  std::string name;
  std::string filter;
  capture::LedgerSnapshot ledger;
  std::vector<SinkReport> outputs;
  AnalysisReport analysis;
};

struct Report {
  std::string command;       // "read", "capture"
  std::string source;        // interfaces or files joined by ','
  std::string capture_mode;  // "file", "afpacket"
  std::string timestamps;    // "kernel", "hardware"; empty: those of the files
  std::string filter;
  interface::Prefilter prefilter;
  capture::LedgerSnapshot ledger;
  capture::TimeRange times;
  std::vector<SinkReport> outputs;
  std::vector<WorkerReport> workers;
  std::vector<SessionReport> sessions;  // none: the one that the whole report tells of
  AnalysisReport analysis;
  std::vector<UpstreamReport> upstream;
  Duration elapsed{};
  capture::ExitReason reason = capture::ExitReason::Eof;
  std::optional<Error> error;
};

// The object of contracts.md, on one line.
std::string stats_json(const Report& report);

// A line for a person for each output: what was written and lost.
std::string written_lines(const std::vector<SinkReport>& outputs);

// A few lines for a person: received, accepted, rejected and dropped by cause, lost upstream,
// written and lost.
std::string summary(const Report& report);

}  // namespace weir::app
