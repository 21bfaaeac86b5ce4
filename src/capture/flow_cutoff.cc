#include "capture/flow_cutoff.h"

#include <algorithm>
#include <limits>

#include "capture/relief.h"

namespace weir::capture {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

bool begins_connection(const Headers& headers) noexcept {
  constexpr std::uint8_t kSyn = 0x02;
  constexpr std::uint8_t kAck = 0x10;
  return (headers.tcp_flags & (kSyn | kAck)) == kSyn;
}

}  // namespace

Result<FlowCutoff> FlowCutoff::make() {
  WEIR_TRY(auto sets, buffer::ReservedArray<Set>::reserve(kSets));
  return FlowCutoff(std::move(sets));
}

FlowCutoff::Set& FlowCutoff::set_of(std::uint64_t hash) noexcept {
  return sets_[(hash * 0x9e3779b97f4a7c15) >> 32 & (kSets - 1)];
}

// Its own, or that which was silent longest, made its own.
FlowCutoff::Flow& FlowCutoff::find(Set& set, std::uint64_t hash) noexcept {
  const auto own = std::ranges::find(set.flows, hash, &Flow::hash);
  if (own != set.flows.end()) return *own;
  Flow& oldest = *std::ranges::min_element(set.flows, {}, &Flow::second);
  oldest = {.hash = hash};
  return oldest;
}

void FlowCutoff::apply(const PacketBatch& batch, const HeadersArray& headers,
                       const Verdicts& verdicts, SessionMask session, const CutoffBounds& bounds,
                       filter::RuleOutcomes& outcomes) noexcept {
  constexpr std::uint32_t kBytesMax = std::numeric_limits<std::uint32_t>::max();
  const auto cutoff_of = [&](std::uint32_t i) -> std::uint32_t {
    const bool judged = (verdicts.wanted[i] & session) != 0 && headers[i].flow_hash != 0;
    if (!judged) return 0;
    const std::uint32_t of_rule =
        bounds.rules != nullptr ? bounds.rules->cutoff_bytes(outcomes.rule[i]) : 0;
    return smaller_bound(of_rule, bounds.every_flow);
  };
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    if (cutoff_of(i) != 0) __builtin_prefetch(&set_of(headers[i].flow_hash));
  }
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    const std::uint32_t cutoff = cutoff_of(i);
    if (cutoff == 0) continue;
    const Packet& packet = batch.packets[i];
    const Headers& found = headers[i];
    Flow& flow = find(set_of(found.flow_hash), found.flow_hash);
    if (packet.has_time) {
      const auto second = static_cast<std::uint32_t>(packet.time.ns / kSecond);
      if (second > flow.second && second - flow.second > kSilence) flow.bytes = 0;
      flow.second = second;
    }
    if (begins_connection(found)) flow.bytes = 0;
    if (flow.bytes >= cutoff) {
      outcomes.keep_bytes[i] =
          std::min(outcomes.keep_bytes[i], filter::kept_of_headers(packet, found));
    }
    const std::uint32_t payload =
        packet.wire_bytes - std::min<std::uint32_t>(packet.wire_bytes, found.payload_offset);
    flow.bytes += std::min(payload, kBytesMax - flow.bytes);
  }
}

}  // namespace weir::capture
