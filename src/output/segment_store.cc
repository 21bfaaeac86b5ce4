#include "output/segment_store.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/assert.h"
#include "base/unique_fd.h"

namespace weir::output {

namespace segment = storage::segment;

namespace {

using Lock = std::unique_lock<std::mutex>;

// Version 4 of RFC 9562.
segment::Uuid random_uuid() {
  segment::Uuid uuid;
  const auto got = ::getrandom(uuid.data(), uuid.size(), 0);
  WEIR_ASSERT(got == static_cast<ssize_t>(uuid.size()));  // never short below 256 bytes
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x40);
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
  return uuid;
}

Result<void> sync_directory(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return system_error(errno, "write " + path + " to the disk");
  return ok();
}

}  // namespace

Result<std::unique_ptr<SegmentStore>> SegmentStore::open(const std::string& path,
                                                         const Clock& clock, StoreWatcher* watcher,
                                                         storage::BlockDevices* devices) {
  WEIR_TRY(auto lock, segment::StoreLock::take(path));
  std::unique_ptr<SegmentStore> store(new SegmentStore(path, clock, devices, std::move(lock)));
  WEIR_TRY(store->recovered_, recover_store(path, clock));
  WEIR_TRY(store->catalogue_, StoreCatalogue::open(path, clock, watcher));
  store->next_sequence_ = store->catalogue_->last_sequence() + 1;
  return store;
}

SegmentStore::~SegmentStore() {
  finish();
  for (std::uint32_t lane = 0; lane < lanes_.size(); ++lane) {
    if (lanes_[lane].spare != nullptr) (void)::unlink(spare_path(lane).c_str());
  }
}

void SegmentStore::finish() noexcept {
  prepare_work_.finish();
  seal_work_.finish();
  keep_work_.finish();
}

void SegmentStore::tend() {
  constexpr Duration kLookInterval = std::chrono::seconds(10);
  {
    const Lock lock(mutex_);
    const MonotonicTime now = clock_.monotonic();
    if (now < next_look_) return;
    next_look_ = now + kLookInterval;
  }
  keep_work_.add("bounds");
}

void SegmentStore::keep() noexcept {
  std::uint64_t next_bytes = 0;
  {
    const Lock lock(mutex_);
    for (const Lane& lane : lanes_) next_bytes += lane.closed ? 0 : lane.files.segment_bytes;
  }
  catalogue_->keep(next_bytes);
}

std::string SegmentStore::spare_path(std::uint32_t lane) const {
  return path_ + "/" + segment::spare_file_name(lane);
}

Result<std::unique_ptr<storage::BlockDevice>> SegmentStore::make_spare(
    std::uint32_t lane, const SegmentFiles& files) const {
  return storage::open_on(devices_, {.path = spare_path(lane),
                                     .links = storage::Links::Refuse,
                                     .queue_depth = files.queue_depth,
                                     .allocate_bytes = files.segment_bytes,
                                     .buffers = files.memory});
}

Result<std::uint32_t> SegmentStore::add_lane(const SegmentFiles& files) {
  const Lock lock(mutex_);
  const auto lane = static_cast<std::uint32_t>(lanes_.size());
  WEIR_TRY(auto spare, make_spare(lane, files));
  lanes_.push_back({.files = files, .spare = std::move(spare)});
  return lane;
}

Result<FreshSegment> SegmentStore::take(std::uint32_t lane) {
  Lock lock(mutex_);
  changed_.wait(lock, [&] { return !lanes_[lane].preparing; });
  // Whoever waits for the end of the lane would learn of it too late.
  if (lanes_[lane].seal_error) return *lanes_[lane].seal_error;
  std::unique_ptr<storage::BlockDevice> device = std::move(lanes_[lane].spare);
  if (device == nullptr) {
    if (lanes_[lane].error) return std::move(*std::exchange(lanes_[lane].error, std::nullopt));
    WEIR_TRY(device, make_spare(lane, lanes_[lane].files));
  }
  FreshSegment fresh{
      .device = {}, .uuid = random_uuid(), .sequence = next_sequence_++, .begun = clock_.wall()};
  const std::string file =
      segment::segment_file_name({.begun = fresh.begun, .sequence = fresh.sequence, .lane = lane});
  const std::string path = path_ + "/" + file;
  if (::rename(device->path().c_str(), path.c_str()) != 0) {
    Error error = system_error(errno, "write " + path);
    (void)::unlink(device->path().c_str());
    return error;
  }
  device->renamed(path);
  const bool durable = lanes_[lane].files.durability == segment::Durability::Chunk;
  lanes_[lane].preparing = true;
  begun_.push_back({.sequence = fresh.sequence, .file = file, .lane = lane, .begun = fresh.begun});
  lock.unlock();
  prepare_work_.add(std::to_string(lane));
  // What is acknowledged in it must be found again.
  if (durable) {
    if (auto synced = sync_directory(path_); !synced) {
      (void)::unlink(path.c_str());
      return std::move(synced).error();
    }
  }
  fresh.device = std::move(device);
  return fresh;
}

bool SegmentStore::ready(std::uint32_t lane) {
  const Lock lock(mutex_);
  return !lanes_[lane].preparing;
}

void SegmentStore::prepare(const std::string& lane) noexcept {
  const auto index = static_cast<std::uint32_t>(std::stoul(lane));
  SegmentFiles files;
  std::vector<segment::ManifestRow> begun;
  {
    const Lock lock(mutex_);
    files = lanes_[index].files;
    begun.swap(begun_);
  }
  for (const segment::ManifestRow& row : begun) catalogue_->begin(row);
  auto spare = make_spare(index, files);
  const Lock lock(mutex_);
  Lane& into = lanes_[index];
  into.preparing = false;
  if (spare) {
    into.spare = std::move(spare).value();
  } else {
    into.error = std::move(spare).error();
  }
  changed_.notify_all();
}

void SegmentStore::seal(std::uint32_t lane, std::unique_ptr<segment::SegmentWriter> writer,
                        const SealedSegment& segment) {
  const std::string path = writer->path();
  {
    const Lock lock(mutex_);
    ++lanes_[lane].sealing;
    ended_.emplace(path, Ended{lane, std::move(writer), segment});
  }
  seal_work_.add(path);
}

void SegmentStore::seal_one(const std::string& path) noexcept {
  Ended ended;
  auto durability = segment::Durability::None;
  {
    const Lock lock(mutex_);
    ended = std::move(ended_.extract(path).mapped());
    durability = lanes_[ended.lane].files.durability;
  }
  const std::uint64_t bytes = ended.writer->file_bytes();
  auto finished = ended.writer->finish();
  if (finished && ::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    finished = Error{.code = ErrorCode::NotFound,
                     .context = "write " + path +
                                ": somebody removed it while it was written (its packets are "
                                "gone)"};
  }
  // The file is on the disk, and its name has to be: under the one that it had as a spare it would
  // be removed at the next start. With Durability::Chunk it is since take().
  if (finished && durability == segment::Durability::Segment) finished = sync_directory(path_);
  if (finished) {
    catalogue_->seal({.sequence = ended.segment.sequence,
                      .file = path.substr(path.rfind('/') + 1),
                      .lane = ended.lane,
                      .begun = ended.segment.begun,
                      .ended = clock_.wall(),
                      .times = ended.segment.times,
                      .packets = ended.segment.packets,
                      .bytes = bytes,
                      .lost = ended.segment.lost});
    keep();
  }
  const Lock lock(mutex_);
  Lane& lane = lanes_[ended.lane];
  --lane.sealing;
  if (!finished && !lane.seal_error) lane.seal_error = std::move(finished).error();
  changed_.notify_all();
}

Result<void> SegmentStore::give_up(std::unique_ptr<segment::SegmentWriter> writer) {
  const std::string path = writer->path();
  const bool empty = writer->acknowledged().bytes == 0;
  auto cut = writer->cut();
  if (cut && empty && ::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return system_error(errno, "delete " + path);
  }
  return cut;
}

Result<void> SegmentStore::close_lane(std::uint32_t lane) {
  Lock lock(mutex_);
  // Lanes move when another one is added meanwhile.
  changed_.wait(lock, [&] { return !lanes_[lane].preparing && lanes_[lane].sealing == 0; });
  Lane& closed = lanes_[lane];
  closed.closed = true;
  if (closed.spare != nullptr) {
    closed.spare.reset();
    (void)::unlink(spare_path(lane).c_str());
  }
  if (closed.seal_error) return *closed.seal_error;
  return ok();
}

}  // namespace weir::output
