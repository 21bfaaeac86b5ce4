#include "app/status_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "app/human.h"

namespace weir::app {
namespace {

constexpr std::size_t kBarWidth = 24;
constexpr std::size_t kLineWidth = 100;

std::size_t terminal_width(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : kLineWidth;
}

double seconds(Duration duration) {
  return std::max(1e-3, static_cast<double>(duration.count()) / 1e9);
}

}  // namespace

StatusLine::StatusLine(int fd, std::string title, MonotonicTime now)
    : fd_(fd), shown_(::isatty(fd) == 1), title_(std::move(title)), begin_(now), previous_(now) {}

StatusLine::~StatusLine() { clear(); }

void StatusLine::show_progress(const capture::LedgerSnapshot& ledger,
                               const interface::Progress& progress, MonotonicTime now) {
  if (!shown_) return;
  const double elapsed = seconds(now - begin_);
  const auto done = static_cast<double>(progress.bytes_done);
  const auto total = static_cast<double>(progress.bytes_total);
  std::string text = title_ + "  ";
  if (progress.bytes_total != 0) {
    const double share = std::min(1.0, done / total);
    const auto filled = static_cast<std::size_t>(share * static_cast<double>(kBarWidth));
    text += "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "] " +
            std::to_string(static_cast<int>(share * 100)) + " %  ";
  }
  text += bytes_text(done);
  if (progress.bytes_total != 0) text += " of " + bytes_text(total);
  text += "  " + bytes_text(done / elapsed) + "/s  " +
          rate_text(static_cast<double>(ledger.delivered) / elapsed, "packets/s");
  if (progress.bytes_total != 0 && done > 0) {
    const double left = std::max(0.0, total - done) * elapsed / done;
    text += "  " + duration_text(Duration(static_cast<std::int64_t>(left * 1e9))) + " left";
  }
  draw(std::move(text));
}

void StatusLine::show_live(const capture::LedgerSnapshot& ledger, std::uint64_t ring_fill,
                           MonotonicTime now) {
  if (!shown_) return;
  const double interval = seconds(now - previous_);
  const auto packets = static_cast<double>(ledger.delivered - before_.delivered);
  const auto bits = 8 * static_cast<double>(ledger.received_bytes - before_.received_bytes);
  previous_ = now;
  before_ = ledger;
  std::string text = title_ + "  " + duration_text(now - begin_) + "  " +
                     rate_text(packets / interval, "packets/s") + "  " +
                     rate_text(bits / interval, "bit/s") + "  kept " + count_text(ledger.accepted) +
                     "  dropped";
  bool any = false;
  for (std::size_t i = 0; i < ledger.dropped.size(); ++i) {
    if (ledger.dropped[i] == 0) continue;
    text += " " + std::string(name_of(static_cast<DropReason>(i))) + " " +
            count_text(ledger.dropped[i]);
    any = true;
  }
  if (!any) text += " 0";
  text += "  buffer " + std::to_string(ring_fill / 10) + " %";
  draw(std::move(text));
}

void StatusLine::clear() {
  if (!drawn_) return;
  drawn_ = false;
  constexpr std::string_view kErase = "\r\x1b[K";
  (void)!::write(fd_, kErase.data(), kErase.size());
}

void StatusLine::draw(std::string text) {
  text.resize(std::min(text.size(), terminal_width(fd_) - 1));
  text.insert(0, "\r\x1b[K");
  drawn_ = true;
  (void)!::write(fd_, text.data(), text.size());  // a terminal that is gone shows nothing
}

}  // namespace weir::app
