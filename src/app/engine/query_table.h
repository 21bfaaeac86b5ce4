// The queries of the API over the stores of an engine's sessions: those that run, of which there
// are so many and no more, and the last that have ended.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/engine/engine_news.h"
#include "app/engine/query_entry.h"
#include "app/engine/query_stream.h"
#include "app/engine/session_table.h"
#include "base/clock.h"
#include "control/engine_control.h"
#include "state/journaler.h"
#include "telemetry/registry.h"

namespace weir::app {

// Any thread. Each query has a thread of the API's for its answer and kThreads of its own.
class QueryTable final : public telemetry::Collector, QueryWatcher {
 public:
  static constexpr std::size_t kEndedMax = 64;  // that are remembered
  static constexpr std::uint64_t kAnswerBytesMax = std::uint64_t{64} * 1024 * 1024;
  static constexpr std::uint32_t kThreads = 2;

  struct Parts {
    const SessionTable& sessions;
    DestinationGate& destinations;
    state::Journaler& journaler;
    EngineNews& news;
    const Clock& clock;
  };
  // The parts are borrowed; they and the table outlive the streams.
  QueryTable(std::uint32_t running_max, const Parts& parts)
      : running_max_(running_max), parts_(parts) {}

  // As of control::EngineControl.
  Result<control::BegunQuery> begin(const control::PacketQuery& query);
  [[nodiscard]] std::vector<control::QueryStatus> status() const;
  [[nodiscard]] std::optional<control::QueryStatus> status(std::uint64_t id) const;
  Result<control::QueryStatus> cancel(std::uint64_t id, std::string_view who);
  // Now and then: what runs is cancelled when no packets may go to a query any more.
  void tend();
  // The engine ends: what runs is cancelled, and no more begin.
  void close();

  void collect(telemetry::Collection& into) const override;

 private:
  Result<std::shared_ptr<QueryEntry>> admit(const control::PacketQuery& query,
                                            std::vector<std::string> stores);
  void refuse(const QueryEntry& entry, const Error& why);
  [[nodiscard]] std::shared_ptr<QueryEntry> find(std::uint64_t id) const;
  void erase(const QueryEntry& entry);

  void query_runs(const QueryEntry& query) override;
  void query_sent(std::uint64_t packets, std::uint64_t bytes) noexcept override;
  void query_ended(const QueryEntry& query, Duration took) override;
  void query_dropped(const QueryEntry& query) override { erase(query); }

  const std::uint32_t running_max_;
  const Parts parts_;
  mutable std::mutex mutex_;  // guards the next three
  bool closed_ = false;
  std::uint64_t last_id_ = 0;
  std::deque<std::shared_ptr<QueryEntry>> entries_;  // by id
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(QueryState::kCount)> ended_{};
  std::atomic<std::uint64_t> packets_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
};

}  // namespace weir::app
