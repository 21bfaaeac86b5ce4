#include "output/pcapng_pipe.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "output/output_error.h"

namespace weir::output {

namespace pcapng = storage::pcapng;

namespace {

// Behind the buffer: where the last record that begins in it may end.
constexpr std::size_t kSlackBytes =
    align_up(pcapng::kPacketRecordBytesMax, buffer::kBlockAlignment);

// Room that POLLOUT promises at least, in pipes (PIPE_BUF), sockets and terminals.
constexpr std::size_t kPageBytes = 4096;

}  // namespace

Result<std::unique_ptr<PcapngPipe>> PcapngPipe::open(UniqueFd fd, std::string path,
                                                     pcapng::SectionIdentity identity) {
  UniqueFd cancel(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!cancel) return system_error(errno, "write " + path);
  WEIR_TRY(auto pool, buffer::BlockPool::create(1, kBufferBytes + kSlackBytes));
  return std::unique_ptr<PcapngPipe>(new PcapngPipe(
      std::move(fd), std::move(cancel), std::move(path), std::move(pool), std::move(identity)));
}

PcapngPipe::PcapngPipe(UniqueFd fd, UniqueFd cancel, std::string path,
                       std::unique_ptr<buffer::BlockPool> pool, pcapng::SectionIdentity identity)
    : fd_(std::move(fd)),
      cancel_(std::move(cancel)),
      style_(Style::Pages),
      path_(std::move(path)),
      pool_(std::move(pool)),
      buffer_(pool_->try_acquire()),
      encoder_(std::move(identity)) {
  struct stat facts = {};
  if (fstat(fd_.get(), &facts) != 0) return;
  if (S_ISFIFO(facts.st_mode)) style_ = Style::NoWait;
  if (S_ISREG(facts.st_mode) || S_ISBLK(facts.st_mode) ||
      (S_ISCHR(facts.st_mode) && isatty(fd_.get()) == 0)) {
    style_ = Style::Whole;
  }
}

void PcapngPipe::write(const PacketBatch& batch, const InterfaceTable& interfaces,
                       const Verdicts& verdicts, SessionMask session) {
  const std::uint32_t wanted = count_wanted(batch, verdicts, session);
  statistics_.offered.add(wanted);
  if (error_ || closed_) {
    const auto reason = error_ ? lost_reason(error_->sys_errno) : LostReason::Closed;
    statistics_.lost[static_cast<std::size_t>(reason)].add(wanted);
    return;
  }
  statistics_.pending.add(wanted);
  encoder_.begin(batch, interfaces, verdicts, session);
  fill();
}

void PcapngPipe::fill() {
  for (;;) {
    Window window{buffer_.data() + used_, buffer_.data() + kBufferBytes};
    const bool done = encoder_.fill(window);
    used_ = static_cast<std::uint32_t>(window.at - buffer_.data());
    if (done) return;
    if (auto pushed = push(); !pushed) return;
  }
}

Result<void> PcapngPipe::push() {
  if (error_ || closed_ || used_ == 0) return state();
  std::size_t sent = 0;
  const int error = send_all({buffer_.data(), used_}, sent);
  offset_ += sent;
  if (error == 0) {
    used_ = 0;
    commit(encoder_.extent_before(offset_));
    first_ = encoder_.extent();
    return ok();
  }
  const std::uint64_t begin = offset_ - sent;
  if (first_.bytes <= offset_) {
    const auto got =
        pcapng::whole_records({buffer_.data() + (first_.bytes - begin), offset_ - first_.bytes});
    commit(Extent{first_.bytes + got.bytes, first_.packets + got.packets});
  }
  error_ = output_error(error, path_, offset_, committed_.packets);
  statistics_.lost[static_cast<std::size_t>(lost_reason(error))].add(statistics_.pending.value());
  statistics_.pending.set(0);
  return state();
}

// 0, or the errno that ended it after `sent` bytes.
int PcapngPipe::send_all(Bytes bytes, std::size_t& sent) noexcept {
  while (sent < bytes.size()) {
    Bytes rest = bytes.subspan(sent);
    ssize_t written = 0;
    if (style_ == Style::NoWait) {
      iovec piece{const_cast<std::uint8_t*>(rest.data()), rest.size()};
      written = pwritev2(fd_.get(), &piece, 1, -1, RWF_NOWAIT);
    } else {
      if (style_ == Style::Pages) {
        if (const int error = wait_writable(); error != 0) return error;
        rest = rest.first(std::min(rest.size(), kPageBytes));
      }
      written = ::write(fd_.get(), rest.data(), rest.size());
    }
    if (written > 0) {
      sent += static_cast<std::size_t>(written);
    } else if (written == 0) {
      return EIO;
    } else if (errno == EOPNOTSUPP && style_ == Style::NoWait) {
      style_ = Style::Pages;
    } else if (errno == EAGAIN) {
      if (const int error = wait_writable(); error != 0) return error;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

// 0 when a write will get on (or tell what is wrong); ECANCELED after cancel().
int PcapngPipe::wait_writable() noexcept {
  std::array<pollfd, 2> wait = {pollfd{.fd = fd_.get(), .events = POLLOUT, .revents = 0},
                                pollfd{.fd = cancel_.get(), .events = POLLIN, .revents = 0}};
  while (wait[0].revents == 0) {
    if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return errno;
    if (wait[0].revents == 0 && wait[1].revents != 0) return ECANCELED;
  }
  return 0;
}

void PcapngPipe::cancel() noexcept { (void)eventfd_write(cancel_.get(), 1); }

void PcapngPipe::commit(const Extent& extent) noexcept {
  if (extent.bytes <= committed_.bytes) return;
  committed_ = extent;
  statistics_.pending.set(statistics_.pending.value() -
                          (extent.packets - statistics_.written.value()));
  statistics_.written.set(extent.packets);
  statistics_.written_bytes.set(extent.bytes);
}

Result<void> PcapngPipe::flush() {
  if (error_ || closed_) return state();
  encoder_.begin_empty();
  fill();
  return push();
}

Result<void> PcapngPipe::close() {
  if (closed_) return state();
  (void)flush();
  closed_ = true;
  if (::close(fd_.release()) != 0 && !error_) error_ = system_error(errno, "close " + path_);
  return state();
}

Result<void> PcapngPipe::state() const {
  if (error_) return *error_;
  return ok();
}

}  // namespace weir::output
