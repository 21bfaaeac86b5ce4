#include "output/record_logs.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/assert.h"

namespace weir::output {
namespace {

template <std::size_t... kLogs>
std::array<RecordLog, sizeof...(kLogs)> make_logs(LogDirectory& directory,
                                                  std::index_sequence<kLogs...>) {
  return {RecordLog(directory, static_cast<protocol::LogId>(kLogs))...};
}

}  // namespace

Result<std::unique_ptr<RecordLogs>> RecordLogs::open(
    const std::string& path, ExistingLogs existing, const protocol::CommunityIdHasher* community_id,
    const LogUpkeep& upkeep) {
  WEIR_TRY(auto directory,
           open_log_directory(path, existing, upkeep.archived_max, upkeep.directory));
  return std::make_unique<RecordLogs>(std::move(directory), community_id, upkeep);
}

RecordLogs::RecordLogs(std::unique_ptr<LogDirectory> directory,
                       const protocol::CommunityIdHasher* community_id, const LogUpkeep& upkeep)
    : directory_(std::move(directory)),
      context_{.community_id = community_id, .scratch = {}},
      logs_(make_logs(*directory_, std::make_index_sequence<protocol::kLogCount>{})),
      upkeep_(upkeep) {
  if (upkeep.interval.count() == 0) return;
  interval_.emplace(upkeep.interval, *upkeep.clock);
  interval_->enter_now();
}

void RecordLogs::start() {
  directory_->take_up();
  if (interval_) put_away_old();
}

// What an earlier run wrote in an earlier interval does not go on.
void RecordLogs::put_away_old() {
  for (std::size_t i = 0; i < protocol::kLogCount; ++i) {
    const std::string_view name = protocol::name_of(static_cast<protocol::LogId>(i));
    const std::optional<Timestamp> written = directory_->written(name);
    if (!written || *written >= interval_->begin()) continue;
    const auto put_away = directory_->archive(name, interval_->begin_of(*written));
    if (!put_away) warn(put_away.error());
  }
}

void RecordLogs::take(const protocol::Record& record) {
  WEIR_ASSERT(!closed_);
  const auto log = static_cast<std::size_t>(protocol::log_of(record));
  logs_[log].take(record, context_);
  note_error_of(log);
}

Result<void> RecordLogs::flush() {
  if (closed_) return state();
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    logs_[i].push();
    note_error_of(i);
  }
  return state();
}

void RecordLogs::tend() {
  (void)flush();
  if (interval_ && interval_->over()) rotate();
  if (upkeep_.retry.count() != 0) try_failed_again(upkeep_.clock->monotonic());
}

void RecordLogs::rotate() {
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    const auto rotated = logs_[i].rotate(interval_->begin());
    if (!rotated) warn(rotated.error());
    note_error_of(i);
  }
  interval_->enter_now();
}

void RecordLogs::try_failed_again(MonotonicTime now) {
  const bool any = std::find(failed_.begin(), failed_.end(), true) != failed_.end();
  if (!any || now < next_try_) return;
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    if (std::exchange(failed_[i], false)) logs_[i].try_again();
  }
}

Result<void> RecordLogs::close() {
  if (closed_) return state();
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    logs_[i].close();
    note_error_of(i);
  }
  closed_ = true;
  directory_->finish();
  return state();
}

// The first error in time, of whichever log, is the result of them all.
void RecordLogs::note_error_of(std::size_t log) {
  const std::optional<Error>& error = logs_[log].error();
  if (!error || failed_[log]) return;
  failed_[log] = true;
  if (upkeep_.retry.count() != 0) next_try_ = upkeep_.clock->monotonic() + upkeep_.retry;
  if (!error_) error_ = error;
  warn(*error);
}

void RecordLogs::warn(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (!warning_) warning_ = error;
}

std::optional<Error> RecordLogs::take_warning() {
  {
    const std::lock_guard lock(mutex_);
    if (warning_) return std::exchange(warning_, std::nullopt);
  }
  return directory_->take_failure();
}

Result<void> RecordLogs::state() const {
  if (error_) return *error_;
  return ok();
}

}  // namespace weir::output
