#include "output/recover_segment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/unique_fd.h"
#include "output/index_facts.h"
#include "output/store_seed.h"
#include "protocol/headers/parse_batch.h"
#include "storage/direct_file.h"
#include "storage/segment/cut_segment.h"
#include "storage/segment/directory.h"
#include "storage/segment/index_page.h"
#include "storage/segment/records.h"
#include "storage/segment/segment_assembler.h"
#include "storage/segment/segment_file.h"
#include "storage/segment/store_directory.h"

namespace weir::output {

namespace segment = storage::segment;

namespace {

// Gives a segment that was cut what it lacks: index and tail.
class Sealer {
 public:
  Sealer(const std::string& path, segment::FoundSegment found, std::uint64_t cut_bytes)
      : path_(path),
        found_(std::move(found)),
        cut_bytes_(cut_bytes),
        index_(segment::UidColumn::No),
        facts_(random_seed()),
        headers_(std::make_unique<HeadersArray>()),
        keys_(std::make_unique<KeysArray>()) {}

  Result<void> seal(const Clock& clock);

 private:
  Result<void> write(Bytes unit);
  Result<void> read_pages(const segment::SegmentFile& file);
  Result<void> index_chunks(const segment::SegmentFile& file);
  Result<void> index_chunk(const segment::SegmentFile& file, const segment::FoundChunk& chunk);
  void note(PacketBatch& batch);
  Result<void> write_page(std::uint32_t first_chunk);
  Result<void> write_tail(const Clock& clock);

  const std::string& path_;
  segment::FoundSegment found_;
  std::uint64_t cut_bytes_;
  UniqueFd fd_;
  segment::LaneIndex index_;
  IndexFacts facts_;
  std::unique_ptr<HeadersArray> headers_;
  std::unique_ptr<KeysArray> keys_;
  PacketBatch batch_;
  std::vector<std::uint8_t> unit_;
  std::vector<std::uint8_t> records_;
  segment::ChunkDecoder decoder_;
};

Result<void> Sealer::seal(const Clock& clock) {
  WEIR_TRY(const auto file, segment::SegmentFile::open(path_));
  fd_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd_) return system_error(errno, "seal " + path_);
  WEIR_CHECK(read_pages(file));
  WEIR_CHECK(index_chunks(file));
  // A tail says that all before it is there: it must not come to the disk sooner.
  if (::fsync(fd_.get()) != 0) return system_error(errno, "seal " + path_);
  WEIR_CHECK(write_tail(clock));
  // Room behind the end, which its writer had taken beforehand, goes back.
  if (::ftruncate(fd_.get(), static_cast<off_t>(found_.end)) != 0 || ::fsync(fd_.get()) != 0) {
    return system_error(errno, "seal " + path_);
  }
  return ok();
}

Result<void> Sealer::write(Bytes unit) {
  for (std::size_t done = 0; done < unit.size();) {
    const std::int64_t written =
        storage::write_at(fd_.get(), found_.end + done, unit.subspan(done));
    if (written <= 0)
      return system_error(written == 0 ? EIO : static_cast<int>(-written), "seal " + path_);
    done += static_cast<std::size_t>(written);
  }
  found_.end += unit.size();
  ++found_.next_ordinal;
  return ok();
}

// The directory's filters are over the keys of all pages, those that are there already too.
Result<void> Sealer::read_pages(const segment::SegmentFile& file) {
  for (const segment::DirectoryPage& entry : found_.pages) {
    WEIR_TRY(const segment::Unit unit, file.unit(entry.offset, unit_));
    auto page = segment::IndexPage::parse(unit.bytes);
    if (!page) continue;
    const auto& filters = index_.filters.pointers();
    for (std::size_t id = 0; id < filters.size(); ++id) {
      if (filters[id] == nullptr) continue;
      const auto which = static_cast<segment::Column>(id);
      const auto column = page->column(which);
      if (!column) continue;
      (void)column->for_each([&](const segment::IndexKey& key, std::uint64_t) {
        filters[id]->add(segment::filter_key(which, key));
      });
    }
  }
  return ok();
}

Result<void> Sealer::index_chunks(const segment::SegmentFile& file) {
  std::uint32_t first = found_.chunks_in_pages;
  for (std::uint32_t i = first; i < found_.chunks.size(); ++i) {
    WEIR_CHECK(index_chunk(file, found_.chunks[i]));
    if (!index_.builder.wants_page()) continue;
    WEIR_CHECK(write_page(first));
    first = i + 1;
  }
  if (index_.builder.chunk_count() > 0) WEIR_CHECK(write_page(first));
  return ok();
}

Result<void> Sealer::index_chunk(const segment::SegmentFile& file,
                                 const segment::FoundChunk& chunk) {
  WEIR_TRY(const segment::Unit unit, file.unit(chunk.row.offset, unit_));
  index_.builder.begin_chunk();
  if (auto records = decoder_.records(unit, records_); !records) {
    index_.builder.mark_opaque();
  } else {
    segment::RecordCursor cursor(*records, segment::RecordCursor::interfaces_of(found_.head));
    batch_.count = 0;
    while (const auto record = cursor.next()) {
      if (!record->is_packet) continue;
      batch_.packets[batch_.count++] = {
          .data = record->frame.data(),
          .time = record->time,
          .captured_bytes = static_cast<std::uint32_t>(record->frame.size()),
          .wire_bytes = record->wire_bytes,
          .interface = {record->interface},
          .link_type = found_.head.interfaces[record->interface].link_type,
          .has_time = record->has_time};
      if (batch_.count == kBatchPacketsMax) note(batch_);
    }
    note(batch_);
    if (cursor.fault() != segment::RecordFault::None) index_.builder.mark_opaque();
  }
  index_.builder.end_chunk(chunk.row);
  return ok();
}

void Sealer::note(PacketBatch& batch) {
  protocol::parse_batch(batch, *headers_, *keys_);
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    const std::uint64_t hash = facts_.hash(batch.packets[i], (*headers_)[i], (*keys_)[i]);
    facts_.note(hash, batch.packets[i], (*headers_)[i], (*keys_)[i], index_.builder);
  }
  batch.count = 0;
}

Result<void> Sealer::write_page(std::uint32_t first_chunk) {
  const std::uint32_t bytes = index_.builder.encode({.segment = found_.head.segment,
                                                     .ordinal = found_.next_ordinal,
                                                     .file_offset = found_.end,
                                                     .first_chunk = first_chunk},
                                                    index_.page_room(), index_.filters.pointers());
  const Bytes unit(index_.page.get(), bytes);
  found_.pages.push_back(*segment::directory_page(unit));
  return write(unit);
}

Result<void> Sealer::write_tail(const Clock& clock) {
  segment::Directory directory{.tail_offset = found_.end,
                               .segment = found_.head.segment,
                               .cut_bytes = cut_bytes_,
                               .chunks = static_cast<std::uint32_t>(found_.chunks.size()),
                               .pages = std::move(found_.pages),
                               .filters = index_.filters.take()};
  for (const segment::FoundChunk& chunk : found_.chunks) {
    directory.packets += chunk.facts.packets;
    directory.times.cover(chunk.facts.times);
    directory.wire_bytes += chunk.facts.wire_bytes;
    directory.lost += chunk.facts.lost;
  }
  std::vector<std::uint8_t> unit;
  const segment::TailSeal seal{
      .ordinal = found_.next_ordinal, .sealed = clock.wall(), .recovered = true};
  if (!append_tail(unit, directory, seal)) {
    directory.filters.clear();
    WEIR_CHECK(append_tail(unit, directory, seal));
  }
  return write(unit);
}

Result<void> remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error(errno, "delete " + path);
  return ok();
}

bool is_empty(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && facts.st_size == 0;
}

// Nothing, or a head that was not written to its end: there is no packet in it.
bool holds_nothing(const std::string& path) {
  if (is_empty(path)) return true;
  const auto file = segment::SegmentFile::open(path);
  return !file && file.error().code == ErrorCode::Truncated;
}

// Whether the last four bytes say that there is a tail: by far the most are sealed.
Result<bool> is_sealed(const std::string& path) {
  WEIR_TRY(const auto file, segment::SegmentFile::open(path));
  WEIR_TRY(const auto tail, file.tail());
  return tail.has_value();
}

// All is good up to the tail, which was not written whole: only its end came to the disk.
Result<bool> is_good_up_to_tail(const std::string& path) {
  WEIR_TRY(const auto file, segment::SegmentFile::open(path));
  WEIR_TRY(const auto tail, segment::find_tail(file.file(), file.head().segment));
  WEIR_TRY(const auto found, segment::find_segment_end(path));
  return tail.has_value() && found.end == *tail;
}

// Whether what is wrong with a segment is how its writer left it, not damage.
bool was_torn(const std::string& path, const Error& wrong) {
  if (wrong.code == ErrorCode::Truncated) return holds_nothing(path);
  const auto good = is_good_up_to_tail(path);
  return good && *good;
}

}  // namespace

std::string text_of(const RecoveredSegment& segment) {
  std::string text = segment.name + ": ";
  if (segment.removed) {
    text += "held no packet, and is gone";
  } else {
    text += "was not sealed, and is now: " + std::to_string(segment.packets) + " packets";
  }
  if (segment.cut_bytes != 0) {
    text += "; " + std::to_string(segment.cut_bytes) + " bytes of an incomplete end were cut off";
  }
  return text;
}

Result<RecoveredSegment> recover_segment(const std::string& path, const Clock& clock) {
  RecoveredSegment recovered{.name = path.substr(path.rfind('/') + 1)};
  if (holds_nothing(path)) {
    recovered.removed = true;
    WEIR_CHECK(remove(path));
    return recovered;
  }
  WEIR_TRY(auto found, segment::find_segment_end(path));
  recovered.cut_bytes = found.torn_bytes();
  if (found.chunks.empty()) {
    recovered.removed = true;
    WEIR_CHECK(remove(path));
    return recovered;
  }
  for (const segment::FoundChunk& chunk : found.chunks) recovered.packets += chunk.facts.packets;
  const std::uint64_t end = found.end;
  if (recovered.cut_bytes != 0) WEIR_CHECK(segment::truncate_segment(path, end));
  Sealer sealer(path, std::move(found), recovered.cut_bytes);
  if (auto sealed = sealer.seal(clock); !sealed) {
    // As it was before: the next start tries again.
    (void)segment::truncate_segment(path, end);
    return std::move(sealed).error();
  }
  return recovered;
}

Result<RecoveryReport> recover_store(const std::string& path, const Clock& clock) {
  RecoveryReport report;
  WEIR_TRY(const segment::StoreListing listing, segment::list_store(path));
  const std::string folder = path + "/";
  for (const std::string& spare : listing.spares) WEIR_CHECK(remove(folder + spare));
  for (const segment::StoredSegment& one : listing.segments) {
    const std::string file = folder + one.file;
    if (!is_empty(file)) {
      const auto sealed = is_sealed(file);
      if (sealed && *sealed) continue;
      if (!sealed && !was_torn(file, sealed.error())) {
        report.damaged.push_back(sealed.error().context);
        continue;
      }
    }
    WEIR_TRY(auto recovered, recover_segment(file, clock));
    report.segments.push_back(std::move(recovered));
  }
  return report;
}

}  // namespace weir::output
