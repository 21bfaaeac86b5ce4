#include "output/sink.h"

namespace weir::output {

SinkCounts& SinkCounts::operator+=(const SinkCounts& other) noexcept {
  offered += other.offered;
  written += other.written;
  written_bytes += other.written_bytes;
  pending += other.pending;
  for (std::size_t i = 0; i < lost.size(); ++i) lost[i] += other.lost[i];
  return *this;
}

SinkCounts counts_of(const SinkStatistics& statistics) noexcept {
  SinkCounts counts{.offered = statistics.offered.value(),
                    .written = statistics.written.value(),
                    .written_bytes = statistics.written_bytes.value(),
                    .pending = statistics.pending.value()};
  for (std::size_t i = 0; i < counts.lost.size(); ++i) counts.lost[i] = statistics.lost[i].value();
  return counts;
}

}  // namespace weir::output
