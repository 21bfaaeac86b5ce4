// Runs programs from tests, without a shell: to completion, or started and steered by signals and a
// ready descriptor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace weir::test {

struct CommandResult {
  int status =
      -1;  // exit status; 128 + signal number when it was killed; -1 when it could not be started
  std::string out;
  std::string err;
};

struct CommandOptions {
  std::string_view input;  // standard input; empty = /dev/null
  bool ready_fd = false;   // the child gets a descriptor kReadyFd to announce that it is ready
  std::string out_path;    // standard output goes to this file instead of into `out`
  std::string working_directory;
};

// The number that a child finds its ready descriptor under.
inline constexpr int kReadyFd = 9;

class Process {
 public:
  // `words[0]` is looked up in PATH.
  explicit Process(const std::vector<std::string>& words, const CommandOptions& options = {});
  ~Process();  // kills what still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] bool started() const noexcept { return pid_ > 0; }
  [[nodiscard]] int pid() const noexcept { return pid_; }
  // Waits for one byte (or the end) on the ready descriptor. False when the child ended without
  // one.
  bool wait_until_ready();
  // Waits until the child has printed `text` on standard error (tcpdump: "listening on"). False
  // when it ended first.
  bool wait_for_stderr(std::string_view text);
  // The same, but gives up after `timeout_ms` without new output; for asking again.
  bool wait_for_stderr_for(std::string_view text, int timeout_ms);
  void signal(int number) const;
  // Collects the output until the child has ended.
  CommandResult wait();

 private:
  // One round of reading; false when both ends are closed or nothing came within the time (-1: no
  // limit).
  bool pump(int timeout_ms = -1);

  int pid_ = -1;
  UniqueFd in_;
  UniqueFd out_;
  UniqueFd err_;
  UniqueFd ready_;
  std::string input_;
  CommandResult result_;
};

CommandResult run_command(const std::vector<std::string>& words,
                          const CommandOptions& options = {});

}  // namespace weir::test
