#include "output/record_log.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <string_view>
#include <utility>

#include "output/json_record.h"
#include "output/output_error.h"

namespace weir::output {

void RecordLog::take(const protocol::Record& record, protocol::RecordContext& context) {
  statistics_.offered.add(1);
  if (!make_room()) {
    statistics_.lost[static_cast<std::size_t>(reason_)].add(1);
    return;
  }
  const std::span<char> room(buffer_.get() + used_, kBufferBytes - used_);
  used_ += write_json_line(room, record, context);
  statistics_.pending.add(1);
}

bool RecordLog::make_room() {
  if (!file_ && !error_) open();
  if (!error_ && kBufferBytes - used_ < kJsonLineMax) push();
  return !error_;
}

void RecordLog::open() {
  auto file = directory_.open(protocol::name_of(log_));
  if (!file) {
    error_ = std::move(file).error();
    reason_ = lost_reason(error_->sys_errno);
    return;
  }
  file_ = std::move(file).value();
  if (buffer_ == nullptr) buffer_ = std::make_unique_for_overwrite<char[]>(kBufferBytes);
}

void RecordLog::push() {
  if (used_ == 0) return;
  std::size_t sent = 0;
  if (const int error = send(sent); error != 0) {
    fail(error, sent);
    return;
  }
  statistics_.written.add(statistics_.pending.value());
  statistics_.written_bytes.add(used_);
  statistics_.pending.set(0);
  used_ = 0;
}

// Adds to `sent` what the kernel took. 0 or an errno.
int RecordLog::send(std::size_t& sent) noexcept {
  while (sent < used_) {
    // The bytes of char may be read as bytes.
    const auto* const rest =
        static_cast<const std::uint8_t*>(static_cast<const void*>(buffer_.get() + sent));
    const std::int64_t written = file_->write({rest, used_ - sent});
    if (written < 0) return static_cast<int>(-written);
    if (written == 0) return EIO;
    sent += static_cast<std::size_t>(written);
  }
  return 0;
}

// Of the buffer only `sent` bytes arrived: whole lines stay, the rest is lost.
void RecordLog::fail(int sys_errno, std::size_t sent) {
  const std::string_view arrived(buffer_.get(), sent);
  const std::size_t whole = arrived.rfind('\n') + 1;  // npos + 1 is 0
  const auto records = static_cast<std::uint64_t>(std::count(arrived.begin(), arrived.end(), '\n'));
  const bool torn = whole < sent && file_->cut(sent - whole) != 0;

  reason_ = lost_reason(sys_errno);
  statistics_.written.add(records);
  statistics_.written_bytes.add(whole);
  statistics_.lost[static_cast<std::size_t>(reason_)].add(statistics_.pending.value() - records);
  statistics_.pending.set(0);
  used_ = 0;
  error_ = record_log_error(sys_errno, path(), statistics_.written.value());
  if (torn) error_->context += ", and its last line is torn";
}

Result<void> RecordLog::rotate(Timestamp begin) {
  push();
  if (error_ || !file_) return ok();
  WEIR_CHECK(directory_.archive(protocol::name_of(log_), begin));
  const int error = file_->close();
  file_.reset();
  if (error != 0) return system_error(error, "close a finished " + path());
  return ok();
}

void RecordLog::try_again() noexcept {
  error_.reset();
  file_.reset();
}

void RecordLog::close() {
  push();
  if (!file_) return;
  const int error = file_->close();
  file_.reset();
  if (error != 0 && !error_) error_ = system_error(error, "close " + path());
}

std::string RecordLog::path() const {
  return directory_.path() + "/" + std::string(protocol::name_of(log_)) + ".log";
}

}  // namespace weir::output
