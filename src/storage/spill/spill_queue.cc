#include "storage/spill/spill_queue.h"

#include <sys/random.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "storage/pcapng/blocks.h"
#include "storage/pcapng/reader_blocks.h"
#include "storage/segment/segment_assembler.h"
#include "storage/segment/unit_walk.h"
#include "storage/spill/count_records.h"

namespace weir::storage::spill {

namespace {

// Chunks in memory: the open one, the one that is taken out, and what the disk may be behind.
constexpr std::uint32_t kChunkBlocks = 8;
constexpr std::uint32_t kWriteBlocks = 4;
// Behind so much of an empty chunk there is room for any record.
constexpr std::size_t kRunBytesMax =
    segment::kRecordsEnd - segment::kChunkHeaderBytes - buffer::SpillTarget::kPutBytesMax;

// Version 4 of RFC 9562.
segment::Uuid random_uuid() {
  segment::Uuid uuid;
  const auto got = ::getrandom(uuid.data(), uuid.size(), 0);
  WEIR_ASSERT(got == static_cast<ssize_t>(uuid.size()));  // never short below 256 bytes
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x40);
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
  return uuid;
}

// Eight files at least share the bound, so that it is given back in small parts.
std::uint64_t segment_bytes(const SpillOptions& options) noexcept {
  return std::clamp<std::uint64_t>(options.bytes_max / 8, segment::kBlockBytes, kSpillSegmentBytes);
}

}  // namespace

// --- opening

Result<std::unique_ptr<SpillQueue>> SpillQueue::open(const SpillOptions& options,
                                                     const Clock& clock) {
  WEIR_TRY(auto directory, SpillDirectory::open(options.directory));
  WEIR_TRY(auto queue, open(options, clock, *directory));
  queue->own_directory_ = std::move(directory);
  return queue;
}

Result<std::unique_ptr<SpillQueue>> SpillQueue::open(const SpillOptions& options,
                                                     const Clock& clock,
                                                     SpillDirectory& directory) {
  WEIR_TRY(auto queue, create(options, clock, std::make_unique<DiskSpillFiles>()));
  queue->directory_ = &directory;
  queue->leftovers_ = directory.leftovers();
  if (auto text = directory.take_notice()) {
    queue->warn({.code = ErrorCode::Exists, .context = std::move(*text)});
  }
  return queue;
}

Result<std::unique_ptr<SpillQueue>> SpillQueue::create(const SpillOptions& options,
                                                       const Clock& clock,
                                                       std::unique_ptr<SpillFiles> files) {
  WEIR_TRY(auto chunks, buffer::BlockPool::create(kChunkBlocks, segment::kBlockBytes));
  WEIR_TRY(auto writes, buffer::BlockPool::create(kWriteBlocks, segment::kBlockBytes));
  return std::unique_ptr<SpillQueue>(
      new SpillQueue(options, clock, std::move(files), std::move(chunks), std::move(writes)));
}

SpillQueue::SpillQueue(const SpillOptions& options, const Clock& clock,
                       std::unique_ptr<SpillFiles> files, std::unique_ptr<buffer::BlockPool> chunks,
                       std::unique_ptr<buffer::BlockPool> writes)
    : options_(options),
      segment_bytes_(segment_bytes(options)),
      clock_(clock),
      files_(std::move(files)),
      writes_(std::move(writes)),
      chunks_(std::move(chunks)),
      chunk_(segment::kBlockBytes) {}

SpillQueue::~SpillQueue() { rest(); }

// --- putting in

void SpillQueue::describe(Bytes block) {
  WEIR_ASSERT(!chunk_filled());
  described_ = false;
  if (load_le32(block.data()) == static_cast<std::uint32_t>(pcapng::BlockType::SectionHeader)) {
    interfaces_.clear();
    return;
  }
  std::vector<std::uint8_t> body(block.begin() + 8, block.end() - 4);
  auto found = pcapng::decode_interface_description(body, ByteOrder::Little);
  WEIR_ASSERT(found.has_value());  // our own writer made it
  interfaces_.push_back(std::move(found->interface));
}

// Of everything: a chunk's unit, and what a new file begins with.
bool SpillQueue::has_room(std::uint64_t bytes) const noexcept {
  return !refuses_ && leftovers_.bytes + files_bytes_ + apart_bytes_ + bytes <= options_.bytes_max;
}

void SpillQueue::tell_bytes() noexcept {
  std::uint64_t bytes = files_bytes_ + apart_bytes_;
  if (chunk_filled()) bytes += segment::kBlockBytes;
  bytes_.store(bytes, std::memory_order_relaxed);
}

std::size_t SpillQueue::put(Bytes blocks) {
  std::size_t done = 0;
  while (done < blocks.size()) {
    if (!chunk_.begun() && !begin_chunk()) break;
    const std::size_t taken = fill_chunk(blocks.subspan(done));
    done += taken;
    if (taken == 0) store_chunk();
  }
  tell_bytes();
  return done;
}

bool SpillQueue::begin_chunk() {
  if (!has_room(segment::kBlockBytes + segment::kUnitAlignment)) return false;
  spare_block();
  buffer::Block block = chunks_->try_acquire();
  if (!block) return false;  // what the disk refused is still in memory
  chunk_.begin(std::move(block));
  facts_ = {};
  return true;
}

// As many blocks as the open chunk takes.
std::size_t SpillQueue::fill_chunk(Bytes blocks) {
  std::size_t run = 0;
  while (run < blocks.size()) {
    const std::uint32_t bytes = load_le32(blocks.data() + run + 4);
    WEIR_ASSERT(bytes <= kPutBytesMax && bytes <= blocks.size() - run);
    if (!chunk_.has_room(static_cast<std::uint32_t>(run) + bytes)) break;
    count_record(blocks.subspan(run, bytes), facts_);
    run += bytes;
    // Any record may be the first of a chunk, but not any run.
    if (run > kRunBytesMax) break;
  }
  if (run != 0) chunk_.add_record(blocks.first(run));
  return run;
}

SpillQueue::Entry& SpillQueue::close_chunk(segment::ChunkBuilder::Finished& finished) {
  finished = chunk_.finish();
  facts_.records_bytes = finished.facts.records_bytes;
  facts_.stored_bytes = finished.facts.stored_bytes;
  finished.facts = facts_;
  packets_.store(packets_.load(std::memory_order_relaxed) + facts_.packets,
                 std::memory_order_relaxed);
  Entry& entry = entries_.emplace_back();
  entry.is_chunk = true;
  entry.records_bytes = facts_.records_bytes;
  entry.packets = facts_.packets;
  entry.unit_bytes = finished.unit_bytes;
  return entry;
}

// The open chunk goes to the disk. When that fails it stays in memory.
void SpillQueue::store_chunk() {
  segment::ChunkBuilder::Finished finished;
  Entry& entry = close_chunk(finished);
  const bool fits = writer_ != nullptr && described_ &&
                    (file_chunks_ == 0 || writer_->bytes() + entry.unit_bytes <= segment_bytes_);
  if (refuses_ || (!fits && !begin_file())) {
    entry.block = std::move(finished.block);
    return;
  }
  const segment::UnitHeader place = writer_->next_header(finished.unit_bytes);
  segment::seal_chunk(finished, place, file_chunks_, file_packets_);
  entry.block = std::move(finished.block);
  // Without its head nothing in a file can be read.
  if (file_chunks_ == 0) writer_->wait_until_written();
  if (!writer_->append(Bytes(entry.block.data(), entry.unit_bytes))) {
    give_up(system_error(writer_->failure()->sys_errno, "write " + writer_->path()));
    return;
  }
  File& file = segments_.back();
  entry.file = first_file_ + segments_.size() - 1;
  entry.offset = place.file_offset;
  entry.ordinal = place.ordinal;
  ++file_chunks_;
  file_packets_ += entry.packets;
  ++file.chunks_left;
  files_bytes_ += writer_->bytes() - file.bytes;
  file.bytes = writer_->bytes();
}

bool SpillQueue::put_apart(Bytes bytes) {
  if (apart_bytes_ != 0 && apart_bytes_ + bytes.size() > kApartBytesMax) return false;
  if (!has_room(bytes.size())) return false;
  if (chunk_filled()) store_chunk();
  if (entries_.empty() || entries_.back().is_chunk || entries_.back().in_use) {
    entries_.emplace_back();
  }
  std::vector<std::uint8_t>& apart = entries_.back().apart;
  apart.insert(apart.end(), bytes.begin(), bytes.end());
  apart_bytes_ += bytes.size();
  tell_bytes();
  return true;
}

// --- files

bool SpillQueue::begin_file() {
  end_file();
  if (refuses_) return false;
  const Timestamp now = clock_.wall();
  const std::uint64_t sequence =
      directory_ != nullptr ? directory_->next_sequence() : next_sequence_++;
  const std::string path =
      options_.directory + "/" + segment::segment_file_name({.begun = now, .sequence = sequence});
  auto device = files_->create(path, segment_bytes_, kWriteBlocks + 1);
  if (!device) {
    give_up(std::move(device).error());
    return false;
  }
  File& file = segments_.emplace_back();
  file.path = path;
  file.uuid = random_uuid();
  writer_ = std::make_unique<segment::SegmentWriter>(std::move(*device), *writes_, file.uuid,
                                                     segment::Durability::None);
  file_chunks_ = 0;
  file_packets_ = 0;
  described_ = true;
  std::vector<std::uint8_t> head;
  segment::append_head(head, writer_->next_header(0),
                       {.sequence = sequence,
                        .created = now,
                        .interface_count = static_cast<std::uint32_t>(interfaces_.size()),
                        .chunk_bytes_max = segment::kBlockBytes},
                       interfaces_);
  if (!writer_->append(head)) {
    give_up(system_error(writer_->failure()->sys_errno, "write " + path));
    return false;
  }
  file.bytes = writer_->bytes();
  files_bytes_ += file.bytes;
  return true;
}

// The newest file grows no more: what it has is in it, or stays in memory.
void SpillQueue::end_file() {
  if (writer_ == nullptr) return;
  writer_->drain();
  if (const auto& failure = writer_->failure()) {
    give_up(system_error(failure->sys_errno, "write " + writer_->path()));
    return;
  }
  (void)writer_->finish();  // what room it has too much goes with the file
  writer_.reset();
}

// One block at least is free, or held by what cannot be written: the newest of those that are in
// the file goes first, since it is needed last.
void SpillQueue::spare_block() {
  while (chunks_->free_count() == 0) {
    const std::uint64_t newest = first_file_ + segments_.size() - 1;
    // A file that is not written to any more has all that is said to be in it.
    const auto in_file = std::find_if(entries_.rbegin(), entries_.rend(), [&](const Entry& entry) {
      return entry.block && entry.file && !entry.in_use &&
             (*entry.file != newest || writer_ == nullptr ||
              entry.offset + entry.unit_bytes <= writer_->acknowledged().bytes);
    });
    if (in_file != entries_.rend()) {
      in_file->block.release();
      return;
    }
    if (writer_ == nullptr || writer_->idle()) return;
    writer_->wait();
    if (const auto& failure = writer_->failure()) {
      give_up(system_error(failure->sys_errno, "write " + writer_->path()));
      return;
    }
  }
}

// What is not in the file stays in memory; what is, is read back.
void SpillQueue::give_up(Error error) {
  refuses_ = true;
  error.context = "spill " + options_.directory + ": " + error.context +
                  " (what is in the queue still goes to the reader; nothing more is put into it "
                  "until it is empty)";
  warn(std::move(error));
  if (writer_ == nullptr) return;
  while (!writer_->idle()) writer_->wait();
  // What came after the failure is in memory, all of it: so many blocks there are not.
  const std::uint64_t newest = first_file_ + segments_.size() - 1;
  for (Entry& entry : entries_) {
    if (entry.block && entry.file == newest &&
        entry.offset + entry.unit_bytes > writer_->acknowledged().bytes) {
      entry.file.reset();
      --segments_.back().chunks_left;
    }
  }
  writer_.reset();
}

void SpillQueue::remove_oldest_file() {
  const File& file = segments_.front();
  if (auto removed = files_->remove(file.path); !removed) warn(std::move(removed).error());
  files_bytes_ -= file.bytes;
  segments_.pop_front();
  ++first_file_;
}

void SpillQueue::drop_consumed_files() {
  // The newest may still grow.
  while (!segments_.empty() && segments_.front().chunks_left == 0 &&
         (segments_.size() > 1 || writer_ == nullptr)) {
    remove_oldest_file();
  }
}

// --- taking out

Result<Bytes> SpillQueue::front() {
  WEIR_ASSERT(!empty());
  if (entries_.empty()) {
    segment::ChunkBuilder::Finished finished;
    Entry& entry = close_chunk(finished);
    entry.block = std::move(finished.block);
  }
  Entry& entry = entries_.front();
  entry.in_use = true;
  if (!entry.is_chunk) return Bytes(entry.apart);
  if (entry.block) {
    return Bytes(entry.block.data() + segment::kChunkHeaderBytes, entry.records_bytes);
  }
  return read_back(entry);
}

Result<Bytes> SpillQueue::read_back(Entry& entry) {
  File& file = file_of(*entry.file);
  if (file.reader == nullptr) {
    WEIR_TRY(file.reader, files_->open(file.path));
  }
  const segment::UnitRead read = segment::read_unit(
      *file.reader, {.segment = file.uuid, .offset = entry.offset, .ordinal = entry.ordinal},
      segment::Depth::Bytes, read_buffer_);
  const auto told = [&](const std::string& what) {
    Error error{.code = ErrorCode::Damaged,
                .context = "spill " + file.path + ": at byte " + std::to_string(entry.offset) +
                           ": " + what + " (its packets are lost)"};
    warn(error);
    return error;
  };
  if (read.fault != segment::UnitFault::None) return told(read.text());
  auto records = decoder_.records(read.unit, decode_buffer_);
  if (!records) return told(records.error().context);
  if (records->size() != entry.records_bytes) return told("not the chunk that was written");
  return *records;
}

std::uint64_t SpillQueue::pop() {
  Entry& entry = entries_.front();
  const std::uint64_t packets = entry.packets;
  apart_bytes_ -= entry.apart.size();
  if (entry.file) --file_of(*entry.file).chunks_left;
  entries_.pop_front();
  drop_consumed_files();
  // An empty queue takes something, whatever its files have been filled with.
  if (empty() && !has_room(segment::kBlockBytes + segment::kUnitAlignment)) rest();
  tell_bytes();
  return packets;
}

void SpillQueue::rest() {
  if (chunk_.begun()) chunk_.abandon();
  entries_.clear();
  apart_bytes_ = 0;
  if (writer_ != nullptr) {
    while (!writer_->idle()) writer_->wait();
    writer_.reset();
  }
  while (!segments_.empty()) remove_oldest_file();
  refuses_ = false;
  tell_bytes();
}

// --- trouble

void SpillQueue::warn(Error error) {
  if (std::find(told_.begin(), told_.end(), error.code) != told_.end()) return;
  told_.push_back(error.code);
  if (!warning_) warning_ = std::move(error);
}

std::optional<Error> SpillQueue::take_warning() { return std::exchange(warning_, std::nullopt); }

}  // namespace weir::storage::spill
