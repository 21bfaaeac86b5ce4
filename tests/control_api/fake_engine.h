// An engine that only answers: it has two sessions and remembers what it was told.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "control/api_events.h"
#include "control/engine_control.h"
#include "control/http_stream.h"

namespace weir::test {

// An answer to a query: one write, and whole or not.
class FakeAnswer final : public control::HttpStream {
 public:
  explicit FakeAnswer(Ending ending) : ending_(ending) {}
  Ending run(control::StreamWriter& out) override {
    (void)out.write("packets");
    return ending_;
  }

 private:
  Ending ending_;
};

class FakeEngine final : public control::EngineControl {
 public:
  static control::SessionStatus session_status(const std::string& name) {
    return {.name = name,
            .state = "running",
            .origin = "config",
            .interfaces = {"lo", "eth0"},
            .filter = "tcp port 80",
            .inner = false,
            .snaplen = 128,
            .generation = 3,
            .since = {1'700'000'000'000'000'001},
            .received = 10,
            .received_bytes = 1000,
            .accepted = 6,
            .accepted_bytes = 600,
            .rejected = {{"filter", 3}},
            .dropped = {{"kernel", 1}},
            .outputs = {{.kind = "pcapng",
                         .path = "/data/\"a\".pcapng",
                         .offered = 6,
                         .written = 5,
                         .written_bytes = 700,
                         .pending = 1,
                         .lost = {}}},
            .rules = {{.name = "web", .action = "accept", .packets = 6, .bytes = 600}},
            .error = ""};
  }

  [[nodiscard]] control::EngineStatus status() const override {
    return {.version = "0.1.0",
            .state = "running",
            .pid = 4242,
            .started = {1'700'000'000'000'000'000},
            .generation = 3,
            .sessions = 2,
            .received = 10,
            .received_bytes = 1000,
            .accepted = 6,
            .accepted_bytes = 600,
            .rejected = {{"filter", 3}},
            .dropped = {{"kernel", 1}},
            .in_flight = 0,
            .modules = {{.name = "capture", .state = "running", .health = "ok", .reason = ""},
                        {.name = "storage", .state = "running", .health = health, .reason = "x"}}};
  }
  [[nodiscard]] std::vector<control::SessionStatus> sessions() const override {
    return {session_status("all"), session_status("web")};
  }
  [[nodiscard]] std::optional<control::SessionStatus> session(
      std::string_view name) const override {
    if (name != "all" && name != "web") return std::nullopt;
    return session_status(std::string(name));
  }
  [[nodiscard]] std::vector<control::InterfaceStatus> interfaces() const override {
    return {{.name = "lo",
             .state = "up",
             .mode = "afpacket",
             .workers = 2,
             .filter_place = "kernel",
             .received = 10,
             .received_bytes = 1000,
             .accepted = 6,
             .rejected = {{"filter", 3}},
             .dropped = {{"kernel", 1}},
             .in_flight = 0}};
  }
  [[nodiscard]] control::SecurityStatus security() const override {
    return {.refused_sources = {{"address", 3}, {"vni", 1}},
            .filter_place = "kernel",
            .below_counted = true,
            .source_rules = {{.origin = "config",
                              .nets = {"10.0.0.0/8"},
                              .vnis = {"7", "100-199"},
                              .deny_macs = {"02:00:5e:00:53:01"}}}};
  }
  [[nodiscard]] control::PressureStatus pressure() const override {
    return {.enabled = true,
            .places = {{.resource = "output",
                        .place = "pipe /run/x",
                        .level = "critical",
                        .since = {1'700'000'000'000'000'000},
                        .fill = 100,
                        .step = 2,
                        .steps = 5,
                        .sessions = {"web"}}},
            .sessions = {{.session = "web",
                          .priority = 100,
                          .relief = "truncate 128",
                          .since = {1'700'000'000'000'000'000}}}};
  }
  [[nodiscard]] std::vector<control::GenerationStatus> generations() const override {
    return {{.number = 3,
             .when = {1'700'000'000'000'000'000},
             .who = "root (uid 0)",
             .why = "reload",
             .packets = 10,
             .current = true}};
  }
  [[nodiscard]] control::ConfigDocument configuration() const override {
    return {.generation = 3, .toml = config_toml};
  }
  [[nodiscard]] Result<std::vector<control::JournalRow>> journal(
      std::uint64_t before, std::size_t rows_max) const override {
    std::vector<control::JournalRow> rows;
    for (std::uint64_t id = before == 0 ? 5 : before - 1; id > 0 && rows.size() < rows_max; --id) {
      rows.push_back({.id = id,
                      .when = {1'700'000'000'000'000'000},
                      .machine = "engine",
                      .from = "open",
                      .event = "opened",
                      .to = "running",
                      .who = "root (uid 0)",
                      .why = "start"});
    }
    return rows;
  }
  [[nodiscard]] Result<std::vector<control::HistorySeries>> history(
      const control::HistoryQuery& query) const override {
    const std::lock_guard lock(mutex_);
    last_query_ = query;
    if (query.metric == "weir_unknown") {
      return Error{.code = ErrorCode::NotFound, .context = "metric weir_unknown: no samples"};
    }
    return std::vector<control::HistorySeries>{
        {.metric = query.metric,
         .labels = {{"session", "all"}},
         .points = {{{1'700'000'000'500'000'000}, 1.5}, {{1'700'000'010'500'000'000}, 7}}}};
  }
  [[nodiscard]] std::string metrics() const override { return metrics_text; }

  Result<control::CommandResult> execute(const control::Command& command) override {
    if (on_execute) return on_execute(command);
    const std::lock_guard lock(mutex_);
    commands_.push_back(command);
    if (error) return *error;
    return control::CommandResult{.id = commands_.size(),
                                  .generation = 4,
                                  .message = std::string(control::name_of(command.kind)) + " done",
                                  .needs_restart = {"engine.user"}};
  }

  Result<UniqueFd> tail(const control::TailRequest& request) override {
    if (!session(request.session)) {
      return Error{.code = ErrorCode::NotFound, .context = "tail: no such session"};
    }
    const std::lock_guard lock(mutex_);
    tail_ = request;
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error(errno, "pipe");
    writers_.emplace_back(ends[1]);
    return UniqueFd(ends[0]);
  }

  Result<control::BegunQuery> begin_query(const control::PacketQuery& query) override {
    const std::lock_guard lock(mutex_);
    packet_query_ = query;
    if (error) return *error;
    return control::BegunQuery{.id = 7, .answer = std::make_unique<FakeAnswer>(query_ending)};
  }
  [[nodiscard]] control::PolicyStatus policy() const override {
    return {.state = "loaded",
            .path = "/etc/weir/policy.toml",
            .version = 7,
            .digest = "00",
            .issued = {1'700'000'000'000'000'000},
            .expires = {1'800'000'000'000'000'000},
            .newest_version = 7,
            .level = "high",
            .block = true,
            .refused = {{"forged", 2}},
            .refusal = "policy refused: no",
            .threat = {.level = "high",
                       .since = {1'700'000'001'000'000'000},
                       .why = "30% of the packets are malformed",
                       .received = 1000,
                       .malformed = 300,
                       .refused_sources = 4,
                       .refused_requests = 5,
                       .policy_refusals = 2}};
  }
  [[nodiscard]] std::vector<control::QueryStatus> queries() const override { return {*query(1)}; }
  [[nodiscard]] std::optional<control::QueryStatus> query(std::uint64_t id) const override {
    if (id != 1) return std::nullopt;
    return control::QueryStatus{.id = 1,
                                .state = "done",
                                .who = "alice (uid 1000)",
                                .session = "web",
                                .stores = {"/data/packets"},
                                .since = "1700000000.000000000",
                                .until = "",
                                .filter = "tcp",
                                .community_id = "",
                                .begun = {1'700'000'000'000'000'000},
                                .ended = {1'700'000'001'000'000'000},
                                .packets = 3,
                                .bytes = 300,
                                .lost = {.packets = 2, .first = {1}, .last = {2}},
                                .missing = {"segment x: damaged"},
                                .notes = {},
                                .error = ""};
  }
  Result<control::QueryStatus> cancel_query(std::uint64_t id, std::string_view who) override {
    const std::lock_guard lock(mutex_);
    cancelled_by_ = who;
    if (error) return *error;
    return *query(id);
  }

  [[nodiscard]] control::PacketQuery packet_query() const {
    const std::lock_guard lock(mutex_);
    return packet_query_;
  }
  [[nodiscard]] std::string cancelled_by() const {
    const std::lock_guard lock(mutex_);
    return cancelled_by_;
  }
  // What the tails write to; the newest last.
  std::vector<UniqueFd> take_writers() {
    const std::lock_guard lock(mutex_);
    return std::exchange(writers_, {});
  }
  [[nodiscard]] std::vector<control::Command> commands() const {
    const std::lock_guard lock(mutex_);
    return commands_;
  }
  [[nodiscard]] control::HistoryQuery last_query() const {
    const std::lock_guard lock(mutex_);
    return last_query_;
  }
  [[nodiscard]] control::TailRequest tail_request() const {
    const std::lock_guard lock(mutex_);
    return tail_;
  }

  // Set before the API runs.
  std::string health = "ok";
  std::string config_toml = "[engine]\nstate_dir = \"/var/lib/weir\"\n";
  std::string metrics_text = "# TYPE weir_packets_total counter\nweir_packets_total 1\n";
  std::optional<Error> error;
  control::HttpStream::Ending query_ending = control::HttpStream::Ending::Whole;
  std::function<Result<control::CommandResult>(const control::Command&)> on_execute;

 private:
  mutable std::mutex mutex_;
  mutable control::HistoryQuery last_query_;
  std::vector<control::Command> commands_;
  std::vector<UniqueFd> writers_;
  control::TailRequest tail_;
  control::PacketQuery packet_query_;
  std::string cancelled_by_;
};

// Events that a test makes; of the last `kept` at most.
class FakeFeed final : public control::EventFeed {
 public:
  explicit FakeFeed(std::size_t kept = 1000) : kept_(kept) {}

  void publish(std::string text) {
    const std::lock_guard lock(mutex_);
    events_.push_back({.id = ++newest_,
                       .time = {1'700'000'000'000'000'000},
                       .module = "capture",
                       .kind = "session_started",
                       .severity = "info",
                       .text = std::move(text),
                       .fields = {{"session", "all"}}});
    if (events_.size() > kept_) events_.erase(events_.begin());
  }

  [[nodiscard]] std::vector<control::ApiEvent> read_after(std::uint64_t id,
                                                          std::size_t events_max) const override {
    const std::lock_guard lock(mutex_);
    std::vector<control::ApiEvent> found;
    for (const auto& event : events_) {
      if (event.id > id && found.size() < events_max) found.push_back(event);
    }
    return found;
  }
  [[nodiscard]] std::uint64_t newest_id() const override {
    const std::lock_guard lock(mutex_);
    return newest_;
  }

 private:
  std::size_t kept_;
  mutable std::mutex mutex_;
  std::vector<control::ApiEvent> events_;
  std::uint64_t newest_ = 0;
};

}  // namespace weir::test
