#include "capture/retrieval/segment_planner.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "storage/segment/key_filter.h"
#include "storage/segment/unit_walk.h"

namespace weir::capture::retrieval {

namespace segment = storage::segment;

namespace {

// What a capture may have written to the end of its segment in any order: of an open one, so much
// is checked before it counts.
constexpr std::uint64_t kInFlightBytes = std::uint64_t{64} * 1024 * 1024;
// Of a range of keys, so many are looked up in a filter one by one.
constexpr std::uint64_t kFilterKeysMax = 64;

bool filter_may_have(const segment::Directory& directory, const KeyQuestion& question) {
  const segment::DirectoryFilter* const filter = directory.filter(question.column);
  if (filter == nullptr) return true;
  const auto view = segment::KeyFilterView::parse(filter->bytes, filter->hashes);
  if (!view) return true;
  return std::ranges::any_of(question.ranges, [&](const KeyRange& range) {
    if (question.column == segment::Column::Uid) {
      return view->contains(segment::filter_key(question.column, range.low));
    }
    if (range.low.high != range.high.high) return true;
    if (range.high.low - range.low.low >= kFilterKeysMax) return true;
    for (segment::IndexKey key = range.low;; ++key.low) {
      if (view->contains(key)) return true;
      if (key.low == range.high.low) return false;
    }
  });
}

bool is_sound(const segment::ChunkRow& row, std::uint64_t end) noexcept {
  return row.offset % segment::kUnitAlignment == 0 && row.offset < end &&
         row.unit_bytes <= end - row.offset && row.unit_bytes >= segment::kUnitAlignment &&
         row.unit_bytes <= segment::kUnitBytesMax && row.unit_bytes % segment::kUnitAlignment == 0;
}

segment::ChunkRow row_of(const segment::Unit& unit, const segment::ChunkFacts& chunk) noexcept {
  return {.offset = unit.header.file_offset,
          .unit_bytes = unit.header.unit_bytes,
          .packets = chunk.packets,
          .times = chunk.times,
          .wire_bytes = chunk.wire_bytes,
          .lost = chunk.lost};
}

}  // namespace

Result<segment::SegmentFile> SegmentPlanner::open(const std::string& path) {
  WEIR_TRY(auto file, ChunkFile::open(path, bytes_read_));
  // Before the first read: one that is under way goes on by itself.
  if (!reads_ahead_) file->stop_reading_ahead();
  return segment::SegmentFile::open(std::move(file), path);
}

const ChunkFile& SegmentPlanner::chunk_file(const segment::SegmentFile& file) noexcept {
  return static_cast<const ChunkFile&>(file.file());  // open() makes no other
}

void SegmentPlanner::tell_error(SurveyedSegment& segment, const Error& error) {
  if (error.code == ErrorCode::NotFound) {
    segment.gone = true;
    counts_.gone.add(segment.path + ": was deleted meanwhile");
  } else {
    counts_.damaged.add(error.context);
  }
}

SurveyedSegment SegmentPlanner::survey(const std::string& path, const Look& look) {
  SurveyedSegment found{.path = path};
  ++counts_.segments.considered;
  auto opened = open(path);
  if (!opened) {
    const ErrorCode code = opened.error().code;
    // One that has just been begun has no head yet.
    if (look.in_use && (code == ErrorCode::Truncated || code == ErrorCode::UnknownFormat)) {
      ++counts_.open_segments;
    } else {
      tell_error(found, opened.error());
    }
    return found;
  }
  found.file = std::move(*opened);
  found.interfaces = found.file->head().interfaces;
  if (const auto size = found.file->size()) found.file_bytes = *size;
  auto tail = found.file->tail();
  if (tail && *tail) {
    found.directory = std::move((*tail)->directory);
    survey_sealed(found);
  } else {
    // While it is being sealed its end is not yet what it will be. One that is damaged is walked
    // through as well, which finds what is left.
    const bool damaged = !tail && !look.in_use;
    if (damaged) counts_.notes.add(tail.error().context + " (its chunks are looked at one by one)");
    survey_open(found, look.in_use, damaged);
  }
  if (found.wanted) ++counts_.segments.read;
  if (!look.keep_open || !found.wanted) {
    found.file.reset();
    found.directory.reset();
  }
  return found;
}

bool SegmentPlanner::ruled_out_by_filters(const segment::Directory& directory,
                                          const segment::DirectoryPage& page,
                                          SkippedBy& skipped) const {
  const auto has = [&](const KeyQuestion& question) -> ChunkMask {
    // Of a column that a page had no room for, the filter need not have its keys. Opaque chunks
    // have keys that it has not, but for uids: where they are told of, they are told of as a whole.
    const bool in_filter = page.column(question.column).bytes != 0 &&
                           (page.opaque_chunks == 0 || question.column == segment::Column::Uid);
    return !in_filter || filter_may_have(directory, question) ? 1 : 0;
  };
  return expression_.possible(1, has, skipped) == 0;
}

void SegmentPlanner::survey_sealed(SurveyedSegment& found) {
  const segment::Directory& directory = *found.directory;
  if (!directory.times.empty()) found.first = std::max(directory.times.first, window_.since);
  if (!window_.touches(directory.times)) {
    ++counts_.segments.skipped_by_time;
    counts_.chunks.considered += directory.chunks;
    counts_.chunks.skipped_by_time += directory.chunks;
    return;
  }
  found.losses_counted = count_losses_of(*found.file, directory);
  SkippedBy skipped{};
  found.wanted =
      !found.losses_counted || !std::ranges::all_of(directory.pages, [&](const auto& page) {
        return ruled_out_by_filters(directory, page, skipped);
      });
  if (found.wanted) return;
  for (const segment::DirectoryPage& page : directory.pages) {
    SkippedBy by_column{};
    (void)ruled_out_by_filters(directory, page, by_column);
    count_skipped(page, by_column);
  }
  for (std::size_t i = 0; i < skipped.size(); ++i) {
    if (skipped[i] != 0) ++counts_.segments.skipped_by_column[i];
  }
}

void SegmentPlanner::count_skipped(const segment::DirectoryPage& page, const SkippedBy& skipped) {
  counts_.chunks.considered += page.chunks;
  if (skipped[static_cast<std::size_t>(segment::Column::Uid)] != 0) {
    counts_.chunks_with_uids += page.chunks;
  }
  for (std::size_t i = 0; i < skipped.size(); ++i) {
    if (skipped[i] != 0) counts_.chunks.skipped_by_column[i] += page.chunks;
  }
}

// Where some of its losses may be outside the asked time, the rows of its chunks tell which. False:
// a page of them is damaged, and nothing was counted.
bool SegmentPlanner::count_losses_of(const segment::SegmentFile& file,
                                     const segment::Directory& directory) {
  if (directory.lost == 0) return true;
  if (window_.covers(directory.times)) {
    counts_.lost.add(directory.lost, directory.times);
    return true;
  }
  std::vector<LossGap> gaps;
  for (const segment::DirectoryPage& page : directory.pages) {
    if (!page_.open(file, page)) return false;
    for (std::uint32_t i = 0; i < page_.chunk_count(); ++i) {
      const segment::ChunkRow row = page_.row(i);
      if (row.lost == 0 || !window_.touches(row.times)) continue;
      gaps.push_back({.packets = row.lost, .times = row.times});
    }
  }
  for (const LossGap& gap : gaps) counts_.lost.add(gap.packets, gap.times);
  return true;
}

std::optional<SegmentPlanner::Planned> SegmentPlanner::plan(SurveyedSegment& found) {
  if (!found.file) {
    auto opened = open(found.path);
    if (!opened) {
      tell_error(found, opened.error());
      return std::nullopt;
    }
    found.file = std::move(*opened);
  }
  Planned planned{.file = std::make_unique<segment::SegmentFile>(std::move(*found.file)),
                  .tasks = std::move(found.tasks),
                  .flows = std::move(found.flows)};
  found.file.reset();
  if (planned.tasks.empty()) {
    if (!found.directory) {
      auto tail = planned.file->tail();
      if (!tail || !*tail) {
        tell_error(found, tail ? Error{.code = ErrorCode::Damaged,
                                       .context = found.path + ": lost its tail meanwhile"}
                               : tail.error());
        return std::nullopt;
      }
      found.directory = std::move((*tail)->directory);
    }
    rows_tell_losses_ = !found.losses_counted;
    counts_.pages += found.directory->pages.size();
    flows_ = {};
    for (std::size_t i = 0; i < found.directory->pages.size(); ++i) {
      plan_page(*planned.file, *found.directory, i, planned.tasks);
    }
    found.directory.reset();
    planned.flows = std::move(flows_);
  }
  std::ranges::stable_sort(planned.tasks, {}, &ChunkTask::first);
  return planned;
}

void SegmentPlanner::plan_page(const segment::SegmentFile& file,
                               const segment::Directory& directory, std::size_t index,
                               std::vector<ChunkTask>& tasks) {
  const segment::DirectoryPage& page = directory.pages[index];
  SkippedBy skipped{};
  if (!rows_tell_losses_ && ruled_out_by_filters(directory, page, skipped)) {
    count_skipped(page, skipped);
    return;
  }
  ++counts_.pages_read;
  if (page_.open(file, page) && take_page(file, directory.tail_offset, tasks)) return;
  counts_.notes.add(file.name() + ": the index page at byte " + std::to_string(page.offset) +
                    " is damaged (its chunks are read one by one)");
  walk_page(file, directory, index, tasks);
}

// False: its rows contradict the file; nothing was taken.
bool SegmentPlanner::take_page(const segment::SegmentFile& file, std::uint64_t end,
                               std::vector<ChunkTask>& tasks) {
  for (std::uint32_t i = 0; i < page_.chunk_count(); ++i) {
    if (!is_sound(page_.row(i), end)) return false;
  }
  ChunkMask in_time = 0;
  for (std::uint32_t i = 0; i < page_.chunk_count(); ++i) {
    if (consider(page_.row(i))) in_time |= ChunkMask{1} << i;
  }
  for (ChunkMask left = possible_chunks(file.name(), in_time, page_); left != 0; left &= left - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(left));
    add_task(page_.row(i), page_.first_chunk() + i, tasks);
  }
  return true;
}

SegmentPlanner::ChunkMask SegmentPlanner::possible_chunks(const std::string& name, ChunkMask chunks,
                                                          PageReader& page) {
  if (chunks == 0) return 0;
  std::optional<NamedFlows::Page> uids;
  const auto has = [&](const KeyQuestion& question) -> ChunkMask {
    PageReader::ColumnState state{};
    const auto column = page.column(question.column, state);
    if (state == PageReader::ColumnState::Damaged) {
      counts_.notes.add(name + ": column " + std::string(name_of(question.column)) +
                        " of an index page is damaged (its chunks are " +
                        (question.column == segment::Column::Uid ? "not searched)" : "read)"));
    }
    if (!column) return chunks;
    if (question.column == segment::Column::Uid) {
      uids = NamedFlows::read(*column, question);
      return uids ? uids->chunks : chunks;
    }
    ChunkMask found = page.opaque_chunks();
    for (const KeyRange& range : question.ranges) {
      found |= chunks_with(*column, range.low, range.high, chunks);
    }
    return found;
  };
  const ChunkMask possible = expression_.possible(chunks, has, counts_.chunks.skipped_by_column);
  if (!asks_for_uid()) return possible;
  if (uids) counts_.chunks_with_uids += static_cast<std::uint64_t>(std::popcount(chunks));
  return take_uids(name, possible, page, uids);
}

bool SegmentPlanner::asks_for_uid() const noexcept {
  return std::ranges::find(expression_.questions(), segment::Column::Uid, &KeyQuestion::column) !=
         expression_.questions().end();
}

// Of the chunks that are possible otherwise, those whose packets can be told by the uid.
SegmentPlanner::ChunkMask SegmentPlanner::take_uids(const std::string& name, ChunkMask possible,
                                                    const PageReader& page,
                                                    const std::optional<NamedFlows::Page>& uids) {
  const auto count = [](ChunkMask chunks) {
    return static_cast<std::uint64_t>(std::popcount(chunks));
  };
  if (!uids) {
    counts_.chunks_without_uids += count(possible);
    return 0;
  }
  if (possible == 0) return 0;
  if (!flows_.add(page.first_chunk(), possible, *uids)) {
    counts_.notes.add(name + ": the flow has more datagrams in fragments than a query takes of a " +
                      "segment");
    counts_.chunks_without_uids += count(possible);
    return 0;
  }
  counts_.chunks_of_two_flows += count(possible & uids->shared);
  return possible;
}

// The chunks of a page that cannot be used, by their own headers.
void SegmentPlanner::walk_page(const segment::SegmentFile& file,
                               const segment::Directory& directory, std::size_t index,
                               std::vector<ChunkTask>& tasks) {
  const segment::DirectoryPage& page = directory.pages[index];
  const std::uint64_t begin =
      index == 0 ? file.head().unit_bytes
                 : directory.pages[index - 1].offset + directory.pages[index - 1].unit_bytes;
  segment::UnitWalk walk(file.file(), {.segment = file.head().segment, .offset = begin},
                         segment::Depth::Header);
  std::uint32_t found = 0;
  while (found < page.chunks && walk.offset() < page.offset) {
    const auto unit = walk.next();
    if (!unit) break;
    if (unit->block.kind != segment::Kind::Chunk) continue;
    const auto chunk = segment::chunk_at(unit->header_block());
    if (!chunk) break;
    const segment::ChunkRow row = row_of(*unit, *chunk);
    ++found;
    if (!consider(row)) continue;
    add_unindexed(row, page.first_chunk + found - 1, tasks);
  }
  if (found < page.chunks) {
    counts_.damaged.add(file.name() + ": " + std::to_string(page.chunks - found) +
                        " chunks from byte " + std::to_string(walk.offset()) +
                        " on cannot be found: " + walk.end().text());
  }
}

bool SegmentPlanner::consider(const segment::ChunkRow& row) {
  ++counts_.chunks.considered;
  if (!window_.touches(row.times)) {
    ++counts_.chunks.skipped_by_time;
    return false;
  }
  if (row.lost != 0 && rows_tell_losses_) counts_.lost.add(row.lost, row.times);
  return true;
}

void SegmentPlanner::add_unindexed(const segment::ChunkRow& row, std::uint32_t number,
                                   std::vector<ChunkTask>& tasks) {
  if (asks_for_uid()) {
    ++counts_.chunks_without_uids;
    return;
  }
  ++counts_.chunks_without_index;
  add_task(row, number, tasks);
}

void SegmentPlanner::add_task(const segment::ChunkRow& row, std::uint32_t number,
                              std::vector<ChunkTask>& tasks) {
  // One without times comes when what was before it in its segment does.
  Timestamp first = row.times.first;
  if (row.times.empty()) first = tasks.empty() ? Timestamp{} : tasks.back().first;
  tasks.push_back({.offset = row.offset,
                   .unit_bytes = row.unit_bytes,
                   .packets = row.packets,
                   .number = number,
                   .first = std::max(first, window_.since)});
}

// One that is not sealed: unit by unit, by their headers, up to the first that is not whole.
void SegmentPlanner::survey_open(SurveyedSegment& found, bool in_use, bool tail_damaged) {
  ++counts_.open_segments;
  rows_tell_losses_ = true;
  flows_ = {};
  const segment::SegmentFile& file = *found.file;
  auto walk = file.walk(segment::Depth::Header);
  std::vector<segment::ChunkRow> rows;                     // that no page has told of
  std::vector<std::pair<std::uint64_t, Timestamp>> lasts;  // of all chunks, where they are
  std::uint32_t chunks = 0;
  std::vector<std::uint8_t> buffer;
  const auto take_rows = [&] {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!consider(rows[i])) continue;
      add_unindexed(rows[i], chunks - static_cast<std::uint32_t>(rows.size() - i), found.tasks);
    }
    rows.clear();
  };
  while (const auto unit = walk.next()) {
    if (unit->block.kind == segment::Kind::Chunk) {
      const auto chunk = segment::chunk_at(unit->header_block());
      if (!chunk) break;
      rows.push_back(row_of(*unit, *chunk));
      if (!chunk->times.empty()) lasts.emplace_back(rows.back().offset, chunk->times.last);
      ++chunks;
    } else if (unit->block.kind == segment::Kind::Index) {
      const auto whole = file.unit(unit->header.file_offset, buffer);
      const auto page = whole ? segment::directory_page(whole->bytes) : std::nullopt;
      if (page && page->first_chunk + page->chunks == chunks && page->chunks == rows.size()) {
        ++counts_.pages;
        ++counts_.pages_read;
        segment::DirectoryPage place = *page;
        place.offset = unit->header.file_offset;
        place.unit_bytes = unit->header.unit_bytes;
        if (page_.open(file, place) && take_page(file, place.offset, found.tasks)) rows.clear();
      }
      take_rows();
    }
  }
  take_rows();
  std::uint64_t end = walk.offset();
  if (!walk.sealed()) end = cut_at_acknowledged(file, found.tasks, end);
  Timestamp until = file.head().facts.created;
  for (const auto& [offset, last] : lasts) {
    if (offset < end) until = std::max(until, last);
  }
  tell_end(file, walk, {.in_use = in_use, .tail_damaged = tail_damaged, .until = until});
  found.wanted = !found.tasks.empty();
  found.flows = std::move(flows_);
  if (!found.wanted) return;
  found.first = std::ranges::min_element(found.tasks, {}, &ChunkTask::first)->first;
}

// What is not there of one that has no end, or none that can be read.
void SegmentPlanner::tell_end(const segment::SegmentFile& file, const segment::UnitWalk& walk,
                              const OpenEnd& open) {
  const segment::UnitFault fault = walk.end().fault;
  const bool ends =
      walk.sealed() || fault == segment::UnitFault::None || fault == segment::UnitFault::ShortFile;
  if (open.in_use) {
    if (walk.sealed()) return;
    ++counts_.growing.segments;
    counts_.growing.until = std::min(counts_.growing.until, open.until);
  } else if (!ends || (open.tail_damaged && !walk.sealed())) {
    counts_.damaged.add(file.name() + ": from byte " + std::to_string(walk.offset()) +
                        " on: " + walk.end().text() + " (what was before it is in the answer)");
  } else if (walk.sealed()) {
    if (open.tail_damaged) return;  // as is told already
    counts_.notes.add(file.name() + ": its last bytes do not say where its directory is (its " +
                      "chunks are looked at one by one)");
  } else if (window_.until > open.until) {
    counts_.unsealed.add(file.name() + ": its writer did not close it, or it was cut: what came " +
                         "after byte " + std::to_string(walk.offset()) + " is lost, if anything");
  }
}

// Behind the first unit that is not whole nothing counts: of what may be on its way to the disk,
// every byte is checked.
std::uint64_t SegmentPlanner::cut_at_acknowledged(const segment::SegmentFile& file,
                                                  std::vector<ChunkTask>& tasks,
                                                  std::uint64_t end) {
  const auto unsure = std::ranges::find_if(
      tasks, [end](const ChunkTask& task) { return task.offset + kInFlightBytes >= end; });
  if (unsure == tasks.end()) return end;
  segment::UnitWalk walk(file.file(), {.segment = file.head().segment, .offset = unsure->offset},
                         segment::Depth::Bytes);
  while (walk.next()) {
  }
  if (walk.end().fault == segment::UnitFault::None) return end;
  const auto torn = std::ranges::find_if(
      unsure, tasks.end(), [&](const ChunkTask& task) { return task.offset >= walk.offset(); });
  tasks.erase(torn, tasks.end());
  return walk.offset();
}

}  // namespace weir::capture::retrieval
