#include "output/record_logs.h"

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
    const std::string& path, ExistingLogs existing,
    const protocol::CommunityIdHasher* community_id) {
  WEIR_TRY(auto directory, open_log_directory(path, existing));
  return std::make_unique<RecordLogs>(std::move(directory), community_id);
}

RecordLogs::RecordLogs(std::unique_ptr<LogDirectory> directory,
                       const protocol::CommunityIdHasher* community_id)
    : directory_(std::move(directory)),
      context_{.community_id = community_id, .scratch = {}},
      logs_(make_logs(*directory_, std::make_index_sequence<protocol::kLogCount>{})) {}

void RecordLogs::take(const protocol::Record& record) {
  WEIR_ASSERT(!closed_);
  RecordLog& log = logs_[static_cast<std::size_t>(protocol::log_of(record))];
  log.take(record, context_);
  note_error_of(log);
}

Result<void> RecordLogs::flush() {
  if (closed_) return state();
  for (RecordLog& log : logs_) {
    log.push();
    note_error_of(log);
  }
  return state();
}

Result<void> RecordLogs::close() {
  if (closed_) return state();
  for (RecordLog& log : logs_) {
    log.close();
    note_error_of(log);
  }
  closed_ = true;
  return state();
}

// The first error in time, of whichever log.
void RecordLogs::note_error_of(const RecordLog& log) {
  if (log.error() && !error_) error_ = log.error();
}

Result<void> RecordLogs::state() const {
  if (error_) return *error_;
  return ok();
}

}  // namespace weir::output
