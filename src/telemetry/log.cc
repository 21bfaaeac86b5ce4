#include "telemetry/log.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/assert.h"

namespace weir::telemetry {

void Logger::say(LogLevel level, LogMessage message, LogFields fields) const {
  service_->say(*module_, level, message, fields);
}

LogService::LogService(const Clock& clock, UniqueFd output, Options options)
    : clock_(clock),
      format_(options.format),
      level_(options.level),
      levels_(std::move(options.levels)),
      writer_(std::move(output), options.writer) {}

Logger LogService::logger(std::string_view module) {
  // Stands bare in each line.
  WEIR_ASSERT(!module.empty() && std::ranges::all_of(module, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '/' || c == '-';
  }));
  const std::lock_guard lock(mutex_);
  auto found = std::ranges::find(modules_, module, &Logger::Module::name);
  if (found == modules_.end()) {
    const auto own = std::ranges::find(
        levels_, module, [](const auto& row) -> std::string_view { return row.first; });
    modules_.emplace_back(std::string(module), own == levels_.end() ? level_ : own->second);
    found = std::prev(modules_.end());
  }
  return {*this, *found};
}

std::vector<std::string> LogService::modules() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const Logger::Module& module : modules_) names.push_back(module.name);
  return names;
}

Result<void> LogService::set_level(std::string_view module, LogLevel level) {
  const std::lock_guard lock(mutex_);
  if (module.empty()) {
    level_ = level;
    levels_.clear();
    for (Logger::Module& each : modules_) each.level.store(level, std::memory_order_relaxed);
    return ok();
  }
  const auto found = std::ranges::find(modules_, module, &Logger::Module::name);
  if (found == modules_.end()) {
    std::string names;
    for (const Logger::Module& each : modules_)
      names.append(names.empty() ? "" : ", ").append(each.name);
    return Error{.code = ErrorCode::NotFound,
                 .context = "set the log level of " + std::string(module) +
                            ": no such module (there are: " + names + ")"};
  }
  found->level.store(level, std::memory_order_relaxed);
  return ok();
}

LogLevel LogService::level(std::string_view module) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(modules_, module, &Logger::Module::name);
  return found == modules_.end() ? level_ : found->level.load(std::memory_order_relaxed);
}

void LogService::say(const Logger::Module& module, LogLevel level, LogMessage message,
                     LogFields fields) {
  const std::optional<std::uint64_t> suppressed =
      limit_.admit(&module, level, message.c_str(), clock_.monotonic());
  if (!suppressed) return;
  writer_.write(level, log_line(format_, {.time = clock_.wall(),
                                          .level = level,
                                          .module = module.name,
                                          .message = message.c_str(),
                                          .fields = fields,
                                          .suppressed = *suppressed}));
}

void LogService::collect(Collection& into) const {
  for (const LogLevel level : {LogLevel::Error, LogLevel::Warning, LogLevel::Info, LogLevel::Debug})
    into.add(Metric::LogLines, {name_of(level)}, writer_.written(level));
  into.add(Metric::LogSuppressed, {}, limit_.suppressed());
  into.add(Metric::LogLost, {}, writer_.lost());
}

}  // namespace weir::telemetry
