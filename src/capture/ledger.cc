#include "capture/ledger.h"

#include <numeric>

namespace weir::capture {

std::uint64_t LedgerSnapshot::rejected_total() const noexcept {
  return std::accumulate(rejected.begin(), rejected.end(), std::uint64_t{0});
}

std::uint64_t LedgerSnapshot::dropped_total() const noexcept {
  return std::accumulate(dropped.begin(), dropped.end(), std::uint64_t{0});
}

bool LedgerSnapshot::balanced() const noexcept {
  return received == accepted + rejected_total() + dropped_total() + in_ring;
}

LedgerSnapshot& LedgerSnapshot::operator+=(const LedgerSnapshot& other) noexcept {
  received += other.received;
  received_bytes += other.received_bytes;
  delivered += other.delivered;
  accepted += other.accepted;
  accepted_bytes += other.accepted_bytes;
  truncated += other.truncated;
  in_ring += other.in_ring;
  for (std::size_t i = 0; i < rejected.size(); ++i) rejected[i] += other.rejected[i];
  for (std::size_t i = 0; i < dropped.size(); ++i) dropped[i] += other.dropped[i];
  for (std::size_t i = 0; i < malformed.size(); ++i) malformed[i] += other.malformed[i];
  return *this;
}

LedgerSnapshot snapshot(const interface::SourceStatistics& source,
                        const PipelineCounters& pipeline) noexcept {
  LedgerSnapshot now;
  now.received = source.received.value();
  now.received_bytes = source.received_bytes.value();
  now.delivered = source.delivered.value();
  now.in_ring = source.in_ring.value();
  now.accepted = pipeline.accepted.value();
  now.accepted_bytes = pipeline.accepted_bytes.value();
  now.truncated = pipeline.truncated.value();
  for (std::size_t i = 0; i < now.rejected.size(); ++i) {
    now.rejected[i] = source.rejected[i].value() + pipeline.rejected[i].value();
  }
  for (std::size_t i = 0; i < now.dropped.size(); ++i) {
    now.dropped[i] = source.dropped[i].value() + pipeline.dropped[i].value();
  }
  for (std::size_t i = 0; i < now.malformed.size(); ++i)
    now.malformed[i] = pipeline.malformed[i].value();
  return now;
}

}  // namespace weir::capture
