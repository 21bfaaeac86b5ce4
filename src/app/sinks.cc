#include "app/sinks.h"

#include <unistd.h>

#include "output/open_pcapng.h"

namespace weir::app {

Result<std::unique_ptr<output::Sink>> open_sink(const std::string& write_path) {
  if (write_path.empty()) return std::unique_ptr<output::Sink>();
  if (write_path == "-" && ::isatty(STDOUT_FILENO) == 1) {
    return Error{
        .code = ErrorCode::Usage,
        .context =
            "-w -: standard output is a terminal (name a file, or pipe it to another program)"};
  }
  return output::open_pcapng({.path = write_path});
}

}  // namespace weir::app
