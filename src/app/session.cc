#include "app/session.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "app/sinks.h"
#include "app/status_line.h"
#include "filter/frame_filter.h"
#include "security/rights.h"

namespace weir::app {
namespace {

constexpr Duration kStatusInterval = std::chrono::milliseconds(250);

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

Report report_of(const SessionOptions& options, const interface::Source& source,
                 const capture::Worker& worker,
                 std::span<const std::unique_ptr<output::Sink>> sinks) {
  Report report{.command = options.command,
                .source = options.source_name,
                .capture_mode = std::string(source.mode()),
                .filter = options.pipeline.filter,
                .ledger = worker.ledger()};
  for (const auto& sink : sinks) report.outputs.push_back(app::report_of(*sink));
  return report;
}

// Tells whoever waits that every packet from now on is seen: a line for people, a byte for
// programs.
Result<void> announce(const SessionOptions& options, const interface::Source& source) {
  print("weir: capturing on " + options.source_name + " (" + std::string(source.mode()) + ")\n");
  if (!options.ready_fd) return ok();
  UniqueFd ready(*options.ready_fd);
  const char byte = '\n';
  if (::write(ready.get(), &byte, 1) != 1) {
    return system_error(errno, "--ready-fd " + std::to_string(*options.ready_fd));
  }
  return ok();
}

// What the main thread does while the worker works: signals, the time limit, the status line.
class Attendant {
 public:
  Attendant(const SessionOptions& options, const interface::Source& source, capture::Worker& worker,
            Signals& signals, const Clock& clock,
            std::span<const std::unique_ptr<output::Sink>> sinks)
      : options_(options),
        source_(source),
        worker_(worker),
        signals_(signals),
        clock_(clock),
        sinks_(sinks),
        line_(STDERR_FILENO, options.title, clock.monotonic()) {
    if (options.duration) deadline_ = clock.monotonic() + *options.duration;
  }

  void attend() {
    for (;;) {
      pollfd waits[] = {{worker_.finished_fd(), POLLIN, 0}, {signals_.fd(), POLLIN, 0}};
      const int timeout = wait_ms();
      ::poll(waits, 2, timeout);
      if (waits[0].revents != 0) return;
      while (const auto number = signals_.take()) handle(*number);
      if (deadline_ && clock_.monotonic() >= *deadline_) {
        deadline_.reset();
        worker_.request_stop(capture::ExitReason::Duration);
      }
      show();
    }
  }

 private:
  [[nodiscard]] int wait_ms() const {
    Duration wait = line_.shown() ? kStatusInterval : Duration::max();
    if (deadline_) wait = std::min(wait, std::max(Duration(0), *deadline_ - clock_.monotonic()));
    if (wait == Duration::max()) return -1;
    // Rounded up, so that the deadline has passed on return.
    return static_cast<int>(std::min<std::int64_t>(wait.count() / 1'000'000 + 1, 60'000));
  }

  void handle(int number) {
    if (number == SIGUSR1) {
      line_.clear();
      print(summary(report_of(options_, source_, worker_, sinks_)));
    } else if (stopping_) {
      worker_.request_abort();
      for (const auto& sink : sinks_) sink->cancel();
    } else {
      stopping_ = true;
      worker_.request_stop(capture::ExitReason::Signal);
    }
  }

  void show() {
    if (source_.lossless()) {
      line_.show_progress(worker_.ledger(), source_.progress(), clock_.monotonic());
    } else {
      line_.show_live(worker_.ledger(), clock_.monotonic());
    }
  }

  const SessionOptions& options_;
  const interface::Source& source_;
  capture::Worker& worker_;
  Signals& signals_;
  const Clock& clock_;
  std::span<const std::unique_ptr<output::Sink>> sinks_;
  StatusLine line_;
  std::optional<MonotonicTime> deadline_;
  bool stopping_ = false;
};

int finish(const Report& report, StatsFile& stats) {
  int status = report.error ? report_error(*report.error) : 0;
  if (auto written = stats.write(report); !written)
    status = std::max(status, report_error(written.error()));
  return status;
}

}  // namespace

int report_error(const Error& error) {
  print("weir: " + error.context + "\n");
  return exit_status(error.code);
}

Result<StatsFile> StatsFile::open(const std::string& path) {
  if (path.empty()) return StatsFile(path, UniqueFd());
  UniqueFd fd(path == "-" ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                          : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return system_error(errno, "--stats-json " + path);
  return StatsFile(path, std::move(fd));
}

Result<void> StatsFile::write(const Report& report) {
  if (!fd_) return ok();
  const std::string text = stats_json(report) + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(fd_.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, "--stats-json " + path_);
    done += static_cast<std::size_t>(n);
  }
  return ok();
}

int run_session(const SessionOptions& options, interface::Source& source, Signals& signals,
                StatsFile& stats, const Clock& clock) {
  const auto fail = [&](Error error) {
    return fail_session(options, std::string(source.mode()).c_str(), std::move(error), stats);
  };
  // The filter is tried before the output is opened, so that a typing error destroys no file.
  filter::FrameFilter filter(options.pipeline.filter, options.pipeline.scope);
  for (std::uint32_t i = 0; i < source.interfaces().count(); ++i) {
    if (auto prepared = filter.prepare(source.interfaces().at({i}).link_type); !prepared) {
      return fail(std::move(prepared).error());
    }
  }
  auto sink = [&] {
    const SignalsEndTheProcess while_it_waits;
    return open_sink(options.pipeline.write_path);
  }();
  if (!sink) return fail(std::move(sink).error());
  std::vector<std::unique_ptr<output::Sink>> sinks;
  std::vector<output::Sink*> borrowed;
  if (*sink != nullptr) {
    borrowed.push_back(sink->get());
    sinks.push_back(std::move(*sink));
  }

  // Everything is open, and no other thread exists yet: what packets may do to it from now on, it
  // does without rights.
  if (!source.lossless()) {
    if (auto dropped = security::drop_capabilities(); !dropped)
      return fail(std::move(dropped).error());
  }
  capture::Worker worker(source, std::move(filter), borrowed, clock, options.pipeline.accepted_max);
  if (auto started = worker.start(); !started) return fail(std::move(started).error());
  std::optional<Error> not_announced;
  if (!source.lossless()) {
    if (auto announced = announce(options, source); !announced) {
      not_announced = std::move(announced).error();
      worker.request_stop(capture::ExitReason::Error);
    }
  }
  Attendant(options, source, worker, signals, clock, sinks).attend();
  worker.join();

  Report report = report_of(options, source, worker, sinks);
  for (std::size_t i = 0; i < sinks.size(); ++i) report.outputs[i].mode = sinks[i]->mode();
  report.times = worker.times();
  report.elapsed = worker.outcome().elapsed;
  report.reason = worker.outcome().reason;
  report.error = worker.outcome().error ? worker.outcome().error : not_announced;
  print(summary(report));
  return finish(report, stats);
}

int fail_session(const SessionOptions& options, const char* capture_mode, Error error,
                 StatsFile& stats) {
  Report report{.command = options.command,
                .source = options.source_name,
                .capture_mode = capture_mode,
                .filter = options.pipeline.filter};
  report.reason = capture::ExitReason::Error;
  report.error = std::move(error);
  return finish(report, stats);
}

}  // namespace weir::app
