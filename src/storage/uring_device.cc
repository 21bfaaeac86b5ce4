#include "storage/uring_device.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <liburing.h>

#include "base/assert.h"
#include "storage/wait_fd.h"

namespace weir::storage {
namespace {

class UringDevice final : public BlockDevice {
 public:
  static Result<std::unique_ptr<BlockDevice>> make(DirectFile& file,
                                                   const BlockDeviceOptions& options);
  ~UringDevice() override;

  [[nodiscard]] int wait_fd() const noexcept { return ring_.ring_fd; }
  void submit(const WriteOperation& operation) noexcept override;
  void submit_sync(std::uint64_t tag) noexcept override;
  std::uint32_t reap(std::span<WriteCompletion> completions, Reap mode) noexcept override;
  [[nodiscard]] std::uint32_t in_flight() const noexcept override { return in_flight_; }
  [[nodiscard]] std::uint32_t queue_depth() const noexcept override { return queue_depth_; }
  std::int64_t write_tail(std::uint64_t offset, Bytes bytes) noexcept override {
    return file_.write_tail(offset, bytes);
  }
  [[nodiscard]] bool direct() const noexcept override { return file_.direct(); }
  Result<void> leave_direct() override { return file_.leave_direct(); }
  Result<void> set_size(std::uint64_t bytes) override { return file_.set_size(bytes); }
  Result<void> sync_data() override { return file_.sync_data(); }
  Result<void> close() override;
  [[nodiscard]] std::string_view mode() const noexcept override {
    return direct() ? "io_uring+O_DIRECT" : "io_uring";
  }
  [[nodiscard]] const std::string& path() const noexcept override { return file_.path(); }
  void renamed(std::string path) override { file_.renamed(std::move(path)); }

 private:
  UringDevice(const io_uring& ring, DirectFile file, std::uint32_t queue_depth) noexcept
      : ring_(ring), file_(std::move(file)), queue_depth_(queue_depth) {}
  io_uring_sqe* next_entry(std::uint64_t tag) noexcept;
  void register_file() noexcept;
  void register_buffers() noexcept;
  // True when the write lies in the registered buffers.
  [[nodiscard]] bool registered(const WriteOperation& operation) const noexcept;

  io_uring ring_;
  bool ring_open_ = true;
  DirectFile file_;
  std::uint32_t queue_depth_;
  std::uint32_t in_flight_ = 0;
  bool fixed_file_ = false;
  std::span<std::uint8_t> buffers_;        // still to be registered
  std::span<std::uint8_t> fixed_buffers_;  // empty when registration was refused
  // Writes that the kernel refused to take: completed here with the reason.
  std::array<WriteCompletion, kQueueDepthMax> refused_{};
  std::uint32_t refused_count_ = 0;
};

Result<std::unique_ptr<BlockDevice>> UringDevice::make(DirectFile& file,
                                                       const BlockDeviceOptions& options) {
  const auto depth = std::clamp<std::uint32_t>(options.queue_depth, 1, kQueueDepthMax);
  io_uring ring{};
  // Completions are taken at our own system calls instead of by interrupting the worker (5.19;
  // older kernels say EINVAL).
  int error =
      io_uring_queue_init(depth, &ring, IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG);
  if (error == -EINVAL) error = io_uring_queue_init(depth, &ring, 0);
  if (error < 0) {
    Error refused = system_error(-error, "set up io_uring");
    refused.code = ErrorCode::Unsupported;
    return refused;
  }
  std::unique_ptr<UringDevice> device(new UringDevice(ring, std::move(file), depth));
  device->register_file();
  device->buffers_ = options.buffers;
  if (options.register_now) device->register_buffers();
  return std::unique_ptr<BlockDevice>(std::move(device));
}

// Both registrations only save the kernel work at each write: a refusal changes nothing else.
void UringDevice::register_file() noexcept {
  const int fd = file_.fd();
  fixed_file_ = io_uring_register_files(&ring_, &fd, 1) == 0;
}

void UringDevice::register_buffers() noexcept {
  const std::span<std::uint8_t> buffers = std::exchange(buffers_, {});
  if (buffers.empty()) return;
  const iovec memory{buffers.data(), buffers.size()};  // over the limit for locked memory: refused
  if (io_uring_register_buffers(&ring_, &memory, 1) == 0) fixed_buffers_ = buffers;
}

UringDevice::~UringDevice() {
  // The memory of a write in flight may be gone when we return.
  std::array<WriteCompletion, kQueueDepthMax> rest;
  while (in_flight_ > 0) (void)reap(rest, Reap::Wait);
  if (ring_open_) io_uring_queue_exit(&ring_);
}

bool UringDevice::registered(const WriteOperation& operation) const noexcept {
  return operation.data >= fixed_buffers_.data() &&
         operation.data + operation.bytes <= fixed_buffers_.data() + fixed_buffers_.size();
}

// Null when the kernel takes no more: the operation completes with the reason.
io_uring_sqe* UringDevice::next_entry(std::uint64_t tag) noexcept {
  WEIR_ASSERT(in_flight_ < queue_depth_);
  ++in_flight_;
  io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
  if (sqe == nullptr) refused_[refused_count_++] = {tag, -EAGAIN};
  return sqe;
}

void UringDevice::submit(const WriteOperation& operation) noexcept {
  register_buffers();
  io_uring_sqe* const sqe = next_entry(operation.tag);
  if (sqe == nullptr) return;
  const int file = fixed_file_ ? 0 : file_.fd();
  if (!fixed_buffers_.empty() && registered(operation)) {
    io_uring_prep_write_fixed(sqe, file, operation.data, operation.bytes, operation.offset, 0);
  } else {
    io_uring_prep_write(sqe, file, operation.data, operation.bytes, operation.offset);
  }
  if (fixed_file_) sqe->flags |= IOSQE_FIXED_FILE;
  sqe->user_data = operation.tag;
  // A refusal (EAGAIN, EBUSY, EINTR) leaves it in the queue: every later submit and every reap
  // tries again.
  (void)io_uring_submit(&ring_);
}

void UringDevice::submit_sync(std::uint64_t tag) noexcept {
  io_uring_sqe* const sqe = next_entry(tag);
  if (sqe == nullptr) return;
  io_uring_prep_fsync(sqe, fixed_file_ ? 0 : file_.fd(), IORING_FSYNC_DATASYNC);
  if (fixed_file_) sqe->flags |= IOSQE_FIXED_FILE;
  sqe->user_data = tag;
  (void)io_uring_submit(&ring_);
}

std::uint32_t UringDevice::reap(std::span<WriteCompletion> completions, Reap mode) noexcept {
  WEIR_ASSERT(!completions.empty());
  std::uint32_t count = 0;
  // Whoever only polls submits nothing either.
  if (mode == Reap::Poll && io_uring_sq_ready(&ring_) > 0) (void)io_uring_submit(&ring_);
  while (refused_count_ > 0 && count < completions.size())
    completions[count++] = refused_[--refused_count_];
  for (;;) {
    io_uring_cqe* cqe = nullptr;
    while (count < completions.size() && io_uring_peek_cqe(&ring_, &cqe) == 0) {
      completions[count++] = {cqe->user_data, cqe->res};
      io_uring_cqe_seen(&ring_, cqe);
    }
    if (count > 0 || mode == Reap::Poll || in_flight_ == 0) break;
    const int error = io_uring_submit_and_wait(&ring_, 1);
    WEIR_ASSERT(error >= 0 || error == -EINTR || error == -EAGAIN ||
                error == -EBUSY);  // look and wait again
  }
  in_flight_ -= count;
  return count;
}

Result<void> UringDevice::close() {
  WEIR_ASSERT(in_flight_ == 0);
  // The ring holds a reference to the file: it goes first, so that close() reports the file's last
  // error.
  if (ring_open_) io_uring_queue_exit(&ring_);
  ring_open_ = false;
  return file_.close();
}

}  // namespace

int wait_fd(const BlockDevice& device) noexcept {
  const auto* const uring = dynamic_cast<const UringDevice*>(&device);
  return uring != nullptr ? uring->wait_fd() : -1;
}

Result<std::unique_ptr<BlockDevice>> make_uring_device(DirectFile& file,
                                                       const BlockDeviceOptions& options) {
  return UringDevice::make(file, options);
}

}  // namespace weir::storage
