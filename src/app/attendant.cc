#include "app/attendant.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace weir::app {
namespace {

constexpr Duration kLookInterval = std::chrono::milliseconds(250);

// A line for people. That an interface is gone its source tells, with what it means.
std::string text_of(const interface::LinkChange& change) {
  using Kind = interface::LinkChange::Kind;
  const std::string name = "weir: " + change.name;
  switch (change.kind) {
    case Kind::Up:
      return name + ": the link is up again\n";
    case Kind::Down:
      return name + ": the link is down (the capture goes on when it is back)\n";
    case Kind::Renamed:
      return name + ": renamed to " + change.new_name + " (the capture goes on)\n";
    case Kind::MtuChanged:
      return name + ": the MTU changed from " + std::to_string(change.mtu) + " to " +
             std::to_string(change.new_mtu) + " (the capture goes on)\n";
    case Kind::Gone:
      break;
  }
  return "";
}

}  // namespace

Attendant::Attendant(Attended attended, std::string title, std::optional<Duration> duration,
                     std::function<std::string()> statistics)
    : attended_(std::move(attended)),
      statistics_(std::move(statistics)),
      line_(STDERR_FILENO, std::move(title), attended_.clock.monotonic()) {
  if (duration) deadline_ = attended_.clock.monotonic() + *duration;
}

void Attendant::attend() {
  for (;;) {
    std::array<pollfd, 2> waits = {pollfd{attended_.orchestrator.ended_fd(), POLLIN, 0},
                                   pollfd{attended_.signals.fd(), POLLIN, 0}};
    ::poll(waits.data(), waits.size(), wait_ms());
    while (const auto number = attended_.signals.take()) handle(*number);
    tell_about_links();
    if (waits[0].revents != 0) {
      const bool all_ended = attended_.orchestrator.tend();
      tell_about_lost_lanes(!all_ended);
      if (all_ended) break;
    }
    if (deadline_ && attended_.clock.monotonic() >= *deadline_) {
      deadline_.reset();
      attended_.orchestrator.request_stop(capture::ExitReason::Duration);
    }
    tell_about_losses();
    tell_warnings();
    show();
  }
  line_.clear();
}

bool Attendant::live() const { return !attended_.orchestrator.lane(0).source->lossless(); }

int Attendant::wait_ms() const {
  Duration wait = line_.shown() || live() ? kLookInterval : Duration::max();
  if (deadline_) {
    wait = std::min(wait, std::max(Duration(0), *deadline_ - attended_.clock.monotonic()));
  }
  if (wait == Duration::max()) return -1;
  // Rounded up, so that the deadline has passed on return.
  return static_cast<int>(std::min<std::int64_t>(wait.count() / 1'000'000 + 1, 60'000));
}

void Attendant::handle(int signal) {
  if (signal == SIGUSR1) {
    say(statistics_());
  } else if (stopping_) {
    attended_.orchestrator.request_abort();
    for (output::Sink* sink : attended_.sinks) sink->cancel();
  } else {
    stopping_ = true;
    attended_.orchestrator.request_stop(capture::ExitReason::Signal);
  }
}

// Looked at now and then, not at once: an interface that is removed is first set down, and only the
// end of that is worth a line.
void Attendant::tell_about_links() {
  if (attended_.links == nullptr) return;
  const std::vector<interface::LinkChange> changes = attended_.links->take();
  std::string lines;
  for (auto change = changes.begin(); change != changes.end(); ++change) {
    const bool removed = std::any_of(change, changes.end(), [&](const auto& later) {
      return later.link == change->link && later.kind == interface::LinkChange::Kind::Gone;
    });
    if (!removed) lines += text_of(*change);
  }
  say(lines);
}

// The last one's fault is the whole capture's, and told at its end.
void Attendant::tell_about_lost_lanes(bool others_go_on) {
  while (const auto fault = attended_.orchestrator.take_lane_fault()) {
    if (others_go_on) say("weir: " + fault->context + " (the capture goes on elsewhere)\n");
  }
}

void Attendant::tell_about_losses() {
  if (!live()) return;
  std::vector<LossCounter> counters;
  const InterfaceTable& interfaces = attended_.orchestrator.lane(0).source->interfaces();
  for (std::uint32_t i = 0; i < interfaces.count(); ++i) {
    const auto ledger = attended_.orchestrator.interface_ledger({i});
    counters.push_back({.where = interfaces.at({i}).name,
                        .cause = "kernel: its ring was full",
                        .packets = ledger.dropped[static_cast<std::size_t>(DropReason::Kernel)]});
  }
  for (const output::Sink* sink : attended_.sinks) {
    const auto lost = sink->counts().lost;
    counters.push_back(
        {.where = sink->path() == "-" ? "standard output" : std::string(sink->path()),
         .cause = "slow_reader: it must not delay the other outputs",
         .packets = lost[static_cast<std::size_t>(LostReason::SlowReader)]});
  }
  say(losses_.look(counters, attended_.clock.monotonic()));
}

// What went wrong at an output and ended nothing.
void Attendant::tell_warnings() {
  for (output::Sink* sink : attended_.sinks) {
    if (const auto warning = sink->take_warning()) say("weir: " + warning->context + "\n");
  }
  for (const std::string& notice : attended_.store_notices.take()) say("weir: " + notice + "\n");
  if (attended_.analysis == nullptr || !live()) return;
  if (const auto warning = attended_.analysis->take_warning()) {
    say("weir: " + warning->context + "\n");
  }
}

void Attendant::show() {
  const capture::Orchestrator& orchestrator = attended_.orchestrator;
  const interface::Source& first = *orchestrator.lane(0).source;
  const MonotonicTime now = attended_.clock.monotonic();
  if (!line_.shown()) return;
  if (first.lossless()) return line_.show_progress(orchestrator.ledger(), first.progress(), now);
  std::uint64_t fill = 0;
  for (std::size_t i = 0; i < orchestrator.lane_count(); ++i) {
    fill = std::max(fill, orchestrator.lane(i).source->statistics().ring_fill.value());
  }
  line_.show_live(orchestrator.ledger(), fill, now);
}

void Attendant::say(const std::string& lines) {
  if (lines.empty()) return;
  line_.clear();
  std::fwrite(lines.data(), 1, lines.size(), stderr);
}

}  // namespace weir::app
