#include "app/commands/capture.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "app/human.h"
#include "app/session.h"
#include "base/clock.h"
#include "buffer/memory_plan.h"
#include "interface/af_packet_sources.h"
#include "interface/link_monitor.h"
#include "interface/nic_statistics.h"
#include "security/privileged_operations.h"

namespace weir::app {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

void note(const std::string& text) { std::fprintf(stderr, "weir: %s\n", text.c_str()); }

// What a user would want to know of how the sources were opened, and did not ask for.
void tell_how_opened(const interface::AfPacketSources& opened, std::uint64_t ring_bytes) {
  for (const interface::AfPacketInterface& one : opened.interfaces) {
    if (one.steering != interface::Steering::KernelHash) continue;
    note(one.name +
         ": the workers share packets by the kernel's hash of the outer headers, not by " +
         "the innermost flow: " + one.why_kernel_hash);
  }
  for (const interface::AfPacketQueue& queue : opened.queues) {
    if (queue.ring_bytes >= ring_bytes) continue;
    note(opened.interfaces[queue.interface.index].name + ": a ring of " +
         bytes_text(static_cast<double>(queue.ring_bytes)) + " instead of " +
         bytes_text(static_cast<double>(ring_bytes)) + ": the kernel has no more memory for it");
  }
}

Result<std::unique_ptr<interface::LinkMonitor>> watch_links(
    const interface::AfPacketSources& opened) {
  std::vector<int> indexes;
  for (const interface::AfPacketInterface& one : opened.interfaces) indexes.push_back(one.index);
  return interface::LinkMonitor::open(indexes);
}

Result<std::vector<interface::NicStatistics>> read_nics(const interface::AfPacketSources& opened) {
  std::vector<interface::NicStatistics> nics;
  for (const interface::AfPacketInterface& one : opened.interfaces) {
    WEIR_TRY(interface::NicStatistics nic, interface::NicStatistics::open(one.index));
    nics.push_back(std::move(nic));
  }
  return nics;
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
  const auto workers = static_cast<std::uint32_t>(options.interfaces.size()) * options.workers;
  const buffer::RingPlan rings =
      buffer::plan_rings(buffer::available_memory(), workers, buffer::kRingBytesDefault);
  if (!rings.reason.empty()) note(rings.reason);
  const bool whole_frame = options.pipeline.scope == filter::Scope::Frame;
  auto opened = interface::open_af_packet_sources(
      {.interfaces = options.interfaces,
       .workers_per_interface = options.workers,
       .snaplen = options.snaplen == 0 ? kPacketBytesMax : options.snaplen,
       .ring_bytes = rings.ring_bytes,
       .direction = options.direction,
       .prefilter = whole_frame ? options.pipeline.filter : ""},
      privileges, clock);
  if (!opened) return fail(std::move(opened).error());
  tell_how_opened(*opened, rings.ring_bytes);
  // From here on: what the interfaces did, and lost, before the capture is not its concern.
  auto links = watch_links(*opened);
  if (!links) return fail(std::move(links).error());
  auto nics = read_nics(*opened);
  if (!nics) return fail(std::move(nics).error());
  Upstream upstream(std::move(*nics));

  SessionSources sources{.lanes = {},
                         .timestamps = timestamps_of(*opened),
                         .links = links->get(),
                         .upstream = &upstream};
  for (std::size_t i = 0; i < opened->sources.size(); ++i) {
    sources.lanes.push_back({.source = opened->sources[i].get(),
                             .interface = opened->queues[i].interface,
                             .queue = opened->queues[i].queue});
  }
  return run_session(session, sources, *signals, *stats, clock);
}

}  // namespace weir::app
