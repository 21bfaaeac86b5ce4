#include "app/commands/read.h"

#include <sys/stat.h>

#include <filesystem>

#include "app/human.h"
#include "app/session.h"
#include "base/clock.h"
#include "interface/capture_file.h"

namespace weir::app {
namespace {

// Opening an output empties it: it must not be one of the inputs.
Result<void> check_output(const char* option, const std::string& path,
                          const std::vector<std::string>& inputs) {
  struct stat output {};
  if (path.empty() || path == "-") return ok();
  if (::stat(path.c_str(), &output) != 0 || !S_ISREG(output.st_mode)) return ok();
  for (const std::string& file : inputs) {
    struct stat input {};
    if (::stat(file.c_str(), &input) == 0 && input.st_dev == output.st_dev &&
        input.st_ino == output.st_ino) {
      return Error{
          .code = ErrorCode::Usage,
          .context = std::string(option) + " " + path + ": is also an input (name another file)"};
    }
  }
  return ok();
}

std::string joined(const std::vector<std::string>& files) {
  std::string text;
  for (const std::string& file : files) text += (text.empty() ? "" : ",") + file;
  return text;
}

std::string title_of(const std::vector<std::string>& files) {
  if (files.size() > 1) return count_text(files.size()) + " files";
  return files.front() == "-" ? "standard input"
                              : std::filesystem::path(files.front()).filename().string();
}

}  // namespace

int read(const ReadOptions& options) {
  const SessionOptions session{.command = "read",
                               .source_name = joined(options.files),
                               .title = title_of(options.files),
                               .pipeline = options.pipeline};
  for (const std::string& path : options.pipeline.write_paths) {
    if (auto checked = check_output("-w", path, options.files); !checked) {
      return report_error(checked.error());
    }
  }
  if (auto checked = check_output("--stats-json", options.pipeline.stats_path, options.files);
      !checked) {
    return report_error(checked.error());
  }
  auto stats = StatsFile::open(options.pipeline.stats_path);
  if (!stats) return report_error(stats.error());
  auto signals = Signals::open();
  if (!signals) return fail_session(session, "file", std::move(signals).error(), *stats);

  const SystemClock clock;
  auto source = interface::CaptureFileSource::open(options.files);
  if (!source) return fail_session(session, "file", std::move(source).error(), *stats);
  // A pipe is not waited for: what its packets come from is seen, and the filter tried, when they
  // come.
  (*source)->look_ahead(Duration(0));
  return run_session(session, {.lanes = {{.source = source->get()}}}, *signals, *stats, clock);
}

}  // namespace weir::app
