// Lets another block device fail, by plan and by seed: what real disks and kernels do on bad days.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "base/prng.h"
#include "storage/block_device.h"

namespace weir::test {

inline constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

struct FaultPlan {
  std::uint64_t seed = 1;
  std::uint32_t short_percent = 0;        // writes of which only a part is done
  std::uint32_t interrupted_percent = 0;  // EINTR or EAGAIN
  std::uint64_t no_space_at = kNever;     // no byte can be written from this offset on
  std::uint64_t io_error_at = kNever;     // a write that touches this byte fails as a whole
  std::uint64_t refuse_direct_after =
      kNever;                               // so many writes are taken before O_DIRECT gives EINVAL
  std::uint64_t sync_error_after = kNever;  // so many syncs succeed, then EIO
  bool refuse_leaving_direct = false;
  bool refuse_set_size = false;
  bool only_when_waited_for = false;  // a slow disk: nothing completes before somebody waits for it
};

class FaultBlockDevice final : public storage::BlockDevice {
 public:
  FaultBlockDevice(std::unique_ptr<storage::BlockDevice> inner, const FaultPlan& plan)
      : inner_(std::move(inner)), plan_(plan), random_(plan.seed) {}

  void submit(const storage::WriteOperation& operation) noexcept override {
    std::uint32_t bytes = operation.bytes;
    if (const int error = refusal(operation.offset, bytes, direct())) {
      failed_.push_back({operation.tag, -error});
      return;
    }
    storage::WriteOperation part = operation;
    part.bytes = bytes;
    inner_->submit(part);
  }

  void submit_sync(std::uint64_t tag) noexcept override {
    if (random_.chance(plan_.interrupted_percent, 100)) {
      failed_.push_back({tag, random_.chance(1, 2) ? -EINTR : -EAGAIN});
    } else if (syncs_++ >= plan_.sync_error_after) {
      failed_.push_back({tag, -EIO});
    } else {
      inner_->submit_sync(tag);
    }
  }

  std::uint32_t reap(std::span<storage::WriteCompletion> completions,
                     storage::Reap mode) noexcept override {
    std::uint32_t count = 0;
    while (!failed_.empty() && count < completions.size()) {
      completions[count++] = failed_.back();
      failed_.pop_back();
    }
    if (count == completions.size() || inner_->in_flight() == 0) return count;
    if (plan_.only_when_waited_for && mode == storage::Reap::Poll) return count;
    return count + inner_->reap(completions.subspan(count), count > 0 ? storage::Reap::Poll : mode);
  }

  [[nodiscard]] std::uint32_t in_flight() const noexcept override {
    return inner_->in_flight() + static_cast<std::uint32_t>(failed_.size());
  }
  [[nodiscard]] std::uint32_t queue_depth() const noexcept override {
    return inner_->queue_depth();
  }
  std::int64_t write_tail(std::uint64_t offset, Bytes bytes) noexcept override {
    auto count = static_cast<std::uint32_t>(bytes.size());
    if (const int error = refusal(offset, count, false)) return -error;
    return inner_->write_tail(offset, bytes.first(count));
  }
  [[nodiscard]] bool direct() const noexcept override { return inner_->direct(); }
  Result<void> leave_direct() override {
    if (plan_.refuse_leaving_direct) return system_error(EINVAL, "leave O_DIRECT");
    return inner_->leave_direct();
  }
  Result<void> set_size(std::uint64_t bytes) override {
    if (plan_.refuse_set_size) return system_error(EIO, "set the size");
    return inner_->set_size(bytes);
  }
  Result<void> sync_data() override { return inner_->sync_data(); }
  Result<void> close() override { return inner_->close(); }
  [[nodiscard]] std::string_view mode() const noexcept override { return inner_->mode(); }
  [[nodiscard]] const std::string& path() const noexcept override { return inner_->path(); }
  void renamed(std::string path) override { inner_->renamed(std::move(path)); }

 private:
  // The errno with which a write is refused, or 0, and then perhaps fewer `bytes`.
  int refusal(std::uint64_t offset, std::uint32_t& bytes, bool direct) {
    constexpr std::uint32_t kSector = 512;
    if (direct && writes_++ >= plan_.refuse_direct_after) return EINVAL;
    if (random_.chance(plan_.interrupted_percent, 100))
      return random_.chance(1, 2) ? EINTR : EAGAIN;
    if (random_.chance(plan_.short_percent, 100) && bytes > kSector) {
      bytes = static_cast<std::uint32_t>(1 + random_.below(bytes / kSector)) * kSector;
    }
    if (plan_.io_error_at >= offset && plan_.io_error_at < offset + bytes) return EIO;
    if (plan_.no_space_at <= offset) return ENOSPC;
    bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, plan_.no_space_at - offset));
    if (direct) bytes &= ~(kSector - 1);
    return bytes == 0 ? ENOSPC : 0;
  }

  std::unique_ptr<storage::BlockDevice> inner_;
  FaultPlan plan_;
  Prng random_;
  std::uint64_t writes_ = 0;
  std::uint64_t syncs_ = 0;
  std::vector<storage::WriteCompletion> failed_;
};

}  // namespace weir::test
