// Reads a chunk and finds the packets of it that are asked for.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/packet_batch.h"
#include "capture/retrieval/chunk_file.h"
#include "capture/retrieval/named_flows.h"
#include "capture/retrieval/packet_question.h"
#include "capture/retrieval/query_counts.h"
#include "capture/retrieval/read_pace.h"
#include "capture/retrieval/segment_planner.h"
#include "storage/segment/records.h"
#include "storage/segment/segment_file.h"

namespace weir::capture::retrieval {

// A packet of the answer, and the time by which it is put in order: its own, or of one that has
// none that of the packet before it.
struct FoundPacket {
  Packet packet;
  Timestamp key;
};

// What a query may still leave in the page cache, in bytes; below 0: nothing.
using CacheShare = std::atomic<std::int64_t>;

// A segment that is being read. Not changed while chunks of it are.
struct OpenSegment {
  std::unique_ptr<storage::segment::SegmentFile> file;
  std::uint32_t rank = 0;               // place among the segments of the query
  std::vector<InterfaceId> interfaces;  // in the table of the answer, by number in the segment
  std::vector<bool> refused;            // likewise: no packet of the interface matches
  NamedFlows flows = {};                // of the uid that is asked for
  const PacketQuestion* question = nullptr;
  const ChunkFile* chunks = nullptr;  // its file
  CacheShare* cache_share = nullptr;
  ReadPace* pace = nullptr;  // none: no capture writes to its disk
  std::uint32_t unread = 0;  // chunks that are planned or being read
};

// A chunk on its way from the plan to the answer.
struct ChunkScan {
  OpenSegment* segment = nullptr;
  ChunkTask task;
  TimeWindow window;

  // Found:
  std::vector<FoundPacket> packets;  // by key; of equal ones as they stand in the chunk
  std::vector<std::uint8_t> memory;  // that they lie in, or `unit` has them
  AlignedBytes unit;
  std::size_t memory_bytes = 0;  // of what they lie in
  std::uint64_t examined = 0;
  std::uint64_t outside = 0;        // of these, not of the asked time
  std::optional<Error> error;       // what was before it is among the packets
  std::size_t next = 0;             // of the packets, that is to be given
  std::uint64_t charged_bytes = 0;  // as its owner counts its memory

  [[nodiscard]] std::size_t bytes() const noexcept {
    return memory_bytes + packets.size() * sizeof(FoundPacket);
  }
};

// What a thread needs for it.
class ChunkScanner {
 public:
  ChunkScanner() : scratch_(std::make_unique<PacketQuestion::Scratch>()) {}
  void scan(ChunkScan& chunk);

 private:
  // Reads and checks the unit of the chunk. Nothing: it has to be read in the careful way.
  std::optional<storage::segment::Unit> read_unit(const ChunkScan& chunk);
  bool fill_unit(const ChunkScan& chunk);
  void read_records(ChunkScan& chunk, Bytes records);
  void judge(ChunkScan& chunk);
  enum class Place : std::uint8_t { Unit, CarefulUnit, Records };
  void keep(ChunkScan& chunk, Place place);

  std::unique_ptr<PacketQuestion::Scratch> scratch_;
  std::vector<Timestamp> keys_;  // of the batch
  AlignedBytes unit_;
  std::vector<std::uint8_t> careful_unit_;
  std::vector<std::uint8_t> records_;
  storage::segment::ChunkDecoder decoder_;
};

}  // namespace weir::capture::retrieval
