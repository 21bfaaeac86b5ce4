// What the main thread does while the workers work: signals, the time limit, news about the links,
// losses as they happen, the status line.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/analysis.h"
#include "app/loss_notices.h"
#include "app/signals.h"
#include "app/sinks.h"
#include "app/status_line.h"
#include "base/clock.h"
#include "capture/orchestrator.h"
#include "interface/link_monitor.h"
#include "output/sink.h"

namespace weir::app {

// All borrowed.
struct Attended {
  capture::Orchestrator& orchestrator;
  std::vector<output::Sink*> sinks;
  StoreNotices& store_notices;
  Analysis* analysis = nullptr;             // null: none was asked for
  interface::LinkMonitor* links = nullptr;  // live captures
  Signals& signals;
  const Clock& clock;
};

class Attendant {
 public:
  // `statistics` is what SIGUSR1 prints.
  Attendant(Attended attended, std::string title, std::optional<Duration> duration,
            std::function<std::string()> statistics);

  // Returns when all workers have ended.
  void attend();

 private:
  [[nodiscard]] bool live() const;
  [[nodiscard]] int wait_ms() const;
  void handle(int signal);
  void tell_about_links();
  void tell_about_lost_lanes(bool others_go_on);
  void tell_about_losses();
  void tell_warnings();
  void show();
  void say(const std::string& lines);

  Attended attended_;
  std::function<std::string()> statistics_;
  StatusLine line_;
  LossNotices losses_;
  std::optional<MonotonicTime> deadline_;
  bool stopping_ = false;
};

}  // namespace weir::app
