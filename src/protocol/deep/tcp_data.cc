#include "protocol/deep/tcp_data.h"

#include <algorithm>

#include "protocol/deep/conn_record.h"
#include "protocol/deep/sequence.h"

namespace weir::protocol {
namespace {

// Zeek's tcp_max_initial_window, tcp_max_above_hole_without_any_acks and
// tcp_excessive_data_without_further_acks.
constexpr std::uint64_t kInitialWindowMax = 16384;
constexpr std::uint32_t kBeyondHoleMax = 16384;
constexpr std::uint64_t kUnacknowledgedMax = 10 * 1024 * 1024;

}  // namespace

bool TcpData::skipped() const noexcept { return (flow_.skip_data >> index_of(sender_) & 1) != 0; }

void TcpData::skip(Weird why) noexcept {
  notes_.weird(flow_, why);
  notes_.drop_segments(flow_, sender_);
  flow_.skip_data = (flow_.skip_data | 1u << index_of(sender_)) & 3;
}

void TcpData::sent(std::uint32_t sequence, std::uint32_t bytes) noexcept {
  if (skipped() || bytes == 0) return;
  const std::uint32_t end = sequence + bytes;
  const std::uint32_t known = later(endpoint_.acknowledged - endpoint_.start, endpoint_.trimmed);
  if (!before(known, end)) return;
  const std::uint32_t begin = later(sequence, known);

  if (before(endpoint_.in_order, begin)) {
    notes_.keep_segment(flow_, sender_, begin, end);
  } else {
    endpoint_.in_order = later(endpoint_.in_order, end);
    absorb();
    // Much was sent and nothing acknowledged: the other direction is not seen, waiting for it is
    // vain.
    if (endpoint_.nothing_acknowledged() && tcp_payload_bytes(flow_, sender_) > kInitialWindowMax) {
      trim(endpoint_.in_order);
    }
  }
  check_bounds();
}

// What lies beyond a hole has come in order.
void TcpData::absorb() noexcept {
  while (const Segment* const first = notes_.first_segment(flow_, sender_)) {
    if (before(endpoint_.in_order, first->begin)) break;
    endpoint_.in_order = later(endpoint_.in_order, first->end);
    notes_.drop_first_segment(flow_, sender_);
  }
}

void TcpData::check_bounds() noexcept {
  std::uint64_t held = endpoint_.in_order - endpoint_.trimmed;
  if (before(endpoint_.in_order, endpoint_.trimmed)) held = 0;
  if (notes_.first_segment(flow_, sender_) != nullptr) {
    const FlowNotes::SegmentTotals beyond = notes_.segment_totals(flow_, sender_);
    if (endpoint_.nothing_acknowledged() && beyond.end - endpoint_.in_order > kBeyondHoleMax) {
      return skip(Weird::AboveHoleDataWithoutAnyAcks);
    }
    held += beyond.bytes;
  }
  if (held > kUnacknowledgedMax) skip(Weird::ExcessiveDataWithoutFurtherAcks);
}

bool TcpData::acknowledged(std::uint32_t acknowledged) noexcept {
  const bool fin = ((flow_.fin_seen & ~flow_.fin_before_start) >> index_of(sender_) & 1) != 0;
  if (fin && !before(acknowledged, endpoint_.fin)) acknowledged = endpoint_.fin - 1;
  if (!before(endpoint_.trimmed, acknowledged)) return false;

  const bool measured = !skipped() && endpoint_.state == TcpState::Established &&
                        flow_.tcp[index_of(other(sender_))].state == TcpState::Established;
  const bool held_some = before(endpoint_.trimmed, endpoint_.in_order) ||
                         notes_.first_segment(flow_, sender_) != nullptr;
  const std::uint32_t missing =
      before(endpoint_.in_order, acknowledged) ? give_up_before(acknowledged) : 0;
  trim(acknowledged);
  if (measured) {
    notes_.counters().acknowledgements.add(1);
    // One number may be a FIN's that was not seen itself.
    if (missing > (held_some ? 1u : 0u)) notes_.counters().gaps.add(1);
  }
  return true;
}

// Everything before `sequence` has arrived at the other end: what was not seen here never will be.
// Returns how much that is.
std::uint32_t TcpData::give_up_before(std::uint32_t sequence) noexcept {
  // The numbers of a connection whose beginning was not seen are guessed: the first one may not
  // exist.
  if (flow_.partial != 0 && endpoint_.in_order == 1 && sequence == 2) return 0;
  std::uint32_t missing = 0;
  if (!skipped()) {
    while (const Segment* const first = notes_.first_segment(flow_, sender_)) {
      if (!before(first->begin, sequence)) break;
      const std::uint32_t hole = first->begin - endpoint_.in_order;
      gap(hole);
      missing += hole;
      endpoint_.in_order = first->begin;
      absorb();
    }
    if (before(endpoint_.in_order, sequence)) {
      gap(sequence - endpoint_.in_order);
      missing += sequence - endpoint_.in_order;
    }
  }
  endpoint_.in_order = later(endpoint_.in_order, sequence);
  return missing;
}

// Holes in other states come from resets with wrong numbers or from a beginning that was not seen.
void TcpData::gap(std::uint32_t bytes) noexcept {
  if (!endpoint_.clean() || !flow_.tcp[index_of(other(sender_))].clean()) return;
  notes_.scaled(flow_, sender_, ScaledEvent::Gap);
  notes_.missed(flow_, bytes);
}

void TcpData::trim(std::uint32_t sequence) noexcept {
  while (const Segment* const first = notes_.first_segment(flow_, sender_)) {
    if (before(sequence, first->end)) break;
    notes_.drop_first_segment(flow_, sender_);
  }
  absorb();
  endpoint_.trimmed = sequence;
}

bool TcpData::holds(const Flow& flow, const FlowNotes& notes, End end) noexcept {
  if ((flow.skip_data >> index_of(end) & 1) != 0) return false;
  const TcpEndpoint& one = flow.tcp[index_of(end)];
  return before(one.trimmed, one.in_order) || notes.first_segment(flow, end) != nullptr;
}

bool TcpData::pending() const noexcept {
  if (skipped()) return false;
  const std::uint32_t last = endpoint_.last - endpoint_.start;
  if (before(last, endpoint_.in_order)) return false;
  // A FIN takes a number, a RST does not.
  if (last != endpoint_.in_order && last - 1 != endpoint_.in_order) return true;
  return endpoint_.state != TcpState::Reset && holds(flow_, notes_, other(sender_));
}

}  // namespace weir::protocol
