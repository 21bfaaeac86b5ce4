// What lies in a packet store, read as weir's own readers read it.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/segment/records.h"
#include "storage/segment/segment_file.h"
#include "storage/segment/store_directory.h"
#include "support/traffic_socket.h"

namespace weir::test {

struct StoredFile {
  std::string path;
  std::uint64_t sequence = 0;
  std::uint32_t lane = 0;
  bool sealed = false;
  bool readable = false;  // it has a head
  std::vector<FrameBytes> frames;
  std::vector<std::int64_t> times;
  std::uint64_t lost = 0;  // as its chunks say
};

// Up to the last good unit.
inline StoredFile read_segment(const std::string& path) {
  namespace segment = storage::segment;
  StoredFile stored{.path = path};
  auto file = segment::SegmentFile::open(path);
  if (!file) return stored;
  stored.readable = true;
  stored.sequence = file->head().facts.sequence;
  stored.lane = file->head().facts.lane;
  segment::ChunkDecoder decoder;
  std::vector<std::uint8_t> buffer;
  auto walk = file->walk(segment::Depth::Bytes);
  while (const auto unit = walk.next()) {
    if (unit->block.kind != segment::Kind::Chunk) continue;
    stored.lost += segment::chunk_at(unit->header_block())->lost;
    const auto records = decoder.records(*unit, buffer);
    if (!records) {
      ADD_FAILURE() << path << ": " << records.error().context;
      continue;
    }
    segment::RecordCursor cursor(*records, segment::RecordCursor::interfaces_of(file->head()));
    while (const auto record = cursor.next()) {
      if (!record->is_packet) continue;
      stored.frames.emplace_back(record->frame.begin(), record->frame.end());
      stored.times.push_back(record->time.ns);
    }
    EXPECT_EQ(cursor.fault(), segment::RecordFault::None) << path;
  }
  stored.sealed = walk.sealed();
  return stored;
}

// Its segments, by their numbers.
inline std::vector<StoredFile> read_store(const std::string& directory) {
  std::vector<StoredFile> files;
  auto listing = storage::segment::list_store(directory);
  if (!listing) {
    ADD_FAILURE() << listing.error().context;
    return files;
  }
  for (const auto& one : listing->segments)
    files.push_back(read_segment(directory + "/" + one.file));
  return files;
}

inline std::vector<FrameBytes> frames_in(const std::vector<StoredFile>& files) {
  std::vector<FrameBytes> frames;
  for (const StoredFile& file : files) {
    frames.insert(frames.end(), file.frames.begin(), file.frames.end());
  }
  return frames;
}
inline std::vector<FrameBytes> frames_in_store(const std::string& directory) {
  return frames_in(read_store(directory));
}

// The numbers before each of these words: "wrote 1,000 packets" of what a process said, last first.
inline std::optional<std::uint64_t> last_written(const std::string& said, const std::string& path) {
  std::optional<std::uint64_t> last;
  const std::string label = "weir: wrote ";
  for (std::size_t at = 0; (at = said.find(label, at)) != std::string::npos;) {
    at += label.size();
    const std::string line = said.substr(at, said.find('\n', at) - at);
    if (line.find(" to " + path) == std::string::npos) continue;
    std::string digits = line.substr(0, line.find(' '));
    std::erase(digits, ',');
    last = std::stoull(digits);
  }
  return last;
}

}  // namespace weir::test
