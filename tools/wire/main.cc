#include <poll.h>
#include <sched.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <span>

#include "base/clock.h"
#include "device_counters.h"
#include "options.h"
#include "sender.h"

namespace {

using weir::Duration;
using weir::Error;
using weir::Result;
using weir::wire::Options;

struct Report {
  wire_progress sent;
  weir::wire::DeviceCounters taken;
  Duration elapsed{0};
};

Result<void> run_on(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(core), &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) {
    return weir::system_error(errno, "--core " + std::to_string(core));
  }
  return weir::ok();
}

// SIGALRM after `time`, and then again and again: one that comes between two runs interrupts none.
void interrupt_after(Duration time) {
  constexpr timeval kAgain{.tv_sec = 0, .tv_usec = 20'000};
  const std::int64_t us = std::max<std::int64_t>(time.count() / 1000, 1);
  const itimerval timer{.it_interval = kAgain,
                        .it_value = {.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000}};
  struct sigaction action {};
  action.sa_handler = [](int) {};  // no SA_RESTART: the system call returns
  ::sigaction(SIGALRM, &action, nullptr);
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

// When the sending must be over: at the duration's end, or once the pace has reached the count.
// None: the sender knows by itself.
std::optional<Duration> time_limit(const Options& options) {
  if (options.packets_per_second == 0 || options.count == 0) return options.duration;
  const double seconds =
      static_cast<double>(options.count) / static_cast<double>(options.packets_per_second);
  // Starting late costs less than ending early: then a second run must be started.
  constexpr Duration kStart = std::chrono::milliseconds(10);
  const Duration whole = Duration(static_cast<std::int64_t>(seconds * 1e9)) + kStart;
  return options.duration ? std::min(whole, *options.duration) : whole;
}

Result<void> send(weir::wire::Sender& sender, const Options& options, const weir::Clock& clock) {
  const auto limit = time_limit(options);
  if (limit) interrupt_after(*limit);
  const weir::MonotonicTime start = clock.monotonic();
  for (;;) {
    WEIR_CHECK(sender.run());
    WEIR_TRY(const wire_progress progress, sender.progress());
    if (options.count != 0 && progress.sent >= options.count) return weir::ok();
    if (options.duration && clock.monotonic() - start >= *options.duration) return weir::ok();
  }
}

// The other end counts what it takes from its queue, perhaps a moment after we sent it.
Result<weir::wire::DeviceCounters> read_settled(const Options& options,
                                                const weir::wire::DeviceCounters& before,
                                                std::uint64_t sent) {
  constexpr int kLooksMax = 20;
  weir::wire::DeviceCounters taken;
  for (int look = 0; look < kLooksMax; ++look) {
    WEIR_TRY(const auto now, weir::wire::read_device_counters(options.interface));
    taken = {now.sent_packets - before.sent_packets, now.sent_bytes - before.sent_bytes};
    if (taken.sent_packets >= sent) break;
    constexpr int kMilliseconds = 5;
    (void)::poll(nullptr, 0, kMilliseconds);
  }
  return taken;
}

Result<Report> send_all(const Options& options) {
  if (options.core) WEIR_CHECK(run_on(*options.core));
  WEIR_TRY(weir::wire::Sender sender,
           weir::wire::Sender::open({.interface = options.interface,
                                     .mix = options.mix,
                                     .flows = options.flows,
                                     .seed = options.seed,
                                     .count = options.count,
                                     .packets_per_second = options.packets_per_second}));
  WEIR_TRY(const auto before, weir::wire::read_device_counters(options.interface));
  const weir::SystemClock clock;
  const weir::MonotonicTime start = clock.monotonic();
  WEIR_CHECK(send(sender, options, clock));
  const Duration elapsed = clock.monotonic() - start;
  WEIR_TRY(const wire_progress sent, sender.progress());
  WEIR_TRY(const auto taken, read_settled(options, before, sent.sent));
  return Report{.sent = sent, .taken = taken, .elapsed = elapsed};
}

// By the program's own clock, if it sent enough to look at it; starting and ending a run takes 30
// ms more.
double packets_per_second(const Report& report) {
  const auto nanoseconds = static_cast<double>(report.sent.mark_ns - report.sent.start_ns);
  if (nanoseconds > 0) return static_cast<double>(report.sent.mark) * 1e9 / nanoseconds;
  return static_cast<double>(report.sent.sent) * 1e9 / static_cast<double>(report.elapsed.count());
}

void print(const Options& options, const Report& report) {
  const double seconds = static_cast<double>(report.elapsed.count()) / 1e9;
  std::printf(
      "{\"interface\": \"%s\", \"size\": \"%s\", \"flows\": %u, \"seed\": %llu, \"sent\": %llu, "
      "\"sent_bytes\": %llu, \"taken\": %llu, \"taken_bytes\": %llu, \"elapsed_s\": %.6f, "
      "\"sent_per_s\": %.0f}\n",
      options.interface.c_str(), weir::wire::name_of(options.mix).data(), options.flows,
      static_cast<unsigned long long>(options.seed),
      static_cast<unsigned long long>(report.sent.sent),
      static_cast<unsigned long long>(report.sent.sent_bytes),
      static_cast<unsigned long long>(report.taken.sent_packets),
      static_cast<unsigned long long>(report.taken.sent_bytes), seconds,
      packets_per_second(report));
}

int fail(const Error& error) {
  std::fprintf(stderr, "weir-wire: %s\n", error.context.c_str());
  return weir::exit_status(error.code);
}

}  // namespace

int main(int argc, char** argv) try {
  const auto options = weir::wire::parse_options(
      std::span<const char* const>(argv, static_cast<std::size_t>(argc)).subspan(1));
  if (!options) return fail(options.error());
  if (options->help) {
    std::fputs(weir::wire::help_text().c_str(), stdout);
    return 0;
  }
  const auto report = send_all(*options);
  if (!report) return fail(report.error());
  if (report->sent.sent > 0 && report->taken.sent_packets == 0) {
    return fail({weir::ErrorCode::Unsupported, 0,
                 options->interface + " took no frame (at the other end of the pair: up, and "
                                      "ethtool -K IF gro on)"});
  }
  print(*options, *report);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "weir-wire: %s\n", error.what());
  return 1;
}
