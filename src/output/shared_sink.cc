#include "output/shared_sink.h"

#include "base/assert.h"

namespace weir::output {

using Turn = std::lock_guard<std::mutex>;

SharedSink::SharedSink(std::unique_ptr<Sink> sink, std::uint32_t users)
    : sink_(std::move(sink)), is_pipe_(sink_->mode() == "pipe"), users_(users) {
  WEIR_ASSERT(users >= 1);
}

Result<void> SharedSink::reserve() {
  const Turn turn(turn_);
  return sink_->reserve();
}

void SharedSink::write(const Offer& offer) {
  const Turn turn(turn_);
  sink_->write(offer);
  WEIR_DEBUG_ASSERT(balanced(sink_->statistics()));
}

Result<void> SharedSink::flush() {
  const Turn turn(turn_);
  return sink_->flush();
}

Result<void> SharedSink::close() {
  const Turn turn(turn_);
  if (users_ > 1) {
    --users_;
    return ok();
  }
  return sink_->close();
}

// A pipe may be waiting for its reader without end, and the one who asks is the one who would call
// cancel().
std::string SharedSink::file() const {
  if (is_pipe_) return sink_->file();
  const Turn turn(turn_);
  return sink_->file();
}

std::string_view SharedSink::mode() const noexcept {
  if (is_pipe_) return sink_->mode();
  const Turn turn(turn_);
  return sink_->mode();
}

std::optional<Error> SharedSink::take_warning() {
  // Whoever asks has time: it does not wait behind one that waits for a reader.
  const std::unique_lock turn(turn_, std::try_to_lock);
  return turn.owns_lock() ? sink_->take_warning() : std::nullopt;
}

}  // namespace weir::output
