#include "simulation/engine_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "base/unique_fd.h"

namespace weir::test {

using storage::Reap;
using storage::WriteCompletion;
using storage::WriteOperation;

// Writes go to both: `sim_` decides what becomes of them, `real_` is what others read.
class EngineDevice final : public storage::BlockDevice {
 public:
  EngineDevice(EngineDisk& disk, EngineDisk::File& file, std::unique_ptr<BlockDevice> sim,
               std::unique_ptr<BlockDevice> real)
      : disk_(disk), file_(file), sim_(std::move(sim)), real_(std::move(real)) {}

  void submit(const WriteOperation& operation) noexcept override {
    const Duration work = disk_.phase().kib_cost * (operation.bytes / 1024);
    if (work.count() != 0) disk_.threads_.sleep_for(work);
    operations_.emplace(operation.tag, operation);
    add_due(disk_.take_turn(operation.bytes));
    sim_->submit(operation);
  }
  void submit_sync(std::uint64_t tag) noexcept override {
    add_due(disk_.take_turn(0));
    sim_->submit_sync(tag);
  }
  std::uint32_t reap(std::span<WriteCompletion> completions, Reap mode) noexcept override;
  [[nodiscard]] std::uint32_t in_flight() const noexcept override { return sim_->in_flight(); }
  [[nodiscard]] std::uint32_t queue_depth() const noexcept override { return sim_->queue_depth(); }
  std::int64_t write_tail(std::uint64_t offset, Bytes bytes) noexcept override {
    disk_.wait(bytes.size());
    const std::int64_t written = sim_->write_tail(offset, bytes);
    if (written > 0) put(offset, bytes.first(static_cast<std::size_t>(written)));
    return written;
  }
  [[nodiscard]] bool direct() const noexcept override { return sim_->direct(); }
  Result<void> leave_direct() override { return sim_->leave_direct(); }
  Result<void> set_size(std::uint64_t bytes) override {
    disk_.wait(0);
    WEIR_CHECK(sim_->set_size(bytes));
    return real_->set_size(bytes);
  }
  Result<void> sync_data() override {
    disk_.wait(0);
    return sim_->sync_data();
  }
  Result<void> close() override {
    WEIR_CHECK(sim_->close());
    return real_->close();
  }
  [[nodiscard]] std::string_view mode() const noexcept override { return sim_->mode(); }
  [[nodiscard]] const std::string& path() const noexcept override { return real_->path(); }
  void renamed(std::string path) override {
    file_.path = path;
    real_->renamed(std::move(path));
  }

 private:
  void add_due(MonotonicTime due) {
    due_.push_back(due_.empty() ? due : std::max(due, due_.back()));
  }
  void put(std::uint64_t offset, Bytes bytes) noexcept {
    const std::int64_t written = real_->write_tail(offset, bytes);
    WEIR_ASSERT(written == static_cast<std::int64_t>(bytes.size()));
  }

  EngineDisk& disk_;
  EngineDisk::File& file_;
  std::unique_ptr<BlockDevice> sim_;
  std::unique_ptr<BlockDevice> real_;
  std::map<std::uint64_t, WriteOperation> operations_;  // by tag
  std::vector<MonotonicTime> due_;                      // of operations in flight, in order
};

// Any of them may be the first, as long as there are not more than are due.
std::uint32_t EngineDevice::reap(std::span<WriteCompletion> completions, Reap mode) noexcept {
  if (due_.empty()) return 0;
  if (mode == Reap::Wait && due_.front() > disk_.threads_.monotonic()) {
    disk_.threads_.sleep_until(due_.front());
  }
  const MonotonicTime now = disk_.threads_.monotonic();
  const auto due =
      static_cast<std::size_t>(std::upper_bound(due_.begin(), due_.end(), now) - due_.begin());
  if (due == 0) return 0;
  (void)disk_.phase();  // its faults
  const std::uint32_t count =
      sim_->reap(completions.first(std::min(due, completions.size())), mode);
  due_.erase(due_.begin(), due_.begin() + count);
  for (const WriteCompletion& one : completions.first(count)) {
    const auto found = operations_.find(one.tag);
    if (found == operations_.end()) continue;  // a sync
    const WriteOperation operation = found->second;
    operations_.erase(found);
    if (one.result > 0) {
      put(operation.offset, Bytes(operation.data, static_cast<std::size_t>(one.result)));
    }
  }
  return count;
}

EngineDisk::EngineDisk(std::uint64_t seed, std::vector<DiskPhase> phases, SimThreads& threads)
    : threads_(threads), phases_(std::move(phases)), disk_(seed, phases_.front().faults) {}

const DiskPhase& EngineDisk::phase() noexcept {
  const std::size_t before = phase_;
  while (phase_ + 1 < phases_.size() && phases_[phase_ + 1].from <= threads_.monotonic()) ++phase_;
  if (phase_ != before) disk_.set_faults(phases_[phase_].faults);
  return phases_[phase_];
}

// What is under way when a phase ends goes on at the rate of the next.
MonotonicTime EngineDisk::take_turn(std::uint64_t bytes) {
  (void)phase();  // its faults
  MonotonicTime at = std::max(threads_.monotonic(), busy_until_);
  auto left = static_cast<double>(bytes);
  for (std::size_t i = phase_; i < phases_.size(); ++i) {
    const DiskPhase& phase = phases_[i];
    const bool last = i + 1 == phases_.size();
    WEIR_ASSERT(!last || !phase.stalled);
    const MonotonicTime end = last ? SimThreads::kNever : phases_[i + 1].from;
    if (end <= at) continue;
    const double seconds = left / phase.bytes_per_second;
    const auto needed = Duration(static_cast<std::int64_t>(seconds * 1e9));
    if (!phase.stalled && (last || at + needed <= end)) {
      busy_until_ = at + needed;
      return busy_until_ + phase.latency;
    }
    if (!phase.stalled) {
      left -= phase.bytes_per_second * static_cast<double>((end - at).count()) / 1e9;
    }
    at = end;
  }
  return at;
}

Result<std::unique_ptr<storage::BlockDevice>> EngineDisk::open(
    const storage::BlockDeviceOptions& options) {
  forget_removed();
  wait(0);
  // One that is emptied begins anew.
  for (const auto& file : files_) {
    if (file->path == options.path && !file->gone) {
      file->gone = true;
      disk_.remove(file->name);
    }
  }
  auto file = std::make_unique<File>(
      File{.name = "file " + std::to_string(files_.size()), .path = options.path});
  storage::BlockDeviceOptions plain = options;
  plain.direct = false;
  plain.io_uring = false;
  plain.allocate_bytes = 0;
  plain.buffers = {};
  WEIR_TRY(auto sim, disk_.create(file->name, options.queue_depth));
  disk_.settle_names();
  WEIR_TRY(auto real, storage::open_block_device(plain));
  files_.push_back(std::move(file));
  return std::unique_ptr<storage::BlockDevice>(
      std::make_unique<EngineDevice>(*this, *files_.back(), std::move(sim), std::move(real)));
}

void EngineDisk::forget_removed() {
  for (const auto& file : files_) {
    if (file->gone || ::access(file->path.c_str(), F_OK) == 0) continue;
    file->gone = true;
    disk_.remove(file->name);
  }
}

std::uint64_t EngineDisk::free_bytes() {
  forget_removed();
  const std::uint64_t capacity = phase().faults.capacity_bytes;
  return capacity - std::min(capacity, disk_.bytes_used());
}

void EngineDisk::kill(Kill kind) {
  forget_removed();
  disk_.kill(kind);
  const SimDisk::Image& left = disk_.image();
  for (const auto& file : files_) {
    if (file->gone) continue;
    const auto found = left.find(file->name);
    // Names are the file system's, and last.
    const std::vector<std::uint8_t> nothing;
    const std::vector<std::uint8_t>& bytes = found == left.end() ? nothing : found->second;
    const UniqueFd fd(::open(file->path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    WEIR_ASSERT(fd);
    WEIR_ASSERT(::write(fd.get(), bytes.data(), bytes.size()) ==
                static_cast<ssize_t>(bytes.size()));
  }
}

}  // namespace weir::test
