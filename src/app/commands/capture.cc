#include "app/commands/capture.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "app/human.h"
#include "app/session.h"
#include "base/clock.h"
#include "interface/af_packet_sources.h"
#include "security/privileged_operations.h"

namespace weir::app {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

// What a user would want to know of how the sources were opened, and did not ask for.
std::string notes_about(const interface::AfPacketSources& opened, std::uint64_t ring_bytes) {
  std::string text;
  for (const interface::AfPacketInterface& one : opened.interfaces) {
    if (one.steering != interface::Steering::KernelHash) continue;
    text += "weir: " + one.name +
            ": flows are shared between the workers by the kernel's hash of " +
            "the outer headers, not by the innermost flow: " + one.why_kernel_hash + "\n";
  }
  for (const interface::AfPacketQueue& queue : opened.queues) {
    if (queue.ring_bytes >= ring_bytes) continue;
    text += "weir: " + opened.interfaces[queue.interface.index].name + ": a ring of " +
            bytes_text(static_cast<double>(queue.ring_bytes)) + " instead of " +
            bytes_text(static_cast<double>(ring_bytes)) + ": the kernel has no more memory\n";
  }
  return text;
}

std::string timestamps_of(const interface::AfPacketSources& opened) {
  const bool hardware = std::all_of(
      opened.interfaces.begin(), opened.interfaces.end(),
      [](const auto& one) { return one.timestamps == interface::TimestampSource::Hardware; });
  return hardware ? "hardware" : "kernel";
}

}  // namespace

int capture(const CaptureOptions& options) {
  const SessionOptions session{.command = "capture",
                               .source_name = joined(options.interfaces),
                               .title = joined(options.interfaces),
                               .pipeline = options.pipeline,
                               .snaplen = options.snaplen,
                               .rotation = options.rotation,
                               .duration = options.duration,
                               .ready_fd = options.ready_fd};
  auto stats = StatsFile::open(options.pipeline.stats_path);
  if (!stats) return report_error(stats.error());
  const auto fail = [&](Error error) {
    return fail_session(session, "afpacket", std::move(error), *stats);
  };
  // From here on signals wait for the session to begin.
  auto signals = Signals::open();
  if (!signals) return fail(std::move(signals).error());

  const SystemClock clock;
  security::InProcessPrivileges privileges;
  constexpr std::uint64_t ring_bytes = 64 * 1024 * 1024;
  const bool whole_frame = options.pipeline.scope == filter::Scope::Frame;
  auto opened = interface::open_af_packet_sources(
      {.interfaces = options.interfaces,
       .workers_per_interface = options.workers,
       .snaplen = options.snaplen == 0 ? kPacketBytesMax : options.snaplen,
       .ring_bytes = ring_bytes,
       .direction = options.direction,
       .prefilter = whole_frame ? options.pipeline.filter : ""},
      privileges, clock);
  if (!opened) return fail(std::move(opened).error());
  const std::string notes = notes_about(*opened, ring_bytes);
  std::fwrite(notes.data(), 1, notes.size(), stderr);

  SessionSources sources{.lanes = {}, .timestamps = timestamps_of(*opened)};
  for (std::size_t i = 0; i < opened->sources.size(); ++i) {
    sources.lanes.push_back({.source = opened->sources[i].get(),
                             .interface = opened->queues[i].interface,
                             .queue = opened->queues[i].queue});
  }
  return run_session(session, sources, *signals, *stats, clock);
}

}  // namespace weir::app
