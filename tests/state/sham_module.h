// A module that does what a test tells it, and says what is wrong with how it is called.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "state/module.h"

namespace weir::test {

class ShamModule final : public state::Module {
 public:
  enum class Way { AtOnce, Slowly, Never, WithError };

  explicit ShamModule(std::string name, std::vector<std::string>* log = nullptr)
      : name_(std::move(name)), log_(log) {}

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }

  Result<void> begin_start(MonotonicTime deadline) override {
    note("start");
    if (running_ || phase_ != Phase::Idle) misuse = "started while it runs";
    deadline_ = deadline;
    phase_ = Phase::Starting;
    polls_left_ = slow_polls;
    ++starts;
    if (start == Way::WithError) return fail("start");
    running_ = true;
    return ok();
  }
  Result<void> begin_stop(MonotonicTime deadline) override {
    note("stop");
    if (!running_) misuse = "stopped while it does not run";
    deadline_ = deadline;
    phase_ = Phase::Stopping;
    polls_left_ = slow_polls;
    if (stop == Way::WithError) return fail("stop");
    return ok();
  }
  Result<state::Progress> poll(MonotonicTime now) override {
    if (phase_ == Phase::Idle) misuse = "polled while nothing was begun";
    const Way way = phase_ == Phase::Starting ? start : stop;
    last_poll = now;
    if (way == Way::Never) return state::Progress::Busy;
    if (way == Way::WithError) return fail("poll");
    if (way == Way::Slowly && polls_left_-- > 0) return state::Progress::Busy;
    running_ = phase_ == Phase::Starting;
    phase_ = Phase::Idle;
    note(running_ ? "up" : "down");
    return state::Progress::Done;
  }
  [[nodiscard]] state::ModuleHealth health(MonotonicTime /*now*/) override {
    if (!running_) misuse = "asked for its health while it does not run";
    return well;
  }

  [[nodiscard]] bool running() const noexcept { return running_; }
  [[nodiscard]] std::optional<MonotonicTime> deadline() const noexcept { return deadline_; }

  Way start = Way::AtOnce;
  Way stop = Way::AtOnce;
  int slow_polls = 3;
  state::ModuleHealth well;
  int starts = 0;
  MonotonicTime last_poll{};
  std::string misuse;  // of its interface, when there was any

 private:
  enum class Phase { Idle, Starting, Stopping };

  Error fail(std::string_view what) {
    running_ = false;
    phase_ = Phase::Idle;
    return {.code = ErrorCode::Io, .context = std::string(what) + " " + name_ + ": broken"};
  }
  void note(std::string_view what) {
    if (log_ != nullptr) log_->push_back(std::string(what) + " " + name_);
  }

  std::string name_;
  std::vector<std::string>* log_;
  Phase phase_ = Phase::Idle;
  bool running_ = false;
  int polls_left_ = 0;
  std::optional<MonotonicTime> deadline_;
};

}  // namespace weir::test
