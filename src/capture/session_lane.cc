#include "capture/session_lane.h"

#include <algorithm>

namespace weir::capture {

std::uint32_t SessionLane::keep_within_budget(const PacketBatch& batch, Verdicts& verdicts,
                                              SessionMask bit, std::uint32_t wanted,
                                              OverLimit& over) {
  // With several workers the budget may have been used up since the pull: what is over it at the
  // end of the batch is not wanted any more.
  const auto granted = static_cast<std::uint32_t>(budget_.packets.take(wanted));
  std::uint32_t kept = 0;
  if (granted == wanted && budget_.bytes.left() == AcceptBudget::kUnlimited) return wanted;
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    if ((verdicts.wanted[i] & bit) == 0) continue;
    if (kept < granted && !budget_.bytes.exhausted()) {
      budget_.bytes.take(batch.packets[i].wire_bytes);
      ++kept;
      continue;
    }
    verdicts.wanted[i] &= ~bit;
    over.set(i);
  }
  return kept;
}

void SessionLane::cut(PacketBatch& batch, std::uint32_t snaplen, bool by_rules) {
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    Packet& packet = batch.packets[i];
    captured_bytes_[i] = packet.captured_bytes;
    if (snaplen != 0) packet.captured_bytes = std::min(packet.captured_bytes, snaplen);
    if (by_rules) {
      packet.captured_bytes = std::min(packet.captured_bytes, outcomes->keep_bytes[i]);
    }
  }
}

void SessionLane::count_accepted(const PacketBatch& batch, const Verdicts& verdicts,
                                 SessionMask bit) {
  std::uint32_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint32_t truncated = 0;
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    const Packet& packet = batch.packets[i];
    if ((verdicts.wanted[i] & bit) == 0) continue;
    ++packets;
    bytes += packet.wire_bytes;
    truncated += packet.captured_bytes < packet.wire_bytes ? 1u : 0u;
    if (packet.has_time) {
      times.first = std::min(times.first, packet.time);
      times.last = std::max(times.last, packet.time);
    }
  }
  counters.accepted.add(packets);
  counters.accepted_bytes.add(bytes);
  counters.truncated.add(truncated);
}

void SessionLane::restore(PacketBatch& batch) const {
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    batch.packets[i].captured_bytes = captured_bytes_[i];
  }
}

}  // namespace weir::capture
