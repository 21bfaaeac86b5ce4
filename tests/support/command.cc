#include "support/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace weir::test {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// In the child, between fork and exec: only calls that are safe there.
void child_dup(int from, int to) {
  if (from == to) {
    ::fcntl(from, F_SETFD, 0);
  } else {
    ::dup2(from, to);
  }
}

bool append_available(UniqueFd& fd, std::string& text) {
  std::array<char, 65536> buffer;
  const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
  if (n < 0 && errno == EINTR) return true;
  if (n <= 0) {
    fd.reset();
    return false;
  }
  text.append(buffer.data(), static_cast<std::size_t>(n));
  return true;
}

}  // namespace

Process::Process(const std::vector<std::string>& words, const CommandOptions& options)
    : input_(options.input) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  Pipe ready = make_pipe();
  UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  UniqueFd out_file;
  if (!options.out_path.empty()) {
    out_file.reset(
        ::open(options.out_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  }

  pid_ = ::fork();
  if (pid_ == 0) {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    if (!options.working_directory.empty() && ::chdir(options.working_directory.c_str()) != 0)
      ::_exit(126);
    child_dup(input_.empty() ? null.get() : in.read.get(), STDIN_FILENO);
    child_dup(out_file ? out_file.get() : out.write.get(), STDOUT_FILENO);
    child_dup(err.write.get(), STDERR_FILENO);
    // Last: the number may be that of one of the pipes above.
    if (options.ready_fd) child_dup(ready.write.get(), kReadyFd);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::signal(SIGPIPE, SIG_IGN);  // a child that does not read its input must not end the test
  if (!input_.empty()) {
    ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
    in_ = std::move(in.write);
  }
  out_ = std::move(out.read);
  err_ = std::move(err.read);
  if (options.ready_fd) ready_ = std::move(ready.read);
}

Process::~Process() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool Process::wait_until_ready() {
  char byte = 0;
  ssize_t n = 0;
  do {
    n = ::read(ready_.get(), &byte, 1);
  } while (n < 0 && errno == EINTR);
  return n == 1;
}

bool Process::wait_for_stderr(std::string_view text) { return wait_for_stderr_for(text, -1); }

bool Process::wait_for_stderr_for(std::string_view text, int timeout_ms) {
  while (result_.err.find(text) == std::string::npos) {
    if (!pump(timeout_ms)) return false;
  }
  return true;
}

void Process::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

CommandResult Process::wait() {
  while (pump()) {
  }
  int status = 0;
  if (pid_ > 0 && ::waitpid(pid_, &status, 0) == pid_) {
    result_.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  pid_ = -1;
  return result_;
}

bool Process::pump(int timeout_ms) {
  std::array<pollfd, 3> waits = {pollfd{out_.get(), POLLIN, 0}, pollfd{err_.get(), POLLIN, 0},
                                 pollfd{in_.get(), POLLOUT, 0}};
  if (!out_ && !err_) return false;
  const int ready = ::poll(waits.data(), waits.size(), timeout_ms);
  if (ready <= 0) return ready < 0 && errno == EINTR;
  if (out_ && waits[0].revents != 0) append_available(out_, result_.out);
  if (err_ && waits[1].revents != 0) append_available(err_, result_.err);
  if (in_ && waits[2].revents != 0) {
    const ssize_t n = ::write(in_.get(), input_.data(), input_.size());
    if (n > 0) input_.erase(0, static_cast<std::size_t>(n));
    if (input_.empty() || (n < 0 && errno != EINTR && errno != EAGAIN)) in_.reset();
  }
  return true;
}

CommandResult run_command(const std::vector<std::string>& words, const CommandOptions& options) {
  return Process(words, options).wait();
}

}  // namespace weir::test
