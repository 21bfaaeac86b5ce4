#include "store_fixture.h"

#include <algorithm>
#include <cerrno>

#include <gtest/gtest.h>

#include "protocol/headers/parse_batch.h"
#include "storage/segment/records.h"
#include "storage/segment/segment_file.h"
#include "storage/segment/verify.h"
#include "support/memory_range.h"

namespace weir::output {

namespace segment = storage::segment;

namespace {

std::string text_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

void add_records(Bytes records, SegmentContent& content) {
  segment::RecordCursor cursor(records, segment::RecordCursor::interfaces_of(content.head));
  while (const auto record = cursor.next()) {
    if (!record->is_packet) {
      content.others.push_back(
          {.type = record->type,
           .body = text_of(record->block.subspan(8, record->block.size() - 12)),
           .packets_before = content.packets.size()});
      continue;
    }
    content.packets.push_back({.data = text_of(record->frame),
                               .time = record->time.ns,
                               .wire_bytes = record->wire_bytes,
                               .interface = record->interface,
                               .has_time = record->has_time,
                               .options = text_of(record->options),
                               .chunk = content.chunks.size() - 1});
  }
  EXPECT_EQ(cursor.fault(), segment::RecordFault::None);
}

}  // namespace

SegmentContent content_of(Bytes bytes) {
  SegmentContent content;
  auto file = segment::SegmentFile::open(std::make_unique<test::MemoryRange>(bytes), "x");
  if (!file) {
    ADD_FAILURE() << file.error().context;
    return content;
  }
  content.head = file->head();
  segment::ChunkDecoder decoder;
  std::vector<std::uint8_t> buffer;
  auto walk = file->walk(segment::Depth::Bytes);
  while (const auto unit = walk.next()) {
    if (unit->block.kind != segment::Kind::Chunk) continue;
    content.chunks.push_back(*segment::chunk_at(unit->header_block()));
    auto records = decoder.records(*unit, buffer);
    if (records) {
      add_records(*records, content);
    } else {
      ADD_FAILURE() << records.error().context;
    }
  }
  content.end = walk.offset();
  auto tail = file->tail();
  EXPECT_TRUE(tail.ok());
  if (tail && *tail) content.directory = (*tail)->directory;
  const segment::SegmentReport report =
      segment::verify_segment(test::MemoryRange(bytes), {.torn_end_expected = false});
  EXPECT_TRUE(report.findings.empty()) << report.findings.front().what;
  EXPECT_EQ(report.torn_bytes, 0u);
  return content;
}

Result<std::uint32_t> MemorySupply::add_lane(const SegmentFiles& files) {
  files_ = files;
  return std::uint32_t{0};
}

Result<FreshSegment> MemorySupply::take(std::uint32_t lane) {
  EXPECT_EQ(lane, 0u);
  const std::size_t number = segments_.size();
  if (number >= refused_from_) return system_error(EDQUOT, "write memory");
  segments_.push_back(std::make_unique<Segment>());
  segments_.back()->sequence = number + 1;
  FreshSegment fresh{.device = {}, .uuid = {}, .sequence = number + 1, .begun = {1'000}};
  fresh.uuid.fill(static_cast<std::uint8_t>(number + 1));
  test::FaultPlan plan{.seed = plan_.seed};
  if (number == faulty_ || faulty_ == kAll) plan = plan_;
  fresh.device = std::make_unique<test::FaultBlockDevice>(
      std::make_unique<test::FakeBlockDevice>(segments_.back()->file, plan_.seed + number,
                                              files_.queue_depth),
      plan);
  return fresh;
}

MemorySupply::Segment& MemorySupply::segment_of(const segment::SegmentWriter& writer) {
  return *segments_[writer.uuid().front() - 1u];
}

void MemorySupply::seal(std::uint32_t, std::unique_ptr<segment::SegmentWriter> writer,
                        const SealedSegment& sealed) {
  Segment& of = segment_of(*writer);
  if (auto finished = writer->finish(); !finished) {
    seal_error_ = std::move(finished).error();
    of.given_up = true;
  } else {
    of.sealed = sealed;
  }
}

Result<void> MemorySupply::give_up(std::unique_ptr<segment::SegmentWriter> writer) {
  segment_of(*writer).given_up = true;
  return writer->cut();
}

Result<void> MemorySupply::close_lane(std::uint32_t) {
  closed_ = true;
  if (seal_error_) return *seal_error_;
  return ok();
}

std::vector<SegmentContent> MemorySupply::contents() const {
  std::vector<SegmentContent> contents;
  for (const auto& one : segments_) {
    SCOPED_TRACE("segment " + std::to_string(one->sequence));
    contents.push_back(content_of(one->file.content));
  }
  return contents;
}

LaneBench::LaneBench(StoreLaneOptions options, const test::FaultPlan& plan, std::size_t faulty)
    : supply(plan, faulty) {
  options.path = "store";
  interfaces.add({.link_type = LinkType::Ethernet, .snaplen = 0, .name = "left"});
  lane = StoreLane::make(std::move(options), clock, supply).value();
}

bool LaneBench::offer(TestBatch& batch) { return offer(batch, *TestBatch::all()); }

bool LaneBench::offer(TestBatch& batch, const Verdicts& verdicts, const protocol::FlowUids* uids,
                      std::span<const PressureLoss> dropped) {
  const bool credit = lane->reserve().ok();
  const PacketBatch& packets = batch.batch();
  protocol::parse_batch(packets, *headers_, *keys_);
  lane->write(
      {packets, interfaces, verdicts, kSession, headers_.get(), keys_.get(), uids, dropped});
  return credit;
}

bool LaneBench::offer(std::string frame, std::int64_t time, std::uint32_t interface) {
  TestBatch batch;
  batch.add(std::move(frame), time, interface);
  return offer(batch);
}

// The device in memory completes something in each second call or so.
void LaneBench::settle() {
  for (int i = 0; i < 200; ++i) (void)lane->flush();
}

std::string frame_for_a_chunk(std::uint32_t number) {
  std::string frame(3'000, static_cast<char>('a' + number % 26));
  frame[0] = static_cast<char>(number);
  frame[1] = static_cast<char>(number >> 8);
  return frame;
}

}  // namespace weir::output
