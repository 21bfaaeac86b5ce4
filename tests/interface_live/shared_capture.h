// A live capture by several workers under test: opens the sources and plays all workers in turns.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "interface/af_packet_sources.h"
#include "interface_live/live_capture.h"
#include "support/skip.h"

namespace weir::interface {

// Empty when this process may load steering programs, else the reason why not.
const std::string& why_no_programs();

class SharedCapture {
 public:
  // Fails the test when the sources do not open.
  explicit SharedCapture(const AfPacketCapture& wanted);
  // With these rights; the caller keeps them.
  SharedCapture(const AfPacketCapture& wanted, security::PrivilegedOperations& privileges);

  [[nodiscard]] std::size_t worker_count() const noexcept { return workers_.size(); }
  [[nodiscard]] LiveCapture& worker(std::size_t index) noexcept { return *workers_[index]; }
  [[nodiscard]] const AfPacketSources& opened() const noexcept { return opened_; }

  // As LiveCapture's, for all workers together.
  void take(std::size_t count);
  void exchange(test::TrafficSocket& sender, std::span<const test::FrameBytes> frames);
  // Closes the intake of every worker, then drains each; how each ended.
  std::vector<Pull> close_and_drain();

  [[nodiscard]] std::size_t frame_count() const noexcept;
  // Of all workers, in the order of their times.
  [[nodiscard]] std::vector<CapturedFrame> frames() const;
  // The rows of all workers added up.
  [[nodiscard]] Ledger ledger() const;

 private:
  void adopt(Result<AfPacketSources> opened);

  SystemClock clock_;
  security::InProcessPrivileges privileges_;
  AfPacketSources opened_;  // its sources have moved to the workers
  std::vector<std::unique_ptr<LiveCapture>> workers_;
};

}  // namespace weir::interface

// A user namespace has all rights over its networks, and none over programs.
#define WEIR_SKIP_WITHOUT_PROGRAMS() \
  WEIR_SKIP_BECAUSE(::weir::interface::why_no_programs(), ::weir::test::UnderCi::Fail)
