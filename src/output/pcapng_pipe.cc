#include "output/pcapng_pipe.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "output/output_error.h"

namespace weir::output {

namespace pcapng = storage::pcapng;

namespace {

// Behind the ring's memory: where a record that begins in it may end, to be copied to the front. As
// much of the ring is free when a record begins.
constexpr std::uint64_t kSlackBytes = kWindowSlackBytes;

// Room that POLLOUT promises at least, in pipes (PIPE_BUF), sockets and terminals.
constexpr std::size_t kPageBytes = 4096;

std::uint64_t capacity(const PcapngPipe::Options& options) noexcept {
  const std::uint64_t credits = std::uint64_t{options.credits_max} * kBatchRoomBytes;
  const std::uint64_t least =
      options.full_policy == FullPolicy::Drop ? PcapngPipe::kDropBytes : credits;
  return align_up(std::max(credits, least), buffer::kBlockAlignment) + kSlackBytes;
}

}  // namespace

Result<std::unique_ptr<PcapngPipe>> PcapngPipe::open(UniqueFd fd, const Options& options) {
  UniqueFd cancel(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!cancel) return system_error(errno, "write " + options.path);
  WEIR_TRY(auto pool, buffer::BlockPool::create(1, capacity(options) + kSlackBytes));
  return std::unique_ptr<PcapngPipe>(
      new PcapngPipe(std::move(fd), std::move(cancel), std::move(pool), options));
}

PcapngPipe::PcapngPipe(UniqueFd fd, UniqueFd cancel, std::unique_ptr<buffer::BlockPool> pool,
                       const Options& options)
    : fd_(std::move(fd)),
      cancel_(std::move(cancel)),
      style_(Style::Pages),
      policy_(options.full_policy),
      path_(options.path),
      encoder_(options.identity, options.counts),
      pool_(std::move(pool)),
      ring_(pool_->try_acquire()),
      capacity_(capacity(options)) {
  WEIR_ASSERT(options.credits_max >= 1 && options.credits_max <= kCreditsMax);
  struct stat facts = {};
  if (fstat(fd_.get(), &facts) != 0) return;
  if (S_ISFIFO(facts.st_mode)) style_ = Style::NoWait;
  if (S_ISREG(facts.st_mode) || S_ISBLK(facts.st_mode) ||
      (S_ISCHR(facts.st_mode) && isatty(fd_.get()) == 0)) {
    style_ = Style::Whole;
  }
}

// Credits need no counting: with Block the ring is empty after each reserve(), and as large as all
// that may be out.
Result<void> PcapngPipe::reserve() { return push(policy_); }

void PcapngPipe::write(const Offer& offer) {
  const std::uint32_t wanted = count_wanted(offer.batch, offer.verdicts, offer.session);
  statistics_.offered.add(wanted);
  if (error_ || closed_) {
    const auto reason = error_ ? lost_reason(error_->sys_errno) : LostReason::Closed;
    statistics_.lost[static_cast<std::size_t>(reason)].add(wanted);
    return;
  }
  statistics_.pending.set(statistics_.pending.value() + wanted);
  encoder_.begin(offer.batch, offer.interfaces, offer.verdicts, offer.session);
  encode(policy_);
}

// What the encoder holds goes into the ring; what finds no room there waits, or is dropped.
void PcapngPipe::encode(FullPolicy policy) {
  for (;;) {
    Window free = window();
    const Fill filled = encoder_.fill(free);
    take(free);
    if (filled == Fill::Done) return;
    if (has_room()) continue;  // the window ended with the ring's memory
    if (!push(policy)) return;
    if (has_room()) continue;
    const std::uint32_t lost = encoder_.lose_rest();
    statistics_.lost[static_cast<std::size_t>(LostReason::SlowReader)].add(lost);
    statistics_.pending.set(statistics_.pending.value() - lost);
    return;
  }
}

bool PcapngPipe::has_room() const noexcept { return capacity_ - (end_ - sent_) > kSlackBytes; }

Window PcapngPipe::window() const noexcept {
  const std::uint64_t at = (end_ - base_) % capacity_;
  const std::uint64_t room =
      has_room() ? std::min(capacity_ - at, capacity_ - (end_ - sent_) - kSlackBytes) : 0;
  return {ring_.data() + at, ring_.data() + at + room};
}

void PcapngPipe::take(const Window& window) noexcept {
  const std::uint64_t at = (end_ - base_) % capacity_;
  const auto reached = static_cast<std::uint64_t>(window.at - ring_.data());
  if (reached > capacity_) std::memcpy(ring_.data(), ring_.data() + capacity_, reached - capacity_);
  end_ += reached - at;
}

Result<void> PcapngPipe::push(FullPolicy policy) {
  if (error_ || closed_ || sent_ == end_) return state();
  const int error = send(policy);
  count_sent();
  if (error == 0 || error == EAGAIN) {
    if (sent_ == end_) base_ = end_;  // again from the front, which is still in the cache
    return ok();
  }
  error_ = output_error(error, path_, sent_, statistics_.written.value());
  statistics_.lost[static_cast<std::size_t>(lost_reason(error))].add(statistics_.pending.value());
  statistics_.pending.set(0);
  return state();
}

// 0, or the errno that ended it; EAGAIN when the reader would have to be waited for.
int PcapngPipe::send(FullPolicy policy) noexcept {
  while (sent_ < end_) {
    const std::uint64_t at = (sent_ - base_) % capacity_;
    std::size_t sent = 0;
    const int error =
        send_some({ring_.data() + at, std::min(end_ - sent_, capacity_ - at)}, policy, sent);
    sent_ += sent;
    if (error != 0) return error;
  }
  return 0;
}

int PcapngPipe::send_some(Bytes bytes, FullPolicy policy, std::size_t& sent) noexcept {
  while (sent < bytes.size()) {
    Bytes rest = bytes.subspan(sent);
    ssize_t written = 0;
    if (style_ == Style::NoWait) {
      iovec piece{const_cast<std::uint8_t*>(rest.data()), rest.size()};
      written = pwritev2(fd_.get(), &piece, 1, -1, RWF_NOWAIT);
    } else {
      if (style_ == Style::Pages) {
        if (const int error = wait_writable(policy); error != 0) return error;
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
      if (const int error = wait_writable(policy); error != 0) return error;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

// 0 when a write will get on (or tell what is wrong); EAGAIN instead of waiting; ECANCELED after
// cancel().
int PcapngPipe::wait_writable(FullPolicy policy) noexcept {
  std::array<pollfd, 2> wait = {pollfd{.fd = fd_.get(), .events = POLLOUT, .revents = 0},
                                pollfd{.fd = cancel_.get(), .events = POLLIN, .revents = 0}};
  const bool drop = policy == FullPolicy::Drop;
  while (wait[0].revents == 0) {
    if (::poll(wait.data(), wait.size(), drop ? 0 : -1) < 0 && errno != EINTR) return errno;
    if (wait[0].revents != 0) break;
    if (drop) return EAGAIN;
    if (wait[1].revents != 0) return ECANCELED;
  }
  return 0;
}

void PcapngPipe::cancel() noexcept { (void)eventfd_write(cancel_.get(), 1); }

// Counts the packets that end at or before sent_. Comes after each sending, before the ring is
// written over.
void PcapngPipe::count_sent() noexcept {
  std::uint64_t packets = 0;
  for (;;) {
    if (record_bytes_ == 0) {
      if (record_ == end_) break;
      const std::uint8_t* const head = ring_.data() + (record_ - base_) % capacity_;
      record_is_packet_ = pcapng::is_packet(load_le32(head));
      record_bytes_ = load_le32(head + 4);
    }
    if (record_ + record_bytes_ > sent_) break;
    packets += record_is_packet_ ? 1 : 0;
    record_ += record_bytes_;
    record_bytes_ = 0;
  }
  statistics_.written.add(packets);
  statistics_.written_bytes.set(record_);
  statistics_.pending.set(statistics_.pending.value() - packets);
}

Result<void> PcapngPipe::flush() {
  if (error_ || closed_) return state();
  encoder_.begin_empty();
  encode(policy_);
  return push(policy_);
}

Result<void> PcapngPipe::close() {
  if (closed_) return state();
  if (!error_) {
    encoder_.begin_empty();
    encode(FullPolicy::Block);
    encoder_.begin_end();
    encode(FullPolicy::Block);
    (void)push(FullPolicy::Block);
  }
  closed_ = true;
  if (::close(fd_.release()) != 0 && !error_) error_ = system_error(errno, "close " + path_);
  return state();
}

Result<void> PcapngPipe::state() const {
  if (error_) return *error_;
  return ok();
}

}  // namespace weir::output
