// The engine's log: lines for the operator, as text or JSON. Never used per packet.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "telemetry/counter.h"
#include "telemetry/log_level.h"
#include "telemetry/log_limit.h"
#include "telemetry/log_text.h"
#include "telemetry/log_writer.h"
#include "telemetry/registry.h"

namespace weir::telemetry {

class LogService;

// One module's way to the log: a value, copied freely; one that was made from nothing says nothing.
// Any thread. Does not outlive its service. Cost of a line that is not wanted: one load.
//
//   log.info("session begun", {{"session", name}, {"packets", count}});
class Logger {
 public:
  Logger() = default;

  void error(LogMessage message, LogFields fields = {}) const {
    log(LogLevel::Error, message, fields);
  }
  void warning(LogMessage message, LogFields fields = {}) const {
    log(LogLevel::Warning, message, fields);
  }
  void info(LogMessage message, LogFields fields = {}) const {
    log(LogLevel::Info, message, fields);
  }
  void debug(LogMessage message, LogFields fields = {}) const {
    log(LogLevel::Debug, message, fields);
  }
  void log(LogLevel level, LogMessage message, LogFields fields) const {
    if (enabled(level)) say(level, message, fields);
  }
  [[nodiscard]] bool enabled(LogLevel level) const noexcept {
    return module_ != nullptr && level <= module_->level.load(std::memory_order_relaxed);
  }

 private:
  friend class LogService;
  struct Module {
    std::string name;
    std::atomic<LogLevel> level;
  };
  Logger(LogService& service, const Module& module) noexcept
      : service_(&service), module_(&module) {}
  void say(LogLevel level, LogMessage message, LogFields fields) const;

  LogService* service_ = nullptr;
  const Module* module_ = nullptr;
};

// Any thread. Writes what a call site says often only so often (log_limit.h), through a thread of
// its own (log_writer.h): who logs never waits for the descriptor.
class LogService final : public Collector {
 public:
  struct Options {
    LogFormat format = LogFormat::Text;
    LogLevel level = LogLevel::Info;                         // of modules without their own
    std::vector<std::pair<std::string, LogLevel>> levels{};  // by module
    LogWriter::Options writer{};
  };
  LogService(const Clock& clock, UniqueFd output, Options options);
  LogService(const LogService&) = delete;
  LogService& operator=(const LogService&) = delete;

  // The same name gives the same module. A name is a-z, 0-9, '_', '/' and '-': an assertion.
  [[nodiscard]] Logger logger(std::string_view module);
  [[nodiscard]] std::vector<std::string> modules() const;  // in the order of their first logger

  // Of a module that has a logger, or of all that are and will be when `module` is empty. Error:
  // NotFound.
  Result<void> set_level(std::string_view module, LogLevel level);
  [[nodiscard]] LogLevel level(std::string_view module) const;  // "": of modules to come

  // Waits until what was said has been written. False: the descriptor did not take it in time.
  bool flush(Duration timeout = std::chrono::seconds(5)) { return writer_.flush(timeout); }

  void collect(Collection& into) const override;

 private:
  friend class Logger;
  void say(const Logger::Module& module, LogLevel level, LogMessage message, LogFields fields);

  const Clock& clock_;
  const LogFormat format_;
  mutable std::mutex mutex_;
  LogLevel level_;
  std::vector<std::pair<std::string, LogLevel>> levels_;
  std::deque<Logger::Module> modules_;  // stay where they are
  LogLimit limit_;
  LogWriter writer_;
};

}  // namespace weir::telemetry
