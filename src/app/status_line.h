// One line on the terminal that follows a running session; nothing where standard error is not a
// terminal.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "capture/ledger.h"
#include "interface/source.h"

namespace weir::app {

class StatusLine {
 public:
  // `fd` is borrowed. The line is shown only when it is a terminal.
  StatusLine(int fd, std::string title, MonotonicTime now);
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  [[nodiscard]] bool shown() const noexcept { return shown_; }
  // Files: a bar with bytes, rate and time left. Live: time, rates, kept, dropped by cause, and how
  // full the kernel's ring is (thousandths; the fullest of several).
  void show_progress(const capture::LedgerSnapshot& ledger, const interface::Progress& progress,
                     MonotonicTime now);
  void show_live(const capture::LedgerSnapshot& ledger, std::uint64_t ring_fill, MonotonicTime now);
  // Takes the line away, so that other text can be printed.
  void clear();

 private:
  void draw(std::string text);

  int fd_;
  bool shown_;
  bool drawn_ = false;
  std::string title_;
  MonotonicTime begin_;
  MonotonicTime previous_;
  capture::LedgerSnapshot before_;
};

}  // namespace weir::app
