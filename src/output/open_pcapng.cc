#include "output/open_pcapng.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/assert.h"
#include "output/pcapng_file.h"
#include "output/pcapng_pipe.h"

namespace weir::output {
namespace {

Result<std::unique_ptr<Sink>> open_pipe(UniqueFd fd, const PcapngOptions& options) {
  WEIR_TRY(auto pipe, PcapngPipe::open(std::move(fd), options.path, options.identity));
  return std::unique_ptr<Sink>(std::move(pipe));
}

}  // namespace

Result<std::unique_ptr<Sink>> open_pcapng(const PcapngOptions& options) {
  WEIR_ASSERT(options.clock != nullptr || (options.counts == nullptr && !options.rotation.any()));
  if (options.path == "-") {
    // A copy, so that closing the sink leaves the process its descriptor 1.
    UniqueFd fd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!fd) return system_error(errno, "write to standard output");
    return open_pipe(std::move(fd), options);
  }
  struct stat facts = {};
  const bool exists = stat(options.path.c_str(), &facts) == 0;
  if (exists && !S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)) {
    UniqueFd fd(open(options.path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return system_error(errno, "write " + options.path);
    return open_pipe(std::move(fd), options);
  }
  WEIR_TRY(auto file, PcapngFile::open({.path = options.path,
                                        .identity = options.identity,
                                        .direct = options.direct,
                                        .io_uring = options.io_uring}));
  return std::unique_ptr<Sink>(std::move(file));
}

}  // namespace weir::output
