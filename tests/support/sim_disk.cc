#include "support/sim_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace weir::test {

using storage::Reap;
using storage::WriteCompletion;
using storage::WriteOperation;

namespace {

// Asking so often whether anything is under way, without a call in between, is waiting for ever.
constexpr std::uint32_t kIdleQuestionsMax = 1'000'000;

}  // namespace

class SimDevice final : public storage::BlockDevice {
 public:
  SimDevice(SimDisk& disk, SimDisk::File& file, std::string path, std::uint32_t queue_depth)
      : disk_(disk), file_(file), path_(std::move(path)), queue_depth_(queue_depth) {}
  ~SimDevice() override { WEIR_ASSERT(in_flight() == 0); }

  void submit(const WriteOperation& operation) noexcept override {
    SimDisk::Submitted one{.file = &file_, .operation = operation, .direct = direct_};
    add(std::move(one));
  }
  void submit_sync(std::uint64_t tag) noexcept override {
    SimDisk::Submitted one{.file = &file_,
                           .operation = {.tag = tag},
                           .covers = disk_.writes_,
                           .covers_size = file_.size,
                           .sync = true};
    add(std::move(one));
  }
  std::uint32_t reap(std::span<WriteCompletion> completions, Reap mode) noexcept override;
  [[nodiscard]] std::uint32_t in_flight() const noexcept override {
    WEIR_ASSERT(++questions_ < kIdleQuestionsMax);
    return in_flight_;
  }
  [[nodiscard]] std::uint32_t queue_depth() const noexcept override { return queue_depth_; }
  std::int64_t write_tail(std::uint64_t offset, Bytes bytes) noexcept override {
    WEIR_ASSERT(in_flight_ == 0);
    disk_.step();
    return disk_.write(file_, offset, bytes, false);
  }
  [[nodiscard]] bool direct() const noexcept override { return direct_; }
  Result<void> leave_direct() override {
    direct_ = false;
    return ok();
  }
  Result<void> set_size(std::uint64_t bytes) override {
    WEIR_ASSERT(in_flight_ == 0);
    disk_.step();
    if (const int error = disk_.set_size(file_, bytes)) return system_error(error, "set the size");
    return ok();
  }
  Result<void> sync_data() override {
    WEIR_ASSERT(in_flight_ == 0);
    disk_.step();
    if (const int error = disk_.sync(file_, disk_.writes_, file_.size)) {
      return system_error(error, "write " + path_ + " to stable storage");
    }
    return ok();
  }
  Result<void> close() override {
    WEIR_ASSERT(in_flight_ == 0);
    return ok();
  }
  [[nodiscard]] std::string_view mode() const noexcept override { return "simulated"; }
  [[nodiscard]] const std::string& path() const noexcept override { return path_; }
  void renamed(std::string path) override { path_ = std::move(path); }

 private:
  void add(SimDisk::Submitted one);

  SimDisk& disk_;
  SimDisk::File& file_;
  std::string path_;
  std::uint32_t queue_depth_;
  std::uint32_t in_flight_ = 0;
  mutable std::uint32_t questions_ = 0;  // since something was done
  bool direct_ = true;
};

void SimDevice::add(SimDisk::Submitted one) {
  WEIR_ASSERT(in_flight_ < queue_depth_ && (one.sync || one.operation.bytes > 0));
  disk_.step();
  questions_ = 0;
  ++in_flight_;
  const bool slow = disk_.random_.chance(disk_.faults_.slow_percent, 100);
  one.delay = static_cast<std::uint32_t>(disk_.random_.below(slow ? 200 : 4));
  if (disk_.faults_.complete_on_submit && !one.sync) {
    one.copy.assign(one.operation.data, one.operation.data + one.operation.bytes);
  }
  disk_.submitted_.push_back(std::move(one));
}

std::uint32_t SimDevice::reap(std::span<WriteCompletion> completions, Reap mode) noexcept {
  questions_ = 0;
  std::uint32_t count = 0;
  auto& all = disk_.submitted_;
  // Later than it could be: what was called done before.
  if (disk_.faults_.complete_on_submit) {
    std::erase_if(all, [&](SimDisk::Submitted& one) {
      if (one.file != &file_ || !one.told || one.delay-- > 0) return false;
      disk_.put(file_, one.operation.offset, one.copy);
      return true;
    });
  }
  do {
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < all.size(); ++i) {
      SimDisk::Submitted& one = all[i];
      if (one.file != &file_ || one.told) continue;
      if (one.delay == 0 || disk_.dead_) {
        ready.push_back(i);
      } else {
        --one.delay;
      }
    }
    while (!ready.empty() && count < completions.size()) {
      const std::size_t chosen = disk_.random_.below(ready.size());
      const std::size_t at = ready[chosen];
      ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(chosen));
      disk_.step();
      SimDisk::Submitted& one = all[at];
      if (disk_.faults_.complete_on_submit && !one.sync && !disk_.dead_) {
        completions[count++] = {one.operation.tag, static_cast<std::int32_t>(one.operation.bytes)};
        one.told = true;
        one.delay = static_cast<std::uint32_t>(disk_.random_.below(20));
        --in_flight_;
        continue;
      }
      completions[count++] = {one.operation.tag, disk_.complete(one)};
      --in_flight_;
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(at));
      for (std::size_t& other : ready) other -= other > at ? 1 : 0;
      // Some are seen at the next call only.
      if (mode == Reap::Poll && disk_.random_.chance(1, 4)) break;
    }
  } while (mode == Reap::Wait && count == 0 && in_flight_ > 0);
  return count;
}

void SimDisk::step() {
  if (steps_++ == kill_step_) kill(kill_kind_);
}

void SimDisk::kill(Kill kind) {
  if (dead_) return;
  Image left;
  for (const auto& file : files_) {
    // Drawn for each file, whether it keeps a name or not.
    std::string name = name_left(*file, kind);
    std::vector<std::uint8_t> content = content_left(*file, kind);
    if (!name.empty()) left[std::move(name)] = std::move(content);
  }
  dead_ = true;
  image_ = std::move(left);
  if (witness_ != nullptr) witness_->disk_died();
}

const SimDisk::Image& SimDisk::image() {
  if (dead_) return image_;
  image_.clear();
  for (const auto& file : files_) {
    if (file->names.back().empty()) continue;
    const auto end = file->content.begin() + static_cast<std::ptrdiff_t>(file->size);
    image_[file->names.back()] = {file->content.begin(), end};
  }
  return image_;
}

// A new name is the only one for some file systems, and lost with others.
std::string SimDisk::name_left(const File& file, Kill kind) {
  if (kind == Kill::Process) return file.names.back();
  return file.names[random_.below(file.names.size())];
}

std::vector<std::uint8_t> SimDisk::content_left(File& file, Kill kind) {
  const std::uint64_t size =
      kind == Kill::Power ? std::max(file.size, file.durable_size) : file.size;
  std::vector<std::uint8_t> content(file.content.begin(),
                                    file.content.begin() + static_cast<std::ptrdiff_t>(size));
  if (kind == Kill::Power) lose(file, content);
  for (const Submitted& one : submitted_) {
    if (one.file == &file && !one.sync && random_.chance(1, 2)) tear(content, one);
  }
  return content;
}

// Some sectors of a write: the first ones, or any.
void SimDisk::tear(std::vector<std::uint8_t>& content, const Submitted& one) {
  const std::uint8_t* const data = one.copy.empty() ? one.operation.data : one.copy.data();
  const std::uint32_t bytes = one.operation.bytes;
  const std::uint64_t sectors = (bytes + kSector - 1) / kSector;
  const bool front = random_.chance(1, 2);
  const std::uint64_t kept = random_.chance(1, 3) ? sectors : random_.below(sectors + 1);
  for (std::uint64_t i = 0; i < sectors; ++i) {
    if (front ? i >= kept : kept < sectors && !random_.chance(1, 2)) continue;
    const std::uint64_t at = i * kSector;
    const std::uint64_t end = std::min<std::uint64_t>(at + kSector, bytes);
    if (content.size() < one.operation.offset + end) content.resize(one.operation.offset + end);
    std::memcpy(content.data() + one.operation.offset + at, data + at, end - at);
  }
}

// What was not durable: sector by sector by the seed, most or few of them, and the size as well.
void SimDisk::lose(const File& file, std::vector<std::uint8_t>& content) {
  const std::uint64_t size = content.size();
  const std::uint64_t kept_percent = random_.chance(1, 3) ? 0 : random_.below(101);
  std::uint64_t end = file.durable_size;
  for (std::uint64_t sector = 0; sector * kSector < size; ++sector) {
    const std::uint64_t at = sector * kSector;
    const std::uint64_t bytes = std::min<std::uint64_t>(kSector, size - at);
    const std::uint64_t write = file.sector_writes[sector];
    if (write != kForsaken && write <= file.durable_write) continue;
    if (random_.chance(kept_percent, 100)) {
      end = std::max(end, at + bytes);
      continue;
    }
    const auto older = file.older.find(sector);
    if (older == file.older.end()) {
      std::memset(content.data() + at, 0, bytes);
    } else {
      std::memcpy(content.data() + at, older->second.data(), bytes);
    }
  }
  // It was cut, or has grown: that may be on the disk or not, whatever became of its sectors.
  if (file.durable_size >= file.size) {
    content.resize(random_.chance(1, 2) ? file.size : file.durable_size);
  } else if (const std::uint64_t draw = random_.below(3); draw != 0) {
    content.resize(draw == 1 ? file.durable_size : end);
  }
}

Result<std::unique_ptr<storage::BlockDevice>> SimDisk::create(const std::string& name,
                                                              std::uint32_t queue_depth) {
  step();
  if (!dead_ && bytes_used_ >= faults_.capacity_bytes) {
    return system_error(fail(ENOSPC), "write " + name);
  }
  remove(name);
  files_.push_back(std::make_unique<File>());
  files_.back()->names = {"", name};
  return std::unique_ptr<storage::BlockDevice>(
      std::make_unique<SimDevice>(*this, *files_.back(), name, queue_depth));
}

void SimDisk::rename(const std::string& from, const std::string& to) {
  step();
  remove(to);
  for (const auto& file : files_) {
    if (file->names.back() == from) return file->names.push_back(to);
  }
}

void SimDisk::remove(const std::string& name) {
  for (const auto& file : files_) {
    if (file->names.back() != name) continue;
    file->names.emplace_back();
    bytes_used_ -= file->size;
  }
}

Result<void> SimDisk::sync_directory() {
  step();
  if (dead_) return ok();
  if (syncs_++ >= faults_.sync_error_after) return system_error(fail(EIO), "write the directory");
  settle_names();
  return ok();
}

void SimDisk::settle_names() noexcept {
  for (const auto& file : files_) file->names.erase(file->names.begin(), file->names.end() - 1);
}

std::int32_t SimDisk::complete(const Submitted& one) {
  if (one.sync) {
    if (const int error = draw_interruption()) return -error;
    return -sync(*one.file, one.covers, one.covers_size);
  }
  const WriteOperation& operation = one.operation;
  return write(*one.file, operation.offset, {operation.data, operation.bytes}, one.direct);
}

int SimDisk::draw_interruption() {
  if (dead_ || !random_.chance(faults_.interrupted_percent, 100)) return 0;
  return random_.chance(1, 2) ? EINTR : EAGAIN;
}

std::int32_t SimDisk::write(File& file, std::uint64_t offset, Bytes bytes, bool direct) {
  auto count = static_cast<std::uint32_t>(bytes.size());
  if (dead_) return static_cast<std::int32_t>(count);
  if (const int error = refusal(file, offset, count, direct)) return -error;
  put(file, offset, bytes.first(count));
  return static_cast<std::int32_t>(count);
}

// The errno with which a write is refused, or 0, and then perhaps fewer `bytes`.
int SimDisk::refusal(const File& file, std::uint64_t offset, std::uint32_t& bytes, bool direct) {
  if (const int error = draw_interruption()) return error;
  if (direct && direct_writes_++ >= faults_.refuse_direct_after) return EINVAL;
  if (random_.chance(faults_.short_percent, 100) && bytes > kSector) {
    bytes = static_cast<std::uint32_t>(1 + random_.below(bytes / kSector)) * kSector;
  }
  if (bytes_written_ >= faults_.io_error_after) return fail(EIO);
  bytes_written_ += bytes;
  const std::uint64_t grown = std::max(file.size, offset + bytes) - file.size;
  if (faults_.capacity_bytes - std::min(faults_.capacity_bytes, bytes_used_) < grown) {
    const std::uint64_t room =
        faults_.capacity_bytes - std::min(faults_.capacity_bytes, bytes_used_);
    const std::uint64_t end = file.size + room;
    bytes = end > offset ? static_cast<std::uint32_t>(end - offset) & ~(kSector - 1) : 0;
    if (bytes == 0) return fail(ENOSPC);
  }
  return 0;
}

void SimDisk::put(File& file, std::uint64_t offset, Bytes bytes) {
  if (dead_) return;
  const std::uint64_t end = offset + bytes.size();
  ++writes_;
  if (file.content.size() < end) file.content.resize(end);
  if (offset > file.size) {
    std::fill(file.content.begin() + static_cast<std::ptrdiff_t>(file.size),
              file.content.begin() + static_cast<std::ptrdiff_t>(offset), std::uint8_t{0});
  }
  const std::uint64_t sectors = (end + kSector - 1) / kSector;
  if (file.sector_writes.size() < sectors) file.sector_writes.resize(sectors);
  for (std::uint64_t sector = offset / kSector; sector < sectors; ++sector) {
    std::uint64_t& write = file.sector_writes[sector];
    if (write != 0 && write <= file.durable_write && sector * kSector < file.size) {
      std::vector<std::uint8_t> before(kSector);
      const std::uint64_t at = sector * kSector;
      std::copy_n(file.content.begin() + static_cast<std::ptrdiff_t>(at),
                  std::min<std::uint64_t>(kSector, file.content.size() - at), before.begin());
      file.older.emplace(sector, std::move(before));
    }
    write = writes_;
  }
  std::copy(bytes.begin(), bytes.end(), file.content.begin() + static_cast<std::ptrdiff_t>(offset));
  if (end > file.size) {
    if (!file.removed()) bytes_used_ += end - file.size;
    file.size = end;
  }
}

// After a failed sync the kernel calls the writes clean that it could not bring to the disk: no
// later sync tries them again.
int SimDisk::sync(File& file, std::uint64_t covers, std::uint64_t size) {
  if (dead_ || faults_.ignore_syncs) return 0;
  if (syncs_++ >= faults_.sync_error_after) {
    for (std::uint64_t& write : file.sector_writes) {
      if (write > file.durable_write && write <= covers) write = kForsaken;
    }
    return fail(EIO);
  }
  file.durable_write = std::max(file.durable_write, covers);
  file.durable_size = size;
  std::erase_if(file.older, [&](const auto& entry) {
    return file.sector_writes[entry.first] <= file.durable_write;
  });
  return 0;
}

int SimDisk::set_size(File& file, std::uint64_t bytes) {
  if (dead_) return 0;
  if (random_.chance(faults_.refuse_size_percent, 100)) {
    ++size_failures_;
    return fail(EIO);
  }
  if (bytes < file.size && !file.removed()) bytes_used_ -= file.size - bytes;
  if (bytes > file.size) {
    if (!file.removed()) bytes_used_ += bytes - file.size;
    file.content.resize(std::max<std::size_t>(file.content.size(), bytes));
    file.sector_writes.resize((file.content.size() + kSector - 1) / kSector);
    std::fill(file.content.begin() + static_cast<std::ptrdiff_t>(file.size),
              file.content.begin() + static_cast<std::ptrdiff_t>(bytes), std::uint8_t{0});
  }
  file.size = bytes;
  return 0;
}

}  // namespace weir::test
