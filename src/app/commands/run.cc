#include "app/commands/run.h"

#include <unistd.h>

#include <algorithm>

#include "app/engine/af_packet_intake.h"
#include "app/engine/cgroup_memory.h"
#include "app/engine/engine.h"
#include "app/session.h"

namespace weir::app {

int run(const RunOptions& options, const SystemdEnvironment& environment) {
  auto stats = StatsFile::open(options.stats_path);
  if (!stats) return report_error(stats.error());
  const auto fail = [&](Error error) {
    Report report{.command = "run", .capture_mode = "afpacket"};
    report.reason = capture::ExitReason::Error;
    report.error = std::move(error);
    const int status = report_error(*report.error);
    (void)stats->write(report);
    return status;
  };
  auto signals = Signals::open();
  if (!signals) return fail(std::move(signals).error());
  auto notify = SystemdNotify::open(environment, ::getpid());
  if (!notify) return fail(std::move(notify).error());
  const SystemClock clock;
  AfPacketIntakes intakes;
  const CgroupMemory memory;
  auto engine = Engine::open({.config_path = options.config_path, .ready_fd = options.ready_fd},
                             {.clock = clock,
                              .intakes = intakes,
                              .memory = memory,
                              .signals = *signals,
                              .notify = *notify});
  if (!engine) return fail(std::move(engine).error());
  auto ended = (*engine)->run();
  Report report = (*engine)->report();
  int status = 0;
  if (!ended) {
    report.error = ended.error();
    report.reason = capture::ExitReason::Error;
    status = report_error(*report.error);
  }
  if (auto written = stats->write(report); !written) {
    status = std::max(status, report_error(written.error()));
  }
  // A worker that could not be stopped in time would be waited for for ever.
  if ((*engine)->has_stuck_workers()) ::_exit(status);
  return status;
}

}  // namespace weir::app
