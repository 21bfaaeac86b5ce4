#include "capture/session_lane.h"

#include <algorithm>

#include "capture/flow_sample.h"

namespace weir::capture {

std::uint32_t SessionLane::drop(const PacketBatch& batch, const HeadersArray& headers,
                                Verdicts& verdicts, SessionMask bit, const Relief& relief,
                                UnderPressure& dropped) {
  losses_count_ = 0;
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    if ((verdicts.wanted[i] & bit) == 0) continue;
    if (!relief.shed && in_sample(headers[i].flow_hash, relief.sample)) continue;
    verdicts.wanted[i] &= ~bit;
    dropped.set(i);
    ++count;
    // A batch is nearly always of one interface.
    const InterfaceId interface = batch.packets[i].interface;
    const auto end = losses_.begin() + static_cast<std::ptrdiff_t>(losses_count_);
    const auto known =
        std::ranges::find(losses_.begin(), end, interface, &output::PressureLoss::interface);
    if (known == end) losses_[losses_count_++] = {.interface = interface};
    ++known->packets;
  }
  if (count != 0) counters.dropped[static_cast<std::size_t>(DropReason::Pressure)].add(count);
  return count;
}

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

void SessionLane::keep_all(std::uint32_t packets) noexcept {
  std::fill_n(outcomes->keep_bytes.begin(), packets, filter::kKeepAll);
}

void SessionLane::cut(PacketBatch& batch, std::uint32_t snaplen, bool by_outcomes) {
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    Packet& packet = batch.packets[i];
    captured_bytes_[i] = packet.captured_bytes;
    if (snaplen != 0) packet.captured_bytes = std::min(packet.captured_bytes, snaplen);
    if (by_outcomes) {
      packet.captured_bytes = std::min(packet.captured_bytes, outcomes->keep_bytes[i]);
    }
  }
}

void SessionLane::count_accepted(const PacketBatch& batch, const Verdicts& verdicts,
                                 SessionMask bit) {
  // Which packets a session wants cannot be foretold: no branch on it.
  std::array<std::uint8_t, kBatchPacketsMax> accepted;  // NOLINT(*-member-init)
  std::size_t packets = 0;
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    accepted[packets] = static_cast<std::uint8_t>(i);
    packets += (verdicts.wanted[i] & bit) != 0 ? 1u : 0u;
  }
  std::uint64_t bytes = 0;
  std::uint64_t truncated = 0;
  std::int64_t first = times.first.ns;
  std::int64_t last = times.last.ns;
  for (std::size_t k = 0; k < packets; ++k) {
    const Packet& packet = batch.packets[accepted[k]];
    bytes += packet.wire_bytes;
    truncated += packet.captured_bytes < packet.wire_bytes ? 1u : 0u;
    const std::int64_t time = packet.time.ns;
    first = packet.has_time && time < first ? time : first;
    last = packet.has_time && time > last ? time : last;
  }
  times = {.first = {first}, .last = {last}};
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
