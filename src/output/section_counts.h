// What the Interface Statistics Blocks at the end of a section say: the counts since the section
// began, so that those of a rotated capture add up to the whole.
#pragma once

#include <algorithm>
#include <vector>

#include "base/clock.h"
#include "output/interface_counts.h"
#include "storage/pcapng/writer.h"

namespace weir::output {

// One thread. The first section begins with the capture (counts of zero) and now.
class SectionCounts {
 public:
  // Both are borrowed.
  SectionCounts(const InterfaceCountsReader& reader, const Clock& clock)
      : reader_(&reader), clock_(&clock), begin_(clock.wall()) {}

  // Ends the section; next come its interfaces, each once.
  void end() noexcept {
    start_ = begin_;
    begin_ = clock_->wall();
  }
  // An interface that a section does not mention is counted in the next one that does.
  [[nodiscard]] storage::pcapng::InterfaceStatistics take(InterfaceId interface) {
    if (before_.size() <= interface.index) before_.resize(interface.index + 1);
    const InterfaceCounts now = reader_->counts(interface);
    InterfaceCounts& before = before_[interface.index];
    return {.start = start_,
            .end = begin_,
            .received = since(before.received, now.received),
            .upstream = since(before.upstream, now.upstream),
            .accepted = since(before.accepted, now.accepted),
            .dropped = since(before.dropped, now.dropped),
            .delivered = since(before.delivered, now.delivered)};
  }

 private:
  // A counter that fell (a network card that was reset) says nothing until it is beyond its old
  // value.
  static std::uint64_t since(std::uint64_t& before, std::uint64_t now) noexcept {
    const std::uint64_t old = before;
    before = std::max(old, now);
    return before - old;
  }

  const InterfaceCountsReader* reader_;
  const Clock* clock_;
  Timestamp begin_;       // of the section that goes on
  Timestamp start_ = {};  // of the one that has ended
  std::vector<InterfaceCounts> before_;
};

}  // namespace weir::output
