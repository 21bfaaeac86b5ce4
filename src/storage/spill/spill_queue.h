// A spill queue on disk: chunks in segments (docs/segment-format.md), uncompressed and never
// sealed, which anything that reads pcapng opens, also when the process was killed. A segment is
// deleted when all its chunks have been taken out.
//
// A chunk stays in memory until the kernel has it, and as long as there is a block to spare: a disk
// that fails loses nothing that is in the queue, and a short queue is never read back. Descriptions
// and long blocks stand between the chunks and only in memory; each segment describes the
// interfaces of its packets by itself, numbered as in the stream.
//
// After a write has failed nothing is taken until the queue is empty; then the next try is made.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/capture_interface.h"
#include "base/clock.h"
#include "buffer/block_pool.h"
#include "buffer/spill_target.h"
#include "storage/segment/chunk_builder.h"
#include "storage/segment/records.h"
#include "storage/segment/segment_writer.h"
#include "storage/spill/spill_directory.h"
#include "storage/spill/spill_files.h"

namespace weir::storage::spill {

// The usual size of its files; smaller queues have smaller ones.
inline constexpr std::uint64_t kSpillSegmentBytes = 64 << 20;
// What is kept in memory beside chunks.
inline constexpr std::uint64_t kApartBytesMax = 32 << 20;

struct SpillOptions {
  std::string directory;  // made when its parent is there
  std::uint64_t bytes_max = kSpillBytesDefault;
};

class SpillQueue final : public buffer::SpillTarget {
 public:
  // Takes the directory for itself. `clock` is borrowed. Errors: Resource, and those of
  // SpillDirectory::open(). take_warning() begins with what was there before.
  static Result<std::unique_ptr<SpillQueue>> open(const SpillOptions& options, const Clock& clock);
  // In one that other queues may use too; each has its own bound. Borrowed.
  static Result<std::unique_ptr<SpillQueue>> open(const SpillOptions& options, const Clock& clock,
                                                  SpillDirectory& directory);
  // Of files that are no directory's, without a lock.
  static Result<std::unique_ptr<SpillQueue>> create(const SpillOptions& options, const Clock& clock,
                                                    std::unique_ptr<SpillFiles> files);
  ~SpillQueue() override;

  [[nodiscard]] const SpillLeftovers& leftovers() const noexcept { return leftovers_; }

  void describe(Bytes block) override;
  std::size_t put(Bytes blocks) override;
  bool put_apart(Bytes bytes) override;
  [[nodiscard]] bool empty() const noexcept override { return entries_.empty() && !chunk_filled(); }
  Result<Bytes> front() override;
  std::uint64_t pop() override;
  void rest() override;
  std::optional<Error> take_warning() override;
  [[nodiscard]] buffer::SpillCounts counts() const noexcept override {
    return {.bytes = bytes_.load(std::memory_order_relaxed),
            .packets = packets_.load(std::memory_order_relaxed),
            .bytes_max = options_.bytes_max};
  }

 private:
  // A segment of the queue, by age.
  struct File {
    std::string path;
    segment::Uuid uuid{};
    std::uint64_t bytes = 0;
    std::uint64_t chunks_left = 0;  // that were not taken out
    std::unique_ptr<segment::RangeReader> reader;
  };
  // A piece of the stream.
  struct Entry {
    std::vector<std::uint8_t> apart;  // the piece, unless it is a chunk
    bool is_chunk = false;
    bool in_use = false;  // front() has given it out
    std::uint32_t records_bytes = 0;
    std::uint64_t packets = 0;
    buffer::Block block;  // its memory, as long as there is need or room
    // Where it is in the file that was `file` back from then on; nothing while it is only in
    // memory.
    std::optional<std::uint64_t> file;
    std::uint64_t offset = 0;
    std::uint32_t ordinal = 0;
    std::uint32_t unit_bytes = 0;
  };

  SpillQueue(const SpillOptions& options, const Clock& clock, std::unique_ptr<SpillFiles> files,
             std::unique_ptr<buffer::BlockPool> chunks, std::unique_ptr<buffer::BlockPool> writes);

  [[nodiscard]] bool chunk_filled() const noexcept { return chunk_.begun() && !chunk_.empty(); }
  [[nodiscard]] bool has_room(std::uint64_t bytes) const noexcept;
  void tell_bytes() noexcept;

  bool begin_chunk();
  std::size_t fill_chunk(Bytes blocks);
  // The open chunk becomes an entry, in memory.
  Entry& close_chunk(segment::ChunkBuilder::Finished& finished);
  void store_chunk();
  bool begin_file();
  void end_file();
  void remove_oldest_file();
  void drop_consumed_files();
  void spare_block();
  void give_up(Error error);
  void warn(Error error);

  Result<Bytes> read_back(Entry& entry);
  [[nodiscard]] File& file_of(std::uint64_t number) noexcept {
    return segments_[number - first_file_];
  }

  SpillOptions options_;
  std::uint64_t segment_bytes_;
  const Clock& clock_;
  std::unique_ptr<SpillDirectory> own_directory_;
  SpillDirectory* directory_ = nullptr;
  SpillLeftovers leftovers_;
  std::unique_ptr<SpillFiles> files_;
  std::uint64_t next_sequence_ = 1;  // without a directory

  std::unique_ptr<buffer::BlockPool> writes_;  // where the disk takes from
  std::unique_ptr<buffer::BlockPool> chunks_;
  segment::ChunkBuilder chunk_;
  segment::ChunkFacts facts_;  // of the open chunk
  std::deque<Entry> entries_;
  std::uint64_t apart_bytes_ = 0;

  std::vector<CaptureInterface> interfaces_;        // of the section, by their numbers in it
  bool described_ = false;                          // the open file describes them all
  std::unique_ptr<segment::SegmentWriter> writer_;  // of the newest file, while it grows
  std::uint32_t file_chunks_ = 0;
  std::uint64_t file_packets_ = 0;
  std::deque<File> segments_;
  std::uint64_t first_file_ = 0;  // number of the oldest
  std::uint64_t files_bytes_ = 0;
  bool refuses_ = false;  // until the queue is empty

  std::vector<std::uint8_t> read_buffer_;
  segment::ChunkDecoder decoder_;
  std::vector<std::uint8_t> decode_buffer_;

  std::optional<Error> warning_;
  std::vector<ErrorCode> told_;
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> packets_{0};
};

}  // namespace weir::storage::spill
