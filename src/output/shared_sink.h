// One sink for several workers: a decorator whose calls take turns. One lock for each call, so two
// for a batch; none for a packet.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "output/sink.h"

namespace weir::output {

// Any thread may call it; each user (a worker with its pipeline) keeps to the contract of Sink by
// itself: one credit at a time, close() once. The inner sink must have been opened for as many
// credits as there are users.
//
// A call that waits inside (for a slow reader, with FullPolicy::Block) keeps the other users of
// this sink waiting too: that is back-pressure. Only cancel() passes by, and whoever looks on:
// counts(), and of a pipe everything that can be asked.
class SharedSink final : public Sink {
 public:
  // `users` >= 1.
  SharedSink(std::unique_ptr<Sink> sink, std::uint32_t users);

  Result<void> reserve() override;
  void write(const Offer& offer) override;
  Result<void> flush() override;
  // Closes at the call of the last user; the calls before it return ok. (What went wrong is told to
  // the last one, whoever caused it.)
  Result<void> close() override;
  void cancel() noexcept override { sink_->cancel(); }

  [[nodiscard]] SinkCounts counts() const noexcept override { return sink_->counts(); }
  [[nodiscard]] const SinkStatistics& statistics() const noexcept override {
    return sink_->statistics();
  }
  [[nodiscard]] std::string_view kind() const noexcept override { return sink_->kind(); }
  [[nodiscard]] std::string_view path() const noexcept override { return sink_->path(); }
  [[nodiscard]] std::string file() const override;
  [[nodiscard]] std::string_view mode() const noexcept override;
  [[nodiscard]] std::uint64_t files() const noexcept override { return sink_->files(); }
  [[nodiscard]] double fill() const noexcept override { return sink_->fill(); }
  [[nodiscard]] std::optional<SpillStatus> spill() const noexcept override {
    return sink_->spill();
  }
  std::optional<Error> take_warning() override;

 private:
  const std::unique_ptr<Sink> sink_;
  const bool is_pipe_;  // file() and mode() stay as they are
  mutable std::mutex turn_;
  std::uint32_t users_;  // that have not closed yet
};

}  // namespace weir::output
