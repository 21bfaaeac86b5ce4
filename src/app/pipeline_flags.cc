#include "app/pipeline_flags.h"

#include <algorithm>

#include "app/flow_timeouts.h"
#include "app/values.h"

namespace weir::app {

std::optional<std::string> AnalysisFlags::finish() {
  if (options.logs_path.empty()) {
    const bool meant = append || overwrite || checksums != "auto" || !timeouts.empty() ||
                       !flow_memory.empty() || !long_flows.empty() ||
                       options.flows.flows.uid_seed != 0 || options.community_id_seed != 0 ||
                       options.workers > 1;
    if (meant) return "an option of the analysis without an analysis (say where to: --logs DIR)";
    return std::nullopt;
  }
  if (append && overwrite) return "--append and --overwrite: either, or none of them";
  options.existing = append      ? output::ExistingLogs::Append
                     : overwrite ? output::ExistingLogs::Overwrite
                                 : output::ExistingLogs::Refuse;
  protocol::FlowOptions& flows = options.flows.flows;
  flows.checksums = checksums == "verify"   ? protocol::ChecksumMode::Verify
                    : checksums == "ignore" ? protocol::ChecksumMode::Ignore
                                            : protocol::ChecksumMode::Auto;
  for (const std::string& text : timeouts) {
    if (auto problem = set_timeout(flows.timeouts, text)) return problem;
  }
  if (!flow_memory.empty()) {
    auto bytes = parse_size(flow_memory);
    if (!bytes) return "--flow-memory: " + bytes.error().context;
    flows.flows_max = *bytes / protocol::kBytesPerFlow;
    if (flows.flows_max < protocol::kFlowsMin) {
      return "--flow-memory " + flow_memory + ": too little (at least 1MiB)";
    }
  }
  if (long_flows == "0") {
    flows.report_interval = Duration(0);
  } else if (!long_flows.empty()) {
    auto interval = parse_duration(long_flows);
    if (!interval) return "--long-flows: " + interval.error().context;
    if (*interval < std::chrono::seconds(1)) {
      return "--long-flows " + long_flows + ": too short (at least 1s)";
    }
    flows.report_interval = *interval;
  }
  return std::nullopt;
}

std::optional<std::string> PipelineFlags::finish(const std::string& expression) {
  if (auto problem = analysis.finish()) return problem;
  if (auto problem = store.finish()) return problem;
  store.put_into(options);
  options.analysis = analysis.options;
  options.scope = inner ? filter::Scope::Innermost : filter::Scope::Frame;
  if (!expression.empty()) {
    if (!options.filter.empty()) {
      return "filter given twice: '-f " + options.filter + "' and '" + expression +
             "' (give one of them)";
    }
    options.filter = expression;
  }
  for (auto path = options.write_paths.begin(); path != options.write_paths.end(); ++path) {
    if (std::find(options.write_paths.begin(), path, *path) != path) {
      return "-w " + *path + ": given twice (write it once)";
    }
    if (*path == "-" && options.stats_path == "-") {
      return "-w - and --stats-json -: both want standard output (write one of them to a file)";
    }
  }
  return std::nullopt;
}

std::optional<std::string> RotationFlags::put_into(CaptureOptions& options) const {
  output::RotationOptions rotation{.files_max = files};
  if (!size.empty()) {
    auto parsed = parse_size(size);
    if (!parsed) return "--rotate-size: " + parsed.error().context;
    rotation.size_bytes = *parsed;
  }
  if (!interval.empty()) {
    auto parsed = parse_duration(interval);
    if (!parsed) return "--rotate-interval: " + parsed.error().context;
    if (*parsed < std::chrono::seconds(1)) {
      return "--rotate-interval " + interval + ": too short (at least 1s)";
    }
    rotation.interval = *parsed;
  }
  if (rotation.size_bytes == 0 && rotation.interval == Duration(0)) {
    if (files == 0) return std::nullopt;
    return "--rotate-files without --rotate-size or --rotate-interval (say when a new file "
           "begins)";
  }
  if (options.pipeline.write_paths.empty() && options.pipeline.analysis.logs_path.empty()) {
    return "rotation without an output (name it with -w FILE or --logs DIR)";
  }
  if (options.pipeline.write_paths.empty() && rotation.size_bytes != 0) {
    return "--rotate-size without -w FILE (logs are rotated by --rotate-interval)";
  }
  options.rotation = rotation;
  options.pipeline.analysis.rotate_interval = rotation.interval;
  options.pipeline.analysis.archived_max = rotation.files_max;
  return std::nullopt;
}

}  // namespace weir::app
