#include "capture/retrieval/query_counts.h"

#include <algorithm>

namespace weir::capture::retrieval {

std::string_view name_of(storage::segment::Column column) noexcept {
  using storage::segment::Column;
  switch (column) {
    case Column::Chunks:
      return "chunks";
    case Column::Ipv4:
      return "ipv4";
    case Column::Ipv6:
      return "ipv6";
    case Column::Protocols:
      return "protocols";
    case Column::Tenants:
      return "tenants";
    case Column::CommunityId:
      return "community_id";
    case Column::Uid:
      return "uid";
  }
  return "other";
}

namespace segment = storage::segment;

// Chunks that follow each other without a whole one between them are one gap.
void Losses::add(std::uint64_t lost, const segment::TimeSpan& of) {
  packets = capped_sum(packets, lost);
  times.cover(of);
  LossGap* const last = gaps.empty() ? nullptr : &gaps.back();
  if (last != nullptr && !of.empty() && of.first <= last->times.last &&
      of.last >= last->times.first) {
    last->packets = capped_sum(last->packets, lost);
    last->times.cover(of);
  } else if (gaps.size() < kGapsMax) {
    gaps.push_back({.packets = lost, .times = of});
  }
}

void Losses::add(const Losses& others) {
  std::uint64_t in_gaps = 0;
  for (const LossGap& gap : others.gaps) {
    add(gap.packets, gap.times);
    in_gaps = capped_sum(in_gaps, gap.packets);
  }
  packets = capped_sum(packets, others.packets - std::min(others.packets, in_gaps));
  times.cover(others.times);
}

void LookedAt::add(const LookedAt& others) noexcept {
  considered += others.considered;
  skipped_by_time += others.skipped_by_time;
  for (std::size_t i = 0; i < skipped_by_column.size(); ++i) {
    skipped_by_column[i] += others.skipped_by_column[i];
  }
  read += others.read;
}

void Growing::add(const Growing& others) noexcept {
  segments += others.segments;
  until = std::min(until, others.until);
}

void QueryCounts::add(const QueryCounts& surveyed) {
  segments.add(surveyed.segments);
  chunks.add(surveyed.chunks);
  pages += surveyed.pages;
  pages_read += surveyed.pages_read;
  chunks_without_index += surveyed.chunks_without_index;
  chunks_without_uids += surveyed.chunks_without_uids;
  chunks_with_uids += surveyed.chunks_with_uids;
  chunks_of_two_flows += surveyed.chunks_of_two_flows;
  open_segments += surveyed.open_segments;
  lost.add(surveyed.lost);
  growing.add(surveyed.growing);
  damaged.add(surveyed.damaged);
  gone.add(surveyed.gone);
  unsealed.add(surveyed.unsealed);
  notes.add(surveyed.notes);
  packets_damaged = capped_sum(packets_damaged, surveyed.packets_damaged);
}

void Expired::add(const segment::ExpiredRecord& record, const TimeWindow& window) {
  // What is not known may have been of any time.
  if (record.counted && !window.touches(record.times)) return;
  if (record.counted && record.packets == 0) return;
  segments += record.segments;
  by_reason[static_cast<std::size_t>(record.reason)] += record.segments;
  deleted.cover(record.deleted);
  if (!record.counted) uncounted += record.segments;
  if (record.packets == 0) return;
  if (!record.times.empty()) times.cover(record.times);
  if (window.covers(record.times)) packets = capped_sum(packets, record.packets);
  packets_at_most = capped_sum(packets_at_most, record.packets);
}

}  // namespace weir::capture::retrieval
