// weir-measure CORE RESULT COMMAND...: runs a command pinned to one core and writes what it cost to
// RESULT as JSON. A program of its own, because the peak memory of a child counts from its
// parent's: it must be small.
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/clock.h"

namespace {

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

bool pin_to(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(core), &set);
  return ::sched_setaffinity(0, sizeof set, &set) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: weir-measure CORE RESULT COMMAND...\n", stderr);
    return 2;
  }
  if (!pin_to(std::atoi(argv[1]))) {
    std::perror("weir-measure: sched_setaffinity");
    return 1;
  }
  weir::SystemClock clock;
  const weir::MonotonicTime begin = clock.monotonic();
  const pid_t child = ::fork();
  if (child == 0) {
    ::execvp(argv[3], argv + 3);
    ::_exit(127);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || ::wait4(child, &status, 0, &usage) != child) {
    std::perror("weir-measure: run");
    return 1;
  }
  const weir::Duration wall = clock.monotonic() - begin;

  std::FILE* result = std::fopen(argv[2], "we");
  if (result == nullptr) {
    std::perror("weir-measure: result");
    return 1;
  }
  std::fprintf(result,
               "{\"wall_s\": %.6f, \"user_s\": %.6f, \"sys_s\": %.6f, \"peak_rss_kib\": %ld, "
               "\"status\": %d}\n",
               static_cast<double>(wall.count()) / 1e9, seconds(usage.ru_utime),
               seconds(usage.ru_stime), usage.ru_maxrss,
               WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return std::fclose(result) == 0 ? 0 : 1;
}
