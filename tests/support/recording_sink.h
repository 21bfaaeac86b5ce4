// The simulated twin of a sink: keeps what it is given, and can run out of room after a number of
// packets.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "output/sink.h"

namespace weir::test {

class RecordingSink final : public output::Sink {
 public:
  // `room` packets fit; the rest are lost{no_space}.
  explicit RecordingSink(std::optional<std::size_t> room = std::nullopt) : room_(room) {}

  Result<void> reserve() override {
    ++reserved_;
    if (full()) return error();
    return ok();
  }
  void write(const output::Offer& offer) override {
    WEIR_ASSERT(reserved_ > 0 || full());  // credit before write, but for a sink that has failed
    reserved_ -= reserved_ > 0 ? 1 : 0;
    for (std::uint32_t i = 0; i < offer.batch.count; ++i) {
      if ((offer.verdicts.wanted[i] & offer.session) == 0) continue;
      statistics_.offered.add(1);
      if (full()) {
        lost_any_ = true;
        statistics_.lost[static_cast<std::size_t>(LostReason::NoSpace)].add(1);
        continue;
      }
      const Bytes frame = offer.batch.packets[i].frame();
      frames_.emplace_back(frame.begin(), frame.end());
      statistics_.written.add(1);
    }
    for (const output::PressureLoss& one : offer.dropped) told_dropped_ += one.packets;
  }
  Result<void> flush() override { return ok(); }
  Result<void> close() override {
    closed_ = true;
    if (lost_any_) return error();
    return ok();
  }
  void cancel() noexcept override {}

  [[nodiscard]] const output::SinkStatistics& statistics() const noexcept override {
    return statistics_;
  }
  [[nodiscard]] std::string_view kind() const noexcept override { return "recording"; }
  [[nodiscard]] std::string_view path() const noexcept override { return ""; }
  [[nodiscard]] std::string_view mode() const noexcept override { return "memory"; }

  [[nodiscard]] const std::vector<std::vector<std::uint8_t>>& frames() const noexcept {
    return frames_;
  }
  // What it was told that its session dropped.
  [[nodiscard]] std::uint64_t told_dropped() const noexcept { return told_dropped_; }
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  [[nodiscard]] int credits_out() const noexcept { return reserved_; }

 private:
  [[nodiscard]] bool full() const noexcept { return room_ && frames_.size() >= *room_; }
  static Error error() {
    return Error{.code = ErrorCode::NoSpace, .sys_errno = 0, .context = "recording sink: full"};
  }

  std::optional<std::size_t> room_;
  output::SinkStatistics statistics_;
  std::vector<std::vector<std::uint8_t>> frames_;
  std::uint64_t told_dropped_ = 0;
  int reserved_ = 0;
  bool lost_any_ = false;
  bool closed_ = false;
};

}  // namespace weir::test
