#include "app/sinks.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "output/open_pcapng.h"
#include "output/shared_sink.h"

namespace weir::app {
namespace {

bool is_pipe(const std::string& path) {
  struct stat facts {};
  return path == "-" || (::stat(path.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode));
}

}  // namespace

Result<std::vector<std::unique_ptr<output::Sink>>> open_sinks(const SinkPlan& plan) {
  std::vector<std::string> paths = plan.paths;
  std::stable_partition(paths.begin(), paths.end(),
                        [](const std::string& path) { return !is_pipe(path); });
  const bool drop = plan.live && paths.size() > 1;
  std::vector<std::unique_ptr<output::Sink>> sinks;
  for (const std::string& path : paths) {
    if (path == "-" && ::isatty(STDOUT_FILENO) == 1) {
      return Error{
          .code = ErrorCode::Usage,
          .context =
              "-w -: standard output is a terminal (name a file, or pipe it to another program)"};
    }
    // Rotation is for the files among several outputs; alone, a pipe says that it cannot.
    const bool rotates = !is_pipe(path) || paths.size() == 1;
    WEIR_TRY(auto sink,
             output::open_pcapng(
                 {.path = path,
                  .credits_max = plan.workers,
                  .full_policy = drop ? output::FullPolicy::Drop : output::FullPolicy::Block,
                  .rotation = rotates ? plan.rotation : output::RotationOptions{},
                  .counts = plan.counts,
                  .clock = plan.clock}));
    sinks.push_back(std::make_unique<output::SharedSink>(std::move(sink), plan.workers));
  }
  return sinks;
}

}  // namespace weir::app
