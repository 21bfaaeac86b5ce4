// One query of the API, as the table keeps it: what was asked, how far it is, how it ended. Small:
// it stays for a while after its end.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/unique_fd.h"
#include "capture/retrieval/query_counts.h"
#include "control/engine_control.h"
#include "interface/source.h"

namespace weir::app {

enum class QueryState : std::uint8_t {
  Planning,  // the segments of its stores are looked at
  Running,
  Done,
  Cancelled,
  ClientGone,
  Failed,
  kCount,
};
std::string_view name_of(QueryState state) noexcept;  // "client_gone"
constexpr bool has_ended(QueryState state) noexcept { return state > QueryState::Running; }

struct QueryOutcome {
  QueryState state = QueryState::Failed;
  capture::retrieval::QueryCounts counts;
  bool limited = false;
  std::string error;
  Timestamp ended{};
};

// Any thread.
class QueryEntry {
 public:
  // `bell` as of control::make_bell().
  QueryEntry(std::uint64_t id, const control::PacketQuery& query, std::vector<std::string> stores,
             Timestamp begun, UniqueFd bell);

  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] control::QueryStatus status() const;
  [[nodiscard]] const capture::retrieval::TimeWindow& window() const noexcept { return window_; }
  [[nodiscard]] QueryState state() const;
  [[nodiscard]] std::string cancelled_by() const;

  // Readable, and true, once somebody has cancelled it.
  [[nodiscard]] int end_fd() const noexcept { return bell_.get(); }
  [[nodiscard]] const std::atomic<bool>& stop() const noexcept { return stop_; }
  // False: it has ended.
  bool cancel(std::string_view who);

  // Its own thread. The source is borrowed until end().
  void run(interface::Source& source);
  void count(std::uint64_t packets, std::uint64_t bytes);
  void end(const QueryOutcome& outcome);

 private:
  const std::uint64_t id_;
  const UniqueFd bell_;
  std::atomic<bool> stop_ = false;
  capture::retrieval::TimeWindow window_;
  mutable std::mutex mutex_;  // guards the rest
  QueryState state_ = QueryState::Planning;
  interface::Source* source_ = nullptr;
  std::string cancelled_by_;
  control::QueryStatus status_;  // but for the state
};

}  // namespace weir::app
