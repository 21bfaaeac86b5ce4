#include "protocol/deep/flow_notes.h"

#include <algorithm>

#include "protocol/deep/conn_record.h"
#include "protocol/deep/sequence.h"

namespace weir::protocol {
namespace {

// Data beyond a hole that one direction may have in pieces; after that, pieces are joined.
constexpr std::uint32_t kSegmentsMax = 1024;

constexpr char kScaledLetters[kScaledEvents] = {'G', 'C', 'T', 'W'};

constexpr char lower(char letter) noexcept { return static_cast<char>(letter + ('a' - 'A')); }

constexpr bool is_power_of_ten(std::uint32_t n) noexcept {
  while (n >= 10 && n % 10 == 0) n /= 10;
  return n == 1;
}

void append(Flow& flow, FlowExtra* extra, char letter) noexcept {
  if (flow.history_bytes < kHistoryInline) {
    flow.history[flow.history_bytes] = letter;
    ++flow.history_bytes;
  } else if (extra != nullptr && extra->history_bytes < extra->history.size()) {
    extra->history[extra->history_bytes++] = letter;
  }
}

}  // namespace

Result<FlowNotes> FlowNotes::make(const FlowServices& services, std::uint32_t flows_max) {
  // Flows with losses, of changing tunnels or with long histories; a share that real traffic does
  // not reach.
  const std::uint32_t extras_max = std::max<std::uint32_t>(64, flows_max / 2);
  FlowNotes notes(services);
  WEIR_TRY(notes.extras_, Pool<FlowExtra>::reserve(extras_max));
  WEIR_TRY(notes.segments_, Pool<Segment>::reserve(extras_max * 2));
  return notes;
}

void FlowNotes::letter(Flow& flow, End end, char upper) noexcept {
  const char written = flow.is_originator(end) ? upper : lower(upper);
  append(flow, flow.history_bytes < kHistoryInline ? nullptr : extra(flow), written);
}

bool FlowNotes::letter_once(Flow& flow, End end, HistoryLetter which, char upper) noexcept {
  const unsigned role = flow.is_originator(end) ? 0 : kHistoryLetters;
  const auto bit = static_cast<std::uint16_t>(1u << (static_cast<unsigned>(which) + role));
  if ((flow.letters_seen & bit) != 0) return true;
  flow.letters_seen = (flow.letters_seen | bit) & 0x3fff;
  letter(flow, end, upper);
  return false;
}

void FlowNotes::flip_roles(Flow& flow) noexcept {
  flow.originator_high = flow.originator_high == 0 ? 1 : 0;
  append(flow, flow.history_bytes < kHistoryInline ? nullptr : extra(flow), '^');
}

void FlowNotes::set_history(Flow& flow, std::string_view letters) noexcept {
  flow.history_bytes = letters.size() & 0xf;
  std::copy(letters.begin(), letters.end(), flow.history.begin());
}

void FlowNotes::scaled(Flow& flow, End end, ScaledEvent event) noexcept {
  FlowExtra* const more = extra(flow);
  if (more == nullptr) return;
  const auto which = static_cast<std::size_t>(event);
  if (is_power_of_ten(++more->scaled[index_of(end)][which])) {
    letter(flow, end, kScaledLetters[which]);
  }
}

void FlowNotes::weird(Flow& flow, Weird name, std::uint64_t number, std::uint64_t other) noexcept {
  FlowExtra* const more = extra(flow);
  if (more == nullptr) return;
  const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(name);
  if ((more->weirds_told & bit) != 0) return;
  more->weirds_told |= bit;
  services_->records.take({.order = order_,
                           .body = WeirdRecord{.time = time_,
                                               .uid = uid_of(flow),
                                               .ends = ends_of(flow),
                                               .has_ends = true,
                                               .tenant = flow.key.tenant,
                                               .name = name,
                                               .number = number,
                                               .other_number = other}});
}

bool FlowNotes::told_weird(const Flow& flow) const noexcept {
  const FlowExtra* const more = extra_of(flow);
  return more != nullptr && more->weirds_told != 0;
}

void FlowNotes::missed(Flow& flow, std::uint64_t bytes) noexcept {
  if (FlowExtra* const more = extra(flow)) more->missed_bytes += bytes;
}

bool FlowNotes::add_parent(Flow& flow, const Uid& parent) noexcept {
  if (flow.tunnel_changes >= kTunnelParentsMax - 1) return false;
  ++flow.tunnel_changes;
  FlowExtra* const more = extra(flow);
  if (more == nullptr || parent.empty()) return true;
  const auto known = more->parents.begin() + more->parent_count;
  if (std::find(more->parents.begin(), known, parent) == known) {
    more->parents[more->parent_count++] = parent;
  }
  return true;
}

FlowExtra* FlowNotes::extra(Flow& flow) noexcept {
  if (flow.extra == kNoIndex) {
    flow.extra = extras_.take();
    if (flow.extra == kNoIndex) {
      services_->counters.extras_refused.add(1);
      return nullptr;
    }
    extras_[flow.extra] = {.segments = {kNoIndex, kNoIndex}};
    // The list of those that carry it begins with the first.
    if (!flow.parent.empty()) {
      extras_[flow.extra].parents[0] = flow.parent;
      extras_[flow.extra].parent_count = 1;
    }
  }
  return &extras_[flow.extra];
}

void FlowNotes::free_extra(Flow& flow) noexcept {
  if (flow.extra == kNoIndex) return;
  drop_segments(flow, End::Low);
  drop_segments(flow, End::High);
  extras_.give_back(flow.extra);
  flow.extra = kNoIndex;
}

void FlowNotes::keep_segment(Flow& flow, End sender, std::uint32_t begin,
                             std::uint32_t end) noexcept {
  FlowExtra* const more = extra(flow);
  if (more == nullptr) return;
  // Stops at the first that does not lie wholly before.
  PoolIndex* link = &more->segments[index_of(sender)];
  while (*link != kNoIndex && before(segments_[*link].end, begin)) link = &segments_[*link].next;

  std::uint32_t& count = more->segment_count[index_of(sender)];
  const bool touches = *link != kNoIndex && !before(end, segments_[*link].begin);
  if (!touches) {
    const PoolIndex fresh = count < kSegmentsMax ? segments_.take() : kNoIndex;
    if (fresh != kNoIndex) {
      segments_[fresh] = {.begin = begin, .end = end, .next = *link};
      *link = fresh;
      ++count;
      return;
    }
    services_->counters.segments_refused.add(1);
    if (*link == kNoIndex) return;
  }
  Segment& grown = segments_[*link];
  if (before(begin, grown.begin)) grown.begin = begin;
  if (before(grown.end, end)) grown.end = end;
  // What it has grown into becomes part of it.
  while (grown.next != kNoIndex && !before(grown.end, segments_[grown.next].begin)) {
    const PoolIndex swallowed = grown.next;
    if (before(grown.end, segments_[swallowed].end)) grown.end = segments_[swallowed].end;
    grown.next = segments_[swallowed].next;
    segments_.give_back(swallowed);
    --count;
  }
}

const Segment* FlowNotes::first_segment(const Flow& flow, End sender) const noexcept {
  const FlowExtra* const more = extra_of(flow);
  if (more == nullptr || more->segments[index_of(sender)] == kNoIndex) return nullptr;
  return &segments_[more->segments[index_of(sender)]];
}

void FlowNotes::drop_first_segment(Flow& flow, End sender) noexcept {
  FlowExtra& more = extras_[flow.extra];
  PoolIndex& first = more.segments[index_of(sender)];
  const PoolIndex dropped = first;
  first = segments_[dropped].next;
  segments_.give_back(dropped);
  --more.segment_count[index_of(sender)];
}

void FlowNotes::drop_segments(Flow& flow, End sender) noexcept {
  while (first_segment(flow, sender) != nullptr) drop_first_segment(flow, sender);
}

FlowNotes::SegmentTotals FlowNotes::segment_totals(const Flow& flow, End sender) const noexcept {
  SegmentTotals totals;
  for (const Segment* one = first_segment(flow, sender); one != nullptr;
       one = one->next == kNoIndex ? nullptr : &segments_[one->next]) {
    totals.end = one->end;
    totals.bytes += one->end - one->begin;
  }
  return totals;
}

Uid FlowNotes::uid_of(const Flow& flow) const noexcept {
  return make_uid(flow.key, flow.first, static_cast<std::uint32_t>(flow.incarnation),
                  services_->options.uid_seed);
}

void FlowNotes::tell(const Flow& flow, FlowEnd end) noexcept {
  services_->records.take(
      {.order = order_, .body = conn_record(flow, extra_of(flow), uid_of(flow), end)});
}

void FlowNotes::tell_tunnel(const Flow& flow, TunnelAction action, Timestamp time) noexcept {
  services_->records.take({.order = order_,
                           .body = TunnelRecord{.time = time,
                                                .uid = uid_of(flow),
                                                .ends = ends_of(flow),
                                                .tenant = flow.key.tenant,
                                                .type = static_cast<TunnelType>(flow.tunnel),
                                                .action = action}});
}

Endpoints ends_of(const Flow& flow) noexcept {
  const FlowKey& key = flow.key;
  const bool high = flow.originator_high != 0;
  return {.originator = high ? key.high : key.low,
          .responder = high ? key.low : key.high,
          .originator_port = high ? key.high_port : key.low_port,
          .responder_port = high ? key.low_port : key.high_port,
          .ip_protocol = key.ip_protocol,
          .ip_version = key.ip_version};
}

}  // namespace weir::protocol
