#include "app/loss_notices.h"

#include "app/human.h"

namespace weir::app {

std::string LossNotices::look(const std::vector<LossCounter>& counters, MonotonicTime now) {
  told_.resize(counters.size());
  std::string text;
  for (std::size_t i = 0; i < counters.size(); ++i) {
    const LossCounter& counter = counters[i];
    Told& told = told_[i];
    if (counter.packets <= told.packets) continue;
    if (told.packets != 0 && now - told.at < kInterval) continue;
    text += "weir: " + counter.where + ": lost " + count_text(counter.packets - told.packets) +
            " packets (" + counter.cause + ")";
    if (told.packets != 0) text += ", " + count_text(counter.packets) + " so far";
    text += "\n";
    told = {.packets = counter.packets, .at = now};
  }
  return text;
}

}  // namespace weir::app
