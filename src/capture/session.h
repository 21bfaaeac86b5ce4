// One of the captures that share the packets of the workers: a filter, rules, limits and outputs of
// its own. Here is what of it stays as long as it lives, and the parts that it may exchange while
// it runs; which of them is in force stands in plans (lane_plan.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capture/deep_stage.h"
#include "capture/outlets.h"
#include "capture/relief.h"
#include "capture/session_lane.h"
#include "filter/rule_set.h"
#include "output/sink.h"

namespace weir::capture {

struct SessionLimits {
  std::uint64_t packets_max = 0;  // accepted by all workers together; 0: no limit
  std::uint64_t bytes_max = 0;    // on the wire
};

// The account and the limits of a session. Outlives every plan that names it. Any thread, but for
// what says otherwise.
class Session {
 public:
  // `news_fd`: an eventfd, written when the limit is reached; -1: none. Borrowed.
  Session(std::string name, std::size_t lanes, SessionLimits limits = {}, int news_fd = -1);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] SessionLane& lane(std::size_t index) noexcept { return *lanes_[index]; }

  [[nodiscard]] LedgerSnapshot ledger() const noexcept;
  [[nodiscard]] LedgerSnapshot lane_ledger(std::size_t index) const noexcept;
  // When no worker has it any more.
  [[nodiscard]] TimeRange times() const noexcept;

  [[nodiscard]] bool limit_reached() const noexcept { return budget_.exhausted(); }
  // By a worker that saw it.
  void tell_limit() noexcept;
  // From now on; what has been accepted counts.
  void set_limits(SessionLimits limits) noexcept;

  // Of each worker's next batch on.
  void set_relief(const Relief& relief) noexcept {
    relief_.store(packed(relief), std::memory_order_relaxed);
  }
  [[nodiscard]] Relief relief() const noexcept { return relief_of(relief_word()); }
  [[nodiscard]] std::uint64_t relief_word() const noexcept {
    return relief_.load(std::memory_order_relaxed);
  }

 private:
  const std::string name_;
  const int news_fd_;
  SessionBudget budget_;
  std::vector<std::unique_ptr<SessionLane>> lanes_;
  std::atomic<bool> limit_told_ = false;
  std::atomic<std::uint64_t> relief_ = 0;
};

// Where the packets of a session go, as all workers share it. Outlives every plan that names it.
class SessionOutputs {
 public:
  // The sinks have a part for each lane (Sink::lane()), which the lane closes, in this order.
  // `news_fd`: written when they have failed; -1: none. All borrowed.
  SessionOutputs(std::vector<output::Sink*> sinks, std::size_t lanes, int news_fd = -1);

  // By the worker of the lane.
  [[nodiscard]] Outlets& lane(std::size_t index) noexcept { return *lanes_[index].outlets; }
  void tell_failed(const Error& why) noexcept;
  // By the worker of the lane when it ends, or by the owner when no worker has them in its plan any
  // more. Once a lane; later calls return ok.
  Result<void> close_lane(std::size_t index);
  // All lanes that are still open: the first error.
  Result<void> close();

  // None of them takes packets any more, as one worker saw it. Any thread.
  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
  [[nodiscard]] std::optional<Error> fault() const;
  [[nodiscard]] const std::vector<output::Sink*>& sinks() const noexcept { return sinks_; }

 private:
  struct Lane {
    std::unique_ptr<Outlets> outlets;
    bool closed = false;
  };
  const std::vector<output::Sink*> sinks_;
  const int news_fd_;
  std::vector<Lane> lanes_;
  std::atomic<bool> failing_ = false;  // somebody is writing why_
  std::atomic<bool> failed_ = false;
  std::optional<Error> why_;
};

// Who analyses the packets of a session: a stage for each lane. Outlives every plan that names it.
class SessionAnalysis {
 public:
  // Borrowed, one a lane; null for those that take no part.
  explicit SessionAnalysis(const std::vector<DeepStage*>& stages);

  [[nodiscard]] DeepStage* lane(std::size_t index) noexcept { return lanes_[index].stage; }
  // As SessionOutputs::close_lane().
  void finish_lane(std::size_t index);
  void finish();

 private:
  struct Lane {
    DeepStage* stage;
    bool finished = false;
  };
  std::vector<Lane> lanes_;
};

// The rules of a session with what each has counted. Outlives every plan that names it.
class SessionRules {
 public:
  SessionRules(filter::RuleSet rules, std::size_t lanes);

  [[nodiscard]] const filter::RuleSet& rules() const noexcept { return rules_; }
  [[nodiscard]] filter::RuleCounters& counters(std::size_t lane) noexcept {
    return *counters_[lane];
  }
  struct Row {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
  };
  // Of all workers; `rule` == rules().size(): of packets that no rule matched.
  [[nodiscard]] Row row(std::size_t rule) const noexcept;

 private:
  filter::RuleSet rules_;
  std::vector<std::unique_ptr<filter::RuleCounters>> counters_;
};

}  // namespace weir::capture
