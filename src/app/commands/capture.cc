#include "app/commands/capture.h"

#include <cstdio>

#include "app/session.h"
#include "base/clock.h"
#include "interface/af_packet_source.h"
#include "security/privileged_operations.h"

namespace weir::app {

int capture(const CaptureOptions& options) {
  const SessionOptions session{.command = "capture",
                               .source_name = options.interface,
                               .title = options.interface,
                               .pipeline = options.pipeline,
                               .duration = options.duration,
                               .ready_fd = options.ready_fd};
  auto stats = StatsFile::open(options.pipeline.stats_path);
  if (!stats) return report_error(stats.error());
  // From here on signals wait for the session to begin.
  auto signals = Signals::open();
  if (!signals) return fail_session(session, "afpacket", std::move(signals).error(), *stats);

  const SystemClock clock;
  security::InProcessPrivileges privileges;
  auto source = interface::AfPacketSource::open(
      {.interface = options.interface,
       .snaplen = options.snaplen == 0 ? kPacketBytesMax : options.snaplen},
      privileges, clock);
  if (!source) return fail_session(session, "afpacket", std::move(source).error(), *stats);
  return run_session(session, **source, *signals, *stats, clock);
}

}  // namespace weir::app
