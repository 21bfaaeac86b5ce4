// The plain block device: each submit() is a pwrite() that is done when it returns.
#pragma once

#include <array>

#include "storage/block_device.h"
#include "storage/direct_file.h"

namespace weir::storage {

class PosixDevice final : public BlockDevice {
 public:
  PosixDevice(DirectFile file, std::uint32_t queue_depth) noexcept;

  void submit(const WriteOperation& operation) noexcept override;
  void submit_sync(std::uint64_t tag) noexcept override;
  std::uint32_t reap(std::span<WriteCompletion> completions, Reap mode) noexcept override;
  [[nodiscard]] std::uint32_t in_flight() const noexcept override { return done_count_; }
  [[nodiscard]] std::uint32_t queue_depth() const noexcept override { return queue_depth_; }
  std::int64_t write_tail(std::uint64_t offset, Bytes bytes) noexcept override {
    return file_.write_tail(offset, bytes);
  }
  [[nodiscard]] bool direct() const noexcept override { return file_.direct(); }
  Result<void> leave_direct() override { return file_.leave_direct(); }
  Result<void> set_size(std::uint64_t bytes) override { return file_.set_size(bytes); }
  Result<void> sync_data() override { return file_.sync_data(); }
  Result<void> close() override { return file_.close(); }
  [[nodiscard]] std::string_view mode() const noexcept override {
    return direct() ? "posix+O_DIRECT" : "posix";
  }
  [[nodiscard]] const std::string& path() const noexcept override { return file_.path(); }
  void renamed(std::string path) override { file_.renamed(std::move(path)); }

 private:
  DirectFile file_;
  std::uint32_t queue_depth_;
  std::array<WriteCompletion, kQueueDepthMax> done_{};  // not yet reaped
  std::uint32_t done_count_ = 0;
};

}  // namespace weir::storage
