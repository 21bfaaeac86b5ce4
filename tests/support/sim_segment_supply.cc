#include "support/sim_segment_supply.h"

#include <cerrno>
#include <utility>

#include "storage/segment/store_directory.h"

namespace weir::test {

namespace segment = storage::segment;

Result<std::unique_ptr<storage::BlockDevice>> SimSegmentSupply::make_spare(
    std::uint32_t lane, const output::SegmentFiles& files) {
  if (random_.chance(options_.refuse_percent, 100)) return system_error(ENOSPC, "make a spare");
  return disk_.create(segment::spare_file_name(lane), files.queue_depth);
}

Result<std::uint32_t> SimSegmentSupply::add_lane(const output::SegmentFiles& files) {
  const auto lane = static_cast<std::uint32_t>(lanes_.size());
  WEIR_TRY(auto spare, make_spare(lane, files));
  lanes_.push_back(
      {.files = files, .spare = std::move(spare), .given = {}, .seal_error = std::nullopt});
  return lane;
}

Result<output::FreshSegment> SimSegmentSupply::take(std::uint32_t lane) {
  Lane& of = lanes_[lane];
  tick();
  if (of.spare == nullptr) {
    WEIR_TRY(of.spare, make_spare(lane, of.files));
  }
  output::FreshSegment fresh{.device = std::move(of.spare),
                             .uuid = {},
                             .sequence = next_sequence_++,
                             .begun = clock_.wall()};
  for (std::uint8_t& byte : fresh.uuid) byte = static_cast<std::uint8_t>(random_.next());
  const std::string name =
      segment::segment_file_name({.begun = fresh.begun, .sequence = fresh.sequence, .lane = lane});
  disk_.rename(fresh.device->path(), name);
  fresh.device->renamed(name);
  if (of.files.durability == segment::Durability::Chunk) WEIR_CHECK(disk_.sync_directory());
  if (auto spare = make_spare(lane, of.files)) of.spare = std::move(spare).value();
  ++of.taken;
  return fresh;
}

void SimSegmentSupply::seal(std::uint32_t lane, std::unique_ptr<segment::SegmentWriter> writer,
                            const output::SealedSegment& segment) {
  Lane& of = lanes_[lane];
  of.given.push_back({.packets = segment.packets});
  const std::uint64_t delay =
      random_.chance(options_.delay_percent, 100) ? 1 + random_.below(20) : 0;
  Ended ended{
      .lane = lane, .number = of.given.size() - 1, .writer = std::move(writer), .delay = delay};
  if (delay == 0) {
    finish(std::move(ended));
  } else {
    ended_.push_back(std::move(ended));
  }
}

Result<void> SimSegmentSupply::give_up(std::unique_ptr<segment::SegmentWriter> writer) {
  return writer->cut();
}

void SimSegmentSupply::finish(Ended ended) {
  Lane& of = lanes_[ended.lane];
  auto finished = ended.writer->finish();
  if (finished && of.files.durability == segment::Durability::Segment) {
    finished = disk_.sync_directory();
  }
  of.given[ended.number].finished = finished.ok() && !disk_.dead();
  if (!finished && !of.seal_error) of.seal_error = std::move(finished).error();
}

void SimSegmentSupply::tick() {
  for (std::size_t i = 0; i < ended_.size();) {
    if (--ended_[i].delay != 0) {
      ++i;
      continue;
    }
    Ended ended = std::move(ended_[i]);
    ended_.erase(ended_.begin() + static_cast<std::ptrdiff_t>(i));
    finish(std::move(ended));
  }
}

Result<void> SimSegmentSupply::close_lane(std::uint32_t lane) {
  for (std::size_t i = 0; i < ended_.size();) {
    if (ended_[i].lane != lane) {
      ++i;
      continue;
    }
    Ended ended = std::move(ended_[i]);
    ended_.erase(ended_.begin() + static_cast<std::ptrdiff_t>(i));
    finish(std::move(ended));
  }
  Lane& closed = lanes_[lane];
  if (closed.spare != nullptr) {
    const std::string name = closed.spare->path();
    closed.spare.reset();
    disk_.remove(name);
  }
  if (closed.seal_error) return *closed.seal_error;
  return ok();
}

}  // namespace weir::test
